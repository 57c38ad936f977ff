/**
 * Free ports of 127.0.0.1 for one set of services.
 *
 * They come in blocks outside the ephemeral range, where no outgoing connection can take one between our look and the
 * service's bind. The first port of a block is its guard: whoever wants the block listens there, and the system lets
 * only one do so. The guard is held as long as the services are, so another set does not take the ports of a service
 * that is stopped for a while. A Redis cluster node's bus is 10000 above its port, as every version of Redis and
 * every client expects.
 */
import { createServer, type Server } from 'node:net';

const host = '127.0.0.1';
const portMin = 17_000;
const portMax = 21_999;
const blockPorts = 10;
const busOffset = 10_000;
const blocks = Math.floor((portMax + 1 - portMin) / blockPorts);

export interface Ports {
  readonly redis: number;
  readonly cluster: readonly [number, number, number];
  readonly amqp: number;
  readonly stream: number;
  readonly erlang: number;
  readonly epmd: number;
  readonly postgres: number;
}

export interface HeldPorts extends Ports {
  release(): void;
}

export async function holdPorts(signal?: AbortSignal): Promise<HeldPorts> {
  const first = Math.floor(Math.random() * blocks);
  for (let step = 0; step < blocks; step += 1) {
    signal?.throwIfAborted();
    const base = portMin + ((first + step) % blocks) * blockPorts;
    const guard = await listen(base);
    if (guard === undefined) continue;
    if (await areFree(base)) return { ...portsFrom(base), release: () => guard.close() };
    guard.close();
  }
  throw new Error(`no ${blockPorts} free ports in a row between ${portMin} and ${portMax} of ${host}`);
}

const portsFrom = (base: number): Ports => ({
  redis: base + 1,
  cluster: [base + 2, base + 3, base + 4],
  amqp: base + 5,
  stream: base + 6,
  erlang: base + 7,
  epmd: base + 8,
  postgres: base + 9,
});

async function areFree(base: number): Promise<boolean> {
  const { cluster, ...single } = portsFrom(base);
  const ports = [...Object.values(single), ...cluster, ...cluster.map((port) => port + busOffset)];
  return (await Promise.all(ports.map(isFree))).every(Boolean);
}

export async function isFree(port: number): Promise<boolean> {
  const server = await listen(port);
  if (server === undefined) return false;
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  await promise;
  return true;
}

/** Answers `undefined` when the port is taken. The server keeps no process alive. */
function listen(port: number): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy());
  const { promise, resolve, reject } = Promise.withResolvers<Server | undefined>();
  server.once('error', (error: NodeJS.ErrnoException) =>
    error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
  );
  server.listen({ port, host, exclusive: true }, () => resolve(server.unref()));
  return promise;
}
