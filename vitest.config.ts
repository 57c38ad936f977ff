import { defineConfig } from 'vitest/config';

const source = { resolve: { conditions: ['source'] }, ssr: { resolve: { conditions: ['source'] } } };

export default defineConfig({
  test: {
    globalSetup: ['test/set-up/services.ts'],
    restoreMocks: true,
    unstubEnvs: true,
    testTimeout: 30_000,
    hookTimeout: 120_000,
    projects: [
      {
        ...source,
        test: {
          name: 'unit',
          include: [
            'src/**/*.test.ts',
            'sdk/typescript/src/**/*.test.ts',
            'test/rules/**/*.test.ts',
            'test/simulation/*.test.ts',
            'test/history/**/*.test.ts',
          ],
        },
      },
      {
        ...source,
        test: {
          name: 'conformance',
          include: [
            'test/conformance/**/*.test.ts',
            'test/adapters/**/*.test.ts',
            'test/services/**/*.test.ts',
            'test/linearizability/**/*.test.ts',
          ],
          testTimeout: 60_000,
          fileParallelism: false,
        },
      },
      {
        ...source,
        test: {
          name: 'flows',
          include: [
            'test/flows/**/*.test.ts',
            'test/faults/**/*.test.ts',
            'test/chaos/**/*.test.ts',
            'test/packages/**/*.test.ts',
            'sdk/typescript/test/**/*.test.ts',
          ],
          testTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
