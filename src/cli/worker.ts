/**
 * What a worker's process runs: a gateway that is told its configuration and handed its connections by the supervisor
 * that started it. When the supervisor is gone, however that came, it drains and ends.
 */
import './node22.ts';
import { Socket } from 'node:net';
import type { WorkerServer } from '../compose/server.ts';
import type { Config } from '../config/schema.ts';
import { asFabricError } from '../model/error.ts';
import type { Log } from '../ports/log.ts';
import type { FromWorker, ToWorker } from '../workers/messages.ts';
import { tuneMemory } from './memory.ts';
import { openProcessLog } from './process-log.ts';
import { version } from './version.ts';

/** As in `main.ts`: before grpc-js is loaded. */
process.env['GRPC_VERBOSITY'] ??= 'NONE';

const tell = (message: FromWorker): void => {
  if (process.connected) process.send?.(message, undefined, {}, () => undefined);
};

const open = async (config: Config, log: Log): Promise<WorkerServer | undefined> => {
  const { openWorker } = await import('../compose/server.ts');
  try {
    return await openWorker(config, { version, log });
  } catch (thrown) {
    const { reason, message, cause } = asFabricError(thrown);
    const said = reason === 'ERR_INTERNAL' && cause instanceof Error ? `${message}: ${cause.stack}` : message;
    tell({ kind: 'refused', reason, message: said });
    return undefined;
  }
};

/** Resolves when somebody wants the end of it: the supervisor, its absence, or whoever signals this very process. */
const untilToldToStop = (): Promise<string> => {
  const { promise, resolve } = Promise.withResolvers<string>();
  process.once('SIGTERM', resolve);
  // A terminal sends it to the supervisor too, which says what follows from it.
  process.on('SIGINT', () => undefined);
  process.once('disconnect', () => resolve('supervisor is gone'));
  process.on('message', (message: ToWorker) => {
    if (message.kind === 'drain') resolve('drain');
  });
  return promise;
};

const answer = async (server: WorkerServer, message: ToWorker, handle: unknown): Promise<void> => {
  if (message.kind === 'connection') {
    tell({ kind: 'taken' });
    if (handle instanceof Socket) server.take(handle);
  }
  if (message.kind !== 'ask') return;
  const { id, question } = message;
  tell({ kind: 'answer', id, answer: await server[question]() });
};

const run = async (number: number, config: Config): Promise<void> => {
  tuneMemory();
  const log = openProcessLog(config).child({ worker: number });
  const told = untilToldToStop();
  const server = await open(config, log);
  if (server !== undefined) {
    process.on('message', (message: ToWorker, handle: unknown) => void answer(server, message, handle));
    const { gatewayId, summary } = server;
    tell({ kind: 'serving', gatewayId, summary });
    log.info('stopping', { why: await told });
    await server[Symbol.asyncDispose]();
    log.info('stopped');
  }
  // The channel would keep the process; what was written into it has left by then.
  if (process.connected) process.disconnect();
};

process.once('message', (message: ToWorker<Config>) => {
  if (message.kind === 'start') void run(message.number, message.config);
});
