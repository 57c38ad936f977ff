import type { DeadLetterOutcome, DeadLetterPermit } from '../../dead-letters/dead-letters.ts';
import {
  type DeadLetterOperation,
  type DeadLetterResponse,
  DeadLetterOperation_Op as Op,
  type DeadLetter as WireLetter,
} from '../../gen/aether/v1/fabric.ts';
import { DownstreamMessage } from '../../gen/aether/v1/gateway.ts';
import { asFabricError, FabricError } from '../../model/error.ts';
import { deadLetterPageBytesMax, pageSizeMax } from '../../model/limits.ts';
import type { DeadLetter } from '../../ports/dead-letter-store.ts';
import type { ClientSession } from '../client-session.ts';

const defaultLimit = 50;
const limitMax = 100;
const prefixBytes = 5;

type Answer = Partial<DeadLetterResponse> & { readonly failure?: FabricError | undefined };

/** Lists dead letters, sends some once more, or drops them. */
export const handleDeadLetters = async (client: ClientSession, operation: DeadLetterOperation): Promise<void> => {
  const { failure, ...answer } = await perform(client, operation).catch(
    (thrown: unknown): Answer => ({ failure: asFabricError(thrown) }),
  );
  const value = { ...nothing, success: failure === undefined, error: failure?.message ?? '', ...answer };
  client.reply({ $case: 'deadLetterResponse', value: { ...value, requestId: operation.requestId } });
  if (failure !== undefined) client.refuse(failure, operation.requestId);
};

const nothing: DeadLetterResponse = {
  requestId: '',
  success: false,
  error: '',
  letters: [],
  nextPageToken: '',
  count: 0,
  unknownIds: [],
};

const perform = async (client: ClientSession, operation: DeadLetterOperation): Promise<Answer> => {
  const needed = client.missing('ack') ?? faultOf(operation);
  if (needed !== undefined) return { failure: needed };
  const verdict = await client.permit({ action: 'manage_dead_letters' });
  if ('denial' in verdict) return { failure: new FabricError('ERR_PERMISSION_DENIED', verdict.denial.because) };
  const { deadLetters } = client.deps;
  switch (operation.op) {
    case Op.LIST:
      return list(client, verdict.permit, operation);
    case Op.REDRIVE:
      return toAnswer(await deadLetters.redrive(verdict.permit, operation.ids));
    case Op.DROP:
      return toAnswer(await deadLetters.drop(verdict.permit, operation.ids));
  }
};

const faultOf = ({ op, ids, limit, pageToken }: DeadLetterOperation): FabricError | undefined => {
  switch (op) {
    case Op.LIST:
      if (limit < 0) return fault(`limit is ${limit}, must not be negative`);
      return /^\d{0,15}$/.test(pageToken) ? undefined : fault('page_token is not one of a page before');
    case Op.REDRIVE:
    case Op.DROP:
      if (ids.length > 0 && ids.length <= pageSizeMax) return undefined;
      return fault(`${ids.length} ids, must be 1 to ${pageSizeMax}`);
    default:
      return fault(`unknown dead letter operation ${String(op)}`);
  }
};

const fault = (text: string): FabricError => new FabricError('ERR_INVALID_ARGUMENT', text);

/** A page is cut before it grows too large for a frame; the next begins there. */
const list = async (
  client: ClientSession,
  permit: DeadLetterPermit,
  operation: DeadLetterOperation,
): Promise<Answer> => {
  const { deadLetters } = client.deps;
  const { topic, pageToken } = operation;
  const limit = Math.min(operation.limit || defaultLimit, limitMax);
  const page = await deadLetters.list(permit, { topic, after: pageToken, limit });
  if (bytesOf(page.letters) <= deadLetterPageBytesMax)
    return { letters: page.letters.map(toWire), nextPageToken: page.next ?? '' };
  const letters: DeadLetter[] = [];
  let after: string | undefined = pageToken;
  while (after !== undefined && letters.length < limit && bytesOf(letters) < deadLetterPageBytesMax) {
    const one = await deadLetters.list(permit, { topic, after, limit: 1 });
    letters.push(...one.letters);
    after = one.next;
  }
  return { letters: letters.map(toWire), nextPageToken: after ?? '' };
};

const bytesOf = (letters: readonly DeadLetter[]): number =>
  letters.reduce((bytes, { frame }) => bytes + frame.byteLength, 0);

const toWire = (letter: DeadLetter): WireLetter => {
  const { payload } = DownstreamMessage.decode(letter.frame.subarray(prefixBytes));
  return {
    id: letter.id,
    topic: letter.topic,
    recipient: letter.recipient,
    message: payload?.$case === 'msg' ? payload.value : undefined,
    messageId: letter.messageId,
    attempts: letter.attempts,
    reason: letter.reason,
    buriedAtUnixMs: BigInt(Math.floor(letter.buriedAtMs)),
  };
};

const toAnswer = ({ count, unknown }: DeadLetterOutcome): Answer => ({
  count,
  unknownIds: [...unknown],
  failure:
    unknown.length === 0
      ? undefined
      : new FabricError('ERR_DEAD_LETTER_UNKNOWN', `no dead letter of ${unknown.length} ids, such as "${unknown[0]}"`),
});
