import { ask } from './ask.ts';
import type { Link } from './link.ts';

/** Asks for receipts, which the link's book is told of. What cannot be asked now is asked again later. */
export const queryReceipts = async (link: Link, messageIds: readonly string[]): Promise<void> => {
  await ask(
    link,
    {
      what: 'receipts',
      build: (requestId) => ({ $case: 'receiptQuery', value: { requestId, messageIds: [...messageIds] } }),
      pick: (payload) => payload,
    },
    {},
  ).catch(() => undefined);
};
