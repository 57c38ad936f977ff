import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { childEnvironment, debianPackages, findPrograms, howToInstall } from '../../scripts/services/programs.ts';
import { makeDirectory, removeDirectory } from './directory.ts';

let folder: string;

beforeEach(() => {
  folder = makeDirectory();
  onTestFinished(() => removeDirectory(folder));
});

it('finds a program in the first folder of PATH that has it', () => {
  const [first, second] = [join(folder, 'first'), join(folder, 'second')];
  for (const place of [first, second]) mkdirSync(place);
  writeFileSync(join(first, 'redis-server'), 'not executable', { mode: 0o644 });
  writeFileSync(join(second, 'redis-server'), '', { mode: 0o755 });
  const programs = findPrograms(['redis'], [first, second].join(delimiter));
  expect(programs.pathOf('redis-server')).toBe(join(second, 'redis-server'));
});

it('leaves links as they are: a Redis tells by its name what it shall be', () => {
  writeFileSync(join(folder, 'redis-check-rdb'), '', { mode: 0o755 });
  symlinkSync('redis-check-rdb', join(folder, 'redis-server'));
  expect(findPrograms(['redis'], folder).pathOf('redis-server')).toBe(join(folder, 'redis-server'));
});

it('asks for no more than the wanted services need', () => {
  expect(() => findPrograms(['redis']).pathOf('initdb')).toThrow('initdb is not installed');
  expect(debianPackages(['redis-server', 'redis-cli', 'initdb'])).toEqual(['redis-server', 'postgresql']);
});

it('says what is missing and each way to get it', () => {
  expect(howToInstall(['epmd'])).toMatch(/epmd[^]*apt-get[^]*dnf[^]*brew[^]*docker compose/);
});

it('keeps orders to the servers out of their environment', () => {
  process.env['RABBITMQ_NODENAME'] = 'other';
  onTestFinished(() => void delete process.env['RABBITMQ_NODENAME']);
  expect(childEnvironment({ HOME: '/h' })).toMatchObject({ HOME: '/h' });
  expect(childEnvironment()).not.toHaveProperty('RABBITMQ_NODENAME');
});
