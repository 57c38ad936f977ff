import { FabricError } from '../../model/error.ts';
import type { Lease } from '../../ports/lease-store.ts';
import type { RedisSubscriber } from './redis-subscriber.ts';

type Loss = Pick<Lease, 'name' | 'epoch'>;

/** Notices a slow reader may have waiting; with further ones it is told that it has missed some. */
const lossesWaitingMax = 10_000;

/** `<epoch> <name>`, as the scripts publish it; anything else is not ours. */
const parseLoss = (message: string): Loss | undefined => {
  const [, epoch, name] = /^(\d+) (.+)$/s.exec(message) ?? [];
  return epoch === undefined || name === undefined ? undefined : { name, epoch: BigInt(epoch) };
};

/** What is published on the channel from when it resolves on, until the signal aborts or the connection is lost. */
export const listenToLosses = async (
  subscriber: RedisSubscriber,
  channel: string,
  signal: AbortSignal,
): Promise<AsyncIterable<Loss>> => {
  const inbox = new LossInbox();
  const listening = subscriber.listen(channel, (message) => inbox.take(message), inbox.fail);
  signal.addEventListener('abort', inbox.end, { once: true });
  void stopAfter(inbox.over, listening);
  try {
    await listening.confirmed();
    return inbox.read();
  } catch (thrown) {
    inbox.end();
    throw thrown;
  }
};

const stopAfter = async (over: Promise<void>, listening: Disposable): Promise<void> => {
  await over;
  listening[Symbol.dispose]();
};

class LossInbox {
  #waiting: Loss[] = [];
  #wake = Promise.withResolvers<void>();
  #hasFailed = false;
  readonly #over = Promise.withResolvers<void>();
  #isOver = false;

  get over(): Promise<void> {
    return this.#over.promise;
  }

  take(message: string): void {
    const loss = parseLoss(message);
    if (loss === undefined) return;
    if (this.#waiting.length >= lossesWaitingMax) return this.fail();
    this.#waiting.push(loss);
    this.#wake.resolve();
  }

  readonly fail = (): void => {
    this.#hasFailed = true;
    this.end();
  };

  readonly end = (): void => {
    this.#isOver = true;
    this.#over.resolve();
    this.#wake.resolve();
  };

  async *read(): AsyncGenerator<Loss> {
    try {
      while (!this.#isOver) {
        yield* this.#waiting.splice(0);
        await this.#wake.promise;
        this.#wake = Promise.withResolvers();
      }
    } finally {
      this.end();
    }
    if (this.#hasFailed) throw new FabricError('STORE_UNAVAILABLE', 'notices of lost leases may have been missed');
  }
}
