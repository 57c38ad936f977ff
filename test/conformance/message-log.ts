import { describe, expect, test } from 'vitest';
import type { LogEntry, LogReading, LogWriter, MessageLog } from '../../src/ports/message-log.ts';

interface Opened extends AsyncDisposable {
  readonly log: MessageLog;
}

/** A log with at least four partitions; it may hold entries already. Reopening gives the same log after a restart. */
interface Harness {
  readonly open: () => Promise<Opened>;
  /** Closes the log and opens it again on the same data; absent where a log ends with its process. */
  readonly reopen?: (opened: Opened) => Promise<Opened>;
}

const text = (entry: LogEntry): string => Buffer.from(entry.batch).toString();
const never = new AbortController().signal;

const take = async (reading: LogReading, count: number): Promise<LogEntry[]> => {
  const taken: LogEntry[] = [];
  if (count === 0) return taken;
  for await (const entries of reading.entries) {
    taken.push(...entries);
    if (taken.length >= count) break;
  }
  return taken;
};

class TestWriter implements LogWriter {
  readonly name = unique('writer');
  readonly #losing = new AbortController();

  get lost(): AbortSignal {
    return this.#losing.signal;
  }

  isCurrent(): boolean {
    return !this.lost.aborted;
  }

  lose(): void {
    this.#losing.abort();
  }
}

let serial = 0;
const unique = (label: string): string => `${label}-${process.pid}-${(serial += 1)}-${Date.now()}`;

/** What every message log does. */
export const messageLogConformance = (adapter: string, { open, reopen }: Harness): void => {
  describe(`message log: ${adapter}`, () => {
    test('has a name of its own, which a restart does not change', async () => {
      const opened = await open();
      const { id } = opened.log;
      expect(id).not.toBe('');
      if (reopen === undefined) return opened[Symbol.asyncDispose]();
      await using again = await reopen(opened);
      expect(again.log.id).toBe(id);
    });

    test('a reading opened at the end gets everything appended after it, in order, and nothing before', async () => {
      await using opened = await open();
      await opened.log.append(0, [Buffer.from(unique('before'))]);
      await using reading = await opened.log.read(0, 'end', { signal: never });
      const bodies = Array.from({ length: 500 }, (_, index) => unique(`m${index}`));
      await Promise.all(bodies.map((body) => opened.log.append(0, [Buffer.from(body)])));
      const taken = await take(reading, 500);
      expect(taken.map(text)).toEqual(bodies);
      const offsets = taken.map(({ offset }) => offset);
      expect(offsets).toEqual(offsets.toSorted((a, b) => (a < b ? -1 : 1)));
      expect(offsets[0]).toBeGreaterThanOrEqual(reading.start);
    });

    test('a reading opened on an empty or quiet partition has a start before anything comes', async () => {
      await using opened = await open();
      await using reading = await opened.log.read(3, 'end', { signal: never });
      await using second = await opened.log.read(3, 'end', { signal: never });
      expect(second.start).toBeGreaterThanOrEqual(reading.start);
      await opened.log.append(3, [Buffer.from('x')]);
      const [entry] = await take(reading, 1);
      expect(entry?.offset).toBeGreaterThanOrEqual(reading.start);
    });

    test('a reading from an offset starts with exactly that entry', async () => {
      await using opened = await open();
      await using live = await opened.log.read(1, 'end', { signal: never });
      const bodies = Array.from({ length: 100 }, (_, index) => unique(`o${index}`));
      for (const body of bodies) await opened.log.append(1, [Buffer.from(body)]);
      const all = await take(live, 100);
      const from = all[37]?.offset ?? 0n;
      await using reading = await opened.log.read(1, from, { signal: never });
      expect(reading.start).toBe(from);
      const taken = await take(reading, 63);
      expect(taken.map(text)).toEqual(bodies.slice(37));
      expect(taken[0]?.offset).toBe(from);
    });

    test('a reading from before the oldest entry starts with the oldest', async () => {
      await using opened = await open();
      const body = unique('oldest');
      await opened.log.append(2, [Buffer.from(body)]);
      await using reading = await opened.log.read(2, 0n, { signal: never });
      for await (const entries of reading.entries) if (entries.some((entry) => text(entry) === body)) break;
    });

    test('a reading from an offset that is not there yet waits for it', async () => {
      await using opened = await open();
      await using end = await opened.log.read(0, 'end', { signal: never });
      await using reading = await opened.log.read(0, end.start, { signal: never });
      const body = unique('later');
      const first = take(reading, 1);
      await opened.log.append(0, [Buffer.from(body)]);
      expect((await first).map(text)).toEqual([body]);
    });

    test('parts are one entry, whatever their number and size', async () => {
      await using opened = await open();
      await using reading = await opened.log.read(1, 'end', { signal: never });
      const large = Buffer.alloc(1024 * 1024 + 600, 7);
      await opened.log.append(1, [Buffer.from('head'), large, Buffer.from('tail')]);
      await opened.log.append(1, [Buffer.from('a'), Buffer.from('b'), Buffer.from('c')]);
      const [first, second] = await take(reading, 2);
      expect(first?.batch.byteLength).toBe(large.byteLength + 8);
      expect(Buffer.from(first?.batch.subarray(-4) ?? []).toString()).toBe('tail');
      expect(second === undefined ? undefined : text(second)).toBe('abc');
    });

    test('appends to several partitions at once keep their order in each', async () => {
      await using opened = await open();
      await using zero = await opened.log.read(0, 'end', { signal: never });
      await using one = await opened.log.read(1, 'end', { signal: never });
      const appends = Array.from({ length: 1000 }, (_, index) =>
        opened.log.append(index % 2, [Buffer.from(String(index))]),
      );
      await Promise.all(appends);
      expect((await take(zero, 500)).map(text)).toEqual(Array.from({ length: 500 }, (_, n) => String(n * 2)));
      expect((await take(one, 500)).map(text)).toEqual(Array.from({ length: 500 }, (_, n) => String(n * 2 + 1)));
    });

    test('what a writer appends after it was fenced off is not there, and what it had appended is', async () => {
      await using opened = await open();
      await using reading = await opened.log.read(0, 'end', { signal: never });
      const [fenced, other] = [new TestWriter(), new TestWriter()];
      await opened.log.append(0, [Buffer.from('before')], fenced);
      await opened.log.append(0, [Buffer.from('of another')], other);
      await opened.log.fence(fenced.name, { signal: never });
      // Who still takes itself for current is not told in every log.
      await opened.log.append(0, [Buffer.from('too late')], fenced).catch(() => undefined);
      await opened.log.append(0, [Buffer.from('of another still')], other);
      await opened.log.append(0, [Buffer.from('after')]);
      const bodies = ['before', 'of another', 'of another still', 'after'];
      expect((await take(reading, 4)).map(text)).toEqual(bodies);
    });

    test('who enters is told everyone who entered before and was not fenced off', async () => {
      await using opened = await open();
      const [first, second, third] = [new TestWriter(), new TestWriter(), new TestWriter()];
      const enter = ({ name }: TestWriter) => opened.log.enter(name, { signal: never });
      expect(await enter(first)).toContain(first.name);
      const known = await enter(second);
      expect([first.name, second.name].every((name) => known.has(name))).toBe(true);
      await opened.log.fence(first.name, { signal: never });
      const left = await enter(third);
      expect([first, second, third].map(({ name }) => left.has(name))).toEqual([false, true, true]);
      expect(await enter(third)).toEqual(left);
    });

    test('of those who enter at once, one of every two knows of the other', async () => {
      await using opened = await open();
      const writers = Array.from({ length: 8 }, () => new TestWriter());
      const known = await Promise.all(writers.map(({ name }) => opened.log.enter(name, { signal: never })));
      const knows = (one: number, other: number) => known[one]?.has(writers[other]?.name ?? '') === true;
      for (const [one] of writers.entries())
        for (const [other] of writers.entries()) expect(knows(one, other) || knows(other, one)).toBe(true);
    });

    test('a fence holds on every partition, for a writer that was never there, and twice', async () => {
      await using opened = await open();
      const writer = new TestWriter();
      await opened.log.fence(writer.name, { signal: never });
      await opened.log.fence(writer.name, { signal: never });
      for (let partition = 0; partition < 4; partition += 1) {
        await using reading = await opened.log.read(partition, 'end', { signal: never });
        await opened.log.append(partition, [Buffer.from('too late')], writer).catch(() => undefined);
        await opened.log.append(partition, [Buffer.from('after')]);
        expect((await take(reading, 1)).map(text)).toEqual(['after']);
      }
    });

    test('a writer that is not current any more appends nothing', async () => {
      await using opened = await open();
      await using reading = await opened.log.read(1, 'end', { signal: never });
      const writer = new TestWriter();
      await opened.log.append(1, [Buffer.from('before')], writer);
      writer.lose();
      await expect(opened.log.append(1, [Buffer.from('x')], writer)).rejects.toMatchObject({ reason: 'LEASE_LOST' });
      await opened.log.append(1, [Buffer.from('after')]);
      expect((await take(reading, 2)).map(text)).toEqual(['before', 'after']);
    });

    test('a slow reading misses nothing and its end frees it', async () => {
      await using opened = await open();
      await using reading = await opened.log.read(2, 'end', { signal: never });
      const body = Buffer.alloc(4096, 1);
      for (let index = 0; index < 2000; index += 1) void opened.log.append(2, [body, Buffer.from(String(index))]);
      const seen: string[] = [];
      for await (const entries of reading.entries) {
        for (const entry of entries) seen.push(Buffer.from(entry.batch.subarray(4096)).toString());
        await new Promise((resolve) => setImmediate(resolve));
        if (seen.length >= 2000) break;
      }
      expect(seen).toEqual(Array.from({ length: 2000 }, (_, index) => String(index)));
    });

    test('ends when its signal aborts, waiting or not', async () => {
      await using opened = await open();
      const stopping = new AbortController();
      await using reading = await opened.log.read(3, 'end', { signal: stopping.signal });
      const ended = (async () => {
        for await (const _ of reading.entries) continue;
      })().catch(() => 'threw');
      stopping.abort();
      await ended;
    });

    test.runIf(reopen !== undefined)('everything that was confirmed is there after a restart', async () => {
      let opened = await open();
      await using reading = await opened.log.read(0, 'end', { signal: never });
      const { start } = reading;
      const bodies = Array.from({ length: 200 }, (_, index) => unique(`r${index}`));
      await Promise.all(bodies.map((body) => opened.log.append(0, [Buffer.from(body)])));
      opened = (await reopen?.(opened)) ?? opened;
      await using again = await opened.log.read(0, start, { signal: never });
      const seen = (await take(again, 200)).map(text).filter((body) => bodies.includes(body));
      expect(seen).toEqual(bodies);
      await using tail = await opened.log.read(0, 'end', { signal: never });
      await opened.log.append(0, [Buffer.from('after')]);
      expect((await take(tail, 1)).map(text)).toEqual(['after']);
      await opened[Symbol.asyncDispose]();
    });
  });
};
