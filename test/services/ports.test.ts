import { createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type HeldPorts, holdPorts, isFree } from '../../scripts/services/ports.ts';

const all = ({ cluster, redis, amqp, stream, erlang, epmd, postgres }: HeldPorts): number[] => [
  redis,
  amqp,
  stream,
  erlang,
  epmd,
  postgres,
  ...cluster,
  ...cluster.map((port) => port + 10_000),
];

async function hold(): Promise<HeldPorts> {
  const ports = await holdPorts();
  onTestFinished(() => ports.release());
  return ports;
}

describe('holdPorts', () => {
  it('gives distinct free ports below the ephemeral range', async () => {
    const ports = all(await hold());
    expect(new Set(ports).size).toBe(ports.length);
    expect(Math.min(...ports)).toBeGreaterThanOrEqual(17_000);
    expect(Math.max(...ports)).toBeLessThan(32_000);
    expect(await Promise.all(ports.map(isFree))).not.toContain(false);
  });

  it('gives no port twice while the first holder has it', async () => {
    const held = await Promise.all(Array.from({ length: 20 }, hold));
    const ports = held.flatMap(all);
    expect(new Set(ports).size).toBe(ports.length);
  });

  it('stops looking when aborted', async () => {
    await expect(holdPorts(AbortSignal.abort())).rejects.toThrow('abort');
  });
});

describe('isFree', () => {
  it('sees a port that somebody listens on', async () => {
    const { redis } = await hold();
    const server = createServer();
    onTestFinished(() => void server.close());
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(redis, '127.0.0.1', resolve);
    await promise;
    expect(await isFree(redis)).toBe(false);
  });
});
