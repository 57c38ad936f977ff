/** One run: a fabric, its load, its disturbances, and the verdict over what everybody wrote down. */
import { createReadStream, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Client, connectService, type DeadLetter } from '../../sdk/typescript/src/index.ts';
import type { Disturbed, HistoryEvent } from '../history/event.ts';
import { History } from '../history/history.ts';
import { judge, type Verdict } from '../history/verdict.ts';
import { Crowd, type CrowdSize } from './crowd.ts';
import { Disturbing } from './disturbing.ts';
import { type ChaosServices, GatewaySeat } from './gateway-seat.ts';
import { Lanes } from './load/lanes.ts';
import { type Place, topicOf } from './load/place.ts';
import { PlainClient } from './load/plain-client.ts';
import { closer } from './load/program.ts';
import { type Counts, nowMs, Recorder } from './load/recorder.ts';
import { within } from './load/within.ts';
import { readLog, writeLogged } from './log-reading.ts';
import type { MutationName } from './mutations/mutation.ts';
import { Random } from './random.ts';
import type { Stage } from './stage.ts';

export interface RunOptions {
  readonly services: ChaosServices;
  /** Of this run alone: it keeps its data apart from others on the same services. */
  readonly name: string;
  readonly seed: number;
  readonly gateways: number;
  readonly size: CrowdSize;
  /** Where histories go. */
  readonly directory: string;
  /** A promise the gateways break. */
  readonly mutation?: MutationName;
  /** The load ends after so long, */
  readonly durationMs: number;
  /** or with this, */
  readonly signal: AbortSignal;
  /** or when this resolves, which it does soon after either. */
  readonly disturb: (disturbing: Disturbing) => Promise<void>;
  readonly onProgress?: (progress: Progress) => void;
}

export interface Progress extends Counts {
  readonly present: readonly string[];
}

export interface Outcome {
  readonly verdict: Verdict;
  /** What gateways said that ended by themselves. */
  readonly crashes: readonly string[];
  /** Recipients that did not get the last message in time. */
  readonly incomplete: readonly string[];
  readonly loadMs: number;
}

const completePatienceMs = 120_000;
const confirmPatienceMs = 15_000;
const tellEveryMs = 1000;

export const runChaos = async (options: RunOptions): Promise<Outcome> => {
  await using opened = new AsyncDisposableStack();
  const gateways = await Promise.all(
    Array.from({ length: options.gateways }, async (_, index) => opened.use(await openSeat(options, index))),
  );
  const place: Place = {
    workspace: options.name,
    gateways: gateways.map(({ name, address }) => ({ name, address })),
  };
  const crowd = opened.use(new Crowd({ ...options, place }));
  const startedMs = nowMs();
  const disturbances = await disturb({ gateways, services: options.services, crowd }, options);
  const endedMs = nowMs();
  await crowd.stopSending();
  const last = await sendLast(place, crowd, options);
  await within(completePatienceMs, crowd.complete);
  await crowd.stopReceiving();
  const letters = await listDeadLetters(place, options.directory);
  const { incomplete } = crowd;
  const crashes = gateways.flatMap((gateway) => gateway.crashes);
  const logged = await readLog(options.services, options.name);
  writeLogged(join(options.directory, 'log.jsonl'), logged);
  const written = await readAll([...crowd.histories, last, letters]);
  const history = new History([...disturbances, ...logged, ...written]);
  return { verdict: judge(history, endedMs), crashes, incomplete, loadMs: endedMs - startedMs };
};

/** Short, so that what is left without an answer comes again soon. */
const ackTimeout = '2s';

const openSeat = ({ services, name: prefix, mutation, directory }: RunOptions, index: number): Promise<GatewaySeat> => {
  const name = `g${index + 1}`;
  return GatewaySeat.open({ name, prefix, services, mutation, ackTimeout, logFile: join(directory, `${name}.log`) });
};

const disturb = async (stage: Stage, options: RunOptions): Promise<readonly Disturbed[]> => {
  const over = AbortSignal.any([options.signal, AbortSignal.timeout(options.durationMs)]);
  const disturbing = new Disturbing(stage, over);
  const telling = setInterval(
    () => options.onProgress?.({ ...stage.crowd.progress, present: disturbing.present }),
    tellEveryMs,
  );
  try {
    await options.disturb(disturbing);
  } finally {
    clearInterval(telling);
  }
  const { done } = disturbing;
  writeFileSync(
    join(options.directory, 'disturbances.jsonl'),
    done.map((event) => `${JSON.stringify(event)}\n`).join(''),
  );
  return done;
};

/** A last message to everyone, sent when all before it is durable: whoever has it has everything. */
const sendLast = async (place: Place, crowd: Crowd, { directory, seed }: RunOptions): Promise<string> => {
  const path = join(directory, 'closer.jsonl');
  using recorder = new Recorder(path);
  const signal = AbortSignal.timeout(completePatienceMs);
  const client = new PlainClient({ who: closer, place, recorder, random: new Random(seed), signal });
  const lanes = new Lanes();
  for (;;) {
    const session = await client.connect({ resume: false });
    if (session === undefined) break;
    for (const to of crowd.recipients) session.send(to, lanes.take(to, 1), 1);
    session.halfClose();
    if ((await within(confirmPatienceMs, session.ended)) === 0) break;
  }
  client.end();
  return path;
};

/** What was given up, written into a history of its own. */
const listDeadLetters = async (place: Place, directory: string): Promise<string> => {
  const path = join(directory, 'dead-letters.jsonl');
  using recorder = new Recorder(path);
  await using client = await connectService({
    address: place.gateways.map(({ address }) => address),
    implementation: 'operator',
    specifier: place.workspace,
    acks: true,
    waitForGateway: true,
  });
  // Other runs' letters lie in the same database.
  const own = topicOf(place, '');
  for (const { messageId: id, recipient: who, topic, attempts } of await lettersOf(client))
    if (id !== undefined && topic.startsWith(own)) recorder.write({ e: 'buried', who, id, attempts });
  return path;
};

const listingsMax = 5;

/** A connection may break in the middle of it: then from the beginning. */
const lettersOf = async (client: Client, listing = 1): Promise<readonly DeadLetter[]> => {
  try {
    const letters: DeadLetter[] = [];
    for await (const letter of client.deadLetters.list()) letters.push(letter);
    return letters;
  } catch (thrown) {
    if (listing === listingsMax) throw thrown;
    return lettersOf(client, listing + 1);
  }
};

const readAll = async (paths: readonly string[]): Promise<readonly HistoryEvent[]> => {
  const events: HistoryEvent[] = [];
  for (const path of paths)
    for await (const line of createInterface(createReadStream(path))) events.push(JSON.parse(line) as HistoryEvent);
  return events;
};
