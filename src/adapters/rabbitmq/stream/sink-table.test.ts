import { expect, test } from 'vitest';
import { SinkTable } from './sink-table.ts';

test('ids are given lowest first and again only after their release', () => {
  const table = new SinkTable<string>(3);
  expect([table.reserve(), table.reserve(), table.reserve(), table.reserve()]).toEqual([0, 1, 2, undefined]);
  expect(table.isFull).toBe(true);
  table.bind(1, 'one');
  table.unbind(1);
  expect(table.get(1)).toBeUndefined();
  expect(table.reserve()).toBeUndefined();
  table.release(1);
  table.bind(1, 'nobody has it');
  expect(table.get(1)).toBeUndefined();
  expect(table.reserve()).toBe(1);
  table.bind(1, 'again');
  expect(table.bound()).toEqual([[1, 'again']]);
  expect(new SinkTable(1000).bound()).toEqual([]);
});

test('an id fits into a byte', () => {
  const table = new SinkTable(1000);
  for (let id = 0; id < 256; id += 1) expect(table.reserve()).toBe(id);
  expect(table.reserve()).toBeUndefined();
});
