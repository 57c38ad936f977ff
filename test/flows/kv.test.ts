import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import {
  KVOperation,
  type KVResponse,
  KVOperation_OpType as Op,
  KVOperation_Scope as Scope,
} from '../../src/gen/aether/v1/kv.ts';
import { onEachComposition, openStoryFabric, unique } from './fabric.ts';
import { agentInit, init, RawClient, send } from './raw-client.ts';

const nothing = KVOperation.decode(new Uint8Array());
let requests = 0;

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

onEachComposition(
  (fabric) => {
    const connected = async (frame: Parameters<RawClient['say']>[0], gateway = 0): Promise<RawClient> => {
      const client = new RawClient(fabric().address(gateway));
      client.say(frame);
      await client.find('connectionAck');
      return client;
    };
    const agent = (workspace: string, specifier: string, gateway = 0): Promise<RawClient> =>
      connected(agentInit(workspace, specifier), gateway);

    const say = (client: RawClient, changes: Partial<KVOperation>): string => {
      const requestId = `kv-${(requests += 1)}`;
      client.say({ $case: 'kvOp', value: { ...nothing, requestId, ...changes } });
      return requestId;
    };
    const ask = async (client: RawClient, changes: Partial<KVOperation>): Promise<KVResponse> => {
      const requestId = say(client, changes);
      const response = await client.find('kv');
      expect(response.requestId).toBe(requestId);
      return response;
    };
    /** What is refused is answered twice: with the operation's own response, and with why. */
    const refused = async (client: RawClient, changes: Partial<KVOperation>) => {
      const response = await ask(client, changes);
      expect(response.success).toBe(false);
      const error = await client.next();
      if (error.$case !== 'error') throw new Error(`${error.$case} came and no error`);
      expect(error.value.requestId).toBe(response.requestId);
      return error.value;
    };
    const value = (content: string): Uint8Array => Buffer.from(content);

    describe('values', () => {
      test('are shared in a workspace, across gateways, and gone when deleted', async () => {
        const workspace = unique('kv');
        using one = await agent(workspace, 'one', 0);
        using two = await agent(workspace, 'two', 1);
        expect(await ask(one, { op: Op.GET, key: 'k' })).toMatchObject({ success: true, applied: false });
        expect(await ask(one, { op: Op.PUT, key: 'k', value: value('v') })).toMatchObject({ success: true });
        const got = await ask(two, { op: Op.GET, key: 'k' });
        expect([got.success, got.applied, text(got.value)]).toEqual([true, true, 'v']);
        expect(await ask(two, { op: Op.DELETE, key: 'k' })).toMatchObject({ success: true, applied: true });
        expect(await ask(one, { op: Op.DELETE, key: 'k' })).toMatchObject({ success: true, applied: false });
        expect(text((await ask(one, { op: Op.GET, key: 'k' })).value)).toBe('');
      });

      test('are written under conditions, and a refused one says what is there', async () => {
        using one = await agent(unique('kv'), 'one');
        const put = { key: 'k', value: value('first') };
        expect(await ask(one, { op: Op.SET_NX, ...put })).toMatchObject({ success: true, applied: true });
        expect(await ask(one, { op: Op.SET_NX, ...put })).toMatchObject({ success: true, applied: false });
        const swap = { op: Op.COMPARE_AND_SET, key: 'k', value: value('second') };
        const kept = await ask(one, { ...swap, expectedValue: value('other') });
        expect([kept.success, kept.applied, text(kept.value)]).toEqual([true, false, 'first']);
        expect(await ask(one, { ...swap, expectedValue: value('first') })).toMatchObject({ applied: true });
        const drop = { op: Op.COMPARE_AND_DELETE, key: 'k' };
        expect(await ask(one, { ...drop, expectedValue: value('first') })).toMatchObject({ applied: false });
        expect(await ask(one, { ...drop, expectedValue: value('second') })).toMatchObject({ applied: true });
      });

      test('vanish when their time has come', async () => {
        using one = await agent(unique('kv'), 'one');
        await ask(one, { op: Op.PUT, key: 'k', value: value('v'), ttl: 1n });
        while ((await ask(one, { op: Op.GET, key: 'k' })).applied) continue;
      });

      test('of a MiB go in and out', async () => {
        using one = await agent(unique('kv'), 'one');
        const large = Buffer.alloc(1024 * 1024, 5);
        await ask(one, { op: Op.PUT, key: 'k', value: large });
        expect(Buffer.compare((await ask(one, { op: Op.GET, key: 'k' })).value, large)).toBe(0);
      });
    });

    describe('counters and sets', () => {
      test('count by their step, within their guard', async () => {
        using one = await agent(unique('kv'), 'one');
        const at = { key: 'n' };
        expect(await ask(one, { op: Op.INCREMENT, ...at })).toMatchObject({ success: true, counterValue: 1n });
        expect(await ask(one, { op: Op.INCREMENT, ...at, deltaValue: 9n })).toMatchObject({ counterValue: 10n });
        expect(await ask(one, { op: Op.DECREMENT, ...at, deltaValue: 12n })).toMatchObject({ counterValue: -2n });
        const up = { op: Op.INCREMENT_IF, ...at, deltaValue: 3n };
        expect(await ask(one, { ...up, guardValue: 0n })).toMatchObject({ applied: false, counterValue: -2n });
        expect(await ask(one, { ...up, guardValue: 1n })).toMatchObject({ applied: true, counterValue: 1n });
        const down = { op: Op.DECREMENT_IF, ...at };
        expect(await ask(one, { ...down, guardValue: 1n })).toMatchObject({ applied: false, counterValue: 1n });
        expect(await ask(one, { ...down, guardValue: 0n })).toMatchObject({ applied: true, counterValue: 0n });
        expect(text((await ask(one, { op: Op.GET, ...at })).value)).toBe('0');
      });

      test('of many gateways and clients lose nothing', async () => {
        const workspace = unique('kv');
        const clients = await Promise.all([0, 1, 2, 3].map((n) => agent(workspace, `a${n}`, n)));
        for (const client of clients) for (let n = 0; n < 250; n += 1) say(client, { op: Op.INCREMENT, key: 'n' });
        for (const client of clients)
          for (let n = 0; n < 250; n += 1) expect((await client.find('kv')).success).toBe(true);
        expect(text((await ask(clients[0] as RawClient, { op: Op.GET, key: 'n' })).value)).toBe('1000');
        for (const client of clients) client[Symbol.dispose]();
      });

      test('sets count their members', async () => {
        using one = await agent(unique('kv'), 'one');
        const add = (member: string) => ask(one, { op: Op.SET_ADD, key: 's', value: value(member) });
        expect(await ask(one, { op: Op.SET_CARD, key: 's' })).toMatchObject({ success: true, counterValue: 0n });
        expect(await add('a')).toMatchObject({ applied: true, counterValue: 1n });
        expect(await add('a')).toMatchObject({ applied: false, counterValue: 1n });
        expect(await add('b')).toMatchObject({ applied: true, counterValue: 2n });
        expect(await ask(one, { op: Op.SET_CARD, key: 's' })).toMatchObject({ counterValue: 2n });
      });
    });

    describe('scopes', () => {
      const scopes = [
        { scope: Scope.GLOBAL },
        { scope: Scope.WORKSPACE },
        { scope: Scope.USER, userId: 'u1' },
        { scope: Scope.USER, userId: 'u2' },
        { scope: Scope.USER_WORKSPACE, userId: 'u1' },
        { scope: Scope.GLOBAL_EXCLUSIVE },
        { scope: Scope.WORKSPACE_EXCLUSIVE },
        { scope: Scope.USER_SHARED, userId: 'u1' },
        { scope: Scope.USER_WORKSPACE_SHARED, userId: 'u1' },
      ];

      test('have keys of their own', async () => {
        using one = await agent(unique('kv'), 'one');
        const key = unique('key');
        for (const [index, scope] of scopes.entries())
          await ask(one, { op: Op.PUT, key, ...scope, value: value(`in ${index}`) });
        for (const [index, scope] of scopes.entries()) {
          expect(text((await ask(one, { op: Op.GET, key, ...scope })).value)).toBe(`in ${index}`);
          expect((await ask(one, { op: Op.LIST, key, ...scope })).keys).toEqual([key]);
        }
      });

      test('are seen by those they are for', async () => {
        const workspace = unique('kv');
        const elsewhere = unique('kv');
        using one = await agent(workspace, 'one', 0);
        using two = await agent(workspace, 'two', 1);
        using twin = await agent(elsewhere, 'one', 1);
        const key = unique('key');
        for (const scope of scopes) await ask(one, { op: Op.PUT, key, ...scope, value: value('v') });
        const sees = async (client: RawClient): Promise<readonly boolean[]> => {
          const seen: boolean[] = [];
          for (const scope of scopes) seen.push((await ask(client, { op: Op.GET, key, ...scope })).applied);
          return seen;
        };
        expect(await sees(one)).toEqual(scopes.map(() => true));
        expect(await sees(two)).toEqual([true, true, false, false, false, false, false, true, true]);
        expect(await sees(twin)).toEqual([true, false, false, false, false, false, false, true, false]);
      });

      test('of other workspaces are closed to who is in one, and open to who is in none', async () => {
        const workspace = unique('kv');
        using one = await agent(workspace, 'one');
        using service = await connected(
          init({ $case: 'service', value: { implementation: unique('s'), specifier: '1', noPoolConsumer: false } }),
        );
        await ask(one, { op: Op.PUT, key: 'k', value: value('v') });
        expect(text((await ask(service, { op: Op.GET, key: 'k', workspace })).value)).toBe('v');
        const other = unique('other');
        for (const scope of [Scope.WORKSPACE, Scope.WORKSPACE_EXCLUSIVE])
          expect(await refused(one, { op: Op.GET, key: 'k', scope, workspace: other })).toMatchObject({
            code: 'ERR_PERMISSION_DENIED',
            message: `workspace ${other} is closed to ${workspace}`,
          });
        expect(await refused(service, { op: Op.GET, key: 'k' })).toMatchObject({
          code: 'ERR_INVALID_ARGUMENT',
          message: 'scope workspace: workspace is missing',
        });
      });
    });

    describe('listings', () => {
      test('come in pages in the order of keys, under a prefix', async () => {
        using one = await agent(unique('kv'), 'one');
        const keys = Array.from({ length: 25 }, (_, n) => `p/${String(n).padStart(2, '0')}`);
        for (const key of keys.toReversed()) await ask(one, { op: Op.PUT, key, value: value(`v ${key}`) });
        await ask(one, { op: Op.PUT, key: 'other', value: value('v') });
        const listed: string[] = [];
        for (let cursor: string | undefined = ''; cursor !== undefined; ) {
          const page: KVResponse = await ask(one, { op: Op.LIST, key: 'p/', limit: 10, cursor });
          for (const key of page.keys) expect(text(page.kvMap.get(key) ?? new Uint8Array())).toBe(`v ${key}`);
          expect(page.hasMore).toBe(page.nextCursor !== '');
          listed.push(...page.keys);
          cursor = page.hasMore ? page.nextCursor : undefined;
        }
        expect(listed).toEqual(keys);
        const all = await ask(one, { op: Op.LIST });
        expect([all.keys.length, all.hasMore, all.nextCursor]).toEqual([26, false, '']);
      });

      test('of large values fit into frames', async () => {
        using one = await agent(unique('kv'), 'one');
        for (const key of ['a', 'b', 'c', 'd', 'e'])
          await ask(one, { op: Op.PUT, key, value: Buffer.alloc(1024 * 1024, key) });
        const listed: string[] = [];
        for (let cursor: string | undefined = ''; cursor !== undefined; ) {
          const page: KVResponse = await ask(one, { op: Op.LIST, cursor });
          listed.push(...page.keys);
          cursor = page.hasMore ? page.nextCursor : undefined;
        }
        expect(listed).toEqual(['a', 'b', 'c', 'd', 'e']);
      });
    });

    describe('order', () => {
      test('answers come in the order of the questions, and what follows comes after', async () => {
        const workspace = unique('kv');
        using one = await agent(workspace, 'one');
        const ids: string[] = [];
        for (let n = 0; n < 300; n += 1)
          ids.push(say(one, { op: n % 2 === 0 ? Op.INCREMENT : Op.GET, key: `k${n % 7}` }));
        ids.push(say(one, { op: Op.LIST }), say(one, { op: Op.GET, key: '' }), say(one, { op: Op.GET, key: 'k1' }));
        one.say(send(`ag::${workspace}::raw::one`, 'after'));
        const answered: string[] = [];
        for (;;) {
          const frame = await one.next();
          if (frame.$case === 'kv') answered.push(frame.value.requestId);
          if (frame.$case === 'msg') break;
        }
        expect(answered).toEqual(ids);
      });

      test('a listing and a purge see what was written right before them', async () => {
        const workspace = unique('kv');
        using one = await agent(workspace, 'one');
        const exclusive = { scope: Scope.GLOBAL_EXCLUSIVE };
        for (let n = 0; n < 50; n += 1) say(one, { op: Op.PUT, key: `k${n}`, ...exclusive });
        say(one, { op: Op.LIST, ...exclusive });
        for (let n = 0; n < 50; n += 1) expect((await one.find('kv')).success).toBe(true);
        expect((await one.find('kv')).keys).toHaveLength(50);
        say(one, { op: Op.PUT, key: 'last', ...exclusive });
        say(one, { op: Op.PURGE_IDENTITY, targetIdentity: `ag::${workspace}::raw::one` });
        expect((await one.find('kv')).success).toBe(true);
        expect(await one.find('kv')).toMatchObject({ counterValue: 51n });
      });

      test('what was asked before a half-close is answered and done', async () => {
        const workspace = unique('kv');
        using one = await agent(workspace, 'one', 0);
        for (let n = 0; n < 100; n += 1) say(one, { op: Op.INCREMENT, key: 'n' });
        one.halfClose();
        expect(await one.ended).toMatchObject({ code: 0 });
        expect(one.frames.filter(({ $case }) => $case === 'kv')).toHaveLength(100);
        using two = await agent(workspace, 'two', 1);
        expect(text((await ask(two, { op: Op.GET, key: 'n' })).value)).toBe('100');
      });
    });

    describe('purging an identity', () => {
      test('deletes all that is exclusive to it, and nothing else', async () => {
        const workspace = unique('kv');
        const identity = `ag::${workspace}::raw::one`;
        using one = await agent(workspace, 'one');
        using two = await agent(workspace, 'two');
        using service = await connected(
          init({ $case: 'service', value: { implementation: unique('s'), specifier: '1', noPoolConsumer: false } }),
        );
        const exclusive = [Scope.USER, Scope.USER_WORKSPACE, Scope.GLOBAL_EXCLUSIVE, Scope.WORKSPACE_EXCLUSIVE];
        for (const client of [one, two])
          for (const scope of [...exclusive, Scope.WORKSPACE])
            await ask(client, { op: Op.PUT, key: 'k', scope, userId: 'u', value: value('v') });
        const purge = { op: Op.PURGE_IDENTITY, targetIdentity: identity };
        expect(await refused(two, purge)).toMatchObject({ code: 'ERR_PERMISSION_DENIED' });
        expect(await ask(service, purge)).toMatchObject({ success: true, counterValue: 4n });
        expect(await ask(one, purge)).toMatchObject({ success: true, counterValue: 0n });
        for (const scope of exclusive) {
          expect((await ask(one, { op: Op.GET, key: 'k', scope, userId: 'u' })).applied).toBe(false);
          expect((await ask(two, { op: Op.GET, key: 'k', scope, userId: 'u' })).applied).toBe(true);
        }
        expect((await ask(one, { op: Op.GET, key: 'k' })).applied).toBe(true);
      });
    });

    describe('what cannot be', () => {
      const cases: readonly (readonly [string, Partial<KVOperation>, string, string])[] = [
        ['no key', { op: Op.GET }, 'ERR_INVALID_ARGUMENT', 'key is empty'],
        ['a key too long', { op: Op.PUT, key: 'x'.repeat(257) }, 'ERR_INVALID_ARGUMENT', 'longer than 256 bytes'],
        [
          'a key too long in bytes',
          { op: Op.GET, key: 'ü'.repeat(129) },
          'ERR_INVALID_ARGUMENT',
          'longer than 256 bytes',
        ],
        ['a prefix too long', { op: Op.LIST, key: 'x'.repeat(257) }, 'ERR_INVALID_ARGUMENT', 'longer than 256 bytes'],
        [
          'a value too large',
          { op: Op.PUT, key: 'k', value: Buffer.alloc(1024 * 1024 + 1) },
          'ERR_QUOTA_001',
          '1048577 bytes, at most 1048576',
        ],
        [
          'a value too large, if there is none',
          { op: Op.SET_NX, key: 'k', value: Buffer.alloc(1024 * 1024 + 1) },
          'ERR_QUOTA_001',
          'at most',
        ],
        [
          'a member too large',
          { op: Op.SET_ADD, key: 'k', value: Buffer.alloc(1025) },
          'ERR_PAYLOAD_TOO_LARGE',
          'at most 1024',
        ],
        ['a negative ttl', { op: Op.PUT, key: 'k', ttl: -1n }, 'ERR_INVALID_ARGUMENT', 'ttl is negative: -1'],
        ['a ttl of ages', { op: Op.PUT, key: 'k', ttl: 2n ** 62n }, 'ERR_INVALID_ARGUMENT', 'ttl is longer than'],
        [
          'a negative step',
          { op: Op.INCREMENT, key: 'k', deltaValue: -1n },
          'ERR_INVALID_ARGUMENT',
          'delta_value is negative',
        ],
        [
          'no user',
          { op: Op.GET, key: 'k', scope: Scope.USER },
          'ERR_INVALID_ARGUMENT',
          'scope user: user_id is missing',
        ],
        [
          'a user that is none',
          { op: Op.GET, key: 'k', scope: Scope.USER_SHARED, userId: 'a::b' },
          'ERR_INVALID_ARGUMENT',
          'user_id contains "::"',
        ],
        [
          'a workspace that is none',
          { op: Op.GET, key: 'k', workspace: 'a b' },
          'ERR_INVALID_ARGUMENT',
          'workspace contains',
        ],
        ['a cursor of nobody', { op: Op.LIST, cursor: 'nonsense' }, 'ERR_INVALID_ARGUMENT', 'cursor is not one'],
        [
          'a cursor of another listing',
          { op: Op.LIST, key: 'b', cursor: 'k1.YQ' },
          'ERR_INVALID_ARGUMENT',
          'cursor is not one',
        ],
        ['a negative limit', { op: Op.LIST, limit: -1 }, 'ERR_INVALID_ARGUMENT', 'limit is negative'],
        ['no identity to purge', { op: Op.PURGE_IDENTITY }, 'ERR_PERMISSION_DENIED', 'only operators'],
        ['an operation nobody knows', { op: 99 as never, key: 'k' }, 'ERR_INVALID_ARGUMENT', 'unknown operation 99'],
        [
          'a scope nobody knows',
          { op: Op.GET, scope: 99 as never, key: 'k' },
          'ERR_INVALID_ARGUMENT',
          'unknown scope 99',
        ],
        [
          'a key to encrypt without a key to do it',
          { op: Op.PUT, key: 'enc:k', value: value('v') },
          'ERR_KV_ENCRYPTION',
          'kv.encryption_keys',
        ],
        [
          'a counter to encrypt',
          { op: Op.INCREMENT, key: 'enc:k' },
          'ERR_INVALID_ARGUMENT',
          'counters cannot be encrypted',
        ],
      ];

      test.each(cases)('%s is refused by name, and nothing is done', async (_, operation, code, message) => {
        using one = await agent(unique('kv'), 'one');
        expect(await refused(one, operation)).toMatchObject({ code, message: expect.stringContaining(message) });
        expect((await ask(one, { op: Op.LIST })).keys).toEqual([]);
      });

      test('counting what is no number, and mixing up sets and values', async () => {
        using one = await agent(unique('kv'), 'one');
        await ask(one, { op: Op.PUT, key: 'v', value: value('text') });
        await ask(one, { op: Op.SET_ADD, key: 's', value: value('m') });
        await ask(one, { op: Op.PUT, key: 'most', value: value(String(2n ** 63n - 1n)) });
        for (const operation of [
          { op: Op.INCREMENT, key: 'v' },
          { op: Op.DECREMENT_IF, key: 's' },
          { op: Op.SET_ADD, key: 'v' },
          { op: Op.SET_CARD, key: 'v' },
          { op: Op.GET, key: 's' },
          { op: Op.COMPARE_AND_SET, key: 's' },
        ])
          expect(await refused(one, operation)).toMatchObject({ code: 'ERR_KV_WRONG_TYPE' });
        expect(await refused(one, { op: Op.INCREMENT, key: 'most' })).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
        expect(text((await ask(one, { op: Op.GET, key: 'v' })).value)).toBe('text');
        expect(await ask(one, { op: Op.SET_CARD, key: 's' })).toMatchObject({ counterValue: 1n });
      });

      test('a refusal without a request id is the error alone; a success is answered', async () => {
        using one = await agent(unique('kv'), 'one');
        say(one, { op: Op.GET, requestId: '' });
        expect(await one.find('error')).toMatchObject({ code: 'ERR_INVALID_ARGUMENT', requestId: '' });
        expect(one.frames.some(({ $case }) => $case === 'kv')).toBe(false);
        say(one, { op: Op.PUT, key: 'k', requestId: '' });
        expect(await one.find('kv')).toMatchObject({ success: true, requestId: '' });
      });

      test('those who have none: people, bridges, orchestrators; and the exclusive for those without a name', async () => {
        using person = await connected(init({ $case: 'user', value: { userId: unique('u'), windowId: '1' } }));
        using bridge = await connected(
          init({ $case: 'bridge', value: { implementation: unique('b'), specifier: '1' } }),
        );
        using engine = await connected(init({ $case: 'metricsBridge', value: { instanceId: '' } }));
        for (const client of [person, bridge])
          expect(await refused(client, { op: Op.GET, scope: Scope.GLOBAL, key: 'k' })).toMatchObject({
            code: 'ERR_INVALID_PRINCIPAL',
          });
        expect(await refused(engine, { op: Op.GET, scope: Scope.GLOBAL_EXCLUSIVE, key: 'k' })).toMatchObject({
          code: 'ERR_INVALID_PRINCIPAL',
        });
        expect((await ask(engine, { op: Op.GET, scope: Scope.GLOBAL, key: unique('k') })).success).toBe(true);
      });
    });

    describe('the snapshot of an agent that connects', () => {
      test('comes right behind the acknowledgement, with its own keys and those of nobody else', async () => {
        const workspace = unique('kv');
        const one = await agent(workspace, 'one', 0);
        for (const scope of [Scope.GLOBAL_EXCLUSIVE, Scope.WORKSPACE_EXCLUSIVE, Scope.WORKSPACE, Scope.USER])
          await ask(one, { op: Op.PUT, key: `k${scope}`, scope, userId: 'u', value: value(`v${scope}`) });
        one.halfClose();
        await one.ended;
        using again = new RawClient(fabric().address(1));
        again.say(agentInit(workspace, 'one'));
        expect((await again.next()).$case).toBe('connectionAck');
        const config = await again.next();
        if (config.$case !== 'config') throw new Error(`${config.$case} came and no snapshot`);
        const texts = (map: ReadonlyMap<string, Uint8Array>) =>
          new Map([...map].map(([key, held]) => [key, text(held)]));
        expect(texts(config.value.workspaceExclusiveKv)).toEqual(new Map([['k6', 'v6']]));
        expect(texts(config.value.globalExclusiveKv)).toEqual(new Map([['k5', 'v5']]));
      });
    });
  },
  { gateways: 2 },
);

describe('with a key to encrypt with', () => {
  const key = randomBytes(32).toString('base64');

  test.each(['embedded', 'stack'] as const)('values of enc: keys go in and out: %s', async (composition) => {
    await using fabric = await openStoryFabric(composition, { env: { AETHER_KV_ENCRYPTION_KEYS: key } });
    const workspace = unique('enc');
    using client = new RawClient(fabric.address());
    client.say(agentInit(workspace, 'one'));
    const put = { ...nothing, op: Op.PUT, key: 'enc:k', value: Buffer.from('secret'), requestId: 'put' };
    client.say({ $case: 'kvOp', value: put });
    client.say({ $case: 'kvOp', value: { ...nothing, op: Op.GET, key: 'enc:k', requestId: 'get' } });
    expect((await client.find('kv')).success).toBe(true);
    expect(text((await client.find('kv')).value)).toBe('secret');
  });

  test('one that is none is refused at start, and not shown', () => {
    const env = { AETHER_KV_ENCRYPTION_KEYS: `${key},c2hvcnQ=` };
    const load = () => loadConfig({ env, flags: {} });
    expect(load).toThrow(/AETHER_KV_ENCRYPTION_KEYS: kv\.encryption_keys: each has to be 32 bytes in base64/);
    expect(load).not.toThrow(/c2hvcnQ/);
  });
});
