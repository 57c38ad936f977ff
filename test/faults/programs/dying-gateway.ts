/**
 * A gateway that kills itself (SIGKILL) at one exact moment: right before or after it first calls a method of a port with
 * something to do for it, from the port's first `add` on.
 * Takes the flags of `aether`, and `--dies before|after:port.method`.
 */
import { parseArgs } from 'node:util';
import { openLog } from '../../../src/adapters/pino/pino-log.ts';
import { openEmbedded } from '../../../src/compose/embedded.ts';
import { openServer } from '../../../src/compose/server.ts';
import { openStack } from '../../../src/compose/stack.ts';
import { loadConfig } from '../../../src/config/load.ts';

const { values } = parseArgs({
  allowPositionals: true,
  strict: false,
  options: { config: { type: 'string' }, 'data-dir': { type: 'string' }, dies: { type: 'string' } },
});
const [, when, portName = '', method = ''] = /^(before|after):(\w+)\.(\w+)$/.exec(String(values.dies)) ?? [];

const die = (): Promise<never> => {
  process.kill(process.pid, 'SIGKILL');
  return new Promise(() => undefined);
};

const isNothing = (value: unknown): boolean => Array.isArray(value) && value.length === 0;

const dying = (port: object): object => {
  let hasAdded = false;
  return new Proxy(port, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return async (...given: readonly unknown[]): Promise<unknown> => {
        hasAdded ||= name === 'add';
        const isMoment = hasAdded && name === method && !isNothing(given[0]);
        if (isMoment && when === 'before') return die();
        const result: unknown = await Reflect.apply(value, target, given);
        return isMoment && !isNothing(result) ? die() : result;
      };
    },
  });
};

const dataDir = values['data-dir'];
const config = loadConfig({
  file: String(values.config),
  env: process.env,
  flags: { port: '0', 'ops-port': '0', ...(typeof dataDir === 'string' ? { 'data-dir': dataDir } : {}) },
  defaultMode: 'embedded',
});
const server = await openServer(config, {
  version: 'dying',
  log: openLog({ level: 'warn', format: 'json' }),
  open: async (settings, given) => {
    const composition = await (settings.mode === 'stack' ? openStack : openEmbedded)(settings, given);
    const found: unknown = Reflect.get(composition.ports, portName);
    if (typeof found !== 'object' || found === null) throw new RangeError(`no port ${portName}`);
    return { ...composition, ports: { ...composition.ports, [portName]: dying(found) } };
  },
});
const { host } = config.gateway;
const up = { grpc: `${host}:${server.grpcPort}`, ops: `http://${host}:${server.opsPort}` };
process.stdout.write(`${JSON.stringify(up)}\n`);
