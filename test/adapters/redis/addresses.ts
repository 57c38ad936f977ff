/**
 * Where the Redis servers for tests are: from vitest's global set-up if it provides `services`, else from the
 * environment, as `npm run services` prints it.
 */
import { describe, inject } from 'vitest';

declare module 'vitest' {
  interface ProvidedContext {
    /** Addresses under the names of their environment variables. */
    services: Readonly<Record<string, string>> | undefined;
  }
}

const variables = { single: 'AETHER_TEST_REDIS', cluster: 'AETHER_TEST_REDIS_CLUSTER' } as const;

export interface TestRedis {
  readonly addresses: readonly string[];
  readonly cluster: boolean;
}

const find = (kind: keyof typeof variables): TestRedis | undefined => {
  const variable = variables[kind];
  const addresses = inject('services')?.[variable] ?? process.env[variable] ?? '';
  if (addresses !== '') return { addresses: addresses.split(','), cluster: kind === 'cluster' };
  if (process.env['CI']) throw new Error(`${variable} is not set: under CI these tests may not be skipped`);
  return undefined;
};

const nowhere: TestRedis = { addresses: [], cluster: false };

/** Runs `suite` on the single server and on the cluster; skipped where there is none, but never under CI. */
export const onEachRedis = (suite: (kind: string, redis: TestRedis) => void): void => {
  for (const kind of ['single', 'cluster'] as const) {
    const redis = find(kind);
    describe.skipIf(redis === undefined)(`with ${variables[kind]}`, () => {
      suite(kind, redis ?? nowhere);
    });
  }
};
