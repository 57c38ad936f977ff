import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Authorizer, type KvPermit } from '../acl/authorizer.ts';
import type { Actor } from '../acl/decide.ts';
import { MemoryKvStore } from '../adapters/memory/memory-kv-store.ts';
import { MemoryLog } from '../adapters/memory/memory-log.ts';
import { MemoryMetrics } from '../adapters/memory/memory-metrics.ts';
import { VirtualClock } from '../adapters/memory/virtual-clock.ts';
import { systemClock } from '../adapters/system/system-clock.ts';
import { systemEntropy } from '../adapters/system/system-entropy.ts';
import type { KvScope } from '../model/kv-scope.ts';
import { ttlMsMax } from '../model/limits.ts';
import { identityOf, type Principal } from '../model/principal.ts';
import { ttlOf } from './faults.ts';
import { defaultKvSettings, Kv, type KvSettings } from './kv.ts';
import { pageCursorOf, readPageCursor } from './page-cursor.ts';
import { spaceOf } from './space.ts';

const agent: Principal = { kind: 'agent', workspace: 'w', implementation: 'i', specifier: 's' };
const actor: Actor = { principal: agent, workspace: 'w' };
const authorizer = new Authorizer();
const epoch = 7n;

const permitOf = async <Action extends 'read_kv' | 'write_kv'>(action: Action, scope: KvScope, key: string) => {
  const verdict = await authorizer.permit(actor, { action, scope, key });
  if ('denial' in verdict) throw new Error(verdict.denial.because);
  return verdict.permit as KvPermit<Action>;
};
const reading = (key: string, scope: KvScope = { kind: 'global' }) => permitOf('read_kv', scope, key);
const writing = async (key: string, scope: KvScope = { kind: 'global' }) => ({
  permit: await permitOf('write_kv', scope, key),
  epoch,
  limits: { valueBytesMax: 0, keysMax: 0 },
});

const store = new MemoryKvStore(systemClock);
const kvWith = (settings: Partial<KvSettings>, kvStore = store): Kv =>
  new Kv(
    { kvStore, entropy: systemEntropy, clock: systemClock, log: new MemoryLog(), metrics: new MemoryMetrics() },
    { ...defaultKvSettings, ...settings },
  );

const value = (text: string): Uint8Array => Buffer.from(text);
const textOf = (bytes: Uint8Array | undefined): string | undefined => bytes && Buffer.from(bytes).toString();
const anything = { is: 'any' } as const;
const global = { owner: 'kv::global', name: '' };

test('an older session of an identity purges nothing of what a newer one keeps', async () => {
  const kvStore = new MemoryKvStore(systemClock);
  const kv = kvWith({}, kvStore);
  const identity = identityOf(agent);
  const verdict = await authorizer.permit(actor, { action: 'purge_kv', identity });
  if ('denial' in verdict) throw new Error(verdict.denial.because);
  await kv.open(agent, identity, epoch);
  await kv.put(await writing('k', { kind: 'global_exclusive' }), value('v'), 0n, anything);
  await expect(kv.purge(verdict.permit, epoch - 1n)).rejects.toMatchObject({ reason: 'SESSION_SUPERSEDED' });
  expect(textOf((await kv.get(await reading('k', { kind: 'global_exclusive' }))).value)).toBe('v');
  expect(await kv.purge(verdict.permit, epoch)).toBe(1);
});

test('an operator purges the keys of another identity whoever has it', async () => {
  const kv = kvWith({}, new MemoryKvStore(systemClock));
  const operator: Actor = {
    principal: { kind: 'service', implementation: 'ops', specifier: '1' },
    workspace: undefined,
  };
  const verdict = await authorizer.permit(operator, { action: 'purge_kv', identity: identityOf(agent) });
  if ('denial' in verdict) throw new Error(verdict.denial.because);
  await kv.open(agent, identityOf(agent), epoch);
  await kv.put(await writing('k', { kind: 'global_exclusive' }), value('v'), 0n, anything);
  expect(await kv.purge(verdict.permit, 1n)).toBe(1);
});

describe('encrypted keys', () => {
  const [one, two] = [randomBytes(32), randomBytes(32)] as const;

  test('are kept sealed and come out open, in gets, listings and snapshots', async () => {
    const kv = kvWith({ encryptionKeys: [one] });
    await kv.put(await writing('enc:a'), value('secret text'), 0n, anything);
    const kept = await store.run({ kind: 'get', place: { space: global, key: 'enc:a' } });
    expect(kept.refused === undefined && textOf(kept.value)?.includes('secret')).toBe(false);
    expect(textOf((await kv.get(await reading('enc:a'))).value)).toBe('secret text');
    const listing = await kv.list(await reading('enc:'), { limit: 0, cursor: '' });
    expect(textOf(listing.values.get('enc:a'))).toBe('secret text');
    const snapshot = await kv.snapshot(await reading('enc:'), { keysMax: 10, bytesMax: 1000 });
    expect(textOf(snapshot.get('enc:a'))).toBe('secret text');
  });

  test('the same value is never sealed the same way', async () => {
    const kv = kvWith({ encryptionKeys: [one] });
    const kept = new Set<string>();
    for (let n = 0; n < 10; n += 1) {
      await kv.put(await writing('enc:same'), value('v'), 0n, anything);
      const { value: sealed } = (await store.run({ kind: 'get', place: { space: global, key: 'enc:same' } })) as {
        value: Uint8Array;
      };
      kept.add(Buffer.from(sealed).toString('hex'));
    }
    expect(kept.size).toBe(10);
  });

  test('are compared by what they say', async () => {
    const kv = kvWith({ encryptionKeys: [one] });
    const at = await writing('enc:cas');
    const is = (text: string) => ({ is: 'equal', value: value(text) }) as const;
    expect(await kv.put(at, value('x'), 0n, is(''))).toMatchObject({ applied: false });
    expect(await kv.put(at, value('x'), 0n, { is: 'absent' })).toMatchObject({ applied: true });
    const refused = await kv.put(at, value('y'), 0n, { is: 'absent' });
    expect([refused.applied, textOf(refused.value)]).toEqual([false, 'x']);
    const other = await kv.put(at, value('y'), 0n, is('z'));
    expect([other.applied, textOf(other.value)]).toEqual([false, 'x']);
    expect(await kv.put(at, value('y'), 0n, is('x'))).toMatchObject({ applied: true });
    expect(await kv.delete(at, is('x'))).toMatchObject({ applied: false });
    expect(await kv.delete(at, is('y'))).toMatchObject({ applied: true });
  });

  test('of many who compare and set at once exactly one wins each round', async () => {
    const kv = kvWith({ encryptionKeys: [one] });
    const at = await writing('enc:race');
    await kv.put(at, value('0'), 0n, anything);
    for (let round = 0; round < 20; round += 1) {
      const outcomes = await Promise.all(
        Array.from({ length: 8 }, () =>
          kv.put(at, value(`${round + 1}`), 0n, { is: 'equal', value: value(`${round}`) }),
        ),
      );
      expect(outcomes.filter(({ applied }) => applied)).toHaveLength(1);
    }
  });

  test('open under every configured key, and are sealed under the first', async () => {
    await kvWith({ encryptionKeys: [one] }).put(await writing('enc:old'), value('old'), 0n, anything);
    const rotated = kvWith({ encryptionKeys: [two, one] });
    expect(textOf((await rotated.get(await reading('enc:old'))).value)).toBe('old');
    await rotated.put(await writing('enc:new'), value('new'), 0n, anything);
    const onlyTwo = kvWith({ encryptionKeys: [two] });
    expect(textOf((await onlyTwo.get(await reading('enc:new'))).value)).toBe('new');
    await expect(onlyTwo.get(await reading('enc:old'))).rejects.toMatchObject({ reason: 'ERR_KV_ENCRYPTION' });
    const listing = await onlyTwo.list(await reading('enc:'), { limit: 0, cursor: '' });
    expect(listing.keys).toContain('enc:old');
    expect([...listing.values.keys()]).not.toContain('enc:old');
  });

  test.each([
    ['another key', { space: global, key: 'enc:elsewhere' }],
    ['another space', { space: { owner: 'kv::workspace::w', name: '' }, key: 'enc:here' }],
  ])('do not open when moved to %s, nor when changed', async (_, moved) => {
    const kv = kvWith({ encryptionKeys: [one] });
    await kv.put(await writing('enc:here'), value('v'), 0n, anything);
    const here = { space: global, key: 'enc:here' };
    const { value: sealed } = (await store.run({ kind: 'get', place: here })) as { value: Uint8Array };
    const put = (place: typeof here, bytes: Uint8Array) =>
      store.run({ kind: 'put', place, value: bytes, when: anything, ttlMs: undefined, epoch: undefined });
    await put(moved, sealed);
    const scope: KvScope = moved.space === global ? { kind: 'global' } : { kind: 'workspace', workspace: 'w' };
    await expect(kv.get(await reading(moved.key, scope))).rejects.toMatchObject({ reason: 'ERR_KV_ENCRYPTION' });
    for (const at of [0, 1, 6, 20, sealed.byteLength - 1]) {
      const changed = Uint8Array.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      await put(here, changed);
      await expect(kv.get(await reading('enc:here'))).rejects.toMatchObject({ reason: 'ERR_KV_ENCRYPTION' });
    }
    await put(here, sealed.subarray(0, 10));
    await expect(kv.get(await reading('enc:here'))).rejects.toMatchObject({ reason: 'ERR_KV_ENCRYPTION' });
  });

  test('are refused where no key is set', async () => {
    const kv = kvWith({});
    await expect(kv.put(await writing('enc:none'), value('v'), 0n, anything)).rejects.toMatchObject({
      reason: 'ERR_KV_ENCRYPTION',
    });
  });
});

describe('lives', () => {
  test.each([
    [0n, 0, 0, undefined],
    [0n, 5000, 0, 5000],
    [0n, 5000, 9000, 5000],
    [0n, 0, 9000, 9000],
    [3n, 5000, 9000, 3000],
    [9n, 0, 9000, 9000],
    [BigInt(ttlMsMax / 1000), 0, 0, ttlMsMax],
  ])('a ttl of %s seconds, default %s ms, longest %s ms: %s ms', (seconds, defaultTtlMs, maxTtlMs, ttlMs) => {
    expect(ttlOf(seconds, { defaultTtlMs, maxTtlMs })).toEqual({ ttlMs });
  });

  test.each([
    [-1n, 0],
    [10n, 9000],
    [BigInt(ttlMsMax / 1000) + 1n, 0],
    [2n ** 63n - 1n, 0],
  ])('a ttl of %s seconds, longest %s ms, is refused', (seconds, maxTtlMs) => {
    expect(ttlOf(seconds, { defaultTtlMs: 0, maxTtlMs })).toMatchObject({ reason: 'ERR_INVALID_ARGUMENT' });
  });

  test('the default is given to what has none', async () => {
    const clock = new VirtualClock();
    const kv = kvWith({ defaultTtlMs: 5000 }, new MemoryKvStore(clock));
    await kv.put(await writing('k'), value('v'), 0n, anything);
    clock.jump(4999);
    expect((await kv.get(await reading('k'))).applied).toBe(true);
    clock.jump(1);
    expect((await kv.get(await reading('k'))).applied).toBe(false);
  });
});

describe('spaces', () => {
  const part = fc.constantFrom('a', 'b', 'a:b', 'user', 'workspace', 'global', 'kv');
  const someScope: fc.Arbitrary<KvScope> = fc.oneof(
    fc.constantFrom<KvScope>({ kind: 'global' }, { kind: 'global_exclusive' }),
    part.map((workspace): KvScope => ({ kind: 'workspace', workspace })),
    part.map((workspace): KvScope => ({ kind: 'workspace_exclusive', workspace })),
    part.map((userId): KvScope => ({ kind: 'user', userId })),
    part.map((userId): KvScope => ({ kind: 'user_shared', userId })),
    fc.tuple(part, part).map(([userId, workspace]): KvScope => ({ kind: 'user_workspace', userId, workspace })),
    fc.tuple(part, part).map(([userId, workspace]): KvScope => ({ kind: 'user_workspace_shared', userId, workspace })),
  );

  test('no two scopes have one', () => {
    fc.assert(
      fc.property(someScope, someScope, (one, other) => {
        const isSame = JSON.stringify(spaceOf(one, agent)) === JSON.stringify(spaceOf(other, agent));
        expect(isSame).toBe(JSON.stringify(one) === JSON.stringify(other));
      }),
      { numRuns: 2000 },
    );
  });

  test('principals of different kinds, workspaces and names have exclusive ones of their own', () => {
    const principals: readonly Principal[] = [
      agent,
      { ...agent, workspace: 'x' },
      { ...agent, specifier: 't' },
      { ...agent, kind: 'task', unique: true },
      { ...agent, kind: 'task', unique: false },
      { kind: 'service', implementation: 'i', specifier: 's' },
    ];
    const spaces = principals.map((principal) => JSON.stringify(spaceOf({ kind: 'global_exclusive' }, principal)));
    expect(new Set(spaces).size).toBe(principals.length);
  });
});

test('a cursor says where the next page starts, and only one that was given is taken', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }), (key) => {
      fc.pre(key.isWellFormed() && !key.includes('\ufffd') && Buffer.byteLength(key) <= 256);
      expect(readPageCursor(pageCursorOf(key), '')).toBe(key);
    }),
  );
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), (text) => {
      const read = readPageCursor(text, '');
      expect(read instanceof Error || pageCursorOf(read) === text).toBe(true);
    }),
  );
});
