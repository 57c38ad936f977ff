import { ask, type RequestOptions } from './ask.ts';
import { failure } from './error.ts';
import type { Link } from './link.ts';
import { type Receipt, toReceipt } from './receipt.ts';

/** How far the messages of this identity have come, also those of an earlier process. Needs `receipts` in the options. */
export class Receipts {
  readonly #link: Link;

  constructor(link: Link) {
    this.#link = link;
  }

  /** Rejects with `ERR_RECEIPT_UNKNOWN` where the gateway knows no message of this identity by the name, or no more. */
  async get(id: string, options: RequestOptions = {}): Promise<Receipt> {
    if (this.#link.book === undefined)
      throw failure('RECEIPTS_OFF', 'this client asks for no receipts: connect with { receipts: true }');
    const receipts = await ask(
      this.#link,
      {
        what: 'receipt',
        build: (requestId) => ({ $case: 'receiptQuery', value: { requestId, messageIds: [id] } }),
        pick: (payload) => (payload.$case === 'receiptQueryResponse' ? payload.value.receipts : undefined),
      },
      options,
    );
    const [first] = receipts;
    const receipt = first && toReceipt(first);
    if (receipt === undefined) throw failure('INVALID_FRAME', `receipt of ${id}: the gateway answered something else`);
    return receipt;
  }
}
