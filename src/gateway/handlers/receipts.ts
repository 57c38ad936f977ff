import type { ReceiptQuery } from '../../gen/aether/v1/fabric.ts';
import { asFabricError, FabricError } from '../../model/error.ts';
import { receiptQueryMax } from '../../model/limits.ts';
import type { Receipt } from '../../model/receipt.ts';
import type { ClientSession } from '../client-session.ts';
import { toWireReceipt } from '../codec/receipt.ts';

/** Says how far the client's own messages have come. */
export const handleReceiptQuery = async (client: ClientSession, query: ReceiptQuery): Promise<void> => {
  const found = await look(client, query);
  const receipts = found instanceof FabricError ? [] : found.filter((receipt) => receipt !== undefined);
  const known = new Set(receipts.map(({ id }) => id));
  const unknown = found instanceof FabricError ? [] : query.messageIds.filter((id) => !known.has(id));
  const error = found instanceof FabricError ? found : unknownError(unknown);
  client.reply({
    $case: 'receiptQueryResponse',
    value: {
      requestId: query.requestId,
      success: error === undefined,
      error: error?.message ?? '',
      receipts: receipts.map(toWireReceipt),
      unknownMessageIds: unknown,
    },
  });
  if (error !== undefined) client.refuse(error, query.requestId);
};

const look = (
  client: ClientSession,
  { messageIds }: ReceiptQuery,
): Promise<readonly (Receipt | undefined)[] | FabricError> => {
  const needed = client.missing('receipts');
  if (needed !== undefined) return Promise.resolve(needed);
  if (messageIds.length > receiptQueryMax)
    return Promise.resolve(
      new FabricError('ERR_INVALID_ARGUMENT', `${messageIds.length} receipts asked for, at most ${receiptQueryMax}`),
    );
  return client.deps.receipts.get(client.identity, messageIds).catch(asFabricError);
};

const namedMax = 3;

const unknownError = (ids: readonly string[]): FabricError | undefined => {
  if (ids.length === 0) return undefined;
  const named = ids.slice(0, namedMax).map((id) => `"${id.slice(0, 128)}"`);
  return new FabricError(
    'ERR_RECEIPT_UNKNOWN',
    `no receipt of ${named.join(', ')}${ids.length > namedMax ? ` and ${ids.length - namedMax} more` : ''}`,
  );
};
