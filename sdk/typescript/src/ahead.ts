/** A stream to the next gateway, opened while the present one says goodbye: all that is left to do then is to be let in. */
import type { Transport, TransportStream } from './transport/transport.ts';

export class Ahead {
  readonly #transport: Transport;
  #opened: { readonly address: string; readonly stream: TransportStream } | undefined;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  open(address: string): void {
    this.drop();
    this.#opened = { address, stream: this.#transport.connect(address) };
  }

  /** The stream that was opened ahead, where that is one to this address and still there; a new one otherwise. */
  take(address: string): TransportStream {
    const opened = this.#opened;
    if (opened?.address !== address || opened.stream.gone.aborted) {
      this.drop();
      return this.#transport.connect(address);
    }
    this.#opened = undefined;
    return opened.stream;
  }

  drop(): void {
    this.#opened?.stream.cancel();
    this.#opened = undefined;
  }
}
