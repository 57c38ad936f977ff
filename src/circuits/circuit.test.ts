import { expect, test } from 'vitest';
import { MemoryLog } from '../adapters/memory/memory-log.ts';
import { MemoryMetrics } from '../adapters/memory/memory-metrics.ts';
import { VirtualClock } from '../adapters/memory/virtual-clock.ts';
import { FabricError } from '../model/error.ts';
import { Circuit } from './circuit.ts';

const down = new FabricError('STORE_UNAVAILABLE', 'down');
const opened = () => {
  const clock = new VirtualClock();
  const log = new MemoryLog();
  const circuit = new Circuit('the store', { clock, log, metrics: new MemoryMetrics() });
  let asked = 0;
  const ask = (answer: () => Promise<string>) =>
    circuit.run(() => {
      asked += 1;
      return answer();
    });
  return { clock, log, circuit, ask, asked: () => asked };
};
const fails = () => Promise.reject(down);
const answers = () => Promise.resolve('fine');

test('while the store answers, everything is asked, and other failures are its answers', async () => {
  const { ask, circuit } = opened();
  expect(await ask(answers)).toBe('fine');
  const refused = () => Promise.reject(new FabricError('ERR_INVALID_ARGUMENT', 'no'));
  await expect(ask(refused)).rejects.toMatchObject({ reason: 'ERR_INVALID_ARGUMENT' });
  expect(await ask(answers)).toBe('fine');
  expect(circuit.outage).toBeUndefined();
});

test('after a failure nothing is asked for a second, and what is refused says when to come again', async () => {
  const { ask, asked, clock, circuit } = opened();
  await expect(ask(fails)).rejects.toBe(down);
  expect(circuit.outage).toBe(down);
  await clock.pass(400);
  await expect(ask(answers)).rejects.toMatchObject({
    reason: 'ERR_CIRCUIT_OPEN',
    message: 'the store temporarily unavailable, please retry',
    retryAfterMs: 600,
    retryable: true,
  });
  await clock.pass(599);
  await expect(ask(answers)).rejects.toMatchObject({ reason: 'ERR_CIRCUIT_OPEN', retryAfterMs: 1 });
  expect(asked()).toBe(1);
  await clock.pass(1);
  expect(await ask(answers)).toBe('fine');
  expect(await ask(answers)).toBe('fine');
  expect(circuit.outage).toBeUndefined();
});

test('one is let through every second, whatever becomes of those before, and its answer is for all', async () => {
  const { ask, asked, clock } = opened();
  await expect(ask(fails)).rejects.toBe(down);
  const first = Promise.withResolvers<string>();
  await clock.pass(1000);
  const trying = ask(() => first.promise);
  for (let one = 0; one < 10; one += 1)
    await expect(ask(answers)).rejects.toMatchObject({ reason: 'ERR_CIRCUIT_OPEN', retryAfterMs: 1000 });
  expect(asked()).toBe(2);
  await clock.pass(1000);
  const second = Promise.withResolvers<string>();
  const tryingToo = ask(() => second.promise);
  expect(asked()).toBe(3);
  first.reject(down);
  await expect(trying).rejects.toBe(down);
  await expect(ask(answers)).rejects.toMatchObject({ reason: 'ERR_CIRCUIT_OPEN' });
  second.resolve('fine');
  expect(await tryingToo).toBe('fine');
  expect(await ask(answers)).toBe('fine');
});

test('a store that cannot do one thing and does another meanwhile is not down', async () => {
  const { ask, clock, log } = opened();
  const slow = Promise.withResolvers<string>();
  const lost = ask(() => slow.promise);
  await clock.pass(10_000);
  expect(await ask(answers)).toBe('fine');
  await clock.pass(5000);
  slow.reject(down);
  await expect(lost).rejects.toBe(down);
  expect(await ask(answers)).toBe('fine');
  // What is refused at once says nothing about a store that answers others all the time.
  await clock.pass(999);
  await expect(ask(fails)).rejects.toBe(down);
  expect(await ask(answers)).toBe('fine');
  expect(log.lines).toEqual([]);
});

test('an outage nobody has asked about for long holds up nobody', async () => {
  const { ask, clock, circuit } = opened();
  await expect(ask(fails)).rejects.toBe(down);
  await clock.pass(31_000);
  expect(await Promise.all(Array.from({ length: 3 }, () => ask(answers)))).toEqual(['fine', 'fine', 'fine']);
  expect(circuit.outage).toBeUndefined();
});

test('an outage is told of once, and its end', async () => {
  const { ask, clock, log } = opened();
  for (let one = 0; one < 3; one += 1) {
    await expect(ask(fails)).rejects.toBe(down);
    await clock.pass(1000);
  }
  await ask(answers);
  expect(log.lines.map(({ level }) => level)).toEqual(['warn', 'info']);
});
