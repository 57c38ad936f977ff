import { describe, expect, test, vi } from 'vitest';
import { checkRedis } from '../../../src/adapters/redis/redis-health.ts';
import { onEachRedis } from './addresses.ts';
import { canStartRedis, openPrivateRedis } from './private-redis.ts';
import { openStores } from './stores.ts';

onEachRedis((kind, server) => {
  test(`health of redis ${kind}`, async () => {
    await using stores = await openStores(server);
    const health = await checkRedis(stores.redis);
    expect(health).toEqual({ version: expect.stringMatching(/^\d+\.\d+/), latencyMs: expect.any(Number) });
    expect(health.latencyMs).toBeLessThan(1000);
  });
});

describe.skipIf(!canStartRedis)('health of an unfit redis', () => {
  test('one that evicts is warned of', async () => {
    await using services = await openPrivateRedis();
    await using stores = await openStores({ addresses: [services.redis.address], cluster: false });
    await stores.redis.command((client) => client.config('SET', 'maxmemory-policy', 'allkeys-lru'));
    expect((await checkRedis(stores.redis)).warning).toContain('allkeys-lru');
  });

  test('a replica and an old version are refused', async () => {
    await using services = await openPrivateRedis();
    await using stores = await openStores({ addresses: [services.redis.address], cluster: false });
    await stores.redis.command((client) => client.replicaof('127.0.0.1', 1));
    await expect(checkRedis(stores.redis)).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    await expect(stores.redis.command((client) => client.set('a', 'b'))).rejects.toMatchObject({
      reason: 'STORE_UNAVAILABLE',
    });
    await stores.redis.command((client) => client.replicaof('NO', 'ONE'));
    await stores.redis.command((client) => {
      vi.spyOn(client, 'info').mockResolvedValue(
        'redis_version:6.2.14\r\nrole:master\r\nmaxmemory_policy:noeviction\r\n',
      );
      return client.ping();
    });
    await expect(checkRedis(stores.redis)).rejects.toMatchObject({
      reason: 'STORE_MISMATCH',
      message: expect.stringContaining('6.2.14'),
    });
  });
});
