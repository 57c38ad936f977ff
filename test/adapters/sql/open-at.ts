import { openPostgresDatabase } from '../../../src/adapters/sql/postgres-database.ts';
import type { SqlDatabase } from '../../../src/adapters/sql/sql-database.ts';
import { openSqliteDatabase } from '../../../src/adapters/sql/sqlite-database.ts';
import { silentLog } from './silent-log.ts';

/** At the URL of a Postgres, or at the path of a file. */
export const openAt = (address: string): Promise<SqlDatabase> =>
  address.startsWith('postgres:')
    ? openPostgresDatabase({ url: address, connectionsMax: 4 }, { log: silentLog })
    : openSqliteDatabase({ path: address, synchronous: 'full' });
