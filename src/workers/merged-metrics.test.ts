import { expect, test } from 'vitest';
import { mergeMetrics } from './merged-metrics.ts';

const page = (value: number): string =>
  [
    '# HELP a_total What is counted.',
    '# TYPE a_total counter',
    `a_total{workspace="w {x}"} ${value}`,
    '',
    '# HELP b Without labels.',
    '# TYPE b gauge',
    `b ${value}`,
    '',
  ].join('\n');

test('samples are marked, and those of one metric stay together under one head', () => {
  const merged = mergeMetrics([
    { worker: 1, text: page(1) },
    { worker: 2, text: page(2) },
  ]);
  expect(merged.split('\n')).toEqual([
    '# HELP a_total What is counted.',
    '# TYPE a_total counter',
    'a_total{worker="1",workspace="w {x}"} 1',
    'a_total{worker="2",workspace="w {x}"} 2',
    '',
    '# HELP b Without labels.',
    '# TYPE b gauge',
    'b{worker="1"} 1',
    'b{worker="2"} 2',
    '',
  ]);
});

test('what only one of them has is there, and nobody at all is an empty page', () => {
  const own = '# HELP c Its own.\n# TYPE c gauge\nc 3\n';
  expect(
    mergeMetrics([
      { worker: 1, text: page(1) },
      { worker: 2, text: own },
    ]),
  ).toContain('\nc{worker="2"} 3\n');
  expect(mergeMetrics([])).toBe('');
});
