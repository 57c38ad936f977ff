/** The ports of one gateway: the shared stores as seen through its links. */
import { FabricError } from '../../src/model/error.ts';
import type { CursorStore } from '../../src/ports/cursor-store.ts';
import type { Hint, Hints } from '../../src/ports/hints.ts';
import type { Lease, LeaseStore } from '../../src/ports/lease-store.ts';
import type { LogEntry, LogReading, MessageLog } from '../../src/ports/message-log.ts';
import type { WorkItem, WorkQueue } from '../../src/ports/work-queue.ts';
import { Inflow } from './inflow.ts';
import type { Link } from './link.ts';
import type { Random } from './random.ts';
import type { Stores } from './stores.ts';

type LostLease = Pick<Lease, 'name' | 'epoch'>;

/** How often notices and hints are lost, and hints come twice. */
export interface Gossip {
  readonly random: Random;
  readonly lossRate: () => number;
}

export const viewLeases = (stores: Stores, link: Link, gossip: Gossip): LeaseStore => ({
  acquire: (request) => link.call(`acquire ${request.name}`, () => stores.leases.acquire(request)),
  renew: (leases, ttlMs) => link.call(`renew ${leases.length}`, () => stores.leases.renew(leases, ttlMs)),
  release: (lease, lingerMs) => link.call(`release ${lease.name}`, () => stores.leases.release(lease, lingerMs)),
  current: (names) => link.call(`current ${names[0] ?? ''}`, () => stores.leases.current(names)),
  list: (prefix, after, limit) => link.call(`list ${prefix}`, () => stores.leases.list(prefix, after, limit)),
  losses: async (keeper, { signal }) => {
    const inflow = new Inflow<LostLease>();
    const feed = link.feed((error) => inflow.fail(error));
    signal.addEventListener('abort', () => feed.close(), { once: true });
    await link
      .call('losses', async () => {
        const losses = await stores.leases.losses(keeper, { signal: feed.broken });
        void pumpLosses(losses, { inflow, feed, gossip });
      })
      .catch((cause: unknown) => {
        feed.close();
        throw cause;
      });
    return inflow.read(signal);
  },
  isHeard: (keeper) => link.call('isHeard', () => stores.leases.isHeard(keeper)),
  age: () => link.call('age', () => stores.leases.age()),
});

type FeedOf = ReturnType<Link['feed']>;

const pumpLosses = async (
  losses: AsyncIterable<LostLease>,
  { inflow, feed, gossip }: { inflow: Inflow<LostLease>; feed: FeedOf; gossip: Gossip },
): Promise<void> => {
  for await (const loss of losses) if (!gossip.random.chance(gossip.lossRate())) feed.push(() => inflow.push(loss));
};

export const viewCursors = (stores: Stores, link: Link): CursorStore => ({
  open: (owner, epoch) => link.call(`open ${owner}`, () => stores.cursors.open(owner, epoch)),
  commit: (commits) => link.call(`commit ${commits.length}`, () => stores.cursors.commit(commits)),
});

export const viewHints = (stores: Stores, link: Link, { random, lossRate }: Gossip): Hints => ({
  publish: (hint) =>
    link.tell(() => {
      for (const hear of stores.hearers) hear(hint);
    }),
  subscribe: (listener, { signal }) =>
    link.call('subscribe', () => {
      const hear = (hint: Hint): void => {
        if (random.chance(lossRate())) return;
        link.reach(() => listener(hint));
        if (random.chance(lossRate())) link.reach(() => listener(hint));
      };
      stores.hearers.add(hear);
      signal.addEventListener('abort', () => stores.hearers.delete(hear), { once: true });
      return Promise.resolve();
    }),
});

/** A store that only answers what it is asked: every call goes through the link, to what is there then. */
export const viewCalls = <Store extends object>(store: () => Store, link: Link, name: string): Store =>
  new Proxy(store(), {
    get: (_, property) => {
      return (...given: readonly unknown[]) =>
        link.call(`${name} ${String(property)}`, async (): Promise<unknown> => {
          const method: unknown = Reflect.get(store(), property);
          if (typeof method !== 'function') throw new TypeError(`${name} has no method ${String(property)}`);
          return Reflect.apply(method, store(), given);
        });
    },
  });

export const viewLog = (stores: Stores, link: Link): MessageLog => ({
  id: stores.log.id,
  layout: stores.log.layout,
  append: (partition, parts, writer) => {
    if (writer?.isCurrent() === false) return Promise.reject(new FabricError('LEASE_LOST', 'no longer current'));
    // The log knows the name and nothing of leases.
    const known = writer && { name: writer.name, isCurrent: () => true, lost: writer.lost };
    return link.call(`append ${partition}`, () => stores.log.append(partition, parts, known));
  },
  enter: (writer, options) => link.call(`enter ${writer}`, () => stores.log.enter(writer, options)),
  fence: (writer, { signal }) =>
    fenceRepeatedly(() => link.call(`fence ${writer}`, () => stores.log.fence(writer, { signal })), signal),
  read: async (partition, from, { signal }) => {
    const inflow = new Inflow<readonly LogEntry[]>();
    const feed = link.feed((error) => inflow.fail(error));
    const closing = new AbortController();
    const open = async (): Promise<LogReading> => {
      const reading = await stores.log.read(partition, from, { signal: feed.broken });
      void pumpEntries(reading, inflow, feed);
      return reading;
    };
    const { start } = await link.call(`read ${partition} from ${from}`, open).catch((cause: unknown) => {
      feed.close();
      throw cause;
    });
    closing.signal.addEventListener('abort', () => feed.close(), { once: true });
    return {
      start,
      entries: inflow.read(AbortSignal.any([signal, closing.signal])),
      [Symbol.asyncDispose]: () => Promise.resolve(closing.abort()),
    };
  },
});

/** As the adapters do: until it is known to hold. */
const fenceRepeatedly = async (fence: () => Promise<void>, signal: AbortSignal): Promise<void> => {
  for (;;) {
    signal.throwIfAborted();
    const failure = await fence().then(
      () => undefined,
      (cause: unknown) => ({ cause }),
    );
    if (failure === undefined) return;
  }
};

const pumpEntries = async (reading: LogReading, inflow: Inflow<readonly LogEntry[]>, feed: FeedOf): Promise<void> => {
  for await (const entries of reading.entries) feed.push(() => inflow.push(entries));
};

export const viewWork = (stores: Stores, link: Link): WorkQueue => ({
  push: (topic, parts) => link.call(`push ${topic}`, () => stores.work.push(topic, parts)),
  consume: (topic, { credit, signal }) => {
    const inflow = new Inflow<WorkItem>();
    const feed = link.feed((error) => inflow.fail(error));
    signal.addEventListener('abort', () => link.tell(() => feed.close()), { once: true });
    link.tell(
      () => void pumpItems(stores.work.consume(topic, { credit, signal: feed.broken }), { inflow, feed, link }),
    );
    return inflow.read(signal);
  },
});

const pumpItems = async (
  items: AsyncIterable<WorkItem>,
  { inflow, feed, link }: { inflow: Inflow<WorkItem>; feed: FeedOf; link: Link },
): Promise<void> => {
  for await (const item of items)
    feed.push(() =>
      inflow.push({
        id: item.id,
        body: item.body,
        attempt: item.attempt,
        ack: () => link.tell(() => item.ack()),
        release: () => link.tell(() => item.release()),
      }),
    );
};
