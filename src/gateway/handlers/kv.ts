/**
 * Operations on key-value state. Those on one key are worked on while the next frames are read, and answered in order; a
 * listing and a purge are waited for. A failure is answered with the operation's own response and then with the error,
 * both with the request's id; without an id there is only the error.
 */
import type { KvPermit, Permit, PurgePermit, Verdict } from '../../acl/authorizer.ts';
import type { Access } from '../../acl/decide.ts';
import { type KVOperation, KVOperation_OpType as Op } from '../../gen/aether/v1/kv.ts';
import type { KvCount, KvLimits, KvOutcome } from '../../kv/kv.ts';
import { scopeOf } from '../../kv/space.ts';
import { asFabricError, FabricError } from '../../model/error.ts';
import { isExclusive, type KvScope } from '../../model/kv-scope.ts';
import type { Say } from '../answers.ts';
import type { ClientSession } from '../client-session.ts';
import { encodeListing, failedResponse, scopeWishOf } from '../codec/kv.ts';
import { encodeOutcome } from '../codec/kv-answer.ts';

/** The frame that answers. */
type Answering = Promise<Uint8Array>;

export const handleKv = (client: ClientSession, operation: KVOperation): Promise<void> | undefined =>
  operation.op === Op.LIST || operation.op === Op.PURGE_IDENTITY
    ? handleLong(client, operation)
    : begin(client, operation);

/** A listing is to show what was written before it was asked for. */
const handleLong = async (client: ClientSession, operation: KVOperation): Promise<void> => {
  await client.answers.settled();
  await begin(client, operation);
  await client.answers.settled();
};

/** Resolves when there is room for more: mostly at once. */
const begin = (client: ClientSession, operation: KVOperation): Promise<void> | undefined => {
  const permitted = permit(client, operation);
  return permitted instanceof Promise
    ? permitted.then((found) => carryOut(client, operation, found))
    : carryOut(client, operation, permitted);
};

const carryOut = (
  client: ClientSession,
  operation: KVOperation,
  permitted: Permitted | FabricError,
): Promise<void> | undefined => {
  const answering = permitted instanceof FabricError ? Promise.reject(permitted) : permitted();
  const bytes = operation.value.byteLength + operation.expectedValue.byteLength;
  return client.answers.add(sayingOf(client, operation, answering), bytes);
};

const sayingOf = (client: ClientSession, { requestId }: KVOperation, answering: Answering): Promise<Say> =>
  answering.then(
    (frame) => () => client.outbox.send(frame),
    (thrown: unknown) => {
      const error = asKvError(asFabricError(thrown));
      return () => fail(client, error, requestId);
    },
  );

const fail = (client: ClientSession, error: FabricError, requestId: string): void => {
  if (error.reason === 'SESSION_SUPERSEDED') return client.session.lose(error);
  if (error.reason === 'ERR_QUOTA_001') client.measures.quotaRefusals.at({ limit: 'kv' }).add(1);
  if (requestId !== '') client.reply({ $case: 'kv', value: failedResponse(requestId) });
  client.refuse(error, requestId);
};

const asKvError = (error: FabricError): FabricError =>
  error.reason === 'STORE_UNAVAILABLE'
    ? new FabricError('KV_ERROR', 'the store of key-value state does not answer', { cause: error })
    : error;

/** What is left to do once it may be done. */
type Permitted = () => Answering;

const permit = (
  client: ClientSession,
  operation: KVOperation,
): Permitted | FabricError | Promise<Permitted | FabricError> => {
  if (operation.authorization?.authorityMode === 'on_behalf_of')
    return new FabricError('ERR_NOT_IMPLEMENTED', 'delegated authority is not available yet');
  const { key, targetIdentity, requestId } = operation;
  if (operation.op === Op.PURGE_IDENTITY)
    return once(
      client.permit({ action: 'purge_kv', identity: targetIdentity }),
      (allowed) => () => purge(client, allowed, requestId),
    );
  const wish = scopeWishOf(operation);
  if (wish === undefined) return new FabricError('ERR_INVALID_ARGUMENT', `unknown scope ${operation.scope}`);
  const scope = scopeOf(wish, client.actor);
  if (scope instanceof FabricError) return scope;
  return isReading(operation)
    ? once(client.permit({ action: 'read_kv', scope, key }), (allowed) => () => read(client, operation, allowed))
    : once(client.permit({ action: 'write_kv', scope, key }), (allowed) => () => write(client, operation, allowed));
};

const isReading = ({ op }: KVOperation): boolean => op === Op.GET || op === Op.LIST || op === Op.SET_CARD;

/** Goes on with a permit, or ends with why there is none: at once where that is known at once. */
const once = <Of extends Access>(
  verdict: Verdict<Of> | Promise<Verdict<Of>>,
  goOn: (allowed: Permit<Of>) => Permitted,
): Permitted | FabricError | Promise<Permitted | FabricError> => {
  if (verdict instanceof Promise) return verdict.then((decided) => once(decided, goOn));
  if ('denial' in verdict) return new FabricError('ERR_PERMISSION_DENIED', verdict.denial.because);
  return goOn(verdict.permit);
};

const purge = async (client: ClientSession, allowed: PurgePermit, requestId: string): Answering => {
  const count = BigInt(await client.deps.kv.purge(allowed, client.session.epoch));
  return encodeOutcome({ applied: true, value: undefined, count }, requestId);
};

const read = async (client: ClientSession, operation: KVOperation, allowed: KvPermit<'read_kv'>): Answering => {
  const { kv } = client.deps;
  const { op, limit, cursor, requestId } = operation;
  if (op === Op.LIST) return encodeListing(await kv.list(allowed, { limit, cursor }), requestId);
  return encodeOutcome(op === Op.GET ? await kv.get(allowed) : await kv.countMembers(allowed), requestId);
};

const write = async (client: ClientSession, operation: KVOperation, allowed: KvPermit<'write_kv'>): Answering =>
  encodeOutcome(await written(client, operation, allowed), operation.requestId);

/** A value's size is limited for who writes it, the number of keys by whose they are. */
const limitsOf = ({ deps: { quotas }, identity, workspace }: ClientSession, scope: KvScope): KvLimits => {
  const own = quotas.limitsOf(identity, workspace);
  const space = isExclusive(scope) ? own : quotas.limitsOf('', 'workspace' in scope ? scope.workspace : undefined);
  return { valueBytesMax: own.kv_value_size, keysMax: space.kv_keys };
};

// oxlint-disable-next-line complexity -- one line for each operation there is
const written = (client: ClientSession, operation: KVOperation, allowed: KvPermit<'write_kv'>): Promise<KvOutcome> => {
  const { kv } = client.deps;
  const { value, ttl, guardValue } = operation;
  const writer = { permit: allowed, epoch: client.session.epoch, limits: limitsOf(client, allowed.access.scope) };
  const counting = (guard?: bigint): KvCount => ({ delta: operation.deltaValue, ttlSeconds: ttl, guard });
  const expected = { is: 'equal', value: operation.expectedValue } as const;
  switch (operation.op) {
    case Op.PUT:
      return kv.put(writer, value, ttl, { is: 'any' });
    case Op.SET_NX:
      return kv.put(writer, value, ttl, { is: 'absent' });
    case Op.COMPARE_AND_SET:
      return kv.put(writer, value, ttl, expected);
    case Op.DELETE:
      return kv.delete(writer, { is: 'any' });
    case Op.COMPARE_AND_DELETE:
      return kv.delete(writer, expected);
    case Op.INCREMENT:
      return kv.count(writer, 1n, counting());
    case Op.DECREMENT:
      return kv.count(writer, -1n, counting());
    case Op.INCREMENT_IF:
      return kv.count(writer, 1n, counting(guardValue));
    case Op.DECREMENT_IF:
      return kv.count(writer, -1n, counting(guardValue));
    case Op.SET_ADD:
      return kv.addMember(writer, value, ttl);
    default:
      return Promise.reject(new FabricError('ERR_INVALID_ARGUMENT', `unknown operation ${operation.op}`));
  }
};
