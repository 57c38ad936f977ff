/** Commands on key-value state in as few words as tests need, and replies with texts for bytes. */
import type { KvCommand, KvCondition, KvPlace, KvReply, KvSpace } from '../../src/model/kv-command.ts';
import type { KvPageRequest, KvStore } from '../../src/ports/kv-store.ts';

export interface Opened extends AsyncDisposable {
  readonly store: KvStore;
}

let serial = 0;
export const freshOwner = (): string => `conformance ${process.pid} ${(serial += 1)} ${Date.now()} {ü}`;
export const freshSpace = (): KvSpace => ({ owner: freshOwner(), name: 'shared' });
export const at = (space: KvSpace, key: string): KvPlace => ({ space, key });

const bytes = (text: string): Uint8Array => Buffer.from(text);
export const always: KvCondition = { is: 'any' };
export const absent: KvCondition = { is: 'absent' };
export const equal = (value: string): { is: 'equal'; value: Uint8Array } => ({ is: 'equal', value: bytes(value) });

export type Options = { readonly ttlMs?: number; readonly epoch?: bigint };
export const get = (place: KvPlace): KvCommand => ({ kind: 'get', place });
export const put = (
  place: KvPlace,
  value: string,
  when: KvCondition = always,
  { ttlMs, epoch }: Options = {},
): KvCommand => ({
  kind: 'put',
  place,
  value: bytes(value),
  when,
  ttlMs,
  epoch,
});
export const remove = (place: KvPlace, when: Exclude<KvCondition, { is: 'absent' }> = { is: 'any' }): KvCommand => ({
  kind: 'delete',
  place,
  when,
  epoch: undefined,
});
export type Bounds = { readonly atLeast?: bigint; readonly atMost?: bigint };
export const add = (
  place: KvPlace,
  amount: bigint,
  bounds: Bounds = {},
  { ttlMs, epoch }: Options = {},
): KvCommand => ({
  kind: 'add',
  place,
  amount,
  atLeast: bounds.atLeast,
  atMost: bounds.atMost,
  ttlMs,
  epoch,
});
export const addMember = (place: KvPlace, member: string, { ttlMs, epoch }: Options = {}): KvCommand => ({
  kind: 'add_member',
  place,
  member: bytes(member),
  ttlMs,
  epoch,
});

/** A reply with texts for bytes. */
export const told = (reply: KvReply) => {
  if (reply.refused !== undefined) return reply.refused;
  const { applied, value, count } = reply;
  return {
    applied,
    ...(value === undefined ? {} : { value: Buffer.from(value).toString() }),
    ...(count === undefined ? {} : { count }),
  };
};

export const page = (changes: Partial<KvPageRequest> = {}): KvPageRequest => ({
  prefix: '',
  after: '',
  limit: 100,
  bytesMax: 1_000_000,
  ...changes,
});
export const keysOf = async (store: KvStore, space: KvSpace, changes: Partial<KvPageRequest> = {}) =>
  (await store.list(space, page(changes))).entries.map(({ key }) => key);

export const gone = { timeout: 10_000, interval: 5 };
