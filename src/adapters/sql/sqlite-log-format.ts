/** What a log's file holds besides entries: whose file it is, how it is laid out, and where its partitions go on. */
import type { DatabaseSync } from 'node:sqlite';
import { FabricError } from '../../model/error.ts';
import type { LogLayout } from '../../ports/message-log.ts';

/** `aelg` in the file's header, so that no other program's database is taken for a log. */
const applicationId = 0x6165_6c67;
const formatVersion = 2;

/** Writes the layout into an empty file; in one that has been used, checks that it is the same. Answers with its id. */
export const claimLogFile = (database: DatabaseSync, layout: LogLayout, name: string): string => {
  const { application_id: application, user_version: version, tables } = headerOf(database);
  if (tables === 0) create(database, layout);
  else check(database, { application, version, layout, name });
  return String(database.prepare('select id from aether_log_layout').get()?.['id']);
};

interface Claimed {
  readonly application: number;
  readonly version: number;
  readonly layout: LogLayout;
  readonly name: string;
}

const check = (database: DatabaseSync, { application, version, layout, name }: Claimed): void => {
  if (application !== applicationId)
    throw mismatch(`${name} is another program's database: name another data directory`);
  if (version !== formatVersion)
    throw mismatch(
      `${name} has format ${version}, this release reads ${formatVersion}: start the release that wrote it`,
    );
  const stored = storedLayout(database);
  if (stored.partitions !== layout.partitions || stored.spread !== layout.spread)
    throw mismatch(
      `${name} was created with ${textOf(stored)}, but the configuration says ${textOf(layout)}: ` +
        'set it back, or begin an empty log in another data directory',
    );
};

const mismatch = (message: string): FabricError => new FabricError('STORE_MISMATCH', message);

const textOf = ({ partitions, spread }: LogLayout): string => `${partitions} partitions and spread ${spread}`;

const headerOf = (database: DatabaseSync): Readonly<Record<'application_id' | 'user_version' | 'tables', number>> => {
  const row = database
    .prepare(
      `select application_id, user_version, (select count(*) from sqlite_schema) as tables
       from pragma_application_id, pragma_user_version`,
    )
    .get();
  return {
    application_id: Number(row?.['application_id']),
    user_version: Number(row?.['user_version']),
    tables: Number(row?.['tables']),
  };
};

const storedLayout = (database: DatabaseSync): LogLayout => {
  const row = database.prepare('select partitions, spread from aether_log_layout').get();
  return { partitions: Number(row?.['partitions']), spread: Number(row?.['spread']) };
};

const create = (database: DatabaseSync, { partitions, spread }: LogLayout): void => {
  const tables = Array.from(
    { length: partitions },
    (_, id) => `
      create table aether_log_${id} (offset integer primary key, added_at integer not null, body blob not null);
      insert into aether_log_partition (id, next) values (${id}, 0);`,
  );
  database.exec(`
    begin immediate;
    create table aether_log_layout (id text not null, partitions integer not null, spread integer not null);
    insert into aether_log_layout (id, partitions, spread) values (lower(hex(randomblob(16))), ${partitions}, ${spread});
    create table aether_log_partition (id integer primary key, next integer not null);
    ${tables.join('')}
    pragma application_id = ${applicationId};
    pragma user_version = ${formatVersion};
    commit`);
};
