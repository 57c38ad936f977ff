import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';
import { describe, expect, test, vi } from 'vitest';
import { openRedis } from '../../../src/adapters/redis/open-redis.ts';
import { parseAddress } from '../../../src/adapters/redis/redis-clients.ts';
import { FabricError } from '../../../src/model/error.ts';
import type { Hint } from '../../../src/ports/hints.ts';
import { KeptLog } from './kept-log.ts';
import { canStartRedis, openPrivateRedis } from './private-redis.ts';
import { asking, granted, openStores } from './stores.ts';

const commandTimeoutMs = 500;
/** Beyond the timeout: a busy machine's own delay. */
const slackMs = 400;

const unavailable = { reason: 'STORE_UNAVAILABLE', retryable: true };
const hint: Hint = { kind: 'presence', probe: 'p', alive: true };

/** How long it took to fail, and how. */
const failureOf = async (attempt: Promise<unknown>): Promise<{ readonly error: FabricError; readonly ms: number }> => {
  const begunAtMs = performance.now();
  const error = await attempt.then(
    () => expect.fail('it succeeded'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof FabricError)) throw error;
  return { error, ms: performance.now() - begunAtMs };
};

describe.skipIf(!canStartRedis)('redis away', () => {
  test('commands fail in time while Redis is dead, and all works when it is back', async () => {
    await using services = await openPrivateRedis();
    await using stores = await openStores({ addresses: [services.redis.address], cluster: 'auto', commandTimeoutMs });
    const { leases, cursors, hints, log } = stores;
    const stop = new AbortController();
    const heard = vi.fn<(hint: Hint) => void>();
    await hints.subscribe(heard, { signal: stop.signal });
    const listen = async () => (await leases.losses('gateway-1#1', { signal: stop.signal }))[Symbol.asyncIterator]();
    const broken = failureOf((await listen()).next());
    const lease = granted(await leases.acquire(asking('ag::w::i::s')));
    await cursors.open('ag::w::i::s', lease.epoch);

    await services.redis.kill();
    // Losses may be missed from now on, and whoever listens has to know.
    expect((await broken).error).toMatchObject(unavailable);
    const attempts = [
      () => leases.losses('gateway-1#1', { signal: stop.signal }),
      () => leases.isHeard('gateway-1#1'),
      () => leases.age(),
      () => leases.acquire(asking('ag::w::i::other')),
      () => leases.renew([lease], 30_000),
      () => leases.release(lease, 0),
      () => leases.current(['ag::w::i::s']),
      () => leases.list('', '', 10),
      () => cursors.open('ag::w::i::s', lease.epoch),
      () => cursors.commit([{ owner: 'ag::w::i::s', epoch: lease.epoch, positions: new Map() }]),
      () => hints.subscribe(() => undefined, { signal: new AbortController().signal }),
    ];
    // The channel of hints has a listener already: it would only wait for its confirmation.
    for (const attempt of attempts) {
      const { error, ms } = await failureOf(attempt());
      expect(error).toMatchObject(unavailable);
      expect(ms).toBeLessThan(commandTimeoutMs + slackMs);
    }
    expect(() => hints.publish(hint)).not.toThrow();

    await services.redis.start();
    await vi.waitFor(async () => expect(await leases.renew([lease], 30_000)).toEqual([]), { timeout: 5000 });
    await vi.waitFor(
      () => {
        hints.publish(hint);
        expect(heard).toHaveBeenCalledWith(hint);
      },
      { timeout: 5000, interval: 50 },
    );
    const losses = await listen();
    let loss = losses.next();
    const next = granted(
      await leases.acquire(asking('ag::w::i::s', { overEpoch: lease.epoch, keeper: 'gateway-2#1' })),
    );
    expect((await loss).value).toEqual({ name: 'ag::w::i::s', epoch: lease.epoch });
    expect(next.epoch).toBeGreaterThan(lease.epoch);
    loss = losses.next();
    stop.abort();
    expect((await loss).done).toBe(true);
    expect(log.events('warn', 'error')).toEqual(['redis lost', 'redis lost']);
    await vi.waitFor(() => expect(log.events('info')).toEqual(['redis back', 'redis back']));
  });

  test('what was on its way when the connection broke fails at once and is not sent again', async () => {
    await using services = await openPrivateRedis();
    const stores = await openStores({ addresses: [services.redis.address], cluster: false, commandTimeoutMs: 5000 });
    await using _closing = stores;
    await services.redis.pause();
    const attempt = failureOf(stores.leases.acquire(asking('ag::w::i::s')));
    await delay(50);
    await services.redis.kill();
    const { error, ms } = await attempt;
    expect(error).toMatchObject(unavailable);
    expect(ms).toBeLessThan(2000);
    await services.redis.start();
    await vi.waitFor(() => stores.redis.command((client) => client.ping()), { timeout: 5000 });
    expect(await stores.leases.current(['ag::w::i::s'])).toEqual([undefined]);
  });

  test('an acquisition asked of a Redis that stands still fails in time and leaves no lease', async () => {
    await using services = await openPrivateRedis();
    await using stores = await openStores({ addresses: [services.redis.address], cluster: false, commandTimeoutMs });
    const { leases } = stores;
    const lease = granted(await leases.acquire(asking('ag::w::i::s', { ttlMs: 60_000 })));
    await leases.release(lease, 0);
    // The clock of this bucket is known now, so that what follows carries a deadline.
    await services.redis.pause();
    const acquiring = failureOf(leases.acquire(asking('ag::w::i::s', { ttlMs: 60_000 })));
    const { error, ms } = await acquiring;
    expect(error).toMatchObject(unavailable);
    expect(ms).toBeLessThan(commandTimeoutMs + slackMs);
    await delay(3000 - ms);
    await services.redis.resume();
    await vi.waitFor(() => stores.redis.command((client) => client.ping()), { timeout: 5000 });
    expect(await leases.current(['ag::w::i::s'])).toEqual([undefined]);
    expect((await leases.acquire(asking('ag::w::i::s', { holder: 'session-2' }))).outcome).toBe('granted');
  });

  test('a renewal that comes too late does not prolong the lease', async () => {
    await using services = await openPrivateRedis();
    await using stores = await openStores({ addresses: [services.redis.address], cluster: false, commandTimeoutMs });
    const lease = granted(await stores.leases.acquire(asking('ag::w::i::s', { ttlMs: 4000 })));
    // Redis knows the script now: an unknown one would not be executed on the first asking.
    expect(await stores.leases.renew([lease], 4000)).toEqual([]);
    await services.redis.pause();
    const { error } = await failureOf(stores.leases.renew([lease], 3_600_000));
    expect(error).toMatchObject(unavailable);
    await delay(1500);
    await services.redis.resume();
    await vi.waitFor(() => stores.redis.command((client) => client.ping()), { timeout: 5000 });
    const ttlMs = await stores.redis.command((client) => client.pttl(stores.keys.lease('ag::w::i::s')));
    expect(ttlMs).toBeLessThanOrEqual(4000);
  });

  test('a connection that is silent without being closed is given up and made anew', async () => {
    await using services = await openPrivateRedis();
    await using stores = await openStores({ addresses: [services.redis.address], cluster: false, commandTimeoutMs });
    await services.redis.pause();
    await failureOf(stores.leases.current(['ag::w::i::s']));
    await vi.waitFor(() => expect(stores.log.events('warn')).toEqual(['redis lost']), { timeout: 2000 });
    await services.redis.resume();
    await vi.waitFor(() => expect(stores.log.events('info')).toEqual(['redis back']), { timeout: 5000 });
  });

  test('while it is away, commands that would wait are refused beyond a bound', async () => {
    await using services = await openPrivateRedis();
    await using stores = await openStores({ addresses: [services.redis.address], cluster: false, commandTimeoutMs });
    await services.redis.kill();
    await vi.waitFor(() => expect(stores.log.events('warn')).toContain('redis lost'));
    const failures = await Promise.all(
      Array.from({ length: 10_050 }, () => failureOf(stores.redis.command((client) => client.ping()))),
    );
    const refused = failures.filter(({ error }) => error.message === 'too many commands wait for Redis');
    expect(refused).toHaveLength(50);
    expect(failures.every(({ error }) => error.retryable)).toBe(true);
  });

  test('scripts are sent anew when Redis has forgotten them', async () => {
    await using services = await openPrivateRedis();
    await using stores = await openStores({ addresses: [services.redis.address], cluster: false });
    await stores.leases.acquire(asking('ag::w::i::a'));
    await stores.redis.command((client) => client.script('FLUSH'));
    expect((await stores.leases.acquire(asking('ag::w::i::b'))).outcome).toBe('granted');
  });
});

describe('opening', () => {
  test('says when Redis cannot be reached, and when it is told to stop trying', async () => {
    const nowhere = { addresses: ['127.0.0.1:1'], cluster: false, log: new KeptLog() } as const;
    await expect(openRedis({ ...nowhere, openTimeoutMs: 200 })).rejects.toMatchObject(unavailable);
    await expect(openRedis({ ...nowhere, signal: AbortSignal.timeout(100) })).rejects.toMatchObject(unavailable);
    await expect(openRedis({ ...nowhere, cluster: true, openTimeoutMs: 300 })).rejects.toMatchObject(unavailable);
  });

  test('refuses what is no address', async () => {
    for (const address of ['', 'localhost', 'localhost:', 'a b:1', 'redis://localhost:1', 'localhost:1/x'])
      await expect(openRedis({ addresses: [address], cluster: false, log: new KeptLog() })).rejects.toMatchObject({
        reason: 'CONFIG_INVALID',
      });
    await expect(openRedis({ addresses: [], cluster: 'auto', log: new KeptLog() })).rejects.toMatchObject({
      reason: 'CONFIG_INVALID',
    });
  });

  test('knows addresses by name, IPv4 and IPv6', () => {
    expect(['Redis-1.cache.local:6379', '10.0.0.1:7000', '[::1]:6380'].map(parseAddress)).toEqual([
      { host: 'Redis-1.cache.local', port: 6379 },
      { host: '10.0.0.1', port: 7000 },
      { host: '::1', port: 6380 },
    ]);
  });

  test.skipIf(!canStartRedis)('refuses credentials at once and keeps the password out of errors and logs', async () => {
    await using services = await openPrivateRedis();
    const admin = connect(services.redis.port, '127.0.0.1');
    admin.write('CONFIG SET requirepass right-password\r\n');
    await once(admin, 'data');
    admin.destroy();
    const log = new KeptLog();
    const options = { addresses: [services.redis.address], cluster: 'auto', log } as const;
    const { error, ms } = await failureOf(openRedis({ ...options, password: 'wrong-password' }));
    expect(error).toMatchObject({ reason: 'CONFIG_INVALID' });
    expect(ms).toBeLessThan(2000);
    expect(inspect([log.lines, error], { depth: 20, showHidden: true })).not.toContain('wrong-password');
    await expect(openRedis(options)).rejects.toMatchObject({ reason: 'CONFIG_INVALID' });
    await using opened = await openRedis({ ...options, password: 'right-password' });
    expect(await opened.command((client) => client.ping())).toBe('PONG');
  });
});
