import { describe, expect, test } from 'vitest';
import { openPrometheus } from './prometheus-metrics.ts';

/** The lines of a measure on the page, without its description. */
const linesOf = async (exported: ReturnType<typeof openPrometheus>, name: string): Promise<string[]> =>
  (await exported.text()).split('\n').filter((line) => line.startsWith(name));

describe('a counter', () => {
  test('adds up by label values, and asking twice counts nothing twice', async () => {
    const exported = openPrometheus();
    const measure = exported.metrics.counter({ name: 'sent_total', help: 'Sent.', labels: ['workspace', 'type'] });
    measure.at({ workspace: 'a', type: 'chat' }).add(1);
    measure.at({ workspace: 'a', type: 'chat' }).add(2);
    measure.at({ workspace: 'b', type: 'chat' }).add(5);
    const expected = ['sent_total{workspace="a",type="chat"} 3', 'sent_total{workspace="b",type="chat"} 5'];
    expect(await linesOf(exported, 'sent_total')).toEqual(expected);
    expect(await linesOf(exported, 'sent_total')).toEqual(expected);
  });

  test('of the same label values is the same counter, so that a hot path can keep it', () => {
    const measure = openPrometheus().metrics.counter({ name: 'kept_total', help: 'Kept.', labels: ['workspace'] });
    expect(measure.at({ workspace: 'a' })).toBe(measure.at({ workspace: 'a' }));
  });
});

describe('a gauge and a histogram', () => {
  test('say what they hold', async () => {
    const exported = openPrometheus();
    const level = exported.metrics.gauge({ name: 'open_now', help: 'Open.', labels: ['kind'] }).at({ kind: 'agent' });
    level.add(3);
    level.add(-1);
    const seconds = exported.metrics.histogram({ name: 'took_seconds', help: 'Took.', labels: [], buckets: [0.1, 1] });
    for (const value of [0.05, 0.5, 5]) seconds.at({}).record(value);
    expect(await linesOf(exported, 'open_now')).toEqual(['open_now{kind="agent"} 2']);
    expect(await linesOf(exported, 'took_seconds')).toEqual([
      'took_seconds_bucket{le="0.1"} 1',
      'took_seconds_bucket{le="1"} 2',
      'took_seconds_bucket{le="+Inf"} 3',
      'took_seconds_sum 5.55',
      'took_seconds_count 3',
    ]);
    level.set(7);
    expect(await linesOf(exported, 'open_now')).toEqual(['open_now{kind="agent"} 7']);
  });
});

test('label values have a bound: those beyond it are counted together, and none is lost', async () => {
  const exported = openPrometheus();
  const measure = exported.metrics.counter({ name: 'many_total', help: 'Many.', labels: ['workspace'] });
  for (let index = 0; index < 2000; index += 1) measure.at({ workspace: `w${index}` }).add(1);
  const lines = await linesOf(exported, 'many_total');
  expect(lines).toHaveLength(501);
  expect(lines).toContain('many_total{workspace="w0"} 1');
  expect(lines).toContain('many_total{workspace="other"} 1500');
  measure.at({ workspace: 'w0' }).add(1);
  expect(await linesOf(exported, 'many_total')).toContain('many_total{workspace="w0"} 2');
});

test('two of them in one process share nothing', async () => {
  const [one, two] = [openPrometheus(), openPrometheus()];
  for (const { metrics } of [one, two])
    metrics.counter({ name: 'same_total', help: 'The same name.', labels: [] }).at({}).add(1);
  expect(await linesOf(one, 'same_total')).toEqual(['same_total 1']);
  expect(await linesOf(two, 'same_total')).toEqual(['same_total 1']);
});
