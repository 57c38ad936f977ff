import { statSync } from 'node:fs';
import { sql } from 'kysely';
import { expect, test, vi } from 'vitest';
import { openPostgresDatabase } from '../../../src/adapters/sql/postgres-database.ts';
import { settleSetting } from '../../../src/adapters/sql/sql-settings.ts';
import { FabricError } from '../../../src/model/error.ts';
import { onEachDialect, onPostgres, onSqlite } from './dialects.ts';
import { createTestDirectory } from './directory.ts';
import { openAt } from './open-at.ts';
import { Program } from './program.ts';
import { silentLog } from './silent-log.ts';

onEachDialect((create) => {
  test('is migrated once and finds its data again', async () => {
    await using store = await create();
    {
      await using first = await store.open();
      expect(await settleSetting(first, 'layout', '16/16')).toBe('16/16');
    }
    await using second = await store.open();
    expect(await settleSetting(second, 'layout', '8/8')).toBe('16/16');
    expect(await settleSetting(second, 'other', '8/8')).toBe('8/8');
  });

  test('of settings settled at once the first wins', async () => {
    await using store = await create();
    await using database = await store.open();
    const values = Array.from({ length: 20 }, (_, index) => String(index));
    const stood = await Promise.all(values.map((value) => settleSetting(database, 'raced', value)));
    expect(new Set(stood).size).toBe(1);
    expect(values).toContain(stood[0]);
  });

  test('refuses a schema newer than it knows', async () => {
    await using store = await create();
    {
      await using newer = await store.open();
      await newer.queries
        .insertInto('aether_migration')
        .values({ version: 1000, name: 'of a later release' })
        .execute();
    }
    await expect(store.open()).rejects.toMatchObject({
      reason: 'STORE_MISMATCH',
      message: expect.stringContaining('schema version 1000'),
    });
  });

  test('never rounds an integer', async () => {
    await using store = await create();
    await using database = await store.open();
    const { rows } = await sql<{ n: number }>`select cast(9007199254740991 as bigint) as n`.execute(database.queries);
    expect(rows).toMatchObject([{ n: Number.MAX_SAFE_INTEGER }]);
    await expect(sql`select cast(9007199254740993 as bigint) as n`.execute(database.queries)).rejects.toBeInstanceOf(
      FabricError,
    );
  });

  test('a statement it does not accept is our defect, with its cause', async () => {
    await using store = await create();
    await using database = await store.open();
    const error = await sql`select missing from nowhere`.execute(database.queries).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ reason: 'ERR_INTERNAL' });
    expect(String((error as FabricError).cause)).toContain('nowhere');
  });

  test('transactions do not mix, and one that fails leaves nothing', async () => {
    await using store = await create();
    await using database = await store.open();
    const { queries } = database;
    const write = (name: string, isDoomed: boolean) =>
      queries.transaction().execute(async (transaction) => {
        for (const half of ['first', 'second']) {
          await transaction
            .insertInto('aether_fabric_setting')
            .values({ name: `${name} ${half}`, value: '' })
            .execute();
          await new Promise((resolve) => setImmediate(resolve));
        }
        if (isDoomed) throw new Error('doomed');
      });
    await Promise.allSettled(Array.from({ length: 20 }, (_, index) => write(String(index), index % 2 === 1)));
    const names = await queries.selectFrom('aether_fabric_setting').select('name').execute();
    expect(names).toHaveLength(20);
    expect(names.every(({ name }) => Number(name.split(' ')[0]) % 2 === 0)).toBe(true);
  });
});

onPostgres((create) => {
  test('five gateways that start at once on an empty database all come up', async () => {
    for (let round = 0; round < 3; round += 1) {
      await using store = await create();
      const databases = await Promise.all(Array.from({ length: 5 }, () => store.open()));
      const settled = await Promise.all(
        databases.map((database, index) => settleSetting(database, 's', String(index))),
      );
      expect(new Set(settled).size).toBe(1);
      for (const database of databases) await database[Symbol.asyncDispose]();
    }
  });

  test('an address that does not work is refused without showing its password', async () => {
    await using store = await create();
    const changed = (change: (url: URL) => void): string => {
      const url = new URL(store.address);
      url.password = 'very-secret';
      change(url);
      return url.href;
    };
    const attempts = [
      [changed((url) => (url.port = '1')), 'STORE_UNAVAILABLE'],
      [changed((url) => (url.pathname = '/missing')), 'CONFIG_INVALID'],
      [changed((url) => (url.username = 'nobody')), 'CONFIG_INVALID'],
      ['postgres://user:very-secret@host:port:', 'CONFIG_INVALID'],
    ] as const;
    for (const [url, reason] of attempts) {
      const open = async () => openPostgresDatabase({ url, connectionsMax: 1 }, { log: silentLog });
      const error = await open().catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ name: 'FabricError', reason });
      expect(everythingIn(error)).not.toContain('very-secret');
    }
  });

  test('goes on after its connections were cut', async () => {
    await using store = await create();
    await using database = await store.open();
    await using other = await store.open();
    await settleSetting(database, 'before', '1');
    await sql`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`.execute(other.queries);
    const asked = () => settleSetting(database, 'after', '1');
    await vi.waitFor(async () => expect(await asked()).toBe('1'), 5000);
  });
});

onSqlite((create) => {
  test('is for one process, until that is gone', async () => {
    await using store = await create();
    await using holder = new Program('hold-database', [store.address]);
    await holder.printed(/^open$/);
    await expect(store.open()).rejects.toMatchObject({
      reason: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('in use by another process'),
    });
    await holder.kill();
    await using database = await store.open();
    expect(await settleSetting(database, 'held', 'by us')).toBe('by the other');
  });

  test('its files are for their owner only', async () => {
    using directory = createTestDirectory();
    const path = directory.file('data/fabric.db');
    await using database = await openAt(path);
    await settleSetting(database, 'name', 'value');
    expect([path, `${path}-wal`, directory.file('data')].map((file) => statSync(file).mode & 0o777)).toEqual([
      0o600, 0o600, 0o700,
    ]);
  });
});

const everythingIn = (error: unknown): string =>
  error instanceof Error
    ? JSON.stringify([error.message, error.stack, Object.entries(error)]) + everythingIn(error.cause)
    : JSON.stringify({ error });
