import { expect, test } from 'vitest';
import { SharedCall } from './shared-call.ts';

const open = () => {
  const calls: PromiseWithResolvers<number>[] = [];
  const shared = new SharedCall<number>(() => {
    const call = Promise.withResolvers<number>();
    calls.push(call);
    return call.promise;
  });
  return { calls, shared };
};

test('whoever asks while a call is under way is answered by the next one, together with others', async () => {
  const { calls, shared } = open();
  const first = shared.ask();
  const others = [shared.ask(), shared.ask()];
  expect(calls).toHaveLength(1);
  calls[0]?.resolve(1);
  expect(await first).toBe(1);
  await Promise.resolve();
  expect(calls).toHaveLength(2);
  const late = shared.ask();
  calls[1]?.resolve(2);
  expect(await Promise.all(others)).toEqual([2, 2]);
  await Promise.resolve();
  calls[2]?.resolve(3);
  expect(await late).toBe(3);
  void shared.ask();
  expect(calls).toHaveLength(4);
});

test('a call that fails is told to those who shared it, and to nobody else', async () => {
  const { calls, shared } = open();
  const first = shared.ask();
  const second = shared.ask();
  calls[0]?.reject(new Error('away'));
  await expect(first).rejects.toThrow('away');
  await Promise.resolve();
  calls[1]?.resolve(2);
  expect(await second).toBe(2);
});
