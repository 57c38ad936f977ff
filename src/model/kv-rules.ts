/**
 * What each command does to a key, as a pure function: the stores that compute in this process run it, the Lua of the
 * Redis adapter says the same again, and the conformance suite holds all of them to it.
 */
import type { KvCommand, KvCondition, KvReply, KvResult } from './kv-command.ts';

/** What a key holds. A set's members are kept by the store, which knows whether it holds the one in question. */
export type KvState =
  | { readonly kind: 'value'; readonly value: Uint8Array; readonly expiresAtMs: number | undefined }
  | { readonly kind: 'set'; readonly members: number; readonly expiresAtMs: number | undefined };

export interface KvStep {
  readonly reply: KvReply;
  /** What the key holds from now on; the same object where nothing changed. */
  readonly state: KvState | undefined;
}

export interface KvCircumstances {
  readonly nowMs: number;
  /** Whether the set has the member that is to be added. */
  readonly holdsMember: boolean;
  /** Whether the space has no room for a key that is not there yet. */
  readonly isFull: boolean;
}

type CommandOf<Kind extends KvCommand['kind']> = Extract<KvCommand, { kind: Kind }>;

export const counterMin = -(2n ** 63n);
export const counterMax = 2n ** 63n - 1n;

const result = (applied: boolean, facts: Partial<Pick<KvResult, 'value' | 'count'>> = {}): KvResult => ({
  refused: undefined,
  applied,
  value: facts.value,
  count: facts.count,
});

/** A counter's decimal text; `undefined` where the value is none. */
export const counterOf = (value: Uint8Array): bigint | undefined => {
  if (value.byteLength === 0 || value.byteLength > 20) return undefined;
  const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1');
  if (!/^(0|-?[1-9]\d*)$/.test(text)) return undefined;
  const number = BigInt(text);
  return number < counterMin || number > counterMax ? undefined : number;
};

/** What is there at `nowMs`. */
export const liveAt = (state: KvState | undefined, nowMs: number): KvState | undefined =>
  state?.expiresAtMs !== undefined && state.expiresAtMs <= nowMs ? undefined : state;

/** Carries a command out on what the key holds. The epoch has been compared already. */
export const kvStep = (before: KvState | undefined, command: KvCommand, circumstances: KvCircumstances): KvStep => {
  const state = liveAt(before, circumstances.nowMs);
  const step = stepOf(state, command, circumstances);
  const isNew = state === undefined && step.state !== undefined;
  return isNew && circumstances.isFull ? { reply: { refused: 'full' }, state } : step;
};

const stepOf = (state: KvState | undefined, command: KvCommand, circumstances: KvCircumstances): KvStep => {
  switch (command.kind) {
    case 'get':
      return { reply: found(state), state };
    case 'put':
      return put(state, command, circumstances);
    case 'delete':
      return remove(state, command);
    case 'add':
      return add(state, command, circumstances);
    case 'add_member':
      return addMember(state, command, circumstances);
  }
};

const found = (state: KvState | undefined): KvResult => {
  if (state === undefined) return result(false);
  return state.kind === 'value' ? result(true, { value: state.value }) : result(true, { count: BigInt(state.members) });
};

const expiry = (ttlMs: number | undefined, nowMs: number): number | undefined =>
  ttlMs === undefined ? undefined : nowMs + ttlMs;

const holds = (state: KvState | undefined, when: KvCondition): boolean | 'wrong_type' => {
  switch (when.is) {
    case 'any':
      return true;
    case 'absent':
      return state === undefined;
    case 'equal':
      if (state?.kind === 'set') return 'wrong_type';
      return state !== undefined && Buffer.compare(state.value, when.value) === 0;
  }
};

const put = (
  state: KvState | undefined,
  { value, when, ttlMs }: CommandOf<'put'>,
  { nowMs }: KvCircumstances,
): KvStep => {
  const held = holds(state, when);
  if (held === 'wrong_type') return { reply: { refused: held }, state };
  if (held) return { reply: result(true), state: { kind: 'value', value, expiresAtMs: expiry(ttlMs, nowMs) } };
  return { reply: result(false, state?.kind === 'value' ? { value: state.value } : {}), state };
};

const remove = (state: KvState | undefined, { when }: CommandOf<'delete'>): KvStep => {
  const held = holds(state, when);
  if (held === 'wrong_type') return { reply: { refused: held }, state };
  if (held) return { reply: result(state !== undefined), state: undefined };
  return { reply: result(false, state?.kind === 'value' ? { value: state.value } : {}), state };
};

const add = (
  state: KvState | undefined,
  { amount, atLeast, atMost, ttlMs }: CommandOf<'add'>,
  { nowMs }: KvCircumstances,
): KvStep => {
  const current = state === undefined ? 0n : state.kind === 'value' ? counterOf(state.value) : undefined;
  if (current === undefined) return { reply: { refused: 'wrong_type' }, state };
  const next = current + amount;
  const isOutside = (atMost !== undefined && next > atMost) || (atLeast !== undefined && next < atLeast);
  if (isOutside) return { reply: result(false, { count: current }), state };
  if (next < counterMin || next > counterMax) return { reply: { refused: 'out_of_range' }, state };
  const expiresAtMs = state === undefined ? expiry(ttlMs, nowMs) : state.expiresAtMs;
  return {
    reply: result(true, { count: next }),
    state: { kind: 'value', value: Buffer.from(String(next), 'latin1'), expiresAtMs },
  };
};

const addMember = (
  state: KvState | undefined,
  { ttlMs }: CommandOf<'add_member'>,
  { nowMs, holdsMember }: KvCircumstances,
): KvStep => {
  if (state?.kind === 'value') return { reply: { refused: 'wrong_type' }, state };
  const before = state?.members ?? 0;
  if (state !== undefined && holdsMember) return { reply: result(false, { count: BigInt(before) }), state };
  const expiresAtMs = expiry(ttlMs, nowMs) ?? state?.expiresAtMs;
  return {
    reply: result(true, { count: BigInt(before + 1) }),
    state: { kind: 'set', members: before + 1, expiresAtMs },
  };
};
