/** Redis servers of a test's own, which it may kill, pause and wipe. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findPrograms } from '../../../scripts/services/programs.ts';
import { openServices, type Services } from '../../../scripts/services/services.ts';

export type PrivateRedis = Services<'redis'>;
export type PrivateCluster = Services<'cluster'>;

/** Tests that need it are skipped where Redis is not installed, but never under CI. */
export const canStartRedis = process.env['CI'] !== undefined || findPrograms(['redis', 'cluster']).missing.length === 0;

const open = async <Name extends 'redis' | 'cluster'>(name: Name): Promise<Services<Name>> => {
  const directory = await mkdtemp(join(tmpdir(), 'aether-redis-'));
  const services = await openServices({ directory, only: [name] });
  const dispose = async (): Promise<void> => {
    await services[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  };
  return { ...services, [Symbol.asyncDispose]: dispose };
};

export const openPrivateRedis = (): Promise<PrivateRedis> => open('redis');
export const openPrivateCluster = (): Promise<PrivateCluster> => open('cluster');
