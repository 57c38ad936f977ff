/** Where the servers are installed, and how they get there. */
import { accessSync, constants, globSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { ServiceName } from './service.ts';

interface ProgramPlace {
  readonly names: readonly string[];
  /** Looked through before PATH. */
  readonly before?: readonly string[];
  /** Looked through after PATH, the newest version first. */
  readonly after?: readonly string[];
  readonly debian: string;
}

const homebrewRabbitmq = [
  '/opt/homebrew/sbin',
  '/usr/local/sbin',
  '/opt/homebrew/opt/rabbitmq/sbin',
  '/usr/local/opt/rabbitmq/sbin',
];

const places = {
  'redis-server': { names: ['redis-server', 'valkey-server'], debian: 'redis-server' },
  'redis-cli': { names: ['redis-cli', 'valkey-cli'], debian: 'redis-server' },
  'rabbitmq-server': {
    names: ['rabbitmq-server'],
    // On Linux the one in PATH is a wrapper that changes to the user and the folders of the system's own instance.
    before: ['/usr/lib/rabbitmq/bin'],
    after: homebrewRabbitmq,
    debian: 'rabbitmq-server',
  },
  rabbitmqctl: {
    names: ['rabbitmqctl'],
    before: ['/usr/lib/rabbitmq/bin'],
    after: homebrewRabbitmq,
    debian: 'rabbitmq-server',
  },
  epmd: { names: ['epmd'], after: ['/usr/lib/erlang/bin', '/usr/lib64/erlang/bin'], debian: 'rabbitmq-server' },
  initdb: {
    names: ['initdb'],
    after: [
      '/usr/lib/postgresql/*/bin',
      '/usr/pgsql-*/bin',
      '/opt/homebrew/opt/postgresql@*/bin',
      '/usr/local/opt/postgresql@*/bin',
    ],
    debian: 'postgresql',
  },
} as const satisfies Record<string, ProgramPlace>;

export type ProgramName = keyof typeof places;

const needs: Readonly<Record<ServiceName, readonly ProgramName[]>> = {
  redis: ['redis-server'],
  cluster: ['redis-server', 'redis-cli'],
  rabbitmq: ['rabbitmq-server', 'rabbitmqctl', 'epmd'],
  postgres: ['initdb'],
};

/** Where a program is often found though PATH does not say so. */
const usualFolders = ['/opt/homebrew/bin', '/usr/local/bin', '/usr/bin', '/bin'];

export interface Programs {
  readonly missing: readonly ProgramName[];
  pathOf(name: ProgramName): string;
}

export function findPrograms(services: readonly ServiceName[], path = process.env['PATH'] ?? ''): Programs {
  const names = [...new Set(services.flatMap((service) => needs[service]))];
  const found = new Map(names.map((name) => [name, findProgram(places[name], path)]));
  return {
    missing: names.filter((name) => found.get(name) === undefined),
    pathOf: (name) => {
      const file = found.get(name);
      if (file === undefined) throw new Error(`${name} is not installed`);
      return file;
    },
  };
}

function findProgram({ names, before = [], after = [] }: ProgramPlace, path: string): string | undefined {
  const folders = [...before, ...path.split(delimiter), ...usualFolders, ...after.flatMap(newestFirst)];
  return folders.flatMap((folder) => names.map((name) => join(folder, name))).find(isExecutable);
}

const newestFirst = (pattern: string): string[] =>
  globSync(pattern).toSorted((a, b) => b.localeCompare(a, 'en', { numeric: true }));

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export const debianPackages = (names: readonly ProgramName[]): string[] => [
  ...new Set(names.map((name) => places[name].debian)),
];

/** What servers are started with: nothing of ours that they would read as an order (PGPORT, RABBITMQ_…, ERL_…). */
export function childEnvironment(extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const { PATH = '', HOME, LANG, TMPDIR } = process.env;
  return { PATH: [PATH, ...usualFolders].join(delimiter), HOME, LANG, TMPDIR, ...extra };
}

export const howToInstall = (missing: readonly ProgramName[]): string => `\
not installed: ${missing.join(', ')}. Install them, or have Docker with Compose running:
  Debian, Ubuntu  sudo apt-get install --no-install-recommends redis-server rabbitmq-server postgresql
                  (as root this command does so itself)
  Fedora          sudo dnf install valkey rabbitmq-server postgresql-server
  macOS           brew install redis rabbitmq postgresql@17
  Docker          docker compose; compose.services.yaml is used without more`;
