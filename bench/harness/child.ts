/**
 * A child process that runs one of our programs and answers calls to its methods, one message each way. What is measured
 * and what drives it never share a process.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { AdapterLog } from '../programs/adapter-log.ts';
import type { BareLog } from '../programs/bare-log.ts';
import type { BareServer } from '../programs/bare-server.ts';
import type { Comparison } from '../programs/comparison.ts';
import type { Connector } from '../programs/connector.ts';
import type { KvLoad } from '../programs/kv-load.ts';
import type { Latency } from '../programs/latency.ts';
import type { Load } from '../programs/load.ts';
import type { Returner } from '../programs/returner.ts';
import type { Survivors } from '../programs/survivors.ts';
import type { Topics } from '../programs/topics.ts';
import { endWithUs, kill } from './ending.ts';

export interface Programs {
  readonly 'adapter-log': AdapterLog;
  readonly 'bare-log': BareLog;
  readonly 'bare-server': BareServer;
  readonly comparison: Comparison;
  readonly connector: Connector;
  readonly 'kv-load': KvLoad;
  readonly latency: Latency;
  readonly load: Load;
  readonly returner: Returner;
  readonly survivors: Survivors;
  readonly topics: Topics;
}

export type ProgramName = keyof Programs;

type Method<Program, Name extends keyof Program> = Program[Name] extends (params: infer Params) => infer Result
  ? { readonly params: Params; readonly result: Awaited<Result> }
  : never;

interface Answer<Result> {
  readonly result: Result;
  readonly error?: string;
}

interface Asked {
  readonly take: (text: string) => void;
  readonly fail: (error: Error) => void;
}

const entry = fileURLToPath(new URL('../child.ts', import.meta.url));
const flags = ['--conditions=source', '--disable-warning=ExperimentalWarning'];

export class Child<Program> implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #pending = new Map<string, Asked>();
  readonly #errors: string[] = [];
  #calls = 0;

  static spawn<Name extends ProgramName>(name: Name, execArgv: readonly string[] = []): Child<Programs[Name]> {
    const stdio = ['ignore', 'inherit', 'pipe', 'ipc'] as const;
    return new Child(name, fork(entry, [name], { execArgv: [...flags, ...execArgv], stdio: [...stdio] }));
  }

  private constructor(name: string, child: ChildProcess) {
    this.#process = child;
    endWithUs(child);
    child.stderr?.setEncoding('utf8').on('data', (text: string) => void this.#errors.push(text));
    child.on('message', (message) => {
      if (typeof message !== 'string') return;
      const space = message.indexOf(' ');
      const id = message.slice(0, space);
      this.#pending.get(id)?.take(message.slice(space + 1));
      this.#pending.delete(id);
    });
    child.once('exit', (code, signal) => {
      for (const { fail } of this.#pending.values())
        fail(new Error(`${name} ended (${signal ?? code}): ${this.errors}`));
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** What it wrote to standard error. */
  get errors(): string {
    return this.#errors.join('');
  }

  call<Name extends keyof Program & string>(
    name: Name,
    params: Method<Program, Name>['params'],
  ): Promise<Method<Program, Name>['result']> {
    return this.#ask(name, params);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return kill(this.#process);
  }

  #ask<Result>(name: string, params: unknown): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    const id = String((this.#calls += 1));
    const take = (text: string): void => {
      const { error, result }: Answer<Result> = JSON.parse(text);
      if (error === undefined) resolve(result);
      else reject(new Error(`${name}: ${error}`));
    };
    this.#pending.set(id, { take, fail: reject });
    this.#process.send(`${id} ${JSON.stringify([name, params])}`, (error) => {
      if (error !== null) reject(error);
    });
    return promise;
  }
}
