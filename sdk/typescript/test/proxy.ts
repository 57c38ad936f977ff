/** A TCP proxy that can do what networks do: break connections, refuse new ones, carry nothing for a while. */

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Proxy extends AsyncDisposable {
  readonly address: string;
  /** Connections accepted so far. */
  readonly accepted: number;
  /** Breaks every connection there is. */
  cut(): void;
  /** Answers new connections with a reset from now on, or no longer. */
  refuse(refuses: boolean): void;
  /** Leaves whatever arrives lying, or no longer: a network that swallows packets. */
  stall(stalls: boolean): void;
}

export const startProxy = async (port: number): Promise<Proxy> => {
  const sockets = new Set<Socket>();
  let accepted = 0;
  let refuses = false;
  let stalls = false;
  const server = createServer((near) => {
    if (refuses) return void near.resetAndDestroy();
    accepted += 1;
    const far = connect(port, '127.0.0.1');
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      if (stalls) socket.pause();
      socket.on('data', (chunk) => void other.write(chunk));
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a TCP server that listens has such an address
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const cut = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    address,
    get accepted() {
      return accepted;
    },
    cut,
    refuse: (value) => {
      refuses = value;
    },
    stall: (value) => {
      stalls = value;
      for (const socket of sockets) {
        if (value) socket.pause();
        else socket.resume();
      }
    },
    [Symbol.asyncDispose]: async () => {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
};
