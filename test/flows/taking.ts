/** Small ways to wait for what should come, and to see that nothing else did. */
import type { AetherError, Client, Message, MessagingClient } from '#sdk';

/** The next messages of a client, however they are waited for. */
export class Taking {
  readonly #iterator: AsyncIterableIterator<Message>;

  constructor(client: MessagingClient) {
    this.#iterator = client.messages();
  }

  async next(): Promise<Message> {
    const { value, done } = await this.#iterator.next();
    if (done === true) throw new Error('the client closed');
    return value;
  }

  async texts(count: number): Promise<string[]> {
    const texts: string[] = [];
    while (texts.length < count) texts.push((await this.next()).text());
    return texts;
  }
}

/** The refusals a client hears of from now on. */
export const refusals = (client: Client): (() => Promise<AetherError>) => {
  const iterator = client.errors();
  const first = iterator.next();
  let waiting: Promise<IteratorResult<AetherError>> | undefined = first;
  return async () => {
    const { value, done } = await (waiting ?? iterator.next());
    waiting = undefined;
    if (done === true) throw new Error('the client closed');
    return value;
  };
};
