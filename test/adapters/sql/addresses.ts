/** Where the tests find Postgres, and a database of their own in it. */
import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { inject } from 'vitest';

declare module 'vitest' {
  interface ProvidedContext {
    /** Addresses under the names of their environment variables. */
    services: Readonly<Record<string, string>> | undefined;
  }
}

const variable = 'AETHER_TEST_POSTGRES';

const serverUrl = (): string | undefined => inject('services')?.[variable] ?? process.env[variable];

/** Where Postgres is missing the tests that need it are skipped, but on CI they fail. */
export const hasPostgres = (): boolean => {
  if (serverUrl() !== undefined) return true;
  if (process.env['CI'] === undefined) return false;
  throw new Error(`no Postgres to test with: run through npm run services, or set ${variable}`);
};

export interface TestDatabase extends AsyncDisposable {
  readonly url: string;
}

/** An empty database, dropped when disposed. */
export const createTestDatabase = async (): Promise<TestDatabase> => {
  const server = serverUrl();
  if (server === undefined) throw new Error(`${variable} is not set`);
  const name = `aether_test_${randomUUID().replaceAll('-', '')}`;
  await runOn(server, `create database ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    [Symbol.asyncDispose]: () => runOn(server, `drop database ${name} with (force)`),
  };
};

const runOn = async (server: string, statement: string): Promise<void> => {
  const client = new Client({ connectionString: server });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
};
