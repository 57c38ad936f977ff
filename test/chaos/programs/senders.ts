/** All senders of a run. */
import { runNamingSender } from '../load/naming-sender.ts';
import { runPlainSender } from '../load/plain-sender.ts';
import { settingsOfProgram, tellProgress, untilStopped } from '../load/program.ts';
import { Recorder } from '../load/recorder.ts';
import { runSdkSender } from '../load/sdk-sender.ts';
import { Random } from '../random.ts';

const settings = settingsOfProgram();
const { place, history, seed, plain, sdk, naming, acking, others, messagesPerSecond, pulsesPerSecond, burst } =
  settings;
const signal = untilStopped();
const recorder = new Recorder(history);
tellProgress(recorder);
const random = new Random(seed);
const common = {
  place,
  recorder,
  signal,
  recipients: others,
  messagesPerSecond: messagesPerSecond / (plain.length + sdk.length),
  burst,
  isPulse: false,
};
const each = (who: string) => ({ ...common, who, random: new Random(random.between(0, 2 ** 31)) });
/** One beside the others on each gateway, or nearly. */
const pulsing = place.gateways.map((_, index) => `u${index + 1}`);
const pulse = { leavingShare: 0, isPulse: true, messagesPerSecond: (pulsesPerSecond * others.length) / pulsing.length };
await Promise.all([
  ...pulsing.map((who) => runPlainSender({ ...each(who), ...pulse })),
  ...plain.map((who) => runPlainSender({ ...each(who), leavingShare: 0.08 })),
  ...sdk.map((who) => runSdkSender(each(who))),
  ...naming.map((who) =>
    runNamingSender({
      ...each(who),
      recipients: acking,
      messagesPerSecond: settings.namedPerSecond / naming.length,
      endPatienceMs: settings.endPatienceMs,
    }),
  ),
]);
recorder[Symbol.dispose]();
process.disconnect();
process.exit(0);
