/** State shared through the fabric: values, counters and sets under keys, in scopes. The gateway decides who may. */
import { ask, type RequestOptions } from './ask.ts';
import { failure } from './error.ts';
import {
  type KVOperation,
  type KVResponse,
  KVOperation_OpType as Op,
  KVOperation_Scope as Scope,
} from './gen/aether/v1/kv.ts';
import type { Link } from './link.ts';
import { bytesOf, type Payload } from './message.ts';

/**
 * Whose keys are meant. `workspace`, the default, is shared in a workspace, `global` by everyone; `userShared` and
 * `userWorkspaceShared` are a person's, shared between those who serve them. The others are this principal's own: in all,
 * per workspace, per person, per person and workspace.
 */
export type KvScope =
  | 'global'
  | 'workspace'
  | 'user'
  | 'userWorkspace'
  | 'globalExclusive'
  | 'workspaceExclusive'
  | 'userShared'
  | 'userWorkspaceShared';

const scopes: Readonly<Record<KvScope, Scope>> = {
  global: Scope.GLOBAL,
  workspace: Scope.WORKSPACE,
  user: Scope.USER,
  userWorkspace: Scope.USER_WORKSPACE,
  globalExclusive: Scope.GLOBAL_EXCLUSIVE,
  workspaceExclusive: Scope.WORKSPACE_EXCLUSIVE,
  userShared: Scope.USER_SHARED,
  userWorkspaceShared: Scope.USER_WORKSPACE_SHARED,
};

export interface KvOptions extends RequestOptions {
  readonly scope?: KvScope | undefined;
  /** Needed by the scopes of a person. */
  readonly userId?: string | undefined;
  /** For the scopes of a workspace; the client's own by default. */
  readonly workspace?: string | undefined;
}

export interface KvWriteOptions extends KvOptions {
  /** Seconds until the key vanishes, whole ones; never by default, unless the gateway is set up otherwise. */
  readonly ttlSeconds?: number | undefined;
}

export interface KvCountOptions extends KvWriteOptions {
  /** How much; 1 by default. With a TTL, only a counter that begins by it vanishes. */
  readonly by?: number | bigint | undefined;
}

/** What became of a write that depends on what is there. */
export interface KvSwap {
  readonly applied: boolean;
  /** Where it was not: what is there instead; `undefined` for nothing, a set, or a gateway that does not say. */
  readonly found: Uint8Array | undefined;
}

export interface KvCount {
  /** False where the bound stood in the way. */
  readonly applied: boolean;
  /** The counter now. */
  readonly value: bigint;
}

export interface KvSetSize {
  /** The member was new. */
  readonly added: boolean;
  readonly size: number;
}

export interface KvPage {
  /** In key order. */
  readonly keys: readonly string[];
  /** Without sets, and without encrypted values the gateway cannot open. */
  readonly values: ReadonlyMap<string, Uint8Array>;
  /** Where the next page starts; `undefined` on the last. */
  readonly nextCursor: string | undefined;
}

export interface KvListOptions extends KvOptions {
  /** What the keys begin with. */
  readonly prefix?: string | undefined;
  /** Keys a page; 100 by default. */
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

export class Kv {
  readonly #link: Link;

  constructor(link: Link) {
    this.#link = link;
  }

  /** `undefined` where there is no such key. */
  async get(key: string, options: KvOptions = {}): Promise<Uint8Array | undefined> {
    const { applied, value } = await this.#ask({ op: Op.GET, key }, options);
    // A gateway that does not say whether the key is there answers with nothing for both.
    return applied || value.byteLength > 0 ? value : undefined;
  }

  /** The value as UTF-8 text. */
  async getText(key: string, options: KvOptions = {}): Promise<string | undefined> {
    const value = await this.get(key, options);
    return value && new TextDecoder().decode(value);
  }

  /** Writes a value, whatever was there, with its TTL or without any. */
  async put(key: string, value: Payload, options: KvWriteOptions = {}): Promise<void> {
    await this.#ask({ op: Op.PUT, key, value: bytesOf(value), ttl: ttlOf(options) }, options);
  }

  /** Writes only if there is no such key. */
  putIfAbsent(key: string, value: Payload, options: KvWriteOptions = {}): Promise<KvSwap> {
    return this.#swap({ op: Op.SET_NX, key, value: bytesOf(value), ttl: ttlOf(options) }, options);
  }

  /** Writes only if the key holds exactly `expected`. */
  compareAndSet(
    key: string,
    { expected, value }: { readonly expected: Payload; readonly value: Payload },
    options: KvWriteOptions = {},
  ): Promise<KvSwap> {
    const values = { expectedValue: bytesOf(expected), value: bytesOf(value) };
    return this.#swap({ op: Op.COMPARE_AND_SET, key, ...values, ttl: ttlOf(options) }, options);
  }

  /** Deletes only if the key holds exactly `expected`. */
  compareAndDelete(key: string, expected: Payload, options: KvOptions = {}): Promise<KvSwap> {
    return this.#swap({ op: Op.COMPARE_AND_DELETE, key, expectedValue: bytesOf(expected) }, options);
  }

  /** Deletes a key, if it is there. */
  async delete(key: string, options: KvOptions = {}): Promise<void> {
    await this.#ask({ op: Op.DELETE, key }, options);
  }

  /** Adds to a counter, which is 0 before; with `atMost`, unless the result would be more. */
  increment(
    key: string,
    options: KvCountOptions & { readonly atMost?: number | bigint | undefined } = {},
  ): Promise<KvCount> {
    const { atMost } = options;
    const guarded = atMost === undefined ? { op: Op.INCREMENT } : { op: Op.INCREMENT_IF, guardValue: integer(atMost) };
    return this.#count({ ...guarded, key }, options);
  }

  /** Subtracts from a counter, which is 0 before; with `atLeast`, unless the result would be less. */
  decrement(
    key: string,
    options: KvCountOptions & { readonly atLeast?: number | bigint | undefined } = {},
  ): Promise<KvCount> {
    const { atLeast } = options;
    const guarded =
      atLeast === undefined ? { op: Op.DECREMENT } : { op: Op.DECREMENT_IF, guardValue: integer(atLeast) };
    return this.#count({ ...guarded, key }, options);
  }

  /** Adds a member to a set, which is empty before. A TTL begins anew with each new member. */
  async addMember(key: string, member: Payload, options: KvWriteOptions = {}): Promise<KvSetSize> {
    const operation = { op: Op.SET_ADD, key, value: bytesOf(member), ttl: ttlOf(options) };
    const { applied, counterValue } = await this.#ask(operation, options);
    return { added: applied, size: Number(counterValue) };
  }

  /** How many members a set has; 0 where there is none. */
  async countMembers(key: string, options: KvOptions = {}): Promise<number> {
    return Number((await this.#ask({ op: Op.SET_CARD, key }, options)).counterValue);
  }

  /** One page of keys with their values. */
  async list(options: KvListOptions = {}): Promise<KvPage> {
    const { prefix = '', limit = 0, cursor = '' } = options;
    const page = await this.#ask({ op: Op.LIST, key: prefix, limit, cursor }, options);
    return { keys: page.keys, values: page.kvMap, nextCursor: page.hasMore ? page.nextCursor : undefined };
  }

  /** All keys with their values, page by page; a value is `undefined` where a page has none. */
  async *entries(
    options: Omit<KvListOptions, 'cursor'> = {},
  ): AsyncIterableIterator<readonly [key: string, value: Uint8Array | undefined]> {
    for (let cursor: string | undefined = ''; cursor !== undefined; ) {
      const page: KvPage = await this.list({ ...options, cursor });
      for (const key of page.keys) yield [key, page.values.get(key)];
      cursor = page.nextCursor;
    }
  }

  /** Deletes everything that is an identity's own, and says how many keys that were. For operators, and oneself. */
  async purge(identity: string, options: RequestOptions = {}): Promise<number> {
    const operation = { op: Op.PURGE_IDENTITY, targetIdentity: identity };
    return Number((await this.#ask(operation, options)).counterValue);
  }

  async #swap(operation: Partial<KVOperation>, options: KvOptions): Promise<KvSwap> {
    const { applied, value } = await this.#ask(operation, options);
    return { applied, found: applied || value.byteLength === 0 ? undefined : value };
  }

  async #count(operation: Partial<KVOperation>, options: KvCountOptions): Promise<KvCount> {
    const { by = 1 } = options;
    const deltaValue = integer(by);
    if (deltaValue < 1n) throw failure('INVALID_ARGUMENT', `a counter is changed by 1 or more, not by ${by}`);
    const { applied, counterValue } = await this.#ask({ ...operation, deltaValue, ttl: ttlOf(options) }, options);
    // Published gateways say so for guarded counters only; the others always do it.
    return { applied: applied || operation.guardValue === undefined, value: counterValue };
  }

  #ask(operation: Partial<KVOperation>, options: KvOptions): Promise<KVResponse> {
    const { scope = 'workspace', userId = '', workspace = '' } = options;
    const where = { scope: scopes[scope], userId, workspace: workspace || (this.#link.workspace ?? '') };
    return ask(
      this.#link,
      {
        what: 'key-value operation',
        build: (requestId) => ({ $case: 'kvOp', value: { ...nothing, ...where, ...operation, requestId } }),
        pick: (payload) => (payload.$case === 'kv' ? payload.value : undefined),
      },
      options,
    );
  }
}

const empty = new Uint8Array();

const nothing: KVOperation = {
  op: Op.GET,
  scope: Scope.UNSPECIFIED,
  key: '',
  value: empty,
  userId: '',
  workspace: '',
  ttl: 0n,
  requestId: '',
  authorization: undefined,
  guardValue: 0n,
  deltaValue: 0n,
  expectedValue: empty,
  limit: 0,
  cursor: '',
  targetIdentity: '',
};

const integer = (value: number | bigint): bigint => {
  if (typeof value === 'bigint') return value;
  if (!Number.isSafeInteger(value)) throw failure('INVALID_ARGUMENT', `${value} is not a whole number`);
  return BigInt(value);
};

const ttlOf = ({ ttlSeconds = 0 }: KvWriteOptions): bigint => integer(ttlSeconds);
