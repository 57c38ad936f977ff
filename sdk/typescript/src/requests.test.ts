import { describe, expect, test } from 'vitest';
import { AetherError } from './error.ts';
import { Requests } from './requests.ts';
import type { Downstream } from './wire.ts';

const times = { timeoutMs: 10_000, signal: undefined };
const status = (requestId: string, ok: boolean): Downstream => ({
  $case: 'connectionStatusResponse',
  value: { requestId, ok, error: ok ? '' : 'no', connected: ok, lastSeenAt: 0n },
});
const refusal = (requestId: string): AetherError =>
  new AetherError('ERR_PERMISSION_DENIED', 'no', { code: 'permission_denied', retryable: false, requestId });

describe('requests', () => {
  test('are settled by the answer of their id, whatever the order', async () => {
    const requests = new Requests();
    const [one, two] = [requests.open('one', times), requests.open('two', times)];
    expect(one.id).not.toBe(two.id);
    expect(requests.answer(status(two.id, true))).toBe(true);
    expect(requests.answer(status(one.id, true))).toBe(true);
    expect(await one.answer).toMatchObject({ value: { requestId: one.id } });
    expect(await two.answer).toMatchObject({ value: { requestId: two.id } });
    expect(requests.size).toBe(0);
  });

  test('drop what nobody waits for: late, unknown, or answered twice', async () => {
    const requests = new Requests();
    const request = requests.open('one', times);
    requests.answer(status(request.id, true));
    await request.answer;
    expect(requests.answer(status(request.id, true))).toBe(false);
    expect(requests.answer(status('unknown', true))).toBe(false);
    expect(requests.refuse(refusal(request.id))).toBe(false);
  });

  test('fail with the error that follows the answer, which knows the reason better', async () => {
    const requests = new Requests();
    const request = requests.open('one', times);
    requests.answer(status(request.id, false));
    requests.refuse(refusal(request.id));
    await expect(request.answer).rejects.toMatchObject({ reason: 'ERR_PERMISSION_DENIED', requestId: request.id });
  });

  test('fail with what the answer says where no error follows', async () => {
    const requests = new Requests();
    const request = requests.open('one', times);
    requests.answer(status(request.id, false));
    await expect(request.answer).rejects.toMatchObject({ reason: 'REQUEST_FAILED', message: 'no' });
  });

  test('time out, and end with their signal', async () => {
    const requests = new Requests();
    const late = requests.open('one', { timeoutMs: 1, signal: undefined });
    await expect(late.answer).rejects.toMatchObject({ reason: 'REQUEST_TIMEOUT', retryable: true });
    expect(late.over.aborted).toBe(true);
    const controller = new AbortController();
    const aborted = requests.open('two', { timeoutMs: 10_000, signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(aborted.answer).rejects.toThrow('enough');
    expect(requests.size).toBe(0);
  });

  test('are lost with the connection only if they were handed to it', async () => {
    const requests = new Requests();
    const [handed, waiting] = [requests.open('one', times), requests.open('two', times)];
    handed.handed();
    requests.lose(new Error('broken'));
    await expect(handed.answer).rejects.toMatchObject({ reason: 'CONNECTION_LOST', retryable: true });
    requests.answer(status(waiting.id, true));
    await waiting.answer;
  });

  test('as barriers are passed by any answer, at once', async () => {
    const requests = new Requests();
    let passed = 0;
    const barrier = requests.open('one', times, () => (passed += 1));
    requests.answer(status(barrier.id, false));
    expect(passed).toBe(1);
    await barrier.answer;
  });

  test('are bounded', async () => {
    const requests = new Requests();
    const open = Array.from({ length: 1024 }, () => requests.open('one', times));
    expect(() => requests.open('one', times)).toThrow('1024 requests are unanswered already');
    requests.failAll(new Error('over'));
    const outcomes = await Promise.allSettled(open.map(({ answer }) => answer));
    expect(outcomes.every(({ status: outcome }) => outcome === 'rejected')).toBe(true);
  });
});
