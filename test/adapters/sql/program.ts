/** Programs of the tests that run in a process of their own, to be killed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export class Program implements AsyncDisposable {
  /** What it has printed so far. */
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #waiting: { readonly line: RegExp; readonly resolve: () => void }[] = [];

  constructor(name: string, args: readonly string[]) {
    const file = fileURLToPath(new URL(`./programs/${name}.ts`, import.meta.url));
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', file, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child = child;
    this.#exited = once(child, 'close');
    createInterface(child.stdout).on('line', (line) => this.#hear(line));
  }

  /** Resolves once it has printed such a line. */
  async printed(line: RegExp): Promise<void> {
    if (this.lines.some((printed) => line.test(printed))) return;
    const heard = Promise.withResolvers<void>();
    this.#waiting.push({ line, resolve: heard.resolve });
    const ended = this.#exited.then(() => {
      throw new Error(`ended before it printed ${line.source}: ${this.lines.join(' | ')}`);
    });
    await Promise.race([heard.promise, ended]);
  }

  /** With SIGKILL. Everything it had printed is in `lines` then. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  #hear(line: string): void {
    this.lines.push(line);
    for (const waiting of this.#waiting) if (waiting.line.test(line)) waiting.resolve();
  }
}
