/** What recipients did not get done with in any attempt: for operators. Needs `acks` in the options. */
import { ask, type RequestOptions } from './ask.ts';
import {
  type DeadLetterOperation,
  type DeadLetterResponse,
  DeadLetterOperation_Op as Op,
  type DeadLetter as WireLetter,
} from './gen/aether/v1/fabric.ts';
import type { Link } from './link.ts';
import { Message } from './message.ts';

export interface DeadLetter {
  readonly id: string;
  readonly topic: string;
  /** The identity whose attempts they were. */
  readonly recipient: string;
  /** As it was delivered. */
  readonly message: Message | undefined;
  /** The sender's name for it, where it gave one. */
  readonly messageId: string | undefined;
  readonly attempts: number;
  readonly reason: string;
  readonly buriedAt: Date;
}

export interface ListDeadLettersOptions extends RequestOptions {
  /** Of this topic only. */
  readonly topic?: string | undefined;
}

export class DeadLetters {
  readonly #link: Link;

  constructor(link: Link) {
    this.#link = link;
  }

  /** The oldest first. Asks page by page as it is iterated. */
  async *list({ topic = '', ...options }: ListDeadLettersOptions = {}): AsyncGenerator<DeadLetter, void, undefined> {
    let pageToken = '';
    do {
      const page = await this.#ask({ op: Op.LIST, topic, pageToken }, options);
      for (const letter of page.letters) yield toLetter(letter);
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
  }

  /** Sends them to their topics once more, with all their attempts before them. Rejects where one is not there. */
  async redrive(ids: readonly string[], options: RequestOptions = {}): Promise<void> {
    await this.#ask({ op: Op.REDRIVE, ids: [...ids] }, options);
  }

  /** Removes them for good. Rejects where one is not there; the others are removed. */
  async drop(ids: readonly string[], options: RequestOptions = {}): Promise<void> {
    await this.#ask({ op: Op.DROP, ids: [...ids] }, options);
  }

  #ask(operation: Partial<DeadLetterOperation>, options: RequestOptions): Promise<DeadLetterResponse> {
    return ask(
      this.#link,
      {
        what: 'dead letters',
        build: (requestId) => ({ $case: 'deadLetterOp', value: { ...nothing, ...operation, requestId } }),
        pick: (payload) => (payload.$case === 'deadLetterResponse' ? payload.value : undefined),
      },
      options,
    );
  }
}

const nothing: DeadLetterOperation = { op: Op.LIST, topic: '', ids: [], pageToken: '', limit: 0, requestId: '' };

const toLetter = (letter: WireLetter): DeadLetter => ({
  id: letter.id,
  topic: letter.topic,
  recipient: letter.recipient,
  message: letter.message && new Message(letter.message),
  messageId: letter.messageId || undefined,
  attempts: letter.attempts,
  reason: letter.reason,
  buriedAt: new Date(Number(letter.buriedAtUnixMs)),
});
