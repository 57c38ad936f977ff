/**
 * Postgres, which refuses to run as root: for root it runs as the user its package makes. Its data goes beside the
 * others' where that user can get there, else (a directory under /root, or a `mkdtemp`) to the system's temporary folder.
 */
import { execFile } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { postgresAddress } from './addresses.ts';
import { runApart } from './command.ts';
import { outsidePrefix } from './instance.ts';
import { LocalService } from './local-service.ts';
import type { LocalSetting } from './local-setting.ts';
import type { ProcessRecord, Program, SystemUser } from './process.ts';
import { childEnvironment } from './programs.ts';
import type { PostgresService } from './service.ts';
import type { StateFile } from './state.ts';

const run = promisify(execFile);
const unit = 'postgres';
const account = 'postgres';
const locale = process.platform === 'darwin' ? 'en_US.UTF-8' : 'C.UTF-8';

export function postgres({ ports, programs, state }: LocalSetting): PostgresService {
  let data = '';
  const prepare = async (folder: string, signal: AbortSignal | undefined): Promise<Program[]> => {
    const initdb = programs.pathOf('initdb');
    // The server of the same version lies beside it, not beside a link to it.
    const command = join(dirname(realpathSync(initdb)), 'postgres');
    const user = await systemUser(signal);
    data = await dataFolder(folder, user, state);
    if (!existsSync(join(data, 'PG_VERSION'))) await initialise(initdb, data, user);
    return [{ ...postgresProgram(folder, data), command, args: serverArgs(data, ports.postgres), user }];
  };
  const isReady = (serving: ProcessRecord) => isServing(data, serving);
  return Object.assign(new LocalService({ name: unit, prepare, isReady }, state), postgresAddress(ports));
}

const postgresProgram = (folder: string, data: string): Omit<Program, 'command' | 'args'> => ({
  role: 'postgres',
  environment: childEnvironment({ LC_ALL: locale }),
  folder: data,
  log: join(folder, 'log'),
  // "Fast": rolls back what is open and writes all to disk.
  stopSignal: 'SIGINT',
  // "Immediate". SIGKILL would leave a piece of shared memory behind.
  endSignal: 'SIGQUIT',
});

const serverArgs = (data: string, port: number): string[] => [
  '-D',
  data,
  `--port=${port}`,
  '--listen_addresses=127.0.0.1',
  '--unix_socket_directories=',
  // Kept in the data folder, which is deleted even after a SIGKILL; the default is /dev/shm.
  '--dynamic_shared_memory_type=mmap',
  '--max_connections=300',
];

/** Who runs Postgres; `undefined` is ourselves. */
async function systemUser(signal: AbortSignal | undefined): Promise<SystemUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const [uid, gid] = await Promise.all(['-u', '-g'].map((what) => run('id', [what, account], { signal })));
  return { uid: Number(uid?.stdout), gid: Number(gid?.stdout) };
}

async function dataFolder(folder: string, user: SystemUser | undefined, state: StateFile): Promise<string> {
  const known = state.unit(unit);
  if (known.outside !== undefined) return join(known.outside, 'data');
  if (user === undefined || (await canEnter(folder, user))) return ownedFolder(join(folder, 'data'), user);
  const outside = mkdtempSync(join(tmpdir(), outsidePrefix));
  state.setUnit(unit, { outside });
  chownSync(outside, user.uid, user.gid);
  return ownedFolder(join(outside, 'data'), user);
}

async function canEnter(folder: string, user: SystemUser): Promise<boolean> {
  try {
    await run('test', ['-x', folder], user);
    return true;
  } catch {
    return false;
  }
}

function ownedFolder(path: string, user: SystemUser | undefined): string {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  if (user !== undefined) chownSync(path, user.uid, user.gid);
  return path;
}

/** Takes no signal: it is half a second, and broken off it leaves pieces of shared memory behind. */
async function initialise(initdb: string, data: string, user: SystemUser | undefined): Promise<void> {
  const access = ['--auth=trust', '--username=postgres'];
  const args = ['-D', data, ...access, '--encoding=UTF8', `--locale=${locale}`, '--no-sync'];
  await runApart(initdb, args, { environment: childEnvironment({ LC_ALL: locale }), folder: data, user });
}

/** Postgres writes its id in the first line of this file and, once it serves, "ready" in the eighth. */
function isServing(data: string, { pid }: ProcessRecord): boolean {
  const file = join(data, 'postmaster.pid');
  if (!existsSync(file)) return false;
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines[0] === String(pid) && lines[7]?.trim() === 'ready';
}
