import { expect, test } from 'vitest';
import { answerBytesInFlightMax, answersInFlightMax } from '../model/limits.ts';
import { Answers, type Say } from './answers.ts';

const pending = () => Promise.withResolvers<Say>();

test('says answers in the order of their questions, whichever is ready first', async () => {
  const answers = new Answers();
  const said: number[] = [];
  const asked = [pending(), pending(), pending()];
  for (const { promise } of asked) expect(answers.add(promise, 0)).toBeUndefined();
  const settled = answers.settled();
  for (const [index, { resolve }] of [...asked.entries()].toReversed()) {
    expect(answers.isIdle).toBe(false);
    resolve(() => said.push(index));
    await asked[index]?.promise;
  }
  await settled;
  expect(said).toEqual([0, 1, 2]);
  expect(answers.isIdle).toBe(true);
  await answers.settled();
});

test.each([
  ['many', 1, answersInFlightMax],
  ['large', answerBytesInFlightMax / 4, 4],
])('makes the asker wait when there are too %s, until there is room', async (_, bytes, most) => {
  const answers = new Answers();
  const asked = Array.from({ length: most }, pending);
  const rooms = asked.map(({ promise }) => answers.add(promise, bytes));
  expect(rooms.slice(0, -1).every((room) => room === undefined)).toBe(true);
  asked[0]?.resolve(() => undefined);
  await rooms.at(-1);
  expect(answers.isIdle).toBe(false);
  for (const { resolve } of asked) resolve(() => undefined);
  await answers.settled();
});
