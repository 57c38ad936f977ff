/** A gateway as users start it, through the command line, in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { endWithUs, kill } from './ending.ts';
import { nowMs } from './statistics.ts';

/** What a gateway can do, and not what a client should be allowed. */
const unlimited = {
  AETHER_SESSION_RATE: '0',
  AETHER_IDENTITY_RATE: '0',
  AETHER_WORKSPACE_CONNECTIONS: '0',
} as const;

export const repository = fileURLToPath(new URL('../../', import.meta.url));

/** From the sources, or from what `npm run build` makes of them, which is what users run. */
export type Origin = 'source' | 'dist';

export interface GatewayOptions {
  readonly command: 'up' | 'gateway';
  readonly flags: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  readonly origin?: Origin;
  /** For Node itself. */
  readonly execArgv?: readonly string[];
}

const programs: Readonly<Record<Origin, readonly string[]>> = {
  source: ['--conditions=source', '--disable-warning=ExperimentalWarning', 'src/cli/main.ts'],
  dist: ['--disable-warning=ExperimentalWarning', 'bin/aether.js'],
};

export class GatewayProcess implements AsyncDisposable {
  readonly address: string;
  /** From being spawned to saying that it serves. */
  readonly startMs: number;
  readonly #child: ChildProcess;
  readonly #errors: string[];

  static async start(options: GatewayOptions): Promise<GatewayProcess> {
    const { command, flags, env, origin = 'source', execArgv = [] } = options;
    const given = Object.entries({ port: '0', 'ops-port': '0', 'log-level': 'warn', ...flags });
    const words = given.flatMap(([flag, value]) => [`--${flag}`, value]);
    const startedMs = nowMs();
    const child = spawn(process.execPath, [...execArgv, ...programs[origin], command, '--json', ...words], {
      cwd: repository,
      env: { ...ownEnvironment(), ...unlimited, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    endWithUs(child);
    const errors: string[] = [];
    child.stderr.setEncoding('utf8').on('data', (text: string) => void errors.push(text));
    const lines = createInterface(child.stdout);
    const [first]: unknown[] = await Promise.race([once(lines, 'line'), once(child, 'exit')]);
    if (typeof first !== 'string') throw new Error(`gateway ended at its start: ${errors.join('')}`);
    const { grpc }: { grpc: string } = JSON.parse(first);
    return new GatewayProcess(child, { address: grpc, startMs: nowMs() - startedMs, errors });
  }

  private constructor(
    child: ChildProcess,
    { address, startMs, errors }: { address: string; startMs: number; errors: string[] },
  ) {
    this.#child = child;
    this.address = address;
    this.startMs = startMs;
    this.#errors = errors;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** What it wrote to standard error. */
  get errors(): string {
    return this.#errors.join('');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return kill(this.#child);
  }
}

/** Nothing that would be taken for a setting. */
const ownEnvironment = (): Readonly<Record<string, string>> => {
  const names = ['PATH', 'HOME', 'LANG', 'TMPDIR'];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
};
