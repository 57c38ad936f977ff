/** What the state's stores and their worker thread say to each other. Each side hears messages in the order sent. */
import type { Reason } from '../../model/reasons.ts';
import type { CheckpointStore } from '../../ports/checkpoint-store.ts';
import type { KvStore } from '../../ports/kv-store.ts';
import type { Words } from './sqlite-state-words.ts';

type CallOf<Store extends object> = {
  [Method in keyof Store]: Store[Method] extends (...args: infer Args) => unknown
    ? { readonly method: Method; readonly args: Args }
    : never;
}[keyof Store];

/** Of what is rare: commands go their own way. */
export type KvCall = CallOf<Omit<KvStore, 'run'>>;
export type CheckpointCall = CallOf<CheckpointStore>;

export type StateCall =
  | { readonly store: 'kv'; readonly call: KvCall }
  | { readonly store: 'checkpoints'; readonly call: CheckpointCall };

export interface StateWorkerSettings {
  readonly path: string;
}

export type ToStateWorker =
  /** What was asked in one turn; the first has the number `first`, the others follow. */
  | { readonly kind: 'calls'; readonly first: number; readonly calls: readonly StateCall[] }
  /** Commands of one turn. They are answered in the order they came. */
  | { readonly kind: 'commands'; readonly commands: Words }
  /** Answer what came before this, then end. */
  | { readonly kind: 'close' };

export type StateAnswer =
  | { readonly number: number; readonly result: unknown }
  | { readonly number: number; readonly failure: Failure };

export type FromStateWorker =
  | { readonly kind: 'opened' }
  | { readonly kind: 'answers'; readonly answers: readonly StateAnswer[] }
  /** To the oldest messages of commands, each command of them. */
  | { readonly kind: 'replies'; readonly replies: Words }
  /** As many of the oldest commands were not carried out. */
  | { readonly kind: 'rejected'; readonly commands: number; readonly failure: Failure }
  /** The worker has ended; what it had not answered is unknown. */
  | { readonly kind: 'failed'; readonly failure: Failure };

/** A `FabricError` on its way between threads. */
export interface Failure {
  readonly reason: Reason;
  readonly message: string;
  readonly cause: string;
}
