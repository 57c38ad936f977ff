/** A private NATS server, where one is installed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { endWithUs, kill } from '../harness/ending.ts';
import { NatsConnection } from './nats-connection.ts';

const program = 'nats-server';
const startTimeoutMs = 10_000;

export interface NatsServer extends AsyncDisposable {
  readonly port: number;
}

/** `undefined` where it is not installed. */
export const openNatsServer = async (directory: string): Promise<NatsServer | undefined> => {
  const path = found();
  if (path === undefined) return undefined;
  const port = await freePort();
  const args = ['-js', '-sd', directory, '-a', '127.0.0.1', '-p', String(port)];
  const child = spawn(path, args, { stdio: 'ignore' });
  endWithUs(child);
  await answering(port, child);
  return { port, [Symbol.asyncDispose]: () => kill(child) };
};

/** Also where Debian puts servers. */
const found = (): string | undefined =>
  [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
    .map((folder) => join(folder, program))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
};

const answering = async (port: number, child: ChildProcess): Promise<void> => {
  const untilMs = performance.now() + startTimeoutMs;
  while (child.exitCode === null && performance.now() < untilMs) {
    const connection = await NatsConnection.open(port).catch(() => undefined);
    if (connection !== undefined) return connection.close();
    await delay(50);
  }
  await kill(child);
  throw new Error('nats-server does not answer');
};
