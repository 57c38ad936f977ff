/** A network between a client and a server that a test can cut, slow down, or let swallow what goes through it. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** `up` is from the client to the broker. */
export type Direction = 'up' | 'down';

type Treatment =
  | { readonly is: 'passing' }
  | { readonly is: 'delaying'; readonly ms: number }
  /** Kept until `release`. */
  | { readonly is: 'holding' }
  | { readonly is: 'swallowing' };

class Lane {
  treatment: Treatment = { is: 'passing' };
  readonly #from: Socket;
  readonly #to: Socket;
  #held: Buffer[] = [];
  /** On their way slowly, in order. */
  readonly #late: Buffer[] = [];
  #lastDueMs = 0;

  constructor(from: Socket, to: Socket) {
    this.#from = from;
    this.#to = to;
    from.on('data', (data: Buffer) => this.#take(data));
  }

  release(): void {
    this.treatment = { is: 'passing' };
    for (const data of this.#held) this.#pass(data, 0);
    this.#held = [];
  }

  #take(data: Buffer): void {
    if (this.treatment.is === 'holding') this.#held.push(data);
    if (this.treatment.is === 'passing') this.#pass(data, 0);
    if (this.treatment.is === 'delaying') this.#pass(data, this.treatment.ms);
  }

  /** What comes after something slow does not overtake it. */
  #pass(data: Buffer, delayMs: number): void {
    if (delayMs === 0 && this.#late.length === 0) return this.#write(data);
    const nowMs = performance.now();
    this.#lastDueMs = Math.max(this.#lastDueMs, nowMs + delayMs);
    this.#late.push(data);
    setTimeout(() => this.#write(this.#late.shift() ?? Buffer.alloc(0)), this.#lastDueMs - nowMs);
  }

  /** A receiver that does not read holds up the sender, as without a proxy. */
  #write(data: Buffer): void {
    if (this.#to.destroyed || this.#to.write(data) || this.#from.isPaused()) return;
    this.#from.pause();
    this.#to.once('drain', () => this.#from.resume());
  }
}

interface Target {
  readonly host: string;
  readonly port: number;
}

interface Link {
  readonly client: Socket;
  readonly broker: Socket;
  readonly lanes: Readonly<Record<Direction, Lane>>;
}

export class TcpProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #links = new Set<Link>();
  /** Where connections from now on lead. */
  target: Target;
  /** Connections from now on are closed at once. */
  isDown = false;
  #accepted = 0;
  /** Of connections from now on. */
  readonly treatments: Record<Direction, Treatment> = { up: { is: 'passing' }, down: { is: 'passing' } };

  static async open(target: Target): Promise<TcpProxy> {
    const server = createServer();
    const proxy = new TcpProxy(server, target);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  private constructor(server: Server, target: Target) {
    this.#server = server;
    this.target = target;
    server.on('connection', (client) => {
      client.on('error', () => undefined);
      if (this.isDown) return void client.destroy();
      this.#accepted += 1;
      this.#join(client, connect(this.target));
    });
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** For clients. */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Connections so far. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Connections now. */
  get connections(): number {
    return this.#links.size;
  }

  /** Treats what is open now, and by default what comes, in this way. */
  treat(direction: Direction, treatment: Treatment, { onlyOpen = false } = {}): void {
    if (!onlyOpen) this.treatments[direction] = treatment;
    for (const { lanes } of this.#links) lanes[direction].treatment = treatment;
  }

  /** Lets go of what was held, also where the client has left since. */
  release(direction: Direction): void {
    for (const { lanes } of this.#links) lanes[direction].release();
  }

  cut(): void {
    for (const { client, broker } of this.#links) {
      client.destroy();
      broker.destroy();
    }
    this.#links.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(client: Socket, broker: Socket): void {
    const lanes = { up: new Lane(client, broker), down: new Lane(broker, client) };
    lanes.up.treatment = this.treatments.up;
    lanes.down.treatment = this.treatments.down;
    const link = { client, broker, lanes };
    this.#links.add(link);
    broker.on('error', () => undefined);
    broker.on('close', () => {
      this.#links.delete(link);
      client.destroy();
    });
    client.on('close', () => {
      // What is held must still reach the broker, as if it had been on its way.
      if (lanes.up.treatment.is !== 'holding') broker.destroy();
    });
  }
}
