import type { Kysely } from 'kysely';
import type { SqlDialect } from './dialect.ts';
import type { Schema } from './schema.ts';

/** Messages that wait: for an operator, or for their time. */
export const createLetters = async ({ schema }: Kysely<Schema>, { types, counting }: SqlDialect): Promise<void> => {
  await schema
    .createTable('aether_dead_letter')
    .addColumn('place', types.integer, counting)
    .addColumn('id', 'text', (column) => column.notNull().unique())
    .addColumn('topic', 'text', (column) => column.notNull())
    .addColumn('recipient', 'text', (column) => column.notNull())
    .addColumn('source', 'text', (column) => column.notNull())
    .addColumn('owner', 'text', (column) => column.notNull())
    .addColumn('message_id', 'text', (column) => column.notNull())
    .addColumn('attempts', types.integer, (column) => column.notNull())
    .addColumn('reason', 'text', (column) => column.notNull())
    .addColumn('buried_at', types.integer, (column) => column.notNull())
    .addColumn('frame', types.blob, (column) => column.notNull())
    .execute();
  await schema
    .createIndex('aether_dead_letter_by_topic')
    .on('aether_dead_letter')
    .columns(['topic', 'place'])
    .execute();
  await schema
    .createTable('aether_delayed')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('due_at', types.integer, (column) => column.notNull())
    .addColumn('attempt', types.integer, (column) => column.notNull().defaultTo(0))
    .addColumn('claimed_until', types.integer, (column) => column.notNull().defaultTo(0))
    .addColumn('body', types.blob, (column) => column.notNull())
    .execute();
  await schema.createIndex('aether_delayed_by_time').on('aether_delayed').column('due_at').execute();
};
