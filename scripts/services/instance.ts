/**
 * The services of one directory as a whole: how the directory becomes ours and how all in it ends.
 *
 * A directory is ours if it was empty or holds a state file. Nothing is deleted in any other, and in ours only the
 * folders the state file names.
 */
import { mkdirSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { endDockerServices } from './docker.ts';
import { type HeldPorts, holdPorts, type Ports } from './ports.ts';
import { endProcess, endWithoutWaiting, isAlive, type ProcessRecord } from './process.ts';
import { readState, type State, StateFile, stateFileNames, type Unit } from './state.ts';

/** Folders outside the directory carry this name, so that a spoilt state file cannot have others deleted. */
export const outsidePrefix = 'aether-services-';

export interface Instance {
  readonly state: StateFile;
  readonly ports: Ports;
  /** Ends all, and leaves data and logs for a look if told so. A second call waits for the first. */
  close(how: { keep: boolean }): Promise<void>;
  /** Lets all outlive this process. */
  detach(): void;
}

/** Somebody else's services are up there. */
export class DirectoryInUseError extends Error {}

/** Refuses a directory whose services are up; clears away what a dead process has left in it. */
export async function openInstance(directory: string, signal?: AbortSignal): Promise<Instance> {
  const ports = await holdPorts(signal);
  try {
    return instanceOf(await claim(directory), ports);
  } catch (error) {
    ports.release();
    throw error;
  }
}

async function claim(directory: string): Promise<StateFile> {
  mkdirSync(directory, { recursive: true });
  const left = readState(directory);
  if (left !== undefined) await clearLeftOver(directory, left);
  else if (readdirSync(directory).length > 0) throw new Error(`${directory} is not empty and was not made by us`);
  return new StateFile(directory);
}

function instanceOf(state: StateFile, ports: HeldPorts): Instance {
  const atExit = () => {
    for (const process of processesOf(state.state)) endWithoutWaiting(process);
  };
  process.once('exit', atExit);
  const close = async ({ keep }: { keep: boolean }) => {
    await endAll(state.state);
    process.off('exit', atExit);
    ports.release();
    const hasLogs = Object.keys(state.state.units).length > 0;
    if (keep && hasLogs) state.set({ owner: undefined, project: undefined });
    else removeData(state.directory, state.state);
  };
  let closed: Promise<void> | undefined;
  return {
    state,
    ports,
    close: (how) => (closed ??= close(how)),
    detach: () => {
      closed = Promise.resolve();
      process.off('exit', atExit);
      ports.release();
      state.set({ owner: undefined });
    },
  };
}

/** Ends what outlived the process that started it. Answers `false` if there is nothing in the directory. */
export async function endServices(directory: string): Promise<boolean> {
  const state = readState(directory);
  if (state === undefined) return false;
  refuseIfOwned(directory, state);
  await endAll(state);
  removeData(directory, state);
  return true;
}

export const processesOf = ({ units }: State): ProcessRecord[] =>
  Object.values(units).flatMap(({ processes }) => processes);

async function clearLeftOver(directory: string, left: State): Promise<void> {
  refuseIfOwned(directory, left);
  if (left.owner === undefined && isUp(left)) throw new DirectoryInUseError(`services are up in ${directory} already`);
  await endAll(left);
  removeData(directory, left);
  mkdirSync(directory, { recursive: true });
}

function refuseIfOwned(directory: string, { owner }: State): void {
  if (owner !== undefined && isAlive(owner))
    throw new DirectoryInUseError(`${directory} is in use by process ${owner.pid}`);
}

const isUp = (state: State): boolean => state.project !== undefined || processesOf(state).some(isAlive);

async function endAll({ units, project }: State): Promise<void> {
  const ends = await Promise.allSettled(Object.values(units).map(endUnit));
  if (project !== undefined) await endDockerServices(project);
  const errors = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []));
  if (errors.length > 0) throw new AggregateError(errors, 'not all services ended');
}

/** The server first, then what it leans on. */
async function endUnit({ processes }: Unit): Promise<void> {
  for (const process of processes.toReversed()) await endProcess(process);
}

function removeData(directory: string, { units }: State): void {
  for (const [name, { outside }] of Object.entries(units)) {
    rmSync(join(directory, name), { recursive: true, force: true });
    if (outside !== undefined && basename(outside).startsWith(outsidePrefix))
      rmSync(outside, { recursive: true, force: true });
  }
  for (const name of stateFileNames) rmSync(join(directory, name), { force: true });
  if (readdirSync(directory).length === 0) rmdirSync(directory);
}
