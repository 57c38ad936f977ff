import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A way to a server that can be cut and mended. */
export class Proxy implements AsyncDisposable {
  /** The server's address, by way of the proxy. */
  readonly url: string;
  readonly #sockets: Set<Socket>;
  readonly #stop: () => void;
  #isCut = false;

  static async open(target: string): Promise<Proxy> {
    const { hostname, port } = new URL(target);
    const sockets = new Set<Socket>();
    const server = createServer((incoming) => {
      const outgoing = connect(Number(port), hostname);
      for (const [from, to] of [
        [incoming, outgoing],
        [outgoing, incoming],
      ] as const) {
        sockets.add(from);
        from.on('error', () => to.destroy()).on('close', () => sockets.delete(from) && to.destroy());
        from.pipe(to);
      }
      if (proxy.#isCut) incoming.destroy();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address() as AddressInfo;
    const url = new URL(target);
    url.host = `127.0.0.1:${address.port}`;
    const proxy = new Proxy(url.href, sockets, () => server.close());
    return proxy;
  }

  private constructor(url: string, sockets: Set<Socket>, stop: () => void) {
    this.url = url;
    this.#sockets = sockets;
    this.#stop = stop;
  }

  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#isCut = false;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#stop();
    return Promise.resolve();
  }
}
