/**
 * The door of key-value state: what may be asked of a key under a permit, which says which key. Looks at sizes and TTLs,
 * seals and opens what begins with `enc:`, and leaves the rest to the store. Refuses with a FabricError.
 */
import type { KvPermit, PurgePermit } from '../acl/authorizer.ts';
import { Circuit, type CircuitDeps } from '../circuits/circuit.ts';
import { FabricError } from '../model/error.ts';
import type { KvCommand, KvCondition, KvPlace, KvReply, KvResult } from '../model/kv-command.ts';
import { isExclusive, type KvScope } from '../model/kv-scope.ts';
import { kvMemberBytesMax, kvPageBytesMax, kvValueBytesCeiling, pageSizeMax } from '../model/limits.ts';
import { identityOf, type Principal, parseIdentity } from '../model/principal.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { KvPage, KvStore } from '../ports/kv-store.ts';
import { keyFault, prefixFault, stepOf, type TtlSettings, ttlOf } from './faults.ts';
import { pageCursorOf, readPageCursor } from './page-cursor.ts';
import { isSealedKey, Sealing } from './sealing.ts';
import { keepsOwnState, spaceOf } from './space.ts';

export interface KvSettings extends TtlSettings {
  /** Of 32 bytes each: the first seals, all of them open. Empty: nothing can be sealed. */
  readonly encryptionKeys: readonly Uint8Array[];
}

/** No expiry unless asked for, no sealing. */
export const defaultKvSettings: KvSettings = {
  defaultTtlMs: 0,
  maxTtlMs: 0,
  encryptionKeys: [],
};

interface KvDeps extends CircuitDeps {
  readonly kvStore: KvStore;
  readonly entropy: Entropy;
}

/** The right to write to a key, in the name of a session. */
export interface KvWriter {
  readonly permit: KvPermit<'write_kv'>;
  readonly epoch: bigint;
  readonly limits: KvLimits;
}

export interface KvLimits {
  /** 0 for as large as can be. */
  readonly valueBytesMax: number;
  /** Of the space; 0 for any number. */
  readonly keysMax: number;
}

export interface KvOutcome {
  /** Reading: the key is there. Writing: it was done; false where a condition did not hold. */
  readonly applied: boolean;
  /** What was read, or stands in the way of a write. */
  readonly value: Uint8Array | undefined;
  /** A counter's value, or how many members a set has. */
  readonly count: bigint | undefined;
}

export interface KvListing {
  readonly keys: readonly string[];
  /** Of those keys, what can be shown: not sets, nor what does not open. */
  readonly values: ReadonlyMap<string, Uint8Array>;
  /** Empty on the last page. */
  readonly nextCursor: string;
}

export interface KvCount {
  readonly delta: bigint;
  readonly ttlSeconds: bigint;
  /** What the counter must not go beyond, in the direction it goes. */
  readonly guard: bigint | undefined;
}

const defaultPageSize = 100;
/** How often a sealed value is read again because it changed before it could be compared. */
const sealedAttemptsMax = 16;

export class Kv {
  readonly #store: KvStore;
  readonly #settings: KvSettings;
  readonly #circuit: Circuit;
  readonly #sealing: Sealing;

  constructor(deps: KvDeps, settings: KvSettings) {
    const { kvStore, entropy } = deps;
    this.#store = kvStore;
    this.#circuit = new Circuit('key-value state', deps);
    this.#settings = settings;
    this.#sealing = new Sealing(settings.encryptionKeys, entropy);
  }

  /** Fences off older sessions of the identity from its exclusive keys (I3). False to one that is older itself. */
  async open(principal: Principal, identity: string, epoch: bigint): Promise<boolean> {
    return !keepsOwnState(principal) || (await this.#store.open(identity, epoch));
  }

  async get(permit: KvPermit<'read_kv'>): Promise<KvOutcome> {
    const place = placeOf(permit);
    const found = resultOf(await this.#run({ kind: 'get', place }));
    if (found.count !== undefined) throw wrongType('the key holds a set');
    return this.#opened(place, found);
  }

  async countMembers(permit: KvPermit<'read_kv'>): Promise<KvOutcome> {
    const found = resultOf(await this.#run({ kind: 'get', place: placeOf(permit) }));
    if (found.value !== undefined) throw wrongType('the key holds a value and not a set');
    return { ...found, count: found.count ?? 0n };
  }

  async put(writer: KvWriter, value: Uint8Array, ttlSeconds: bigint, when: KvCondition): Promise<KvOutcome> {
    throwFault(sizeFault(value, writer.limits));
    const { ttlMs } = unlessRefused(ttlOf(ttlSeconds, this.#settings));
    const at = writingAt(writer);
    if (!isSealedKey(at.place.key)) return resultOf(await this.#run({ kind: 'put', ...at, value, ttlMs, when }));
    const sealed = this.#sealing.seal(at.place, value);
    return this.#whenSealed(at.place, when, (condition) => ({
      kind: 'put',
      ...at,
      value: sealed,
      ttlMs,
      when: condition,
    }));
  }

  async delete(writer: KvWriter, when: Exclude<KvCondition, { is: 'absent' }>): Promise<KvOutcome> {
    const at = writingAt(writer);
    if (when.is === 'any' || !isSealedKey(at.place.key))
      return resultOf(await this.#run({ kind: 'delete', ...at, when }));
    return this.#whenSealed(at.place, when, (condition) => ({
      kind: 'delete',
      ...at,
      when: condition.is === 'absent' ? when : condition,
    }));
  }

  /** Adds, or with a negative direction subtracts. */
  async count(writer: KvWriter, direction: 1n | -1n, { delta, ttlSeconds, guard }: KvCount): Promise<KvOutcome> {
    const at = writingAt(writer);
    refuseSealed(at.place, 'counters');
    const { step } = unlessRefused(stepOf(delta));
    const { ttlMs } = unlessRefused(ttlOf(ttlSeconds, this.#settings));
    const bounds = { atMost: direction > 0n ? guard : undefined, atLeast: direction < 0n ? guard : undefined };
    return resultOf(await this.#run({ kind: 'add', ...at, amount: direction * step, ...bounds, ttlMs }));
  }

  async addMember(writer: KvWriter, member: Uint8Array, ttlSeconds: bigint): Promise<KvOutcome> {
    const at = writingAt(writer);
    refuseSealed(at.place, 'sets');
    if (member.byteLength > kvMemberBytesMax)
      throw new FabricError(
        'ERR_PAYLOAD_TOO_LARGE',
        `member has ${member.byteLength} bytes, at most ${kvMemberBytesMax}`,
      );
    const { ttlMs } = unlessRefused(ttlOf(ttlSeconds, this.#settings));
    return resultOf(await this.#run({ kind: 'add_member', ...at, member, ttlMs }));
  }

  /** Keys under the prefix that is the permit's key. A limit of 0 means 100; more than there may be, as many as may. */
  async list(permit: KvPermit<'read_kv'>, page: { limit: number; cursor: string }): Promise<KvListing> {
    const { key: prefix } = permit.access;
    throwFault(prefixFault(prefix));
    if (page.limit < 0) throw new FabricError('ERR_INVALID_ARGUMENT', `limit is negative: ${page.limit}`);
    const after = unlessRefused(readPageCursor(page.cursor, prefix));
    const limit = Math.min(page.limit || defaultPageSize, pageSizeMax);
    const found = await this.#page(permit, { limit, after, bytesMax: kvPageBytesMax });
    const values = this.#shown(permit, found);
    const keys = found.entries.map(({ key }) => key);
    return { keys, values, nextCursor: found.next === undefined ? '' : pageCursorOf(found.next) };
  }

  /** The first keys of a scope that fit, with their values. */
  async snapshot(
    permit: KvPermit<'read_kv'>,
    { keysMax, bytesMax }: { readonly keysMax: number; readonly bytesMax: number },
  ): Promise<ReadonlyMap<string, Uint8Array>> {
    return this.#shown(permit, await this.#page(permit, { limit: keysMax, after: '', bytesMax }));
  }

  /** Deletes all exclusive keys of the identity; says how many. Its own are deleted in the name of the session (I3). */
  async purge({ access: { identity }, actor: { principal } }: PurgePermit, epoch: bigint): Promise<number> {
    if (parseIdentity(identity) === undefined)
      throw new FabricError('ERR_INVALID_ARGUMENT', 'target_identity is not an identity');
    const isItsOwn = keepsOwnState(principal) && identity === identityOf(principal);
    const count = await this.#circuit.run(() => this.#store.purge(identity, isItsOwn ? epoch : undefined));
    if (count === undefined) throw superseded();
    return count;
  }

  #run(command: KvCommand): Promise<KvReply> {
    return this.#circuit.run(() => this.#store.run(command));
  }

  #page(
    { access, actor }: KvPermit<'read_kv'>,
    request: { readonly limit: number; readonly after: string; readonly bytesMax: number },
  ): Promise<KvPage> {
    const space = spaceOf(access.scope, actor.principal);
    return this.#circuit.run(() => this.#store.list(space, { prefix: access.key, ...request }));
  }

  #shown({ access, actor }: KvPermit<'read_kv'>, { entries }: KvPage): ReadonlyMap<string, Uint8Array> {
    const space = spaceOf(access.scope, actor.principal);
    const shown = new Map<string, Uint8Array>();
    for (const { key, value } of entries) {
      const open = value === undefined ? undefined : this.#openedOrNothing({ space, key }, value);
      if (open !== undefined) shown.set(key, open);
    }
    return shown;
  }

  /** One value that does not open must not hide the others of a listing. */
  #openedOrNothing(place: KvPlace, value: Uint8Array): Uint8Array | undefined {
    if (!isSealedKey(place.key)) return value;
    try {
      return this.#sealing.open(place, value);
    } catch {
      return undefined;
    }
  }

  #opened(place: KvPlace, result: KvResult): KvOutcome {
    if (result.value === undefined || !isSealedKey(place.key)) return result;
    return { ...result, value: this.#sealing.open(place, result.value) };
  }

  /**
   * A write whose condition is about an open value. The sealed one that holds it is looked up and named instead; it is
   * read again where it has changed before the write.
   */
  async #whenSealed(
    place: KvPlace,
    when: KvCondition,
    build: (condition: KvCondition) => KvCommand,
  ): Promise<KvOutcome> {
    if (when.is !== 'equal') return this.#opened(place, resultOf(await this.#run(build(when))));
    for (let attempt = 0; attempt < sealedAttemptsMax; attempt += 1) {
      const { value: sealed, count } = resultOf(await this.#run({ kind: 'get', place }));
      if (count !== undefined) throw wrongType('the key holds a set');
      if (sealed === undefined) return { applied: false, value: undefined, count: undefined };
      const value = this.#sealing.open(place, sealed);
      if (Buffer.compare(value, when.value) !== 0) return { applied: false, value, count: undefined };
      const result = resultOf(await this.#run(build({ is: 'equal', value: sealed })));
      if (result.applied) return { ...result, value: undefined };
    }
    throw new FabricError('KV_ERROR', 'the value changed too often to be compared');
  }
}

const sizeFault = ({ byteLength }: Uint8Array, { valueBytesMax }: KvLimits): FabricError | undefined => {
  const most = valueBytesMax || kvValueBytesCeiling;
  if (byteLength <= most) return undefined;
  return new FabricError('ERR_QUOTA_001', `value has ${byteLength} bytes, at most ${most}`);
};

const placeOf = ({ access: { scope, key }, actor }: KvPermit): KvPlace => {
  throwFault(keyFault(key));
  return { space: spaceOf(scope, actor.principal), key };
};

const writingAt = ({ permit, epoch, limits }: KvWriter) => ({
  place: placeOf(permit),
  epoch: epochFor(permit.access.scope, epoch),
  keysMax: limits.keysMax || undefined,
});

const epochFor = (scope: KvScope, epoch: bigint): bigint | undefined => (isExclusive(scope) ? epoch : undefined);

const throwFault = (fault: FabricError | undefined): void => {
  if (fault !== undefined) throw fault;
};

const unlessRefused = <Value>(checked: Value | FabricError): Value => {
  if (checked instanceof FabricError) throw checked;
  return checked;
};

const wrongType = (message: string): FabricError => new FabricError('ERR_KV_WRONG_TYPE', message);

const refuseSealed = ({ key }: KvPlace, what: string): void => {
  if (isSealedKey(key))
    throw new FabricError('ERR_INVALID_ARGUMENT', `${what} cannot be encrypted: the key begins with "enc:"`);
};

const superseded = (): FabricError =>
  new FabricError('SESSION_SUPERSEDED', 'the identity was taken over by a newer session');

const resultOf = (reply: KvReply): KvResult => {
  switch (reply.refused) {
    case undefined:
      return reply;
    case 'fenced':
      throw superseded();
    case 'wrong_type':
      throw wrongType('the key holds something else than this operation works on');
    case 'full':
      throw new FabricError('ERR_QUOTA_001', 'the scope has as many keys as it may have: delete some');
    case 'out_of_range':
      throw new FabricError('ERR_INVALID_ARGUMENT', 'the counter would leave 64 bits');
  }
};
