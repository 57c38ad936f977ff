import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TokenBucket } from './token-bucket.ts';

const taken = (bucket: TokenBucket, nowMs: number, tries: number): number => {
  const count = Math.min(tries, bucket.available(nowMs));
  bucket.take(count);
  return count;
};

test('lets a burst pass, then the rate', () => {
  const bucket = new TokenBucket({ perSecond: 100, burst: 200 }, 0);
  expect(taken(bucket, 0, 500)).toBe(200);
  expect(taken(bucket, 1000, 500)).toBe(100);
  expect(taken(bucket, 61_000, 500)).toBe(200);
});

const someRate = fc.record({ perSecond: fc.integer({ min: 1, max: 5000 }), burst: fc.integer({ min: 1, max: 100 }) });
const pauses = fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 50 });

test('who waits as long as it is told to gets a token, and not earlier', () => {
  fc.assert(
    fc.property(someRate, pauses, (rate, between) => {
      const bucket = new TokenBucket(rate, 0);
      let nowMs = 0;
      for (const pauseMs of between) {
        nowMs += pauseMs;
        const waitMs = bucket.waitMs(nowMs);
        if (waitMs > 1) expect(bucket.available(nowMs + waitMs - 1)).toBe(0);
        nowMs += waitMs;
        expect(taken(bucket, nowMs, 1)).toBe(1);
      }
    }),
  );
});

test('in any span no more pass than the burst and the rate of it, and a greedy sender gets all of that', () => {
  fc.assert(
    fc.property(someRate, pauses, (rate, between) => {
      const bucket = new TokenBucket(rate, 0);
      let nowMs = 0;
      let count = taken(bucket, 0, Infinity);
      for (const pauseMs of between) {
        nowMs += pauseMs;
        count += taken(bucket, nowMs, Infinity);
        expect(count).toBeLessThanOrEqual(rate.burst + Math.floor((nowMs * rate.perSecond) / 1000));
      }
      // What overflowed while it paused is the only thing that is lost.
      if (between.every((pauseMs) => pauseMs * rate.perSecond < rate.burst * 1000 - 1000))
        expect(count).toBe(rate.burst + Math.floor((nowMs * rate.perSecond) / 1000));
    }),
  );
});

test('0 is no limit, and a limit can be changed while it runs', () => {
  const bucket = new TokenBucket({ perSecond: 0, burst: 0 }, 0);
  expect(taken(bucket, 0, 10_000)).toBe(10_000);
  bucket.adopt({ perSecond: 10, burst: 50 }, 0);
  expect(taken(bucket, 0, 100)).toBe(50);
  const limited = new TokenBucket({ perSecond: 10, burst: 50 }, 0);
  expect(taken(limited, 0, 50)).toBe(50);
  limited.adopt({ perSecond: 1000, burst: 60 }, 0);
  expect(taken(limited, 0, 100)).toBe(10);
  expect(taken(limited, 20, 100)).toBe(20);
  limited.adopt({ perSecond: 1000, burst: 5 }, 20);
  expect(taken(limited, 20, 100)).toBe(0);
  expect(taken(limited, 60, 100)).toBe(5);
});

test('what is put back can be taken again, and never overflows', () => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 5 }, 0);
  bucket.take(3);
  expect(bucket.isFull(0)).toBe(false);
  bucket.restore(2);
  expect(bucket.available(0)).toBe(4);
  bucket.restore(9);
  expect(bucket.available(0)).toBe(5);
  expect(bucket.isFull(0)).toBe(true);
});
