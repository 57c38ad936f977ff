import { afterEach, describe, expect, test } from 'vitest';
import { VirtualClock } from '../adapters/memory/virtual-clock.ts';
import { openPrometheus } from '../adapters/prometheus/prometheus-metrics.ts';
import { type Check, HealthChecks } from './health.ts';
import { type OpsServer, type OpsServerDeps, openOpsServer } from './ops-server.ts';

const opened: OpsServer[] = [];
afterEach(async () => {
  for (const server of opened.splice(0)) await server[Symbol.asyncDispose]();
});

const fine = (name: string): Check => ({ name, check: () => Promise.resolve() });
const broken = (name: string, error: string): Check => ({ name, check: () => Promise.reject(new Error(error)) });

interface Given {
  readonly checks?: readonly Check[];
  readonly deps?: Partial<OpsServerDeps>;
}

/** Serves, and asks over HTTP. */
const open = async ({ checks = [], deps = {} }: Given = {}) => {
  const server = await openOpsServer(
    { host: '127.0.0.1', port: 0 },
    {
      health: new HealthChecks(() => checks, new VirtualClock()),
      hasStarted: () => true,
      metrics: openPrometheus(),
      ...deps,
    },
  );
  opened.push(server);
  return (path: string, method = 'GET') => fetch(`http://127.0.0.1:${server.port}${path}`, { method });
};

describe('/health/live', () => {
  test('says that the process lives, whatever else is wrong', async () => {
    const ask = await open({ checks: [broken('redis', 'gone')], deps: { hasStarted: () => false } });
    const response = await ask('/health/live');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await response.json()).toEqual({ status: 'live' });
  });
});

describe('/health/startup', () => {
  test('is 503 until everything is up', async () => {
    let isUp = false;
    const ask = await open({ deps: { hasStarted: () => isUp } });
    const starting = await ask('/health/startup');
    expect([starting.status, await starting.json()]).toEqual([503, { status: 'starting' }]);
    isUp = true;
    const started = await ask('/health/startup');
    expect([started.status, await started.json()]).toEqual([200, { status: 'started' }]);
  });
});

describe('/health/ready', () => {
  test('is 200 with every dependency named', async () => {
    const ask = await open({ checks: [fine('gateway'), fine('redis')] });
    const response = await ask('/health/ready');
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      status: 'ready',
      checks: { gateway: { status: 'ok', latency_ms: 0 }, redis: { status: 'ok', latency_ms: 0 } },
    });
  });

  test('is 503 with the one that fails named and what it says', async () => {
    const ask = await open({ checks: [fine('gateway'), broken('redis', 'Redis cannot be reached')] });
    const response = await ask('/health/ready?verbose');
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({
      status: 'not_ready',
      checks: { gateway: { status: 'ok' }, redis: { status: 'error', error: 'Redis cannot be reached' } },
    });
  });
});

describe('/metrics', () => {
  test('is the page Prometheus reads', async () => {
    const prometheus = openPrometheus();
    prometheus.metrics
      .counter({ name: 'test_things_total', help: 'Things.', labels: ['kind'] })
      .at({ kind: 'a' })
      .add(2);
    const ask = await open({ deps: { metrics: prometheus } });
    const response = await ask('/metrics');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    const page = await response.text();
    expect(page).toContain('# HELP test_things_total Things.\n# TYPE test_things_total counter\n');
    expect(page).toContain('test_things_total{kind="a"} 2\n');
    expect(page).toContain('process_resident_memory_bytes ');
  });

  test('that cannot be made is a 500 without the reason', async () => {
    const metrics = { contentType: 'text/plain', text: () => Promise.reject(new Error('secret inside')) };
    const ask = await open({ deps: { metrics } });
    const response = await ask('/metrics');
    expect([response.status, await response.json()]).toEqual([500, { error: 'internal error' }]);
  });
});

describe('anything else', () => {
  test.each(['/', '/health', '/health/ready/', '/metrics/x', '//health/live', '/%2e%2e/etc/passwd'])(
    '%s is a 404 that says what there is',
    async (path) => {
      const response = await (await open())(path);
      expect(response.status).toBe(404);
      expect(await response.json()).toEqual({
        error: 'there are /health/live, /health/ready, /health/startup and /metrics',
      });
    },
  );

  test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])('%s is a 405 that says what is allowed', async (method) => {
    const response = await (await open())('/health/live', method);
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('GET, HEAD');
  });

  test('HEAD is answered like GET, without the body', async () => {
    const response = await (await open({ checks: [broken('redis', 'gone')] }))('/health/ready', 'HEAD');
    expect([response.status, await response.text()]).toEqual([503, '']);
  });
});

const nothing = (): OpsServerDeps => ({
  health: new HealthChecks(() => [], new VirtualClock()),
  hasStarted: () => true,
  metrics: openPrometheus(),
});

test('an address that is taken is refused with what the system says', async () => {
  const first = await openOpsServer({ host: '127.0.0.1', port: 0 }, nothing());
  opened.push(first);
  await expect(openOpsServer({ host: '127.0.0.1', port: first.port }, nothing())).rejects.toMatchObject({
    reason: 'CONFIG_INVALID',
    message: expect.stringContaining(`127.0.0.1:${first.port} for health and metrics: listen EADDRINUSE`) as string,
  });
});
