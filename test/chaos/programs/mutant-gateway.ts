/** `aether gateway` with one promise broken: takes the same flags, and `--mutation`. */
import { parseArgs } from 'node:util';
import { openLog } from '../../../src/adapters/pino/pino-log.ts';
import { openServer } from '../../../src/compose/server.ts';
import { openStack } from '../../../src/compose/stack.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { confirms } from '../mutations/confirms.ts';
import { deduplication } from '../mutations/deduplication.ts';
import { epochs } from '../mutations/epochs.ts';
import type { Mutation, MutationName } from '../mutations/mutation.ts';
import { places } from '../mutations/places.ts';
import { earlyReceipts, forgottenReceipts, lostLetters } from '../mutations/receipts.ts';

const mutations: Readonly<Record<MutationName, Mutation>> = {
  epochs,
  places,
  confirms,
  deduplication,
  'forgotten-receipts': forgottenReceipts,
  'early-receipts': earlyReceipts,
  'lost-letters': lostLetters,
};

const { values } = parseArgs({
  allowPositionals: true,
  strict: false,
  options: { config: { type: 'string' }, mutation: { type: 'string' } },
});
const mutation = mutations[values.mutation as MutationName];
const file = String(values.config);
const config = loadConfig({ file, env: process.env, flags: { port: '0', 'ops-port': '0' }, defaultMode: 'stack' });
mutation.program?.();
const server = await openServer(config, {
  version: 'mutant',
  log: openLog({ level: 'warn', format: 'json' }),
  open: async (settings, given) => {
    const composition = await openStack(settings, mutation.given?.(given) ?? given);
    return mutation.composition?.(composition) ?? composition;
  },
});
const { host } = config.gateway;
const up = { grpc: `${host}:${server.grpcPort}`, ops: `http://${host}:${server.opsPort}` };
process.stdout.write(`${JSON.stringify(up)}\n`);
process.once('SIGTERM', () => void server[Symbol.asyncDispose]().then(() => process.exit(0)));
