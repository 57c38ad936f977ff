/**
 * Brings up private Redis, RabbitMQ and Postgres for a test run and ends them afterwards. A run of unit tests alone needs
 * none and waits for none.
 */
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { openServices } from '../../scripts/services/services.ts';

const directory = fileURLToPath(new URL('../../.services/test', import.meta.url));

export const setup = async (project: TestProject): Promise<(() => Promise<void>) | undefined> => {
  const wanted = project.vitest.projects.some(({ name }) => name !== 'unit');
  if (!wanted) return undefined;
  const services = await openServices({ directory, log: (line) => void process.stderr.write(`${line}\n`) });
  project.provide('services', services.environment);
  return async () => {
    await services[Symbol.asyncDispose]();
  };
};
