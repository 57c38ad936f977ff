import { expect, test } from 'vitest';
import { VirtualClock } from '../adapters/memory/virtual-clock.ts';
import { Watch } from './watch.ts';

const never = new AbortController().signal;

const watching = () => {
  const clock = new VirtualClock();
  const watch = new Watch(clock);
  const told = (): { isTold: boolean } => {
    const follower = { isTold: false };
    void watch.silent(never).then(() => (follower.isTold = true));
    return follower;
  };
  const look = async (isHeard: boolean): Promise<void> => {
    await watch.look(() => Promise.resolve(isHeard));
    await clock.pass(0);
  };
  return { clock, watch, told, look };
};

test('silence is told when nobody has listened for long enough, and not before', async () => {
  const { clock, told, look } = watching();
  const follower = told();
  for (const isHeard of [true, false, false, false]) {
    await look(isHeard);
    expect(follower.isTold).toBe(false);
    await clock.pass(14);
  }
  await look(false);
  expect(follower.isTold).toBe(true);
});

test('whoever joins later is told by the first look after it', async () => {
  const { clock, told, look } = watching();
  const first = told();
  await look(false);
  await clock.pass(40);
  await look(false);
  expect(first.isTold).toBe(true);
  await clock.pass(10);
  const second = told();
  expect(second.isTold).toBe(false);
  await look(false);
  expect(second.isTold).toBe(true);
});

test('a look that had begun before somebody joined tells it nothing', async () => {
  const { clock, watch, told, look } = watching();
  told();
  await look(false);
  await clock.pass(40);
  const answer = Promise.withResolvers<boolean>();
  const looking = watch.look(() => answer.promise);
  await clock.pass(1);
  const late = told();
  answer.resolve(false);
  await looking;
  await clock.pass(0);
  expect(late.isTold).toBe(false);
  await look(false);
  expect(late.isTold).toBe(true);
});

test.each([
  ['somebody listened in between', 15, true],
  ['looks lie too far apart to know', 51, false],
])('silence begins anew where %s', async (_, apartMs, isHeard) => {
  const { clock, told, look } = watching();
  const follower = told();
  await look(false);
  await clock.pass(apartMs);
  if (isHeard) await look(true);
  await clock.pass(apartMs);
  await look(false);
  expect(follower.isTold).toBe(false);
  await clock.pass(40);
  await look(false);
  expect(follower.isTold).toBe(true);
});
