/** Limits, as clients meet them. */
import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { QuotaOperation_Op as Do, QuotaOperation } from '../../src/gen/aether/v1/fabric.ts';
import { KVOperation, KVOperation_OpType as Op, KVOperation_Scope as Scope } from '../../src/gen/aether/v1/kv.ts';
import { SendMessage } from '../../src/gen/aether/v1/message.ts';
import { ProgressReport } from '../../src/gen/aether/v1/progress.ts';
import { onEachComposition, openStoryFabric, unique } from './fabric.ts';
import { agentInit, init, RawClient, send } from './raw-client.ts';

const nothing = new Uint8Array();

const joinWith = async (address: string, introduction: Parameters<RawClient['say']>[0]): Promise<RawClient> => {
  const client = new RawClient(address);
  client.say(introduction);
  await client.find('connectionAck');
  return client;
};

const join = (address: string, workspace: string, specifier: string): Promise<RawClient> =>
  joinWith(address, agentInit(workspace, specifier));

const required = (name: string) => ({
  uri: `urn:aether-fabric:${name}`,
  version: '',
  required: true,
  jsonSchema: '',
});
const batches = required('batch');
const patience = required('quotas');

const metricOf = async (opsUrl: string, line: string): Promise<number> => {
  const page = await (await fetch(`${opsUrl}/metrics`)).text();
  return Number(
    page
      .split('\n')
      .find((one) => one.startsWith(line))
      ?.split(' ')
      .at(-1) ?? 0,
  );
};

const env = {
  // Slow, so that no pause of the machine is long enough for another.
  AETHER_SESSION_RATE: '1',
  AETHER_SESSION_BURST: '10',
  AETHER_IDENTITY_RATE: '1',
  AETHER_IDENTITY_BURST: '25',
  AETHER_WORKSPACE_CONNECTIONS: '3',
  AETHER_KV_KEYS: '3',
};

onEachComposition(
  (fabric) => {
    test('what a session sends beyond its burst is refused by name, and passes after the time it is told', async () => {
      const workspace = unique('rate');
      using recipient = await join(fabric().address(), workspace, 'recipient');
      using sender = await join(fabric().address(), workspace, 'sender');
      const topic = `ag::${workspace}::raw::recipient`;
      for (let index = 0; index < 11; index += 1) sender.say(send(topic, `m${index}`));
      const refusal = await sender.find('error');
      expect(refusal).toMatchObject({
        code: 'ERR_RATE_LIMITED',
        message: 'message rate limit exceeded',
        retryable: true,
      });
      const waitMs = Number(refusal.retryAfterMs);
      expect(waitMs).toBeGreaterThan(0);
      expect(waitMs).toBeLessThanOrEqual(1000);
      await setTimeout(waitMs);
      sender.say(send(topic, 'again'));
      for (let index = 0; index < 10; index += 1)
        expect((await recipient.find('msg')).payload.toString()).toBe(`m${index}`);
      expect((await recipient.find('msg')).payload.toString()).toBe('again');
      expect(await metricOf(fabric().opsUrl(), 'aether_quota_refusals_total{limit="session_rate"}')).toBeGreaterThan(0);
      expect(
        await metricOf(
          fabric().opsUrl(),
          `aether_message_errors_total{workspace="${workspace}",error_type="ERR_RATE_LIMITED"}`,
        ),
      ).toBe(1);
    });

    test('what is too large or no topic costs nothing, what is not allowed does', async () => {
      const workspace = unique('free');
      using sender = await join(fabric().address(), workspace, 'sender');
      for (let index = 0; index < 20; index += 1) sender.say(send('nothing::at::all', 'x'));
      for (let index = 0; index < 20; index += 1) expect((await sender.find('error')).code).toBe('ERR_INVALID_TOPIC');
      for (let index = 0; index < 11; index += 1) sender.say(send('ag::elsewhere::raw::x', 'x'));
      const codes: string[] = [];
      for (let index = 0; index < 11; index += 1) codes.push((await sender.find('error')).code);
      expect(codes.filter((code) => code === 'ERR_PERMISSION_DENIED')).toHaveLength(10);
      expect(codes.at(-1)).toBe('ERR_RATE_LIMITED');
    });

    test('reports of progress are counted with messages, and refused with their request id', async () => {
      const workspace = unique('progress');
      using sender = await join(fabric().address(), workspace, 'sender');
      const report = (requestId: string) =>
        ({ $case: 'progress', value: { ...ProgressReport.decode(nothing), requestId } }) as const;
      for (let index = 0; index < 6; index += 1) sender.say(send(`ag::${workspace}::raw::sender`, 'x'));
      for (let index = 0; index < 5; index += 1) sender.say(report(`r${index}`));
      expect(await sender.find('error')).toMatchObject({
        code: 'ERR_RATE_LIMITED',
        message: 'progress report rate limit exceeded',
        requestId: 'r4',
        retryable: true,
      });
    });

    describe('of a batch', () => {
      const batchOf = (targetTopic: string, names: readonly string[]) => {
        const messages = names.map((name) => ({
          ...SendMessage.decode(nothing),
          targetTopic,
          payload: Buffer.from(name),
        }));
        return { $case: 'sendBatch', value: { messages } } as const;
      };

      test.each([
        ['the first to its topic', []],
        ['to a topic that is known', ['m0', 'm1']],
      ])('%s, as many pass as there is room for, the others are refused each with its place', async (_, alone) => {
        const workspace = unique('batch');
        const topic = `ag::${workspace}::raw::recipient`;
        using recipient = await join(fabric().address(), workspace, 'recipient');
        using sender = await joinWith(fabric().address(), agentInit(workspace, 'sender', { extensions: [batches] }));
        for (const name of alone) sender.say(send(topic, name));
        const names = Array.from({ length: 13 - alone.length }, (__, index) => `m${index + alone.length}`);
        sender.say(batchOf(topic, names));
        const refusals = [];
        for (const name of names.slice(-3)) {
          const refusal = await sender.find('error');
          expect(refusal).toMatchObject({
            code: 'ERR_RATE_LIMITED',
            message: `message ${names.indexOf(name)} of the batch: message rate limit exceeded`,
            retryable: true,
          });
          refusals.push(Number(refusal.retryAfterMs));
        }
        expect(Math.min(...refusals)).toBeGreaterThan(0);
        await setTimeout(Math.max(...refusals));
        sender.say(batchOf(topic, ['again']));
        const received = [];
        for (let index = 0; index < 11; index += 1) received.push((await recipient.find('msg')).payload.toString());
        expect(received).toEqual([...[...alone, ...names].slice(0, 10), 'again']);
      });

      test('that goes as one, each message is counted', async () => {
        const workspace = unique('run');
        const topic = `ag::${workspace}::raw::other`;
        using sender = await joinWith(fabric().address(), agentInit(workspace, 'sender', { extensions: [batches] }));
        sender.say(send(topic, 'x'));
        for (let run = 0; run < 3; run += 1) sender.say(batchOf(topic, ['x', 'x', 'x']));
        sender.say(send(topic, 'x'));
        expect((await sender.find('error')).message).toBe('message rate limit exceeded');
      });

      test('whose sender waits, all pass in order', async () => {
        const workspace = unique('patient');
        const topic = `ag::${workspace}::raw::recipient`;
        const names = Array.from({ length: 12 }, (_, index) => `m${index}`);
        using recipient = await join(fabric().address(), workspace, 'recipient');
        using sender = await joinWith(
          fabric().address(),
          agentInit(workspace, 'sender', { extensions: [batches, patience] }),
        );
        sender.say(batchOf(topic, names));
        sender.say(send(topic, 'last'));
        const received = [];
        for (let index = 0; index < 13; index += 1) received.push((await recipient.find('msg')).payload.toString());
        expect(received).toEqual([...names, 'last']);
        expect(sender.frames.filter(({ $case }) => $case === 'error')).toEqual([]);
      });
    });

    test('a large message is counted once, passed on in pieces or whole', async () => {
      const workspace = unique('large');
      const topic = `ag::${workspace}::raw::other`;
      using sender = await join(fabric().address(), workspace, 'sender');
      const large = 'x'.repeat(300_000);
      for (let index = 0; index < 12; index += 1) sender.say(send(topic, large));
      for (let index = 0; index < 2; index += 1)
        expect(await sender.find('error')).toMatchObject({
          code: 'ERR_RATE_LIMITED',
          message: 'message rate limit exceeded',
          retryable: true,
        });
      sender.halfClose();
      await sender.ended;
      expect(sender.frames.filter(({ $case }) => $case === 'error')).toHaveLength(2);
    });

    describe('operations on limits', () => {
      const operation = (changes: Partial<QuotaOperation>) =>
        ({ $case: 'quotaOp', value: { ...QuotaOperation.decode(nothing), subject: 'w', ...changes } }) as const;
      const serviceInit = (...extensions: ReturnType<typeof required>[]) =>
        init(
          { $case: 'service', value: { implementation: unique('operator'), specifier: 'one', noPoolConsumer: false } },
          { extensions },
        );
      const set = (limits: Readonly<Record<string, bigint>>) => ({
        op: Do.SET,
        limits: new Map(Object.entries(limits)),
      });

      test.each([
        ['a negative limit', set({ session_rate: -1n }), 'ERR_INVALID_ARGUMENT'],
        ['the most negative one', set({ kv_keys: -(2n ** 63n) }), 'ERR_INVALID_ARGUMENT'],
        ['more than can be', set({ identity_rate: 2n ** 63n - 1n }), 'ERR_INVALID_ARGUMENT'],
        ['an unknown limit', set({ session_rat: 1n }), 'ERR_INVALID_ARGUMENT'],
        ['an unknown limit of great length', set({ ['x'.repeat(100_000)]: 1n }), 'ERR_INVALID_ARGUMENT'],
        ['one that cannot be beside one that can', set({ session_rate: 5n, kv_keys: -5n }), 'ERR_INVALID_ARGUMENT'],
        ['no limit', set({}), 'ERR_INVALID_ARGUMENT'],
        ['no subject', { ...set({ session_rate: 1n }), subject: '' }, 'ERR_INVALID_ARGUMENT'],
        ['a subject that cannot be', { op: Do.GET, subject: 'a b' }, 'ERR_INVALID_ARGUMENT'],
        ['a kind of identity there is not', { op: Do.GET, subject: 'xx::w::i::s' }, 'ERR_INVALID_ARGUMENT'],
        ['a long one', { op: Do.GET, subject: 'xx::'.repeat(100_000) }, 'ERR_INVALID_ARGUMENT'],
        [
          'a limit of workspaces for an identity',
          { ...set({ workspace_rate: 1n }), subject: 'ag::w::i::s' },
          'ERR_INVALID_ARGUMENT',
        ],
        ['to clear an unknown limit', { op: Do.CLEAR, names: ['nothing'] }, 'ERR_INVALID_ARGUMENT'],
        ['to clear what was never changed', { op: Do.CLEAR, subject: 'nobody-changed-this' }, 'ERR_QUOTA_UNKNOWN'],
        ['an unknown operation', { op: 9 as 0 }, 'ERR_INVALID_ARGUMENT'],
      ])('are refused %s, by name and with the request id, and the stream goes on', async (_, changes, code) => {
        const workspace = unique('untouched');
        using operator = await joinWith(fabric().address(), serviceInit(patience));
        operator.say(operation({ subject: workspace, ...changes, requestId: 'r1' }));
        const answer = await operator.find('quotaResponse');
        expect(answer).toMatchObject({ requestId: 'r1', success: false, entries: [] });
        const error = await operator.find('error');
        expect(error).toMatchObject({ code, requestId: 'r1', retryable: false, message: answer.error });
        expect(error.message.length).toBeLessThan(300);
        operator.say(operation({ op: Do.LIST, subject: workspace, requestId: 'r2' }));
        expect(await operator.find('quotaResponse')).toMatchObject({ requestId: 'r2', success: true, entries: [] });
      });

      test('a workspace nobody has been in has the limits of all', async () => {
        using operator = await joinWith(fabric().address(), serviceInit(patience));
        operator.say(operation({ op: Do.GET, subject: unique('nobody'), requestId: 'r1' }));
        const { entries } = await operator.find('quotaResponse');
        expect(entries).toHaveLength(1);
        expect(entries[0]?.changed.size).toBe(0);
        expect(entries[0]?.effective.get('session_rate')).toBe(1n);
      });

      test('are for operators, and where the extension is in force', async () => {
        const workspace = unique('curious');
        using agent = await joinWith(fabric().address(), agentInit(workspace, 'one', { extensions: [patience] }));
        using bare = await joinWith(fabric().address(), serviceInit());
        for (const op of [Do.LIST, Do.GET, Do.SET, Do.CLEAR]) {
          const requestId = `r${op}`;
          const request = operation({ op, subject: workspace, limits: new Map([['session_rate', 9n]]), requestId });
          agent.say(request);
          expect(await agent.find('quotaResponse')).toMatchObject({ requestId, success: false, entries: [] });
          expect(await agent.find('error')).toMatchObject({ code: 'ERR_PERMISSION_DENIED', requestId });
          bare.say(request);
          expect(await bare.find('error')).toMatchObject({ code: 'ERR_INVALID_ARGUMENT', requestId });
        }
        using operator = await joinWith(fabric().address(), serviceInit(patience));
        operator.say(operation({ op: Do.LIST, subject: workspace }));
        expect(await operator.find('quotaResponse')).toMatchObject({ success: true, entries: [] });
      });
    });

    test('an identity that comes back has used up what it has used up', async () => {
      const workspace = unique('identity');
      const topic = `ag::${workspace}::raw::other`;
      for (let round = 0; round < 2; round += 1) {
        using client = await join(fabric().address(), workspace, 'sender');
        for (let index = 0; index < 10; index += 1) client.say(send(topic, 'x'));
        client.halfClose();
        expect((await client.ended).code).toBe(0);
      }
      using third = await join(fabric().address(), workspace, 'sender');
      for (let index = 0; index < 10; index += 1) third.say(send(topic, 'x'));
      expect(await third.find('error')).toMatchObject({
        code: 'ERR_RATE_LIMITED',
        message: `message rate limit of ag::${workspace}::raw::sender exceeded`,
      });
    });

    test('a workspace takes no more connections than it may have, wherever they are; who leaves makes room', async () => {
      const workspace = unique('full');
      using _one = await join(fabric().address(0), workspace, 'one');
      using two = await join(fabric().address(1), workspace, 'two');
      using _three = await join(fabric().address(1), workspace, 'three');
      using four = new RawClient(fabric().address(0));
      four.say(agentInit(workspace, 'four'));
      expect(await four.ended).toMatchObject({
        code: 8,
        details: `connection quota exceeded: quota exceeded for connections in workspace '${workspace}': current 3, limit 3`,
      });
      // Its identity is not left taken, nor a place.
      two.halfClose();
      await two.ended;
      await expect
        .poll(() => tryToJoin(fabric().address(0), workspace, 'four'), { timeout: 10_000, interval: 10 })
        .toBe(true);
      expect(
        await metricOf(
          fabric().opsUrl(),
          `aether_connection_attempts_total{workspace="${workspace}",principal_type="agent",status="quota_exceeded"}`,
        ),
      ).toBeGreaterThan(0);
    });

    test('a person counts in the workspace it is in, and stays outside one that is full', async () => {
      const workspace = unique('people');
      const enter = async (window: string) => {
        const person = new RawClient(fabric().address());
        person.say(init({ $case: 'user', value: { userId: workspace, windowId: window } }));
        await person.find('connectionAck');
        person.say({ $case: 'switchWorkspace', value: { newWorkspaceId: workspace } });
        return person;
      };
      using one = await enter('1');
      using _two = await enter('2');
      using _three = await enter('3');
      using four = await enter('4');
      expect(await four.find('error')).toMatchObject({ code: 'ERR_WORKSPACE_SWITCH_FAILED', retryable: true });
      one.say({ $case: 'switchWorkspace', value: { newWorkspaceId: `${workspace}-other` } });
      await expect
        .poll(() => tryToJoin(fabric().address(0), workspace, 'agent'), { timeout: 10_000, interval: 10 })
        .toBe(true);
    });

    test('a scope takes no more keys than it may have, changes those it has, and says so with the request id', async () => {
      const workspace = unique('keys');
      using client = await join(fabric().address(), workspace, 'keeper');
      let count = 0;
      const ask = async (changes: Partial<KVOperation>) => {
        const requestId = `r${(count += 1)}`;
        const value = { ...KVOperation.decode(nothing), scope: Scope.WORKSPACE, requestId, ...changes };
        client.say({ $case: 'kvOp', value });
        return client.find('kv');
      };
      for (const key of ['a', 'b', 'c'])
        expect((await ask({ op: Op.PUT, key, value: Buffer.from('1') })).success).toBe(true);
      for (const op of [Op.PUT, Op.SET_NX, Op.INCREMENT, Op.SET_ADD]) {
        expect(await ask({ op, key: 'd', value: Buffer.from('1') })).toMatchObject({
          success: false,
          requestId: `r${count}`,
        });
        expect(await client.find('error')).toMatchObject({
          code: 'ERR_QUOTA_001',
          requestId: `r${count}`,
          retryable: false,
        });
      }
      expect((await ask({ op: Op.LIST })).keys).toEqual(['a', 'b', 'c']);
      expect((await ask({ op: Op.INCREMENT, key: 'a' })).success).toBe(true);
      expect((await ask({ op: Op.DELETE, key: 'b' })).success).toBe(true);
      expect((await ask({ op: Op.PUT, key: 'd' })).success).toBe(true);
      expect((await ask({ op: Op.PUT, key: 'x', scope: Scope.GLOBAL_EXCLUSIVE })).success).toBe(true);
    });
  },
  { env },
);

const tryToJoin = async (address: string, workspace: string, specifier: string): Promise<boolean> => {
  const client = new RawClient(address);
  client.say(agentInit(workspace, specifier));
  const joined = await Promise.race([
    client.find('connectionAck').then(() => true),
    client.ended.then(() => false),
  ]).catch(() => false);
  if (!joined) client[Symbol.dispose]();
  return joined;
};

describe('the rate of a workspace', () => {
  test('is shared by its members, on two gateways of the stack', async () => {
    const [rate, burst, count] = [20, 100, 150];
    await using fabric = await openStoryFabric('stack', {
      env: { AETHER_WORKSPACE_RATE: String(rate), AETHER_WORKSPACE_BURST: String(burst) },
    });
    const workspace = unique('shared');
    const startedMs = performance.now();
    using one = await join(fabric.address(0), workspace, 'one');
    using two = await join(fabric.address(1), workspace, 'two');
    const refused = await Promise.all(
      [one, two].map(async (client) => {
        for (let index = 0; index < count; index += 1) client.say(send(`ag::${workspace}::raw::other`, 'x'));
        client.halfClose();
        await client.ended;
        const errors = client.frames.flatMap((frame) => (frame.$case === 'error' ? [frame.value] : []));
        for (const error of errors)
          expect(error).toMatchObject({
            code: 'ERR_WORKSPACE_RATE_LIMITED',
            message: `workspace ${workspace} message rate limit exceeded`,
            retryable: true,
          });
        return errors.length;
      }),
    );
    const accepted = 2 * count - refused.reduce((sum, errors) => sum + errors, 0);
    const spanMs = performance.now() - startedMs;
    // A share, of one message at this rate, may be left over on each gateway.
    expect(accepted).toBeGreaterThanOrEqual(burst - 2);
    expect(accepted).toBeLessThanOrEqual(burst + (spanMs * rate) / 1000 + 2);
  });

  test.each(['embedded', 'stack'] as const)('lets through who waits as long as it is told: %s', async (composition) => {
    await using fabric = await openStoryFabric(composition, {
      env: { AETHER_WORKSPACE_RATE: '1', AETHER_WORKSPACE_BURST: '10' },
    });
    const workspace = unique('waiting');
    using sender = await join(fabric.address(), workspace, 'sender');
    for (let round = 0; round < 4; round += 1) {
      // One more than there is room for.
      const count = round === 0 ? 11 : 2;
      for (let index = 0; index < count; index += 1) sender.say(send(`ag::${workspace}::raw::other`, 'x'));
      const { code, retryAfterMs } = await sender.find('error');
      expect(code).toBe('ERR_WORKSPACE_RATE_LIMITED');
      await setTimeout(Number(retryAfterMs));
    }
    sender.say(send(`ag::${workspace}::raw::other`, 'x'));
    sender.halfClose();
    expect((await sender.ended).code).toBe(0);
    expect(sender.frames.filter(({ $case }) => $case === 'error')).toHaveLength(4);
  });
});
