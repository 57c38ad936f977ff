/** Some of the recipients of a run. */
import { runAckingRecipient } from '../load/acking-recipient.ts';
import { runPlainRecipient } from '../load/plain-recipient.ts';
import { closer, settingsOfProgram, tell, tellProgress, untilStopped } from '../load/program.ts';
import { Recorder } from '../load/recorder.ts';
import { runSdkRecipient } from '../load/sdk-recipient.ts';
import { Random } from '../random.ts';

const { place, history, seed, plain, sdk, acking, others, stayMs } = settingsOfProgram();
const signal = untilStopped();
const recorder = new Recorder(history, ({ who, from }) => {
  if (from === closer) tell({ hasLast: who });
});
tellProgress(recorder);
const random = new Random(seed);
const each = (who: string) => ({ who, place, recorder, signal, random: new Random(random.between(0, 2 ** 31)) });
await Promise.all([
  ...plain.map((who) => runPlainRecipient({ ...each(who), others, stayMs })),
  ...sdk.map((who) => runSdkRecipient(each(who))),
  ...acking.map((who) => runAckingRecipient({ ...each(who), stayMs })),
]);
recorder[Symbol.dispose]();
process.disconnect();
process.exit(0);
