/** A gateway in a process of its own, started as users start it, that a test can stop, pause and kill. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { endWithUs } from './end-with-us.ts';

/** What is sent here is sent as fast as it can be. */
export const withoutRates = { AETHER_SESSION_RATE: '0', AETHER_IDENTITY_RATE: '0' } as const;

const root = fileURLToPath(new URL('../../', import.meta.url));

/** It neither served nor ended. */
export class GatewayHungError extends Error {}

/** More than a gateway may try to reach what it stands on. */
const startPatienceMs = 60_000;

export interface StartOptions {
  /** What is started in place of the command line, relative to the repository. */
  readonly program?: string;
  readonly command: 'up' | 'gateway';
  readonly flags?: Readonly<Record<string, string | number>>;
  readonly env?: Readonly<Record<string, string>>;
  /** A file to keep what it writes to standard error in as well. */
  readonly logFile?: string | undefined;
}

export class GatewayProcess implements AsyncDisposable {
  readonly address: string;
  readonly port: number;
  readonly opsUrl: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #log: string[];

  static async start({
    program = 'src/cli/main.ts',
    command,
    flags = {},
    env = {},
    logFile,
  }: StartOptions): Promise<GatewayProcess> {
    const given = Object.entries({ port: 0, 'ops-port': 0, 'log-level': 'warn', ...flags }).flatMap(([flag, value]) => [
      `--${flag}`,
      String(value),
    ]);
    const child = spawn(
      process.execPath,
      ['--conditions=source', '--disable-warning=ExperimentalWarning', program, command, '--json', ...given],
      { cwd: root, env: { ...process.env, ...withoutRates, ...env }, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    endWithUs(child);
    const log: string[] = [];
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      log.push(text);
      if (logFile !== undefined) appendFileSync(logFile, text);
    });
    const lines = createInterface(child.stdout);
    const giveUp = setTimeout(() => child.kill('SIGKILL'), startPatienceMs);
    const [first]: unknown[] = await Promise.race([once(lines, 'line'), once(child, 'exit')]);
    clearTimeout(giveUp);
    if (child.signalCode === 'SIGKILL') throw new GatewayHungError(`gateway hung at its start: ${log.join('')}`);
    if (typeof first !== 'string') throw new Error(`gateway ended at its start: ${log.join('')}`);
    const { grpc, ops } = JSON.parse(first) as { grpc: string; ops: string };
    return new GatewayProcess(child, { grpc, ops, log });
  }

  private constructor(child: ChildProcess, { grpc, ops, log }: { grpc: string; ops: string; log: string[] }) {
    this.#child = child;
    this.#ended = new Promise((resolve) => child.once('exit', () => resolve()));
    this.#log = log;
    this.address = grpc;
    this.port = Number(grpc.split(':')[1]);
    this.opsUrl = ops;
  }

  /** Resolves when it has ended, by whatever. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** What it wrote to standard error. */
  get log(): string {
    return this.#log.join('');
  }

  /** Sends a signal and, where that ends it, waits for the end; answers with the exit code. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return this.#child.exitCode;
    const ended = once(this.#child, 'exit');
    this.#child.kill(signal);
    await ended;
    return this.#child.exitCode;
  }

  pause(): void {
    this.#child.kill('SIGSTOP');
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }

  async metric(name: string): Promise<number> {
    const page = await (await fetch(`${this.opsUrl}/metrics`)).text();
    return page
      .split('\n')
      .filter((line) => line.startsWith(name) && /^[^#]/.test(line))
      .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGKILL');
  }
}
