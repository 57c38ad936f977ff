import { Client } from './client.ts';
import type { Link } from './link.ts';
import type { Payload, SendOptions } from './message.ts';
import { send } from './sending.ts';
import type { Sent } from './sent.ts';

/** Starts compute. It has no topic, so messages reach nobody but others: it sends to agents, tasks and workers. */
export class OrchestratorClient extends Client {
  readonly #link: Link;

  constructor(link: Link) {
    super(link);
    this.#link = link;
  }

  /** Sends a message to an agent, a task or the workers of a task; for the rest as every client's `send`. */
  send(topic: string, payload: Payload, options: SendOptions = {}): Promise<Sent> {
    return send(this.#link, topic, payload, options);
  }
}
