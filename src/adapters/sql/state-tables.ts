import { type Kysely, sql } from 'kysely';
import type { SqlDialect } from './dialect.ts';
import type { Schema } from './schema.ts';

const place = ['owner', 'space', 'key'] as const;

/** The tables of key-value state and checkpoints. */
export const createState = async ({ schema }: Kysely<Schema>, { types }: SqlDialect): Promise<void> => {
  await schema
    .createTable('aether_fence')
    .addColumn('owner', 'text', (column) => column.primaryKey())
    .addColumn('epoch', types.integer, (column) => column.notNull())
    .addColumn('opened_at', types.integer, (column) => column.notNull())
    .execute();
  await schema
    .createTable('aether_kv')
    .addColumn('owner', 'text', (column) => column.notNull())
    .addColumn('space', 'text', (column) => column.notNull())
    .addColumn('key', types.blob, (column) => column.notNull())
    .addColumn('members', types.integer)
    .addColumn('expires_at', types.integer)
    // Last, so that SQLite finds the others without going through it.
    .addColumn('value', types.blob)
    .addPrimaryKeyConstraint('aether_kv_place', [...place])
    .execute();
  await schema
    .createTable('aether_kv_member')
    .addColumn('owner', 'text', (column) => column.notNull())
    .addColumn('space', 'text', (column) => column.notNull())
    .addColumn('key', types.blob, (column) => column.notNull())
    .addColumn('member', types.blob, (column) => column.notNull())
    .addPrimaryKeyConstraint('aether_kv_member_place', [...place, 'member'])
    .addForeignKeyConstraint('aether_kv_member_set', [...place], 'aether_kv', [...place], (constraint) =>
      constraint.onDelete('cascade'),
    )
    .execute();
  await schema
    .createTable('aether_checkpoint')
    .addColumn('owner', 'text', (column) => column.notNull())
    .addColumn('name', types.blob, (column) => column.notNull())
    .addColumn('saved_at', types.integer, (column) => column.notNull())
    .addColumn('expires_at', types.integer)
    .addColumn('data', types.blob, (column) => column.notNull())
    .addPrimaryKeyConstraint('aether_checkpoint_place', ['owner', 'name'])
    .execute();
  for (const table of ['aether_kv', 'aether_checkpoint'] as const)
    await schema
      .createIndex(`${table}_by_expiry`)
      .on(table)
      .column('expires_at')
      .where(sql.ref('expires_at'), 'is not', null)
      .execute();
};
