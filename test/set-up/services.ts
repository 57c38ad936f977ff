/**
 * Brings up private Redis, RabbitMQ and Postgres for a test run and ends them afterwards. A run of unit tests alone needs
 * none and waits for none.
 */
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { DirectoryInUseError } from '../../scripts/services/instance.ts';
import { openServices, type Services } from '../../scripts/services/services.ts';

/** Test runs beside each other in one checkout have a directory each. */
const runsMax = 8;
const directoryOf = (run: number): string => fileURLToPath(new URL(`../../.services/test-${run}`, import.meta.url));

const openOwn = async (run = 1): Promise<Services> => {
  try {
    const log = (line: string): void => void process.stderr.write(`${line}\n`);
    return await openServices({ directory: directoryOf(run), log });
  } catch (error) {
    if (!(error instanceof DirectoryInUseError) || run === runsMax) throw error;
    return await openOwn(run + 1);
  }
};

export const setup = async (project: TestProject): Promise<(() => Promise<void>) | undefined> => {
  const wanted = project.vitest.projects.some(({ name }) => name !== 'unit');
  if (!wanted) return undefined;
  const services = await openOwn();
  project.provide('services', services.environment);
  return async () => {
    await services[Symbol.asyncDispose]();
  };
};
