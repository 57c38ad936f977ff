/** Stores that tell the ledger what they were asked and what they answered, at the moment it happens. */
import { split } from '../../src/gateway/call-frame-stream.ts';
import type { CursorStore } from '../../src/ports/cursor-store.ts';
import type { DeadLetterStore } from '../../src/ports/dead-letter-store.ts';
import type { LeaseStore } from '../../src/ports/lease-store.ts';
import type { MessageLog } from '../../src/ports/message-log.ts';
import { RecordBatch } from '../../src/router/record-batch.ts';
import type { Ledger } from './ledger.ts';
import { tagOfFrame } from './tag.ts';

export const watchLeases = (store: LeaseStore, ledger: Ledger): LeaseStore => ({
  acquire: async (request) => {
    const answer = await store.acquire(request);
    ledger.leases.acquired(request, answer);
    return answer;
  },
  renew: async (leases, ttlMs) => {
    const lost = await store.renew(leases, ttlMs);
    // Of one name there may be several: a session and those before it that are not over yet.
    const refused = new Set(lost.map(({ epoch }) => epoch));
    for (const lease of leases) if (!refused.has(lease.epoch)) ledger.leases.renewed(lease, ttlMs);
    return lost;
  },
  release: async (lease, lingerMs) => {
    const isReleased = await store.release(lease, lingerMs);
    if (isReleased) ledger.leases.released(lease, lingerMs);
    return isReleased;
  },
  current: (names) => store.current(names),
  list: (prefix, after, limit) => store.list(prefix, after, limit),
  losses: (keeper, options) => store.losses(keeper, options),
  isHeard: (keeper) => store.isHeard(keeper),
  age: () => store.age(),
});

/** In front of everything: who asked, and what was answered. */
export const watchCursors = (store: CursorStore, ledger: Ledger): CursorStore => ({
  open: async (owner, epoch) => {
    const positions = await store.open(owner, epoch);
    if (positions !== undefined) ledger.places.opened(owner, epoch);
    return positions;
  },
  commit: async (commits) => {
    const fenced = await store.commit(commits);
    for (const { owner, epoch } of commits) if (!fenced.includes(owner)) ledger.places.answered(owner, epoch);
    return fenced;
  },
});

/** Behind everything: which places are really stored. */
export const watchPlaces = (store: CursorStore, ledger: Ledger): CursorStore => ({
  open: (owner, epoch) => store.open(owner, epoch),
  // One by one: an answer names owners, and an owner may have asked twice.
  commit: async (commits) => {
    const fenced: string[] = [];
    for (const commit of commits) {
      const refused = await store.commit([commit]);
      if (refused.length === 0) ledger.places.stored(commit);
      fenced.push(...refused);
    }
    return fenced;
  },
});

export const watchDeadLetters = (store: DeadLetterStore, ledger: Ledger): DeadLetterStore => ({
  add: async (letters) => {
    for (const { id, messageId, reason } of letters) ledger.say(`buries ${messageId} (${id}): ${reason}`);
    await store.add(letters);
  },
  list: (topic, after, limit) => store.list(topic, after, limit),
  get: (ids) => store.get(ids),
  remove: (ids) => store.remove(ids),
});

/** Behind everything: what the log really holds. Offsets are those the memory log gives. */
export const watchAppends = (log: MessageLog, ledger: Ledger): MessageLog => {
  const ends = new Map<number, number>();
  const fenced = new Set<string>();
  return {
    id: log.id,
    layout: log.layout,
    append: async (partition, parts, writer) => {
      // The log drops it.
      if (writer !== undefined && fenced.has(writer.name)) return ledger.say(`drops what ${writer.name} appends`);
      const offset = ends.get(partition) ?? 0;
      ends.set(partition, offset + 1);
      noteRecords(Buffer.concat(parts), { partition, offset }, ledger);
      await log.append(partition, parts, writer);
    },
    enter: (writer, options) => log.enter(writer, options),
    fence: (writer, options) => {
      fenced.add(writer);
      ledger.say(`fences ${writer} off`);
      return log.fence(writer, options);
    },
    read: (partition, from, options) => log.read(partition, from, options),
  };
};

const noteRecords = (entry: Uint8Array, place: { partition: number; offset: number }, ledger: Ledger): void => {
  for (const group of new RecordBatch(entry).groups) {
    const frames = split(group.framesFrom(0));
    for (const [index, { source, epoch }] of group.metas().entries()) {
      const tag = tagOfFrame(frames[index]);
      if (tag !== undefined)
        ledger.records.stored({ topic: group.topic, ...place, index: group.first + index, source, epoch, tag });
    }
  }
};
