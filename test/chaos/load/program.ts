/** What the programs of the load and whoever starts them say to each other, over Node's channel between processes. */
import type { Place } from './place.ts';
import type { Counts, Recorder } from './recorder.ts';

/** In the first argument, as JSON. */
export interface ProgramSettings {
  readonly place: Place;
  readonly history: string;
  readonly seed: number;
  readonly plain: readonly string[];
  readonly sdk: readonly string[];
  /** The other end's clients. */
  readonly others: readonly string[];
  /** Of the senders that name their messages, or the recipients that acknowledge; and the other end's. */
  readonly naming: readonly string[];
  readonly acking: readonly string[];
  /** Of all that name them. */
  readonly namedPerSecond: number;
  /** How long these wait at the end. */
  readonly endPatienceMs: number;
  /** In bursts, of all senders. */
  readonly messagesPerSecond: number;
  /** To each recipient, one by one. */
  readonly pulsesPerSecond: number;
  readonly burst: { readonly least: number; readonly most: number };
  /** How long a plain recipient stays on one stream at most. */
  readonly stayMs: number;
}

/** Who sends the last message to everyone; whoever has it has everything that was durable before. */
export const closer = 'closer';

/** Told again and again, and by a recipient when it has the last message. */
export type Said = Counts | { readonly hasLast: string };

/** `stop`: finish what is under way, write it down, end. */
export type Told = 'stop';

export const settingsOfProgram = (): ProgramSettings => JSON.parse(process.argv[2] ?? '') as ProgramSettings;

/** Aborts when the program is told to stop. Whoever started it is never outlived. */
export const untilStopped = (): AbortSignal => {
  const stopping = new AbortController();
  process.on('message', () => stopping.abort());
  process.on('disconnect', () => process.exit(1));
  return stopping.signal;
};

const tellEveryMs = 100;

export const tell = (said: Said): void => {
  if (process.connected) process.send?.(said);
};

export const tellProgress = (recorder: Recorder): void => {
  setInterval(() => tell({ ...recorder.counts }), tellEveryMs).unref();
};
