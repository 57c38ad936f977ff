/** `aether` as people run it: a process of its own, what it says, and its exit code. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));
const program = ['--conditions=source', '--disable-warning=ExperimentalWarning', 'src/cli/main.ts'];

export interface CommandOptions {
  /** All it gets beside the path; nothing of the test's own environment reaches it. */
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
}

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class AetherCommand implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #out: Transcript;
  readonly #err: Transcript;
  /** Resolves when it has ended, however that came. */
  readonly ended: Promise<Outcome>;

  constructor(args: readonly string[], { env = {}, stdin = '' }: CommandOptions = {}) {
    this.#child = spawn(process.execPath, [...program, ...args], {
      cwd: root,
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    // One that ends without reading it is none of our business.
    this.#child.stdin.on('error', () => undefined).end(stdin);
    this.#out = new Transcript(this.#child.stdout);
    this.#err = new Transcript(this.#child.stderr);
    this.ended = once(this.#child, 'close').then(() => ({
      code: this.#child.exitCode,
      stdout: this.#out.text,
      stderr: this.#err.text,
    }));
  }

  /** A line of its standard output as soon as it is there, by default the first. */
  line(number = 0): Promise<string> {
    return this.#said(this.#out, (_, index) => index === number);
  }

  /** The first line of its standard error that has this in it. */
  logged(part: string): Promise<string> {
    return this.#said(this.#err, (line) => line.includes(part));
  }

  signal(name: 'SIGTERM' | 'SIGINT'): void {
    this.#child.kill(name);
  }

  async #said(transcript: Transcript, isIt: (line: string, index: number) => boolean): Promise<string> {
    const line = await transcript.find(isIt);
    if (line !== undefined) return line;
    throw new Error(`it ended without saying so: ${JSON.stringify(await this.ended)}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }
}

/** Runs a command to its end. */
export const aether = (args: readonly string[], options?: CommandOptions): Promise<Outcome> =>
  new AetherCommand(args, options).ended;

/** What a stream said so far, line by line. */
class Transcript {
  readonly #lines: string[] = [];
  #isOver = false;
  #more = Promise.withResolvers<void>();

  constructor(stream: Readable) {
    const reader = createInterface(stream);
    reader.on('line', (line) => {
      this.#lines.push(line);
      this.#wake();
    });
    reader.on('close', () => {
      this.#isOver = true;
      this.#wake();
    });
  }

  get text(): string {
    return this.#lines.join('\n');
  }

  /** Waits for such a line; `undefined` if the stream ends without one. */
  async find(isIt: (line: string, index: number) => boolean): Promise<string | undefined> {
    for (;;) {
      const found = this.#lines.find(isIt);
      if (found !== undefined || this.#isOver) return found;
      await this.#more.promise;
    }
  }

  #wake(): void {
    this.#more.resolve();
    this.#more = Promise.withResolvers();
  }
}
