/** Deeds of keepers as frames, and what comes back as answers. */
import {
  CheckpointOperation_OpType as CheckpointOp,
  CheckpointOperation,
} from '../../../src/gen/aether/v1/checkpoint.ts';
import { KVOperation, KVOperation_OpType as Op, KVOperation_Scope as Scope } from '../../../src/gen/aether/v1/kv.ts';
import type { Down } from '../letters/duty.ts';
import { type Answer, type Deed, type KeySpace, person, type Space } from './deed.ts';

type KvResponse = Extract<Down, { $case: 'kv' }>['value'];
type CheckpointResponse = Extract<Down, { $case: 'checkpoint' }>['value'];
type Frame = { readonly $case: 'kvOp'; readonly value: KVOperation } | CheckpointFrame;
interface CheckpointFrame {
  readonly $case: 'checkpointOp';
  readonly value: CheckpointOperation;
}

const scopes: Readonly<Record<KeySpace, Scope>> = {
  global: Scope.GLOBAL,
  workspace: Scope.WORKSPACE,
  user: Scope.USER,
  user_workspace: Scope.USER_WORKSPACE,
  global_exclusive: Scope.GLOBAL_EXCLUSIVE,
  workspace_exclusive: Scope.WORKSPACE_EXCLUSIVE,
  user_shared: Scope.USER_SHARED,
  user_workspace_shared: Scope.USER_WORKSPACE_SHARED,
};
const noOperation = KVOperation.decode(new Uint8Array());
const noCheckpoint = CheckpointOperation.decode(new Uint8Array());

const bytes = (text: string): Buffer => Buffer.from(text);
const text = (content: Uint8Array): string => Buffer.from(content).toString();
const seconds = (ms: number): bigint => BigInt(ms / 1000);

const kvFrame = (space: KeySpace, changes: Partial<KVOperation>): Frame => ({
  $case: 'kvOp',
  value: { ...noOperation, scope: scopes[space], userId: person, ...changes },
});

const checkpointFrame = (changes: Partial<CheckpointOperation>): CheckpointFrame => ({
  $case: 'checkpointOp',
  value: { ...noCheckpoint, ...changes },
});

export const frameOf = (space: Space, key: string, deed: Deed, requestId: string): Frame =>
  space === 'checkpoints'
    ? checkpointFrame({ ...checkpointChanges(deed), key, requestId })
    : kvFrame(space, { ...kvChanges(deed), key, requestId });

const kvChanges = (deed: Deed): Partial<KVOperation> => {
  switch (deed.does) {
    case 'get':
      return { op: Op.GET };
    case 'put':
      return { op: Op.PUT, value: bytes(deed.value), ttl: seconds(deed.ttlMs) };
    case 'put_new':
      return { op: Op.SET_NX, value: bytes(deed.value), ttl: seconds(deed.ttlMs) };
    case 'put_if': {
      const values = { value: bytes(deed.value), expectedValue: bytes(deed.expected) };
      return { op: Op.COMPARE_AND_SET, ...values, ttl: seconds(deed.ttlMs) };
    }
    case 'delete':
      return { op: Op.DELETE };
    case 'delete_if':
      return { op: Op.COMPARE_AND_DELETE, expectedValue: bytes(deed.expected) };
    case 'add':
      return counting(deed);
    case 'add_member':
      return { op: Op.SET_ADD, value: bytes(deed.value), ttl: seconds(deed.ttlMs) };
    case 'count_members':
      return { op: Op.SET_CARD };
  }
};

const counting = ({ amount, bound, ttlMs }: Extract<Deed, { does: 'add' }>): Partial<KVOperation> => {
  const step = { deltaValue: BigInt(Math.abs(amount)), ttl: seconds(ttlMs) };
  if (bound === undefined) return { op: amount > 0 ? Op.INCREMENT : Op.DECREMENT, ...step };
  return { op: amount > 0 ? Op.INCREMENT_IF : Op.DECREMENT_IF, ...step, guardValue: BigInt(bound) };
};

const checkpointChanges = (deed: Deed): Partial<CheckpointOperation> => {
  if (deed.does === 'put') return { op: CheckpointOp.SAVE, data: bytes(deed.value), ttl: seconds(deed.ttlMs) };
  if (deed.does === 'get') return { op: CheckpointOp.LOAD };
  if (deed.does === 'delete') return { op: CheckpointOp.DELETE };
  throw new RangeError(`nobody can ${deed.does} a checkpoint`);
};

export const listFrame = (
  space: Space,
  { limit, cursor }: { readonly limit: number; readonly cursor: string },
  requestId: string,
): Frame =>
  space === 'checkpoints'
    ? checkpointFrame({ op: CheckpointOp.LIST, requestId })
    : kvFrame(space, { op: Op.LIST, limit, cursor, requestId });

export const purgeFrame = (targetIdentity: string, requestId: string): Frame => ({
  $case: 'kvOp',
  value: { ...noOperation, op: Op.PURGE_IDENTITY, targetIdentity, requestId },
});

export const kvAnswer = ({ applied, value, counterValue }: KvResponse): Answer => ({
  is: 'done',
  applied,
  value: text(value),
  count: Number(counterValue),
});

/** Saving and deleting say nothing of what was there. */
export const checkpointAnswer = ({ does }: Deed, { data, savedAt }: CheckpointResponse): Answer => ({
  is: 'done',
  applied: does !== 'get' || savedAt !== 0n,
  value: text(data),
  count: 0,
});

export const textsOf = (values: ReadonlyMap<string, Uint8Array>): ReadonlyMap<string, string> =>
  new Map([...values].map(([key, value]) => [key, text(value)]));
