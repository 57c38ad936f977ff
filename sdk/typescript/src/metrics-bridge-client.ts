import { Client } from './client.ts';
import type { HandleOptions, Handler, IterateOptions } from './feed.ts';
import { handle } from './handling.ts';
import { Kv } from './kv.ts';
import type { Link } from './link.ts';
import type { Message } from './message.ts';

/** The metrics sink; one in the whole fabric. It sends nothing. */
export class MetricsBridgeClient extends Client {
  /** State shared through the fabric. */
  readonly kv: Kv;
  readonly #link: Link;

  constructor(link: Link) {
    super(link);
    this.#link = link;
    this.kv = new Kv(link);
  }

  /** The metrics of every workspace as they come; `message.metric()` reads one. */
  messages(options?: IterateOptions): AsyncIterableIterator<Message> {
    return this.#link.reception.messages.iterate(options);
  }

  onMessage(handler: Handler<Message>, options?: HandleOptions): () => void {
    return handle(this.#link, this.#link.reception.messages, handler, options);
  }
}
