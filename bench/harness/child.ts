/**
 * A child process that runs one of our programs and answers calls to its methods, one message each way. What is measured
 * and what drives it never share a process.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { BareServer } from '../programs/bare-server.ts';
import type { Load } from '../programs/load.ts';

export interface Programs {
  readonly 'bare-server': BareServer;
  readonly load: Load;
}

export type ProgramName = keyof Programs;

/** Answered by every program: what its process has used so far. */
export interface OwnUsage {
  readonly cpuMs: number;
  readonly residentBytes: number;
}

type Method<Program, Name extends keyof Program> = Program[Name] extends (params: infer Params) => infer Result
  ? { readonly params: Params; readonly result: Awaited<Result> }
  : never;

export interface Answer<Result> {
  readonly result?: Result;
  readonly error?: string;
}

const entry = fileURLToPath(new URL('../child.ts', import.meta.url));
const flags = ['--conditions=source', '--disable-warning=ExperimentalWarning'];

export class Child<Program> implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #pending = new Map<string, { take: (text: string) => void; fail: (error: Error) => void }>();
  #calls = 0;

  static spawn<Name extends ProgramName>(
    name: Name,
    { execArgv = [] }: { readonly execArgv?: readonly string[] } = {},
  ): Child<Programs[Name]> {
    const stdio = ['ignore', 'inherit', 'pipe', 'ipc'] as const;
    return new Child(name, fork(entry, [name], { execArgv: [...flags, ...execArgv], stdio: [...stdio] }));
  }

  private constructor(name: string, child: ChildProcess) {
    this.#process = child;
    child.on('message', (message) => {
      if (typeof message !== 'string') return;
      const space = message.indexOf(' ');
      const id = message.slice(0, space);
      this.#pending.get(id)?.take(message.slice(space + 1));
      this.#pending.delete(id);
    });
    child.once('exit', (code, signal) => {
      for (const { fail } of this.#pending.values()) fail(new Error(`${name} ended (${signal ?? code})`));
    });
    process.once('exit', () => child.kill('SIGKILL'));
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Its error output, which is shown only where somebody reads it. */
  get errors(): NodeJS.ReadableStream | null {
    return this.#process.stderr;
  }

  call<Name extends keyof Program & string>(
    name: Name,
    params: Method<Program, Name>['params'],
  ): Promise<Method<Program, Name>['result']> {
    return this.#ask(name, params);
  }

  usage(): Promise<OwnUsage> {
    return this.#ask('usage', {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await ended;
  }

  #ask<Result>(name: string, params: unknown): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    const id = String((this.#calls += 1));
    const take = (text: string): void => {
      const answer: Answer<Result> = JSON.parse(text);
      if (answer.error !== undefined) reject(new Error(`${name}: ${answer.error}`));
      else {
        const result: Result = JSON.parse(text).result;
        resolve(result);
      }
    };
    this.#pending.set(id, { take, fail: reject });
    this.#process.send(`${id} ${JSON.stringify([name, params])}`, (error) => {
      if (error !== null) reject(error);
    });
    return promise;
  }
}
