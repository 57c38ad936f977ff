import { Cluster, type Redis } from 'ioredis';
import type { Log } from '../../ports/log.ts';
import type { RedisClient } from './redis-clients.ts';

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Says once that a connection is lost and why, and once that it is back, until the signal aborts. */
export const tellOutages = (client: RedisClient, log: Log, signal: AbortSignal): void => {
  let lostAtMs: number | undefined;
  let reason = 'closed by Redis';
  client.on('error', (error: unknown) => {
    reason = reasonOf(error);
  });
  client.on('close', () => {
    if (signal.aborted || lostAtMs !== undefined) return;
    lostAtMs = performance.now();
    log.warn('redis lost', { reason });
  });
  client.on('ready', () => {
    if (lostAtMs === undefined) return;
    log.info('redis back', { afterMs: Math.round(performance.now() - lostAtMs) });
    lostAtMs = undefined;
    reason = 'closed by Redis';
  });
  if (client instanceof Cluster) tellNodes(client, log, signal);
};

const addressOf = ({ options: { host, port } }: Redis): string => `${host}:${port}`;

/** A cluster is up while one of its nodes is, so its nodes are told of one by one. */
const tellNodes = (cluster: Cluster, log: Log, signal: AbortSignal): void => {
  const lost = new Set<string>();
  cluster.on('-node', (node: Redis) => {
    const address = addressOf(node);
    if (signal.aborted || lost.has(address)) return;
    lost.add(address);
    log.warn('redis node lost', { address });
  });
  cluster.on('+node', (node: Redis) => {
    const address = addressOf(node);
    if (lost.delete(address)) log.info('redis node back', { address });
  });
  cluster.on('node error', (error: unknown, address: string) => {
    if (!signal.aborted) log.debug('redis node error', { address, reason: reasonOf(error) });
  });
};
