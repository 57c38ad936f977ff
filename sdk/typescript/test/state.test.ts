import { afterAll, describe, expect, test } from 'vitest';
import {
  connectAgent,
  connectMetricsBridge,
  connectService,
  connectTask,
  connectUser,
  connectWorkflowEngine,
} from '../src/index.ts';
import { startGateway } from './gateway.ts';
import { failOnUnhandledRejections } from './unhandled.ts';

failOnUnhandledRejections();

const gateway = await startGateway();
const { address } = gateway;
afterAll(() => gateway[Symbol.asyncDispose]());

let serial = 0;
const agentIn = (workspace = `w${(serial += 1)}`, specifier = 'one') =>
  connectAgent({ address, workspace, implementation: 'impl', specifier });

const text = (bytes: Uint8Array | undefined): string | undefined => bytes && Buffer.from(bytes).toString();

describe('key-value state', () => {
  test('values', async () => {
    await using agent = await agentIn();
    const { kv } = agent;
    expect(await kv.get('k')).toBeUndefined();
    await kv.put('k', '');
    expect(await kv.getText('k')).toBe('');
    await kv.put('k', Uint8Array.of(1, 2), { ttlSeconds: 100 });
    expect(await kv.get('k')).toEqual(Buffer.of(1, 2));
    await kv.delete('k');
    await kv.delete('k');
    expect(await kv.getText('k')).toBeUndefined();
  });

  test('conditions say what stands in their way', async () => {
    await using agent = await agentIn();
    const { kv } = agent;
    expect(await kv.putIfAbsent('k', 'a')).toEqual({ applied: true, found: undefined });
    const kept = await kv.putIfAbsent('k', 'b');
    expect([kept.applied, text(kept.found)]).toEqual([false, 'a']);
    const swap = await kv.compareAndSet('k', { expected: 'b', value: 'c' });
    expect([swap.applied, text(swap.found)]).toEqual([false, 'a']);
    expect((await kv.compareAndSet('k', { expected: 'a', value: 'c' })).applied).toBe(true);
    expect((await kv.compareAndDelete('k', 'a')).applied).toBe(false);
    expect((await kv.compareAndDelete('k', 'c')).applied).toBe(true);
  });

  test('counters and sets', async () => {
    await using agent = await agentIn();
    const { kv } = agent;
    expect(await kv.increment('n')).toEqual({ applied: true, value: 1n });
    expect(await kv.increment('n', { by: 2n ** 62n })).toEqual({ applied: true, value: 2n ** 62n + 1n });
    expect(await kv.decrement('n', { by: 2n ** 62n })).toEqual({ applied: true, value: 1n });
    expect(await kv.increment('n', { by: 5, atMost: 5 })).toEqual({ applied: false, value: 1n });
    expect(await kv.decrement('n', { atLeast: 0 })).toEqual({ applied: true, value: 0n });
    expect(await kv.decrement('n', { atLeast: 0 })).toEqual({ applied: false, value: 0n });
    expect(await kv.countMembers('s')).toBe(0);
    expect(await kv.addMember('s', 'm')).toEqual({ added: true, size: 1 });
    expect(await kv.addMember('s', 'm')).toEqual({ added: false, size: 1 });
    expect(await kv.countMembers('s')).toBe(1);
  });

  test('listings, page by page', async () => {
    await using agent = await agentIn();
    const { kv } = agent;
    const keys = Array.from({ length: 7 }, (_, n) => `p/${n}`);
    for (const key of keys) await kv.put(key, key);
    await kv.addMember('p/set', 'm');
    const page = await kv.list({ prefix: 'p/', limit: 3 });
    expect(page.keys).toEqual(keys.slice(0, 3));
    expect(text(page.values.get('p/0'))).toBe('p/0');
    expect((await kv.list({ prefix: 'p/', cursor: page.nextCursor })).nextCursor).toBeUndefined();
    const all: [string, string | undefined][] = [];
    for await (const [key, value] of kv.entries({ prefix: 'p/', limit: 3 })) all.push([key, text(value)]);
    expect(all).toEqual([...keys.map((key) => [key, key]), ['p/set', undefined]]);
  });

  test('scopes', async () => {
    const workspace = `w${(serial += 1)}`;
    await using one = await agentIn(workspace, 'one');
    await using two = await agentIn(workspace, 'two');
    await using service = await connectService({ address, implementation: 'impl', specifier: '1' });
    await one.kv.put('k', 'own', { scope: 'globalExclusive' });
    await one.kv.put('k', 'of alice', { scope: 'userShared', userId: 'alice' });
    await one.kv.put('k', 'of the workspace');
    expect(await two.kv.getText('k', { scope: 'globalExclusive' })).toBeUndefined();
    expect(await two.kv.getText('k', { scope: 'userShared', userId: 'alice' })).toBe('of alice');
    expect(await two.kv.getText('k')).toBe('of the workspace');
    expect(await service.kv.getText('k', { workspace })).toBe('of the workspace');
    await expect(two.kv.purge(one.identity)).rejects.toMatchObject({ reason: 'ERR_PERMISSION_DENIED' });
    expect(await service.kv.purge(one.identity)).toBe(1);
    expect(await one.kv.getText('k', { scope: 'globalExclusive' })).toBeUndefined();
  });

  test('what is exclusive comes with the configuration', async () => {
    const workspace = `w${(serial += 1)}`;
    const one = await agentIn(workspace);
    await one.kv.put('a', '1', { scope: 'workspaceExclusive' });
    await one.kv.put('b', '2', { scope: 'globalExclusive' });
    await one.close();
    await using again = await agentIn(workspace);
    const { workspaceExclusive, globalExclusive } = await again.config();
    expect([...workspaceExclusive].map(([key, value]) => [key, text(value)])).toEqual([['a', '1']]);
    expect([...globalExclusive].map(([key, value]) => [key, text(value)])).toEqual([['b', '2']]);
  });

  test('what is refused rejects with the gateway’s reason', async () => {
    await using agent = await agentIn();
    const { kv } = agent;
    await kv.put('text', 'x');
    await expect(kv.increment('text')).rejects.toMatchObject({
      reason: 'ERR_KV_WRONG_TYPE',
      code: 'failed_precondition',
      retryable: false,
    });
    await expect(kv.put('', 'x')).rejects.toMatchObject({ reason: 'ERR_INVALID_ARGUMENT' });
    await expect(kv.put('k', new Uint8Array(1024 * 1024 + 1))).rejects.toMatchObject({
      reason: 'ERR_QUOTA_001',
    });
    await expect(kv.put('enc:k', 'x')).rejects.toMatchObject({ reason: 'ERR_KV_ENCRYPTION' });
    await expect(kv.get('k', { scope: 'user' })).rejects.toMatchObject({ reason: 'ERR_INVALID_ARGUMENT' });
    await expect(kv.put('k', 'x', { ttlSeconds: 0.5 })).rejects.toMatchObject({ reason: 'INVALID_ARGUMENT' });
    await expect(kv.increment('k', { by: 0 })).rejects.toMatchObject({ reason: 'INVALID_ARGUMENT' });
  });

  test('the fabric’s own parts have it too', async () => {
    await using engine = await connectWorkflowEngine({ address });
    await using bridge = await connectMetricsBridge({ address });
    await engine.kv.put('k', 'v', { scope: 'global' });
    expect(await bridge.kv.getText('k', { scope: 'global' })).toBe('v');
  });
});

describe('checkpoints', () => {
  test('are saved, loaded, listed and deleted', async () => {
    const workspace = `w${(serial += 1)}`;
    const one = await agentIn(workspace);
    expect(await one.checkpoints.load()).toBeUndefined();
    const savedAt = await one.checkpoints.save('state');
    await one.checkpoints.save('', { name: 'empty', ttlSeconds: 'default' });
    await one.close();
    await using again = await agentIn(workspace);
    const { checkpoints } = again;
    const loaded = await checkpoints.load();
    expect([loaded?.text(), loaded?.savedAt]).toEqual(['state', savedAt]);
    expect((await checkpoints.load({ name: 'empty' }))?.data.byteLength).toBe(0);
    expect(await checkpoints.list()).toEqual(['default', 'empty']);
    await checkpoints.delete({ name: 'empty' });
    await checkpoints.delete({ name: 'empty' });
    expect(await checkpoints.list()).toEqual(['default']);
  });

  test('are for every principal; what is refused rejects', async () => {
    await using user = await connectUser({ address, userId: 'cora', windowId: '1' });
    await using task = await connectTask({ address, workspace: 'w', implementation: 'impl', specifier: 'cp' });
    await user.checkpoints.save('mine');
    expect(await task.checkpoints.load()).toBeUndefined();
    expect((await user.checkpoints.load())?.text()).toBe('mine');
    await expect(user.checkpoints.save('x', { name: 'x'.repeat(257) })).rejects.toMatchObject({
      reason: 'ERR_INVALID_ARGUMENT',
    });
    await expect(user.checkpoints.save('x', { ttlSeconds: -1 })).rejects.toMatchObject({ reason: 'INVALID_ARGUMENT' });
  });
});
