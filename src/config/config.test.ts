import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { loadConfig, type Sources } from './load.ts';
import { exampleFile, referencePage } from './reference.ts';
import { settings } from './settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'aether-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

const repository = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const file = (text: string): string => {
  const path = join(folder, 'config.yaml');
  writeFileSync(path, text);
  return path;
};
const load = (sources: Partial<Sources> = {}) => loadConfig({ env: {}, flags: {}, ...sources });

describe('configuration', () => {
  test.each(['embedded', 'stack'] as const)(
    'configs/%s.yaml is complete, true to the schema, and the defaults',
    (mode) => {
      const path = repository(`configs/${mode}.yaml`);
      expect(readFileSync(path, 'utf8')).toBe(exampleFile(mode));
      expect(load({ file: path })).toEqual({ ...load(), mode });
    },
  );

  test('the reference page says what the schema says', () => {
    expect(readFileSync(repository('docs/configuration.md'), 'utf8')).toBe(referencePage());
    for (const { path } of settings) expect(referencePage()).toContain(`| \`${path.join('.')}\` |`);
  });

  test('a flag wins over the environment, the environment over the file, the file over the default', () => {
    const path = file('gateway:\n  port: 1\n  host: 127.0.0.2\nops:\n  port: 2\n');
    const config = load({ file: path, env: { AETHER_PORT: '3', AETHER_OPS_PORT: '4' }, flags: { port: '5' } });
    expect([config.gateway.port, config.ops.port, config.gateway.host, config.log.partitions]).toEqual([
      5,
      4,
      '127.0.0.2',
      16,
    ]);
  });

  test('no two settings share a flag or a variable', () => {
    for (const name of ['flag', 'env'] as const) {
      const used = settings.flatMap((setting) => setting[name] ?? []);
      expect(new Set(used).size).toBe(used.length);
    }
  });

  test('every flag of the published gateway that fits is there', () => {
    const flags = settings.flatMap(({ flag }) => flag ?? []);
    expect(flags).toEqual(
      expect.arrayContaining([
        'port',
        'tls',
        'cert-file',
        'key-file',
        'ca-file',
        'db-host',
        'db-port',
        'db-user',
        'db-name',
        'redis',
        'stream-url',
        'amqp-url',
        'admin-port',
        'ops-port',
        'data-dir',
        'gateway-id',
        'log-level',
      ]),
    );
  });

  test.each([
    ['gateway:\n  prot: 5\n', 'gateway: unknown setting prot'],
    ['gateway:\n  port: 70000\n', 'gateway.port'],
    ['drain_timeout: 10\n', 'drain_timeout: expected an amount with a unit'],
    ['mode: cluster\n', 'mode'],
    ['gateway: 5\n', 'gateway'],
    ['- a\n', 'is not a list of settings'],
    ['a: [\n', 'config.yaml'],
  ])('%j is refused, saying where and what', (text, message) => {
    expect(() => load({ file: file(text) })).toThrow(
      expect.objectContaining({ reason: 'CONFIG_INVALID', message: expect.stringContaining(message) }),
    );
  });

  test('a fault in a variable or flag names it', () => {
    expect(() => load({ env: { AETHER_PORT: 'x' } })).toThrow(/^AETHER_PORT: gateway\.port/);
    expect(() => load({ flags: { 'ops-port': 'x' } })).toThrow(/^--ops-port: ops\.port/);
    expect(() => load({ file: '/nowhere.yaml' })).toThrow(/nowhere\.yaml/);
  });

  test('quantities', () => {
    const path = file('drain_timeout: 1.5s\nlog:\n  retention_size: 3 MiB\n  retention_age: 2h\n');
    const config = load({ file: path, env: { AETHER_DRAIN_TIMEOUT: '250ms' } });
    expect([config.drain_timeout, config.log.retention_size, config.log.retention_age]).toEqual([
      250,
      3 * 1024 ** 2,
      7_200_000,
    ]);
  });
});
