import type { Lease } from '../../ports/lease-store.ts';
import type { RedisSubscriber } from './redis-subscriber.ts';

type Loss = Pick<Lease, 'name' | 'epoch'>;

/** Notices a slow reader may have waiting; further ones are lost to it, and renewal tells. */
const lossesWaitingMax = 10_000;

/** `<epoch> <name>`, as the scripts publish it; anything else is not ours. */
const parseLoss = (message: string): Loss | undefined => {
  const [, epoch, name] = /^(\d+) (.+)$/s.exec(message) ?? [];
  return epoch === undefined || name === undefined ? undefined : { name, epoch: BigInt(epoch) };
};

/** What is published on the channel until the signal aborts; what is while the connection is away, is lost. */
export async function* listenToLosses(
  subscriber: RedisSubscriber,
  channel: string,
  signal: AbortSignal,
): AsyncGenerator<Loss> {
  const waiting: Loss[] = [];
  let wake = Promise.withResolvers<void>();
  const stop = (): void => wake.resolve();
  signal.addEventListener('abort', stop, { once: true });
  using _listening = subscriber.listen(channel, (message) => {
    const loss = parseLoss(message);
    if (loss !== undefined && waiting.length < lossesWaitingMax) waiting.push(loss);
    wake.resolve();
  });
  try {
    while (!signal.aborted) {
      yield* waiting.splice(0);
      await wake.promise;
      wake = Promise.withResolvers();
    }
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
