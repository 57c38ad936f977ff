/** A fabric of processes of its own, started as anyone starts them: through the command line. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { openServices } from '../../scripts/services/services.ts';
import { type ProgramOptions, startProgram } from './program.ts';

const stackSettings = fileURLToPath(new URL('../../configs/stack.yaml', import.meta.url));

export interface Gateway {
  readonly address: string;
  readonly pid: number;
}

export interface Fabric extends AsyncDisposable {
  readonly composition: 'embedded' | 'stack';
  /** Where the agent connects. */
  readonly first: Gateway;
  /** Where the person connects: another one on the stack. */
  readonly second: Gateway;
}

/** One process that needs nothing else. */
export const openEmbedded = async (ending: AbortController): Promise<Fabric> => {
  await using opened = new AsyncDisposableStack();
  const gateway = await startGateway(['up', '--data-dir', folderIn(opened)], { ending }, opened);
  return fabricOf('embedded', [gateway, gateway], opened.move());
};

/** Two gateways on Redis, RabbitMQ and Postgres of their own. */
export const openStack = async (ending: AbortController): Promise<Fabric> => {
  await using opened = new AsyncDisposableStack();
  const { redis, rabbitmq, postgres } = opened.use(
    await openServices({
      directory: folderIn(opened),
      only: ['redis', 'rabbitmq', 'postgres'],
      signal: ending.signal,
      log: console.error,
    }),
  );
  const { hostname, port, username, pathname } = new URL(postgres.url);
  const env = {
    REDIS_ADDR: redis.address,
    STREAM_URL: rabbitmq.streamUrl,
    AMQP_URL: rabbitmq.amqpUrl,
    POSTGRES_HOST: hostname,
    POSTGRES_PORT: port,
    POSTGRES_USER: username,
    POSTGRES_DB: pathname.slice(1),
  };
  const start = (): Promise<Gateway> => startGateway(['gateway', '--config', stackSettings], { env, ending }, opened);
  return fabricOf('stack', [await start(), await start()], opened.move());
};

const fabricOf = (
  composition: Fabric['composition'],
  [first, second]: readonly [Gateway, Gateway],
  opened: AsyncDisposableStack,
): Fabric => ({ composition, first, second, [Symbol.asyncDispose]: () => opened.disposeAsync() });

/** Gone when what was opened is. */
const folderIn = (opened: AsyncDisposableStack): string => {
  const folder = mkdtempSync(join(tmpdir(), 'aether-demo-'));
  opened.defer(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
};

const announcement = z.object({ grpc: z.string() });

const startGateway = async (
  args: readonly string[],
  options: ProgramOptions,
  opened: AsyncDisposableStack,
): Promise<Gateway> => {
  const quiet = ['--json', '--log-level', 'warn', '--port', '0', '--ops-port', '0'];
  const { pid, ready } = opened.use(await startProgram('src/cli/main.ts', [...args, ...quiet], options));
  return { pid, address: announcement.parse(JSON.parse(ready)).grpc };
};
