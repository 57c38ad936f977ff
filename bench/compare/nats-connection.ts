/** As much of the NATS client protocol as the comparison needs. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface NatsMessage {
  readonly subject: string;
  readonly reply: string | undefined;
  readonly payload: Buffer;
}

const lineEnd = Buffer.from('\r\n');
const options = { verbose: false, pedantic: false, headers: true, no_responders: true, lang: 'node', version: '0' };

export class NatsConnection {
  readonly #socket: Socket;
  readonly #subscriptions: ((message: NatsMessage) => void)[] = [];
  #rest: Buffer = Buffer.alloc(0);
  #pong: PromiseWithResolvers<void> | undefined;

  static async open(port: number): Promise<NatsConnection> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    const connection = new NatsConnection(socket);
    socket.write(`CONNECT ${JSON.stringify(options)}\r\n`);
    await connection.settled();
    return connection;
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => this.#take(chunk));
  }

  subscribe(subject: string, onMessage: (message: NatsMessage) => void): void {
    const id = this.#subscriptions.push(onMessage);
    this.#socket.write(`SUB ${subject} ${id}\r\n`);
  }

  /** Resolves when the server has done all that was written before. */
  settled(): Promise<void> {
    this.#pong = Promise.withResolvers();
    this.#socket.write('PING\r\n');
    return this.#pong.promise;
  }

  publish(subject: string, payload: Buffer, reply = ''): void {
    const head = Buffer.from(`PUB ${subject} ${reply === '' ? '' : `${reply} `}${payload.byteLength}\r\n`);
    this.#socket.write(Buffer.concat([head, payload, lineEnd]));
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    let data = this.#rest.byteLength === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (let taken = this.#takeOne(data); taken > 0; taken = this.#takeOne(data)) data = data.subarray(taken);
    this.#rest = data;
  }

  /** Answers with the bytes it took; 0 where it is not all there. */
  #takeOne(data: Buffer): number {
    const end = data.indexOf(lineEnd);
    if (end < 0) return 0;
    const words = data.toString('latin1', 0, end).split(' ');
    const bodyAt = end + lineEnd.byteLength;
    const bodyBytes = words[0] === 'MSG' || words[0] === 'HMSG' ? Number(words.at(-1)) : -lineEnd.byteLength;
    const next = bodyAt + bodyBytes + lineEnd.byteLength;
    if (data.byteLength < next) return 0;
    this.#handle(words, data.subarray(bodyAt, Math.max(bodyAt, next - lineEnd.byteLength)));
    return next;
  }

  #handle([kind = '', ...words]: readonly string[], body: Buffer): void {
    switch (kind) {
      case 'MSG':
        return this.#message(words, { reply: words.length === 4 ? words[2] : undefined, payload: body });
      case 'HMSG':
        // Only the server's own notes have headers here: nobody answers, or nobody is there.
        return this.#message(words, { reply: undefined, payload: body.subarray(Number(words.at(-2))) });
      case 'PING':
        this.#socket.write('PONG\r\n');
        return;
      case 'PONG':
        return this.#pong?.resolve();
      default:
    }
  }

  #message([subject = '', id]: readonly string[], rest: Omit<NatsMessage, 'subject'>): void {
    this.#subscriptions[Number(id) - 1]?.({ subject, ...rest });
  }
}
