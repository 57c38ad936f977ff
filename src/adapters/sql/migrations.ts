/** Every version of the schema. What has been released is not changed any more; what is to change comes as a new one. */
import { type Kysely, sql } from 'kysely';
import { FabricError } from '../../model/error.ts';
import type { SqlDialect } from './dialect.ts';
import { createLetters } from './letter-tables.ts';
import type { Schema } from './schema.ts';
import type { SqlDatabase } from './sql-database.ts';
import { createState } from './state-tables.ts';

interface Migration {
  readonly name: string;
  readonly up: (transaction: Kysely<Schema>, dialect: SqlDialect) => Promise<void>;
}

/** The first makes version 1. */
const migrations: readonly Migration[] = [
  {
    name: 'settings, cursors, work items',
    up: async ({ schema }, { types, counting }) => {
      await schema
        .createTable('aether_fabric_setting')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('value', 'text', (column) => column.notNull())
        .execute();
      await schema
        .createTable('aether_cursor')
        .addColumn('owner', 'text', (column) => column.primaryKey())
        .addColumn('epoch', types.integer, (column) => column.notNull())
        .addColumn('positions', types.document, (column) => column.notNull())
        .execute();
      await schema
        .createTable('aether_work_item')
        .addColumn('id', types.integer, counting)
        .addColumn('topic', 'text', (column) => column.notNull())
        .addColumn('attempt', types.integer, (column) => column.notNull().defaultTo(0))
        .addColumn('claimed_until', types.integer, (column) => column.notNull().defaultTo(0))
        // Last, so that SQLite finds the others without going through it.
        .addColumn('body', types.blob, (column) => column.notNull())
        .execute();
      await schema.createIndex('aether_work_item_by_topic').on('aether_work_item').columns(['topic', 'id']).execute();
    },
  },
  {
    name: 'receipts',
    up: async ({ schema }, { types }) => {
      await schema
        .createTable('aether_receipt')
        .addColumn('owner', 'text', (column) => column.notNull())
        .addColumn('id', 'text', (column) => column.notNull())
        .addColumn('rank', types.integer, (column) => column.notNull())
        .addColumn('epoch', types.integer, (column) => column.notNull())
        .addColumn('claims', types.integer, (column) => column.notNull())
        .addColumn('at_ms', types.integer, (column) => column.notNull())
        .addColumn('state', 'text', (column) => column.notNull())
        .addColumn('reason', 'text', (column) => column.notNull())
        .addColumn('expires_at', types.integer, (column) => column.notNull())
        .addPrimaryKeyConstraint('aether_receipt_key', ['owner', 'id'])
        .execute();
      await schema.createIndex('aether_receipt_by_expiry').on('aether_receipt').column('expires_at').execute();
    },
  },
  { name: 'key-value state, checkpoints', up: createState },
  {
    name: 'index of topics',
    up: async ({ schema }, { types }) => {
      await schema
        .createTable('aether_topic_segment')
        .addColumn('log', 'text', (column) => column.notNull())
        .addColumn('partition', types.integer, (column) => column.notNull())
        .addColumn('segment', types.integer, (column) => column.notNull())
        .addColumn('expires_at', types.integer, (column) => column.notNull())
        .addColumn('topics', types.blob, (column) => column.notNull())
        .addPrimaryKeyConstraint('aether_topic_segment_place', ['log', 'partition', 'segment'])
        .execute();
    },
  },
  { name: 'dead letters, delayed messages', up: createLetters },
  {
    name: "when the time of receipts' messages is over",
    up: async ({ schema }, { types }) => {
      await schema.alterTable('aether_receipt').addColumn('due_at', types.integer).execute();
      await schema
        .createIndex('aether_receipt_by_time')
        .on('aether_receipt')
        .column('due_at')
        .where(sql.ref('due_at'), 'is not', null)
        .execute();
    },
  },
  {
    name: 'overrides of quotas',
    up: async ({ schema }, { types }) => {
      await schema
        .createTable('aether_quota_override')
        .addColumn('subject', 'text', (column) => column.primaryKey())
        .addColumn('limits', types.document, (column) => column.notNull())
        .execute();
    },
  },
];

/** Passes on a database that has just been opened once it is at the newest version; closes it if it cannot be. */
export const migrated = async (database: SqlDatabase): Promise<SqlDatabase> => {
  try {
    await migrate(database);
    return database;
  } catch (thrown) {
    await database[Symbol.asyncDispose]();
    throw thrown;
  }
};

/** All in one transaction. Any number of processes may do so at once. */
const migrate = ({ queries, dialect }: SqlDatabase): Promise<void> =>
  queries.transaction().execute(async (transaction) => {
    await dialect.lockMigrations(transaction);
    const from = await versionOf(transaction);
    if (from > migrations.length)
      throw new FabricError(
        'STORE_MISMATCH',
        `the database has schema version ${from}, this program knows ${migrations.length}: it was used by a newer release; start that one, or restore a backup from before`,
      );
    for (const [index, { name, up }] of migrations.entries()) {
      if (index < from) continue;
      await up(transaction, dialect);
      await transaction
        .insertInto('aether_migration')
        .values({ version: index + 1, name })
        .execute();
    }
  });

const versionOf = async (transaction: Kysely<Schema>): Promise<number> => {
  await transaction.schema
    .createTable('aether_migration')
    .ifNotExists()
    .addColumn('version', 'integer', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull())
    .execute();
  const { version } = await transaction
    .selectFrom('aether_migration')
    .select(({ fn }) => fn.max<number | null>('version').as('version'))
    .executeTakeFirstOrThrow();
  return version ?? 0;
};
