/**
 * `state.json` of a directory: which processes were started there and by whom, so that whoever comes later (`down`, or
 * the next opening after a crash or a reboot) ends exactly these. A process is in it before anything is waited for.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { endSignals, ownIdentity } from './process.ts';

const fileName = 'state.json';
const nextName = 'state.json.next';

export const stateFileNames = [fileName, nextName] as const;

const identity = { pid: z.int().positive(), started: z.string().min(1) };

const unitSchema = z.object({
  processes: z.array(z.object({ role: z.string(), ...identity, endSignal: z.enum(endSignals) })).readonly(),
  /** Where its data is if not in the directory. */
  outside: z.string().optional(),
});

const stateSchema = z.object({
  /** The process that ends the services when it is done; none once they are to outlive it. */
  owner: z.object(identity).optional(),
  /** The Compose project, where Docker runs them. */
  project: z.string().optional(),
  environment: z.record(z.string(), z.string()),
  /** Time from start to ready of each service. */
  readyMs: z.record(z.string(), z.number()),
  /** What has a folder and processes, by the folder's name: a service, or a node of the Redis cluster. */
  units: z.record(z.string().regex(/^[a-z0-9-]+$/), unitSchema),
});

export type State = z.infer<typeof stateSchema>;
export type Unit = z.infer<typeof unitSchema>;

/** What the directory's state file says; `undefined` where there is none. */
export function readState(directory: string): State | undefined {
  const file = join(directory, fileName);
  const text = readIfThere(file);
  if (text === undefined) return undefined;
  try {
    return stateSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new Error(`${file} is not a state file of ours`, { cause });
  }
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The state file of the services that this process has. */
export class StateFile {
  readonly directory: string;
  #state: State = { owner: ownIdentity(), environment: {}, readyMs: {}, units: {} };

  /** Fails where there is a state file: of two that want an empty directory at the same time, one gets it. */
  constructor(directory: string) {
    this.directory = directory;
    writeFileSync(join(directory, fileName), this.#text(), { flag: 'wx' });
  }

  get state(): State {
    return this.#state;
  }

  unit(name: string): Unit {
    return this.#state.units[name] ?? { processes: [] };
  }

  setUnit(name: string, change: Partial<Unit>): void {
    this.set({ units: { ...this.#state.units, [name]: { ...this.unit(name), ...change } } });
  }

  /** A reader finds the state before or after, never half of it. */
  set(change: Partial<State>): void {
    this.#state = { ...this.#state, ...change };
    writeFileSync(join(this.directory, nextName), this.#text());
    renameSync(join(this.directory, nextName), join(this.directory, fileName));
  }

  #text(): string {
    return `${JSON.stringify(this.#state, undefined, 2)}\n`;
  }
}
