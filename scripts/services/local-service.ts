import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { lastLines } from './command.ts';
import { holdsWithin } from './poll.ts';
import {
  isAlive,
  killProcess,
  type ProcessRecord,
  type Program,
  pauseProcess,
  resumeProcess,
  startProcess,
  stopProcess,
} from './process.ts';
import type { Service, Waiting } from './service.ts';
import type { StateFile } from './state.ts';

const readyMsMax = 90_000;

export interface LocalServiceSpec {
  /** Of the service and of its folder. */
  readonly name: string;
  /** Makes what the programs need on disk, leaving alone what is there, and says what to run. */
  prepare(folder: string, signal: AbortSignal | undefined): readonly Program[] | Promise<readonly Program[]>;
  isReady(serving: ProcessRecord): boolean | Promise<boolean>;
}

/**
 * A service made of processes of ours. Its last program is the one that serves and that faults go to; those before it
 * are what the server leans on.
 */
export class LocalService implements Service {
  readonly folder: string;
  readonly #spec: LocalServiceSpec;
  readonly #state: StateFile;
  #programs: readonly Program[] = [];

  constructor(spec: LocalServiceSpec, state: StateFile) {
    this.folder = join(state.directory, spec.name);
    this.#spec = spec;
    this.#state = state;
  }

  processIds(): number[] {
    const living = this.#processes.filter(isAlive).toReversed();
    return living.map(({ pid }) => pid);
  }

  async start({ signal }: Waiting = {}): Promise<void> {
    mkdirSync(this.folder, { recursive: true });
    this.#record(this.#processes);
    this.#programs = await this.#spec.prepare(this.folder, signal);
    for (const program of this.#programs) {
      signal?.throwIfAborted();
      await this.#run(program);
    }
    await this.#ready(signal);
  }

  async stop({ signal }: Waiting = {}): Promise<void> {
    for (const program of this.#programs.toReversed()) {
      const process = this.#processOf(program);
      if (process !== undefined) await stopProcess(process, program.stopSignal, signal);
    }
  }

  async kill({ signal }: Waiting = {}): Promise<void> {
    await killProcess(this.#serving(), signal);
  }

  async pause({ signal }: Waiting = {}): Promise<void> {
    await pauseProcess(this.#serving(), signal);
  }

  async resume(): Promise<void> {
    resumeProcess(this.#serving());
  }

  get #processes(): readonly ProcessRecord[] {
    return this.#state.unit(this.#spec.name).processes;
  }

  #record(processes: readonly ProcessRecord[]): void {
    this.#state.setUnit(this.#spec.name, { processes });
  }

  #processOf({ role }: Program): ProcessRecord | undefined {
    return this.#processes.find((process) => process.role === role && isAlive(process));
  }

  async #run(program: Program): Promise<void> {
    if (this.#processOf(program) !== undefined) return;
    const started = await startProcess(program);
    this.#record(
      this.#programs.flatMap(({ role }) => [...this.#processes, started].findLast((p) => p.role === role) ?? []),
    );
  }

  #serving(): ProcessRecord {
    const serving = this.#processes.at(-1);
    if (serving === undefined) throw new Error(`${this.#spec.name} was never started`);
    return serving;
  }

  async #ready(signal: AbortSignal | undefined): Promise<void> {
    const isReady = () => {
      const ended = this.#programs.find((program) => this.#processOf(program) === undefined);
      if (ended !== undefined) throw this.#failure(`${ended.role} ended while it started`, ended);
      return this.#spec.isReady(this.#serving());
    };
    if (await holdsWithin(readyMsMax, isReady, signal)) return;
    throw this.#failure(`not ready within ${readyMsMax / 1000} s`, this.#programs.at(-1));
  }

  #failure(what: string, program: Program | undefined): Error {
    const log =
      program === undefined ? '' : `; the end of ${program.log}:\n${lastLines(readFileSync(program.log, 'utf8'))}`;
    return new Error(`${this.#spec.name}: ${what}${log}`);
  }
}
