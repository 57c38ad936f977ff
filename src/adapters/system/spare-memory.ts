/**
 * Gives back to the machine what starting has left behind: V8 keeps a young generation of 20 MB and more that was only
 * needed to load the program, until it has been idle for many seconds. Takes some tens of milliseconds of the calling
 * thread, so it is for a moment in which nobody waits for it. Each thread has a heap of its own.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Options of V8's `gc` in their documented form; `last-resort` shrinks the heap to what is in it. */
interface CollectionOptions {
  readonly type: 'major';
  readonly execution: 'sync';
  readonly flavor: 'last-resort';
}

type Collect = (options: CollectionOptions) => void;

const isCollect = (value: unknown): value is Collect => typeof value === 'function';

/** After the last of what starting does in the background. */
const settledMs = 300;

/** Shortly after the start, if nobody needs this thread then. */
export const giveBackSpareMemory = (isIdle: () => boolean): void => {
  setTimeout(() => {
    if (isIdle()) collectAll();
  }, settledMs).unref();
};

const collectAll = (): void => {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (isCollect(collect)) collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
};
