import { describe, expect, test } from 'vitest';
import { agentTopic, connectAgent, connectTask, taskWorkersTopic } from '#sdk';
import { UpstreamMessage } from '../../src/gen/aether/v1/gateway.ts';
import { MessageType, SendMessage } from '../../src/gen/aether/v1/message.ts';
import { onEachComposition, unique } from './fabric.ts';
import { agentInit, RawClient, send } from './raw-client.ts';
import { Taking } from './taking.ts';

const batch = { uri: 'urn:aether-fabric:batch', version: '', required: true, jsonSchema: '' };
const message = (targetTopic: string, text: string): SendMessage => ({
  ...SendMessage.decode(new Uint8Array()),
  targetTopic,
  payload: Buffer.from(text),
});

onEachComposition((fabric) => {
  const agent = (workspace: string, specifier: string, { gateway = 0, batch: batched = true } = {}) =>
    connectAgent({ address: fabric().address(gateway), workspace, implementation: 'story', specifier, batch: batched });

  const connectRaw = async (workspace: string, specifier: string, extensions = [batch]): Promise<RawClient> => {
    const client = new RawClient(fabric().address());
    client.say(agentInit(workspace, specifier, { extensions }));
    await client.find('config');
    return client;
  };

  describe('many messages in one frame', () => {
    test.each([
      [true, true],
      [true, false],
      [false, true],
    ])('arrive in order whether the sender packs (%s) and the recipient unpacks (%s)', async (packs, unpacks) => {
      const workspace = unique('order');
      await using sender = await agent(workspace, 'sender', { batch: packs });
      await using recipient = await agent(workspace, 'recipient', { gateway: 1, batch: unpacks });
      const taking = new Taking(recipient);
      const bodies = Array.from({ length: 3000 }, (_, index) => `m${index}`);
      await Promise.all(bodies.map((body) => sender.send(recipient.topic, body)));
      expect(await taking.texts(3000)).toEqual(bodies);
      await sender.close();
    });

    test('reach those who read single frames as single frames', async () => {
      const workspace = unique('single');
      using standard = await connectRaw(workspace, 'standard', []);
      using batched = await connectRaw(workspace, 'batched');
      await using sender = await agent(workspace, 'sender');
      const texts = Array.from({ length: 200 }, (_, index) => `m${index}`);
      for (const specifier of ['standard', 'batched'])
        await Promise.all(texts.map((text) => sender.send(agentTopic(workspace, 'raw', specifier), text)));
      const singles: string[] = [];
      while (singles.length < 200) singles.push(Buffer.from((await standard.find('msg')).payload).toString());
      expect(singles).toEqual(texts);
      expect(standard.frames.some(({ $case }) => $case === 'deliveryBatch')).toBe(false);
      const many: string[] = [];
      while (many.length < 200) {
        const frame = await batched.next();
        if (frame.$case === 'msg') many.push(Buffer.from(frame.value.payload).toString());
        if (frame.$case === 'deliveryBatch')
          many.push(...frame.value.messages.map(({ payload }) => Buffer.from(payload).toString()));
      }
      expect(many).toEqual(texts);
      expect(batched.frames.some(({ $case }) => $case === 'deliveryBatch')).toBe(true);
    });

    test('a bad one is refused with its place, the others go through', async () => {
      const workspace = unique('bad');
      using client = await connectRaw(workspace, 'me');
      const own = agentTopic(workspace, 'raw', 'me');
      client.say({
        $case: 'sendBatch',
        value: {
          messages: [
            message(own, 'first'),
            message('nowhere', 'x'),
            message('ag::elsewhere::i::s', 'x'),
            { ...message(own, ''), payload: new Uint8Array(1024 * 1024 + 1) },
            message(own, 'last'),
          ],
        },
      });
      const errors = [await client.find('error'), await client.find('error'), await client.find('error')];
      expect(errors.map(({ code }) => code)).toEqual([
        'ERR_INVALID_TOPIC',
        'ERR_PERMISSION_DENIED',
        'ERR_PAYLOAD_TOO_LARGE',
      ]);
      expect(errors.map(({ message: text }) => /^message (\d) of the batch: /.exec(text)?.[1])).toEqual([
        '1',
        '2',
        '3',
      ]);
      client.say(send(own, 'after'));
      const texts: string[] = [];
      while (!texts.includes('after')) {
        const frame = client.frames.flatMap((one) =>
          one.$case === 'msg' ? [one.value] : one.$case === 'deliveryBatch' ? one.value.messages : [],
        );
        texts.splice(0, texts.length, ...frame.map(({ payload }) => Buffer.from(payload).toString()));
        if (!texts.includes('after')) await client.next();
      }
      expect(texts).toEqual(['first', 'last', 'after']);
    });

    test('equal ones that may not go are refused one by one', async () => {
      using client = await connectRaw(unique('denied'), 'me');
      const messages = Array.from({ length: 3 }, () => message('ag::elsewhere::i::s', 'x'));
      client.say({ $case: 'sendBatch', value: { messages } });
      const errors = [await client.find('error'), await client.find('error'), await client.find('error')];
      expect(errors.map(({ code, message: text }) => `${code} ${text.slice(0, 22)}`)).toEqual(
        [0, 1, 2].map((place) => `ERR_PERMISSION_DENIED message ${place} of the batch`),
      );
    });

    test('metrics among them are looked into wherever they go, also where others went as one', async () => {
      const workspace = unique('metrics');
      using client = await connectRaw(workspace, 'me');
      const own = agentTopic(workspace, 'raw', 'me');
      const metrics = ['a', 'b'].map((body) => ({ ...message(own, body), messageType: MessageType.METRIC }));
      const chats = ['c', 'd'].map((body) => message(own, body));
      client.say({ $case: 'sendBatch', value: { messages: [...chats, ...metrics] } });
      const errors = [await client.find('error'), await client.find('error')];
      expect(errors.map(({ code, message: text }) => `${code} ${text.slice(0, 22)}`)).toEqual(
        [2, 3].map((place) => `ERR_METRIC_INVALID message ${place} of the batch`),
      );
    });

    test('equal ones for the workers of a task are shared out one by one', async () => {
      const workspace = unique('work');
      using sender = await connectRaw(workspace, 'sender');
      const address = fabric().address(1);
      const worker = () => connectTask({ address, workspace, implementation: 'job' });
      await using first = await worker();
      await using second = await worker();
      const texts: string[] = [];
      const { promise, resolve } = Promise.withResolvers<void>();
      const shares = [first, second].map((one) => {
        const share = { count: 0 };
        one.onMessage((job) => {
          share.count += 1;
          if (texts.push(job.text()) === 200) resolve();
        });
        return share;
      });
      const bodies = Array.from({ length: 200 }, (_, index) => `job ${index}`);
      const messages = bodies.map((body) => message(taskWorkersTopic(workspace, 'job'), body));
      sender.say({ $case: 'sendBatch', value: { messages } });
      await promise;
      expect(texts.toSorted()).toEqual(bodies.toSorted());
      for (const { count } of shares) expect(count).toBeGreaterThan(0);
    });

    test('a damaged one is refused by itself, a frame that is cut short ends the stream', async () => {
      const workspace = unique('damaged');
      using client = await connectRaw(workspace, 'me');
      const good = SendMessage.encode(message(agentTopic(workspace, 'raw', 'me'), 'good')).finish();
      const members = Buffer.concat([Buffer.of(0x0a, 2, 0x12, 0x7f), Buffer.of(0x0a, good.byteLength), good]);
      client.bytes(Buffer.concat([Buffer.of(0xc2, 0x3e, members.byteLength), members]));
      expect(await client.find('error')).toMatchObject({
        code: 'ERR_INVALID_ARGUMENT',
        message: 'message 0 of the batch: it is not a SendMessage',
      });
      expect(Buffer.from((await client.find('msg')).payload).toString()).toBe('good');
      client.bytes(Buffer.concat([Buffer.of(0xc2, 0x3e, members.byteLength), members.subarray(0, 7)]));
      expect(await client.ended).toMatchObject({ code: 3 });
    });

    test('need the extension; too many are refused whole', async () => {
      const workspace = unique('needs');
      using plain = await connectRaw(workspace, 'plain', []);
      const own = agentTopic(workspace, 'raw', 'plain');
      plain.say({ $case: 'sendBatch', value: { messages: [message(own, 'x')] } });
      const refused = await plain.find('error');
      expect(refused.code).toBe('ERR_INVALID_ARGUMENT');
      expect(refused.message).toContain('urn:aether-fabric:batch');
      using client = await connectRaw(workspace, 'me');
      const many = UpstreamMessage.encode({
        payload: { $case: 'sendBatch', value: { messages: Array.from({ length: 8193 }, () => message('', '')) } },
        activeExtensions: ['urn:aether-fabric:batch'],
      }).finish();
      client.bytes(many);
      expect(await client.find('error')).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
      client.say(send(own, 'still there'));
      expect(Buffer.from((await plain.find('msg')).payload).toString()).toBe('still there');
    });
  });
});
