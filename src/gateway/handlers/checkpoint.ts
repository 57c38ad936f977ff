/** Operations on one's own checkpoints. A failure is answered with the response and then with the error. */
import type { CheckpointPermit } from '../../acl/authorizer.ts';
import {
  type CheckpointOperation,
  CheckpointResponse,
  CheckpointOperation_OpType as Op,
} from '../../gen/aether/v1/checkpoint.ts';
import { asFabricError, FabricError } from '../../model/error.ts';
import type { ClientSession } from '../client-session.ts';

type Answer = Partial<CheckpointResponse>;

const nothing = CheckpointResponse.decode(new Uint8Array());

export const handleCheckpoint = async (client: ClientSession, operation: CheckpointOperation): Promise<void> => {
  const { requestId } = operation;
  try {
    const answer = await perform(client, operation);
    client.reply({ $case: 'checkpoint', value: { ...nothing, ...answer, success: true, requestId } });
  } catch (thrown) {
    const error = asCheckpointError(asFabricError(thrown));
    if (error.reason === 'SESSION_SUPERSEDED') return client.session.lose(error);
    client.reply({ $case: 'checkpoint', value: { ...nothing, error: error.message, requestId } });
    client.refuse(error, requestId);
  }
};

const asCheckpointError = (error: FabricError): FabricError =>
  error.reason === 'STORE_UNAVAILABLE'
    ? new FabricError('ERR_CHECKPOINT_UNAVAILABLE', 'the store of checkpoints does not answer', { cause: error })
    : error;

const perform = async (client: ClientSession, operation: CheckpointOperation): Promise<Answer> => {
  const verdict = await client.permit({ action: 'keep_checkpoints' });
  if ('denial' in verdict) throw new FabricError('ERR_PERMISSION_DENIED', verdict.denial.because);
  return carryOut(client, operation, verdict.permit);
};

const carryOut = async (
  client: ClientSession,
  { op, key: name, data, ttl: ttlSeconds }: CheckpointOperation,
  permit: CheckpointPermit,
): Promise<Answer> => {
  const { checkpoints } = client.deps;
  const keeper = { permit, epoch: client.session.epoch };
  switch (op) {
    case Op.SAVE:
      return { savedAt: toSeconds(await checkpoints.save(keeper, { name, data, ttlSeconds })) };
    case Op.LOAD: {
      const found = await checkpoints.load(permit, name);
      return found === undefined ? {} : { data: found.data, savedAt: toSeconds(found.savedAtMs) };
    }
    case Op.DELETE:
      await checkpoints.delete(keeper, name);
      return {};
    case Op.LIST:
      return { keys: [...(await checkpoints.list(permit))] };
    default:
      throw new FabricError('ERR_INVALID_ARGUMENT', `unknown operation ${String(op)}`);
  }
};

const toSeconds = (ms: number): bigint => BigInt(Math.floor(ms / 1000));
