import { describe, expect, test } from 'vitest';
import {
  agentsTopic,
  agentTopic,
  connectAgent,
  connectOrchestrator,
  connectTask,
  type MessagingClient,
  taskWorkersTopic,
} from '#sdk';
import type { SendMessage } from '../../src/gen/aether/v1/message.ts';
import { onEachComposition, unique } from './fabric.ts';
import { agentInit, RawClient, send } from './raw-client.ts';
import { Taking } from './taking.ts';

const declared = (uri: string) => ({ uri, version: '', required: true, jsonSchema: '' });
const receiptsUri = declared('urn:aether-fabric:receipts');

onEachComposition((fabric) => {
  const agent = (workspace: string, specifier: string, { gateway = 0, receipts = true } = {}) =>
    connectAgent({ address: fabric().address(gateway), workspace, implementation: 'story', specifier, receipts });

  const connectRaw = async (workspace: string, specifier: string, extensions = [receiptsUri]): Promise<RawClient> => {
    const client = new RawClient(fabric().address());
    client.say(agentInit(workspace, specifier, { extensions }));
    await client.find('config');
    return client;
  };
  const reason = (error: unknown): unknown => (error instanceof Error ? Reflect.get(error, 'reason') : error);

  describe('receipts', () => {
    test('tell of each rung, and of it again by id', async () => {
      const workspace = unique('rungs');
      await using sender = await agent(workspace, 'sender');
      const sent = await sender.send(agentTopic(workspace, 'story', 'away'), 'hello');
      expect(sent.id).toBeDefined();
      expect((await sent.accepted()).id).toBe(sent.id);
      expect((await sent.durable()).state).toBe('durable');
      expect(await sender.receipts.get(sent.id ?? '')).toMatchObject({ id: sent.id, state: 'durable' });
      await using recipient = await agent(workspace, 'away', { gateway: 1, receipts: false });
      expect(await new Taking(recipient).texts(1)).toEqual(['hello']);
      const delivered = await sent.delivered();
      expect(delivered.state).toBe('delivered');
      expect(delivered.at).toBeInstanceOf(Date);
      expect(await sender.receipts.get(sent.id ?? '')).toMatchObject({ state: 'delivered' });
      expect(sent.state).toBe('delivered');
    });

    test('of many messages, each its own, in the order sent', async () => {
      const workspace = unique('many');
      await using sender = await agent(workspace, 'sender');
      await using recipient = await agent(workspace, 'recipient', { gateway: 1 });
      const taking = new Taking(recipient);
      const bodies = Array.from({ length: 2000 }, (_, index) => `m${index}`);
      const all = await Promise.all(bodies.map((body) => sender.send(recipient.topic, body)));
      expect(await taking.texts(2000)).toEqual(bodies);
      await Promise.all(all.map((sent) => sent.delivered()));
    });

    test('stop at durable for those with several recipients', async () => {
      const workspace = unique('broadcast');
      await using sender = await agent(workspace, 'sender');
      await using recipient = await agent(workspace, 'recipient', { gateway: 1 });
      const taking = new Taking(recipient);
      const sent = await sender.send(agentsTopic(workspace), 'all of you');
      expect(await taking.texts(1)).toEqual(['all of you']);
      await sent.durable();
      await recipient.close();
      expect(await sender.receipts.get(sent.id ?? '')).toMatchObject({ state: 'durable' });
    });

    test('tell of what a worker got, and what an orchestrator sent', async () => {
      const workspace = unique('work');
      await using orchestrator = await connectOrchestrator({
        address: fabric().address(1),
        implementation: unique('orc'),
        receipts: true,
      });
      const sent = await orchestrator.send(taskWorkersTopic(workspace, 'job'), 'do it');
      await sent.durable();
      await using worker = await connectTask({ address: fabric().address(), workspace, implementation: 'job' });
      expect(await new Taking(worker).texts(1)).toEqual(['do it']);
      expect((await sent.delivered()).state).toBe('delivered');
      const other = await orchestrator.send(agentTopic(workspace, 'story', 'other'), 'and you');
      await using recipient = await agent(workspace, 'other');
      expect(await new Taking(recipient).texts(1)).toEqual(['and you']);
      await other.delivered();
    });

    test('of an earlier process can be asked for', async () => {
      const workspace = unique('earlier');
      const first = await agent(workspace, 'sender');
      await first.send(agentTopic(workspace, 'story', 'away'), 'x', { id: 'order-17' });
      await first.close();
      await using second = await agent(workspace, 'sender', { gateway: 1 });
      expect(await second.receipts.get('order-17')).toMatchObject({ id: 'order-17', state: 'durable' });
      const again = await second.send(agentTopic(workspace, 'story', 'away'), 'x', { id: 'order-17' });
      await again.durable();
      await using recipient = await agent(workspace, 'away');
      await second.send(recipient.topic, 'end');
      expect(await new Taking(recipient).texts(2)).toEqual(['x', 'end']);
    });

    test('say that a message was denied, and it can be asked for', async () => {
      const workspace = unique('denied');
      await using sender = await agent(workspace, 'sender');
      const sent = await sender.send('ag::elsewhere::i::s', 'x');
      await expect(sent.durable()).rejects.toSatisfy((error) =>
        ['ERR_PERMISSION_DENIED', 'MESSAGE_DENIED'].includes(String(reason(error))),
      );
      expect(await sender.receipts.get(sent.id ?? '')).toMatchObject({ state: 'denied' });
    });

    test('are not sent to those who did not ask, whose frames stay what they are', async () => {
      const workspace = unique('standard');
      using standard = await connectRaw(workspace, 'standard', []);
      await using sender = await agent(workspace, 'sender');
      const own = agentTopic(workspace, 'raw', 'standard');
      const sent = await sender.send(own, 'named');
      await sent.durable();
      const named = await standard.find('msg');
      standard.say(send(own, 'named', { messageType: 6 }));
      const plain = await standard.find('msg');
      expect({ ...named, sourceTopic: '' }).toEqual({ ...plain, sourceTopic: '' });
      expect(new Set(standard.frames.map(({ $case }) => $case))).toEqual(new Set(['connectionAck', 'config', 'msg']));
    });
  });

  describe('the same id', () => {
    test('is published once, however often and on whichever gateway it is sent', async () => {
      const workspace = unique('once');
      const topic = agentTopic(workspace, 'story', 'recipient');
      await using recipient = await agent(workspace, 'recipient', { gateway: 1 });
      const taking = new Taking(recipient);
      for (const gateway of [0, 1]) {
        await using sender = await agent(workspace, 'sender', { gateway });
        const copies = await Promise.all([1, 2, 3].map(() => sender.send(topic, 'copy', { id: 'the-one' })));
        for (const copy of copies) await copy.durable();
      }
      await using sender = await agent(workspace, 'sender');
      await sender.send(topic, 'end');
      expect(await taking.texts(2)).toEqual(['copy', 'end']);
    });

    test('on one raw stream, before and after it is durable', async () => {
      const workspace = unique('stream');
      using client = await connectRaw(workspace, 'me');
      const own = agentTopic(workspace, 'raw', 'me');
      const named: Partial<SendMessage> = { messageId: 'n' };
      client.say(send(own, 'once', named));
      client.say(send(own, 'once', named));
      const states: number[] = [];
      while (!states.includes(3)) states.push(...(await client.find('receipts')).receipts.map(({ state }) => state));
      client.say(send(own, 'once', named));
      expect((await client.find('receipts')).receipts[0]?.messageId).toBe('n');
      client.say(send(own, 'end'));
      const texts: string[] = [];
      for (const frame of client.frames)
        if (frame.$case === 'msg') texts.push(Buffer.from(frame.value.payload).toString());
      while (!texts.includes('end')) texts.push(Buffer.from((await client.find('msg')).payload).toString());
      expect([...new Set(texts)]).toEqual(['once', 'end']);
      expect(client.frames.filter(({ $case }) => $case === 'msg')).toHaveLength(2);
    });

    test('of another sender is another message', async () => {
      const workspace = unique('others');
      await using recipient = await agent(workspace, 'recipient');
      const taking = new Taking(recipient);
      const senders: MessagingClient[] = [await agent(workspace, 'a'), await agent(workspace, 'b')];
      for (const sender of senders) await (await sender.send(recipient.topic, 'x', { id: 'same' })).delivered();
      expect(await taking.texts(2)).toEqual(['x', 'x']);
      for (const sender of senders) await sender.close();
    });
  });

  describe('a time to live', () => {
    test('keeps what is too old from its recipient, and says so', async () => {
      const workspace = unique('ttl');
      await using sender = await agent(workspace, 'sender');
      const topic = agentTopic(workspace, 'story', 'away');
      const short = await sender.send(topic, 'old', { ttlMs: 1 });
      const long = await sender.send(topic, 'young', { ttlMs: 3_600_000 });
      const { at } = await short.durable();
      while (Date.now() <= at.getTime() + 1) await new Promise((resolve) => setImmediate(resolve));
      await using recipient = await agent(workspace, 'away', { gateway: 1 });
      expect(await new Taking(recipient).texts(1)).toEqual(['young']);
      await long.delivered();
      expect(reason(await short.delivered().catch((error: unknown) => error))).toBe('MESSAGE_EXPIRED');
      expect(await sender.receipts.get(short.id ?? '')).toMatchObject({ state: 'expired' });
    });

    test('is over for those nobody comes for as well, and what was for several is not told of', async () => {
      const workspace = unique('ttl-nobody');
      await using sender = await agent(workspace, 'sender');
      using told = await connectRaw(workspace, 'told');
      const nobody = agentTopic(workspace, 'story', 'nobody');
      const everybody = await sender.send(agentsTopic(workspace), 'x', { ttlMs: 20 });
      const waiting = [
        await sender.send(nobody, 'x', { ttlMs: 20 }),
        await sender.send(taskWorkersTopic(workspace, 'nobody'), 'x', { ttlMs: 20 }),
        await sender.send(nobody, 'x', { ttlMs: 20, delayMs: 50 }),
      ];
      told.say(send(nobody, 'x', { messageId: 'raw', ttlMs: 20n }));
      for (const sent of waiting)
        expect(reason(await sent.delivered().catch((error: unknown) => error))).toBe('MESSAGE_EXPIRED');
      const states: number[] = [];
      while (!states.includes(5)) states.push(...(await told.find('receipts')).receipts.map(({ state }) => state));
      expect(await sender.receipts.get(waiting[0]?.id ?? '')).toMatchObject({ state: 'expired' });
      expect(await sender.receipts.get(everybody.id ?? '')).toMatchObject({ state: 'durable' });
    });

    test('holds for competing work and broadcasts too', async () => {
      const workspace = unique('ttl-work');
      await using sender = await agent(workspace, 'sender');
      const topic = taskWorkersTopic(workspace, 'job');
      const old = await sender.send(topic, 'old', { ttlMs: 1 });
      const { at } = await old.durable();
      while (Date.now() <= at.getTime() + 1) await new Promise((resolve) => setImmediate(resolve));
      await sender.send(topic, 'young');
      await using worker = await connectTask({ address: fabric().address(), workspace, implementation: 'job' });
      expect(await new Taking(worker).texts(1)).toEqual(['young']);
      expect(reason(await old.delivered().catch((error: unknown) => error))).toBe('MESSAGE_EXPIRED');
    });
  });

  describe('bad input', () => {
    test('is refused with the name of the message, and nothing is sent', async () => {
      const workspace = unique('bad');
      using client = await connectRaw(workspace, 'me');
      const own = agentTopic(workspace, 'raw', 'me');
      const cases: [Partial<SendMessage>, string][] = [
        [{ messageId: 'ü'.repeat(65) }, 'message_id'],
        [{ messageId: 'negative', ttlMs: -1n }, 'ttl_ms'],
        [{ messageId: 'long', ttlMs: 2n ** 62n }, 'ttl_ms'],
      ];
      for (const [changes, named] of cases) {
        client.say(send(own, 'x', changes));
        const error = await client.find('error');
        expect(error).toMatchObject({ code: 'ERR_INVALID_ARGUMENT', requestId: changes.messageId });
        expect(error.message).toContain(named);
      }
      client.say(send('nowhere', 'x', { messageId: 'lost' }));
      expect(await client.find('error')).toMatchObject({ code: 'ERR_INVALID_TOPIC', requestId: 'lost' });
      client.say({
        $case: 'sendBatch',
        value: { messages: [] },
      });
      expect((await client.find('error')).message).toContain('urn:aether-fabric:batch');
      client.say(send(own, 'end'));
      expect(Buffer.from((await client.find('msg')).payload).toString()).toBe('end');
    });

    test('names and receipts need the extension', async () => {
      const workspace = unique('plain');
      using client = await connectRaw(workspace, 'me', []);
      const own = agentTopic(workspace, 'raw', 'me');
      client.say(send(own, 'x', { messageId: 'n' }));
      expect(await client.find('error')).toMatchObject({ code: 'ERR_INVALID_ARGUMENT', requestId: 'n' });
      client.say(send(own, 'x', { ttlMs: 5n }));
      expect((await client.find('error')).message).toContain('urn:aether-fabric:receipts');
      client.say({ $case: 'receiptQuery', value: { requestId: 'q', messageIds: ['n'] } });
      expect(await client.find('receiptQueryResponse')).toMatchObject({ requestId: 'q', success: false });
      expect(await client.find('error')).toMatchObject({ code: 'ERR_INVALID_ARGUMENT', requestId: 'q' });
    });

    test('receipts of unknown and of too many ids', async () => {
      const workspace = unique('unknown');
      using client = await connectRaw(workspace, 'me');
      await using other = await agent(workspace, 'other');
      await (await other.send(other.topic, 'x', { id: 'foreign' })).durable();
      client.say({ $case: 'receiptQuery', value: { requestId: 'q', messageIds: ['foreign', ''] } });
      expect(await client.find('receiptQueryResponse')).toMatchObject({
        requestId: 'q',
        success: false,
        receipts: [],
        unknownMessageIds: ['foreign', ''],
      });
      expect(await client.find('error')).toMatchObject({ code: 'ERR_RECEIPT_UNKNOWN', requestId: 'q' });
      const messageIds = Array.from({ length: 1001 }, (_, index) => String(index));
      client.say({ $case: 'receiptQuery', value: { requestId: 'many', messageIds } });
      expect(await client.find('error')).toMatchObject({ code: 'ERR_INVALID_ARGUMENT', requestId: 'many' });
      expect(reason(await other.receipts.get('nothing').catch((error: unknown) => error))).toBe('ERR_RECEIPT_UNKNOWN');
    });

    test('in the SDK is told before anything is sent', async () => {
      const workspace = unique('sdk');
      await using off = await agent(workspace, 'off', { receipts: false });
      const failure = async (doing: Promise<unknown>): Promise<unknown> =>
        reason(await doing.catch((error: unknown) => error));
      expect(await failure(off.send(off.topic, 'x', { id: 'n' }))).toBe('RECEIPTS_OFF');
      expect(await failure(off.receipts.get('n'))).toBe('RECEIPTS_OFF');
      expect(await failure((await off.send(off.topic, 'x')).durable())).toBe('RECEIPTS_OFF');
      await using on = await agent(workspace, 'on');
      expect(await failure(on.send(on.topic, 'x', { ttlMs: -1 }))).toBe('INVALID_ARGUMENT');
      expect(await failure(on.send(on.topic, 'x', { id: '' }))).toBe('INVALID_ARGUMENT');
      expect(await failure((await on.send(on.topic, 'x', { id: 'y'.repeat(129) })).durable())).toBe(
        'ERR_INVALID_ARGUMENT',
      );
    });
  });
});
