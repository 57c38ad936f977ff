/**
 * `--compare`: the same work done on plain brokers and on the fabric, in turns. Pairs publish messages one by one, each
 * confirmed in the way of the system, and consume them with acknowledgement.
 */
import { Child } from '../harness/child.ts';
import type { Composition, Setting } from '../harness/setting.ts';
import type { ComparisonDelays } from '../programs/comparison.ts';
import { openNatsServer } from './nats-server.ts';
import type { SystemTarget } from './system.ts';

const pairs = 10;
const perSecond = 1000;

/** One system's values, one for each round. */
export interface Compared {
  readonly name: string;
  readonly messagesPerSecond: number[];
  readonly p50Ms: number[];
  readonly p99Ms: number[];
  /** What it promises for that, and what it knows of a message. */
  readonly note: string;
}

interface Contender extends Compared {
  readonly target: SystemTarget;
}

export const compare = async (setting: Setting): Promise<readonly Compared[]> => {
  const { rounds, progress } = setting.options;
  await using opened = new AsyncDisposableStack();
  const contenders = await openAll(setting, opened);
  for (let round = 0; round < rounds; round += 1)
    for (const contender of round % 2 === 0 ? contenders : contenders.toReversed()) {
      progress(`compare: round ${round + 1} of ${rounds}, ${contender.name}`);
      await measure(setting, contender);
    }
  return contenders;
};

const measure = async (setting: Setting, { target, name, messagesPerSecond, ...delays }: Contender): Promise<void> => {
  const { seconds } = setting.options;
  await using child = Child.spawn('comparison');
  try {
    await child.call('open', { target, name: setting.unique('compare'), pairs });
    await child.call('throughput', { seconds: seconds / 2 });
    messagesPerSecond.push((await child.call('throughput', { seconds })).messagesPerSecond);
    keep(delays, await child.call('pace', { perSecond, seconds }));
    await child.call('close', undefined);
  } catch (cause) {
    throw new Error(`${name}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
};

const keep = (kept: Pick<Compared, 'p50Ms' | 'p99Ms'>, { p50Ms, p99Ms }: ComparisonDelays): void => {
  kept.p50Ms.push(p50Ms);
  kept.p99Ms.push(p99Ms);
};

const contender = (name: string, target: SystemTarget, note: string): Contender => ({
  name,
  target,
  note,
  messagesPerSecond: [],
  p50Ms: [],
  p99Ms: [],
});

const openAll = async (setting: Setting, opened: AsyncDisposableStack): Promise<readonly Contender[]> => {
  const { redis, rabbitmq } = await setting.services();
  const ours: Contender[] = [];
  for (const composition of setting.options.compositions) {
    const servers = opened.use(await (await setting.place(composition)).open());
    const address = servers.contenders[0]?.server.address ?? '';
    for (const confirms of [false, true])
      ours.push(
        contender(nameOf(composition, confirms), { kind: 'aether', address, confirms }, noteOf(composition, confirms)),
      );
  }
  const nats = await openNatsServer(await setting.directory());
  if (nats === undefined) setting.options.progress('compare: NATS JetStream is left out: there is no nats-server here');
  else opened.use(nats);
  return [
    ...ours,
    contender('RabbitMQ Streams', { kind: 'rabbit-streams', url: rabbitmq.streamUrl }, notes.rabbitStreams),
    contender('AMQP quorum queues', { kind: 'quorum-queues', url: rabbitmq.amqpUrl }, notes.quorumQueues),
    contender('Redis Streams', { kind: 'redis-streams', address: redis.address }, notes.redisStreams),
    ...(nats === undefined
      ? []
      : [contender('NATS JetStream', { kind: 'jetstream', port: nats.port }, notes.jetStream)]),
  ];
};

const nameOf = (composition: Composition, confirms: boolean): string =>
  `Aether Fabric, ${composition}${confirms ? ', receipts and acks' : ''}`;

const durability: Readonly<Record<Composition, string>> = {
  embedded: 'synced to disk in groups before it is delivered; one copy',
  stack: 'confirmed by a RabbitMQ stream before it is delivered, which does not sync; one copy here',
};

const noteOf = (composition: Composition, confirms: boolean): string => {
  const told = confirms
    ? 'each message is named and sent again safely, its sender is told when it is durable, its recipient acknowledges'
    : 'the sender is told at the end of its stream, the recipient’s transport acknowledges';
  return `${durability[composition]}; ${told}; each message has a checked source and a permit`;
};

const plain = 'no identity and no permission for a message';
const notes = {
  rabbitStreams: `confirmed when written, not synced; one copy here; consumed by credit, position not stored; ${plain}`,
  quorumQueues: `confirmed when synced to the Raft log; one copy here; each message acknowledged and removed; ${plain}`,
  redisStreams: `answered when in memory and handed to the append-only file, not synced; one copy; acknowledged in groups; ${plain}`,
  jetStream: `acknowledged when written to its file, synced every two minutes; one copy; each message acknowledged; ${plain}`,
} as const;
