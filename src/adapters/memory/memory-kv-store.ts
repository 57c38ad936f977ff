import type { KvCommand, KvPlace, KvReply, KvSpace } from '../../model/kv-command.ts';
import { type KvState, kvStep, liveAt } from '../../model/kv-rules.ts';
import type { Clock } from '../../ports/clock.ts';
import type { KvListed, KvPage, KvPageRequest, KvStore } from '../../ports/kv-store.ts';
import { MemoryFences } from './memory-fences.ts';

interface Entry {
  readonly state: KvState;
  /** Of a set, as hexadecimal text. */
  readonly members: Set<string>;
}

type Space = Map<string, Entry>;

/** Keys of one process, as long as it lives. */
export class MemoryKvStore implements KvStore {
  readonly #clock: Clock;
  readonly #fences = new MemoryFences();
  /** By owner, then by name. */
  readonly #spaces = new Map<string, Map<string, Space>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  open(owner: string, epoch: bigint): Promise<boolean> {
    return Promise.resolve(this.#fences.open(owner, epoch));
  }

  run(command: KvCommand): Promise<KvReply> {
    const { space, key } = command.place;
    if (command.kind !== 'get' && command.epoch !== undefined && !this.#fences.holds(space.owner, command.epoch))
      return Promise.resolve({ refused: 'fenced' });
    return Promise.resolve(this.#carryOut(command, this.#space(space), key));
  }

  list(space: KvSpace, { prefix, after, limit, bytesMax }: KvPageRequest): Promise<KvPage> {
    const entries = this.#space(space);
    const keys = [...entries.keys()]
      .filter((key) => key.startsWith(prefix) && (after === '' || byBytes(key, after) > 0))
      .toSorted(byBytes);
    const listed: KvListed[] = [];
    let bytes = 0;
    for (const key of keys) {
      const state = this.#live({ space, key })?.state;
      if (state === undefined) continue;
      const value = state.kind === 'value' ? state.value : undefined;
      bytes += 2 * Buffer.byteLength(key) + (value?.byteLength ?? 0);
      if (listed.length === limit || (listed.length > 0 && bytes > bytesMax))
        return Promise.resolve({ entries: listed, next: listed.at(-1)?.key ?? '' });
      listed.push({ key, value });
    }
    return Promise.resolve({ entries: listed });
  }

  purge(owner: string, epoch: bigint | undefined): Promise<number | undefined> {
    if (epoch !== undefined && !this.#fences.holds(owner, epoch)) return Promise.resolve(undefined);
    let count = 0;
    for (const [name, entries] of this.#spaces.get(owner) ?? [])
      for (const key of entries.keys()) if (this.#live({ space: { owner, name }, key }) !== undefined) count += 1;
    this.#spaces.delete(owner);
    return Promise.resolve(count);
  }

  #carryOut(command: KvCommand, entries: Space, key: string): KvReply {
    const entry = this.#live(command.place);
    const member = command.kind === 'add_member' ? Buffer.from(command.member).toString('hex') : '';
    const holdsMember = entry?.members.has(member) === true;
    const isFull = entry === undefined && this.#isFull(command);
    const { reply, state } = kvStep(entry?.state, command, { nowMs: this.#clock.now(), holdsMember, isFull });
    if (state === entry?.state) return reply;
    if (state === undefined) entries.delete(key);
    else entries.set(key, { state: owned(state), members: membersOf(state, entry, member) });
    return reply;
  }

  /** What has expired is let go before it counts. */
  #isFull(command: KvCommand): boolean {
    if (!('keysMax' in command) || command.keysMax === undefined) return false;
    const { space } = command.place;
    const entries = this.#space(space);
    if (entries.size < command.keysMax) return false;
    for (const key of entries.keys()) this.#live({ space, key });
    return entries.size >= command.keysMax;
  }

  #live({ space, key }: KvPlace): Entry | undefined {
    const entries = this.#space(space);
    const entry = entries.get(key);
    if (entry === undefined || liveAt(entry.state, this.#clock.now()) !== undefined) return entry;
    entries.delete(key);
    return undefined;
  }

  #space({ owner, name }: KvSpace): Space {
    const spaces = this.#spaces.get(owner) ?? new Map<string, Space>();
    this.#spaces.set(owner, spaces);
    const entries = spaces.get(name) ?? new Map<string, Entry>();
    spaces.set(name, entries);
    return entries;
  }
}

const byBytes = (one: string, other: string): number => Buffer.compare(Buffer.from(one), Buffer.from(other));

/** What callers hand in is theirs, and may be a piece of something large. */
const owned = (state: KvState): KvState =>
  state.kind === 'value' ? { ...state, value: Uint8Array.from(state.value) } : state;

const membersOf = (state: KvState, before: Entry | undefined, member: string): Set<string> => {
  if (state.kind === 'value') return new Set();
  return (before?.members ?? new Set<string>()).add(member);
};
