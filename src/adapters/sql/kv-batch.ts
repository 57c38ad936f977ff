/**
 * Many commands as one: what their keys hold is loaded at once, the rules are followed in memory, one command after the
 * other, and what has changed is stored at once. Pure; `kv-statements.ts` loads and stores.
 */
import { type KvCommand, type KvPlace, type KvReply, type KvSpace, keysMaxOf } from '../../model/kv-command.ts';
import { type KvState, kvStep, liveAt } from '../../model/kv-rules.ts';
import { epochKey } from './sql-fences.ts';

type AddMember = Extract<KvCommand, { kind: 'add_member' }>;

export interface Loaded {
  /** By the index of the place in `places`; expired ones too. */
  readonly states: ReadonlyMap<number, KvState>;
  /** Which of `members` their sets have, by index. */
  readonly held: ReadonlySet<number>;
  /** The newest epochs, by `epochKey`. */
  readonly epochs: ReadonlySet<string>;
  /** How many keys spaces have, by `spaceKey`: of those with a limit, all that are made in. */
  readonly counts: ReadonlyMap<string, number>;
  readonly nowMs: number;
}

export const spaceKey = ({ owner, name }: KvSpace): string => `${owner}\n${name}`;

export interface Change {
  readonly place: KvPlace;
  readonly state: KvState | undefined;
  /** The row, and with it a set's members, has to go before anything is written. */
  readonly isReplaced: boolean;
  /** Of a set, those to add. */
  readonly added: readonly Uint8Array[];
}

/** One key while the commands are carried out. */
class Slot {
  readonly #loaded: KvState | undefined;
  readonly #hadRow: boolean;
  state: KvState | undefined;
  #isReplaced = false;
  readonly held = new Set<string>();
  readonly added = new Map<string, Uint8Array>();

  constructor(row: KvState | undefined, nowMs: number) {
    this.#hadRow = row !== undefined;
    this.#loaded = liveAt(row, nowMs);
    this.state = this.#loaded;
    this.#isReplaced = this.#hadRow && this.#loaded === undefined;
  }

  carryOut(command: KvCommand, { nowMs, isFull }: { readonly nowMs: number; readonly isFull: boolean }): KvReply {
    const member = command.kind === 'add_member' ? Buffer.from(command.member).toString('hex') : '';
    const { reply, state } = kvStep(this.state, command, { nowMs, isFull, holdsMember: this.held.has(member) });
    if (this.state?.kind === 'set' && state?.kind !== 'set') this.#forgetMembers();
    if (state !== this.state && command.kind === 'add_member' && !this.held.has(member)) {
      this.held.add(member);
      this.added.set(member, command.member);
    }
    this.state = state;
    return reply;
  }

  /** `undefined` where the row can stay as it is. */
  change(place: KvPlace): Change | undefined {
    if (this.state === this.#loaded && !(this.#isReplaced && this.#hadRow)) return undefined;
    return { place, state: this.state, isReplaced: this.#isReplaced, added: [...this.added.values()] };
  }

  #forgetMembers(): void {
    this.#isReplaced = this.#hadRow;
    this.held.clear();
    this.added.clear();
  }
}

export interface Outcome {
  readonly replies: readonly KvReply[];
  readonly changes: readonly Change[];
}

/** Carries a command out, and counts the key that it makes or removes. */
const counted = (
  slot: Slot,
  command: KvCommand,
  { counts, nowMs }: { readonly counts: Map<string, number>; readonly nowMs: number },
): KvReply => {
  const space = spaceKey(command.place.space);
  const count = counts.get(space) ?? 0;
  const had = slot.state !== undefined;
  const reply = slot.carryOut(command, { nowMs, isFull: count >= (keysMaxOf(command) ?? Infinity) });
  const has = slot.state !== undefined;
  if (had !== has && counts.has(space)) counts.set(space, count + (has ? 1 : -1));
  return reply;
};

export class KvBatch {
  /** Every key, once. */
  readonly places: KvPlace[] = [];
  /** For each member that may be added, the index of its place. */
  readonly members: { readonly place: number; readonly member: Uint8Array }[] = [];
  /** Under which the commands write. */
  readonly epochs: { readonly owner: string; readonly epoch: bigint }[] = [];
  readonly #commands: readonly KvCommand[];
  readonly #slots: number[];

  constructor(commands: readonly KvCommand[]) {
    const known = new Map<string, number>();
    const epochs = new Set<string>();
    this.#commands = commands;
    this.#slots = commands.map((command) => {
      const slot = this.#slotOf(command.place, known);
      if (command.kind === 'add_member') this.#expect(command, slot);
      const epoch = epochOf(command);
      if (epoch !== undefined && !epochs.has(epochKey(epoch))) {
        epochs.add(epochKey(epoch));
        this.epochs.push(epoch);
      }
      return slot;
    });
  }

  get isReading(): boolean {
    return this.#commands.every(({ kind }) => kind === 'get');
  }

  /** Spaces a key may be made in that have a limit, by `spaceKey`. */
  get limited(): ReadonlyMap<string, KvSpace> {
    const making = this.#commands.filter((command) => keysMaxOf(command) !== undefined);
    return new Map(making.map(({ place: { space } }) => [spaceKey(space), space]));
  }

  carryOut(loaded: Loaded): Outcome {
    const counts = new Map(loaded.counts);
    const slots = this.places.map((_, index) => new Slot(loaded.states.get(index), loaded.nowMs));
    for (const [index, { place, member }] of this.members.entries()) {
      const slot = slots[place];
      if (loaded.held.has(index) && slot?.state?.kind === 'set') slot.held.add(Buffer.from(member).toString('hex'));
    }
    const replies = this.#commands.map((command, index): KvReply => {
      const slot = slots[this.#slots[index] ?? -1];
      if (slot === undefined) throw new RangeError('a command without its key');
      const epoch = epochOf(command);
      if (epoch !== undefined && !loaded.epochs.has(epochKey(epoch))) return { refused: 'fenced' };
      return counted(slot, command, { counts, nowMs: loaded.nowMs });
    });
    const changes = this.places.flatMap((place, index) => slots[index]?.change(place) ?? []);
    return { replies, changes };
  }

  #slotOf(place: KvPlace, known: Map<string, number>): number {
    const name = `${place.space.owner}\n${place.space.name}\n${place.key}`;
    const found = known.get(name);
    if (found !== undefined) return found;
    known.set(name, this.places.length);
    return this.places.push(place) - 1;
  }

  #expect({ member }: AddMember, place: number): void {
    this.members.push({ place, member });
  }
}

const epochOf = (command: KvCommand): { readonly owner: string; readonly epoch: bigint } | undefined =>
  command.kind === 'get' || command.epoch === undefined
    ? undefined
    : { owner: command.place.space.owner, epoch: command.epoch };
