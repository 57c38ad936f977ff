import { once } from 'node:events';
import { accessSync, constants, existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, resolve } from 'node:path';
import { styleText } from 'node:util';
import { openLog } from '../adapters/pino/pino-log.ts';
import type { Examination, Finding } from '../compose/diagnosis.ts';
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { version } from './version.ts';

interface DoctorOptions {
  readonly config?: string;
  readonly json?: true;
}

interface Result {
  readonly name: string;
  readonly status: 'ok' | 'warning' | 'error';
  readonly detail: string;
  readonly mend?: string;
}

/** Looks at everything a gateway needs; answers with the exit code: 1 where something must be mended. */
export const doctor = async (options: DoctorOptions): Promise<number> => {
  const file = options.config ?? process.env['AETHER_CONFIG'];
  const config = loadConfig({ env: process.env, flags: {}, ...(file === undefined ? {} : { file }) });
  const results = await Promise.all((await examinationsOf(config)).map(run));
  if (options.json === true) console.log(JSON.stringify({ version, mode: config.mode, results }, null, 2));
  else for (const result of results) console.log(toText(result));
  return results.some(({ status }) => status === 'error') ? 1 : 0;
};

const examinationsOf = async (config: Config): Promise<readonly Examination[]> => [
  { name: 'node', mend: 'install Node 24, or 22.13 at least', examine: examineNode },
  portExamination('gRPC port', config.gateway, 'port'),
  portExamination('ops port', config.ops, 'ops-port'),
  ...(config.mode === 'embedded' ? [dataExamination(config)] : await stackExaminations(config)),
];

/** Loaded only for the stack: the embedded fabric needs none of its clients. */
const stackExaminations = async (config: Config): Promise<readonly Examination[]> => {
  const diagnosis = await import('../compose/diagnosis.ts');
  return diagnosis.stackExaminations(config, openLog({ level: 'error', format: 'json' }));
};

const examineNode = (): Promise<Finding> =>
  Promise.resolve({ detail: `Node ${process.version} on ${process.platform}/${process.arch}` });

const portExamination = (
  name: string,
  { host, port }: { readonly host: string; readonly port: number },
  flag: string,
): Examination => ({
  name,
  mend: `something listens there already, perhaps a gateway: stop it, or choose another with --${flag}`,
  examine: async () => {
    const server = createServer().listen(port, host);
    await once(server, 'listening');
    server.close();
    return { detail: `${host}:${port} is free` };
  },
});

const dataExamination = ({ embedded }: Config): Examination => ({
  name: 'data directory',
  mend: 'make it writable for this user, or choose another with --data-dir',
  examine: () => {
    const directory = resolve(embedded.data_dir);
    accessSync(existingPart(directory), constants.W_OK | constants.X_OK);
    return Promise.resolve({ detail: `${directory} ${existsSync(directory) ? 'is writable' : 'can be made'}` });
  },
});

const existingPart = (path: string): string => (existsSync(path) ? path : existingPart(dirname(path)));

const run = async ({ name, mend, examine }: Examination): Promise<Result> => {
  try {
    const { detail, warning } = await examine();
    return warning === undefined ? { name, status: 'ok', detail } : { name, status: 'warning', detail, mend: warning };
  } catch (thrown) {
    return { name, status: 'error', detail: thrown instanceof Error ? thrown.message : String(thrown), mend };
  }
};

const marks = {
  ok: styleText('green', 'ok     '),
  warning: styleText('yellow', 'warning'),
  error: styleText('red', 'error  '),
} as const;

const toText = ({ name, status, detail, mend }: Result): string =>
  `${marks[status]} ${name.padEnd(15)} ${detail}${mend === undefined ? '' : `\n        ${' '.repeat(15)} → ${mend}`}`;
