/**
 * Whether RabbitMQ can be relied on, for readiness and for `doctor`: connects as the adapters do, over the stream
 * protocol and over AMQP, asks, and leaves.
 */
import { FabricError } from '../../model/error.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import { asUnavailable, unavailable } from './errors.ts';
import { ConnectionPool, type PoolSettings } from './stream/connection-pool.ts';
import { isTight, mendOfFrameMax } from './stream/frame-limit.ts';
import type { BrokerFacts } from './stream/handshake.ts';
import { metadata } from './stream/stream-requests.ts';
import { AmqpLink, type LinkSettings, within } from './work/amqp-link.ts';

export interface RabbitHealth {
  readonly version: string;
  /** One round trip over the stream protocol. */
  readonly latencyMs: number;
  /** The broker's `stream.frame_max`; 0 for none. */
  readonly frameMaxBytes: number;
  /** What works today and may fail one day. */
  readonly warning?: string;
}

export interface RabbitCheck {
  readonly stream: PoolSettings;
  readonly amqp: LinkSettings;
  readonly requestTimeoutMs: number;
}

export interface CheckDeps {
  readonly clock: Clock;
  readonly log: Log;
}

const versionMin = [3, 10] as const;

/** Throws what makes it unfit, with what a person can do about it. */
export const checkRabbit = async (check: RabbitCheck, deps: CheckDeps): Promise<RabbitHealth> => {
  await checkQueues(check, deps);
  const { broker, latencyMs } = await askStreams(check, deps);
  const { version, frameMaxBytes } = broker;
  if (isTooOld(version))
    throw new FabricError(
      'STORE_MISMATCH',
      `RabbitMQ ${version} is too old: ${versionMin.join('.')} or newer is needed`,
    );
  const warning = `RabbitMQ ${version} refuses stream frames of more than ${frameMaxBytes} bytes: set ${mendOfFrameMax}`;
  return { version, latencyMs, frameMaxBytes, ...(isTight(broker) && { warning }) };
};

const isTooOld = (version: string): boolean => {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < versionMin[0] || (major === versionMin[0] && minor < versionMin[1]);
};

const askStreams = async (
  { stream }: RabbitCheck,
  deps: CheckDeps,
): Promise<{ readonly broker: BrokerFacts; readonly latencyMs: number }> => {
  const pool = new ConnectionPool(stream, deps);
  try {
    const connection = await pool.get('check', undefined);
    const askedAtMs = deps.clock.monotonic();
    await connection.request(metadata([]));
    return { broker: connection.broker, latencyMs: deps.clock.monotonic() - askedAtMs };
  } catch (thrown) {
    if (thrown instanceof FabricError && !thrown.retryable) throw thrown;
    const { message } = asUnavailable('RabbitMQ streams', thrown);
    throw unavailable(`${message}; is the plugin enabled (rabbitmq-plugins enable rabbitmq_stream)?`, thrown);
  } finally {
    await pool.close();
  }
};

/** A broker under an alarm accepts connections and no messages, and says so only to one that publishes. */
const checkQueues = async ({ amqp, requestTimeoutMs }: RabbitCheck, deps: CheckDeps): Promise<void> => {
  const link = new AmqpLink(amqp, deps);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const blocked = (reason: string): void => reject(unavailable(`RabbitMQ takes no messages: ${reason}`));
  promise.catch(() => undefined);
  try {
    (await link.connection()).on('blocked', blocked);
    const channel = await link.confirmChannel();
    // Nobody has such a queue: it is taken, dropped and confirmed.
    channel.publish('', 'aether.health', Buffer.alloc(0), {}, () => resolve());
    await within({ ms: requestTimeoutMs, clock: deps.clock, what: 'publishing over AMQP' }, promise);
  } finally {
    await link.close();
  }
};
