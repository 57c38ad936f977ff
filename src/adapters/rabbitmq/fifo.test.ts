import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Fifo } from './fifo.ts';

test('is an array whose head moves', () => {
  const steps = fc.array(fc.oneof(fc.nat(100), fc.constant('shift' as const)), { maxLength: 5000, size: 'max' });
  fc.assert(
    fc.property(steps, (list) => {
      const fifo = new Fifo<number>();
      const model: number[] = [];
      for (const step of list) {
        if (step === 'shift') expect(fifo.shift()).toBe(model.shift());
        else {
          fifo.push(step);
          model.push(step);
        }
        expect(fifo.peek()).toBe(model[0]);
        expect(fifo.length).toBe(model.length);
      }
    }),
    { numRuns: 20 },
  );
});

test('holds many and gives them back in order', () => {
  const fifo = new Fifo<number>();
  for (let value = 0; value < 100_000; value += 1) fifo.push(value);
  for (let value = 0; value < 100_000; value += 1) expect(fifo.shift() === value).toBe(true);
  expect(fifo.shift()).toBeUndefined();
  fifo.replace([1, 2]);
  expect(fifo.length).toBe(2);
});
