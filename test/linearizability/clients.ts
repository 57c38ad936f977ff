/** Clients that do all kinds of things to few keys, or to few leases, at once. Their choices follow from a seed. */
import type { KvCommand, KvPlace, KvReply } from '../../src/model/kv-command.ts';
import type { KvStore } from '../../src/ports/kv-store.ts';
import type { LeaseStore } from '../../src/ports/lease-store.ts';
import type { LeaseInput, LeaseOutput } from './lease-model.ts';
import { Recording } from './recording.ts';

const clients = 8;
const keys = 4;

/** Mulberry32: numbers in [0, 1) that are the same for the same seed. */
const numbersFrom = (seed: number) => {
  let state = seed;
  return (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
};

export interface Load {
  readonly seed: number;
  /** Goes on while this says so. */
  readonly goesOn: (done: number) => boolean;
}

export const keyOf = ({ place }: KvCommand): string => place.key;

let runs = 0;
const freshName = (): string => `linearizability ${process.pid} ${(runs += 1)} ${Date.now()}`;

/** Mostly compare-and-set, each to a value of its own, from what this client saw last. */
const nextCommand = (place: KvPlace, seen: Uint8Array | undefined, own: string, chance: number): KvCommand => {
  const common = { place, epoch: undefined };
  const value = Buffer.from(own);
  if (chance < 0.25) return { kind: 'get', place };
  if (chance < 0.3) return { kind: 'put', ...common, value, when: { is: 'any' }, ttlMs: undefined };
  if (chance < 0.45) return { kind: 'put', ...common, value, when: { is: 'absent' }, ttlMs: undefined };
  const when = { is: 'equal', value: seen ?? Buffer.from('never') } as const;
  return chance < 0.9 ? { kind: 'put', ...common, value, when, ttlMs: undefined } : { kind: 'delete', ...common, when };
};

export const loadKv = async (
  stores: readonly KvStore[],
  { seed, goesOn }: Load,
): Promise<Recording<KvCommand, KvReply>> => {
  const recording = new Recording<KvCommand, KvReply>();
  const space = { owner: freshName(), name: '' };
  let done = 0;
  const run = async (client: number): Promise<void> => {
    const next = numbersFrom(seed * 1000 + client);
    const store = stores[client % stores.length];
    const seen = new Map<string, Uint8Array | undefined>();
    for (let n = 0; goesOn(done); n += 1) {
      const place = { space, key: `k${Math.floor(next() * keys)}` };
      const own = `${client}.${n}`;
      const command = nextCommand(place, seen.get(place.key), own, next());
      const reply = await recording.ask(command, () => store?.run(command) ?? Promise.reject(new Error('no store')));
      done += 1;
      if (reply === undefined || reply.refused !== undefined) continue;
      const isWritten = command.kind === 'put' && reply.applied;
      seen.set(place.key, isWritten ? command.value : reply.value);
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, client) => run(client)));
  return recording;
};

interface Place {
  readonly name: string;
  readonly store: LeaseStore;
  readonly recording: Recording<LeaseInput & { readonly name: string }, LeaseOutput>;
}

const acquire = async ({ name, store, recording }: Place, holder: string, overEpoch: bigint | undefined) => {
  const request = { name, holder, keeper: 'k', note: '', ttlMs: 600_000, resumes: '' };
  const output = await recording.ask({ kind: 'acquire', name, holder, overEpoch }, async () => ({
    kind: 'acquire' as const,
    acquisition: await store.acquire(overEpoch === undefined ? request : { ...request, overEpoch }),
  }));
  return output?.kind === 'acquire' ? output.acquisition : undefined;
};

const release = ({ name, store, recording }: Place, epoch: bigint) =>
  recording.ask({ kind: 'release', name, epoch }, async () => ({
    kind: 'release' as const,
    released: await store.release({ name, epoch }, 0),
  }));

const look = ({ name, store, recording }: Place) =>
  recording.ask({ kind: 'current', name }, async () => ({
    kind: 'current' as const,
    epoch: (await store.current([name]))[0]?.epoch,
  }));

/** Acquires, takes over from whom it saw, gives up what it has, and looks. */
export const loadLeases = async (
  stores: readonly LeaseStore[],
  { seed, goesOn }: Load,
): Promise<Place['recording']> => {
  const recording: Place['recording'] = new Recording();
  const prefix = freshName();
  let done = 0;
  const run = async (client: number): Promise<void> => {
    const next = numbersFrom(seed * 1000 + client);
    const store = stores[client % stores.length];
    if (store === undefined) throw new Error('no store');
    const epochs = new Map<string, bigint>();
    for (let n = 0; goesOn(done); n += 1) {
      const place = { name: `${prefix} ${Math.floor(next() * keys)}`, store, recording };
      const chance = next();
      const known = epochs.get(place.name);
      if (chance < 0.2) await look(place);
      else if (chance < 0.5 && known !== undefined) await release(place, known);
      else {
        const acquisition = await acquire(place, `${client}.${n}`, chance > 0.8 ? known : undefined);
        if (acquisition !== undefined) epochs.set(place.name, acquisition.record.epoch);
      }
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, client) => run(client)));
  return recording;
};
