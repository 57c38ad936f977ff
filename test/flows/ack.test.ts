import { describe, expect, test } from 'vitest';
import { agentTopic, connectAgent, connectTask, type Message, taskWorkersTopic } from '#sdk';
import { onEachComposition, unique } from './fabric.ts';
import { agentInit, RawClient, send } from './raw-client.ts';
import { Taking } from './taking.ts';

const ackUri = { uri: 'urn:aether-fabric:ack', version: '', required: true, jsonSchema: '' };
const reason = (error: unknown): unknown => (error instanceof Error ? Reflect.get(error, 'reason') : error);

onEachComposition((fabric) => {
  const agent = (workspace: string, specifier: string, { gateway = 0, acks = true, receipts = false } = {}) =>
    connectAgent({ address: fabric().address(gateway), workspace, implementation: 'story', specifier, acks, receipts });

  const connectRaw = async (workspace: string, specifier: string, extensions = [ackUri]): Promise<RawClient> => {
    const client = new RawClient(fabric().address());
    client.say(agentInit(workspace, specifier, { extensions }));
    await client.find('config');
    return client;
  };

  describe('a recipient that acknowledges', () => {
    test('gets what it is done with once, and the sender hears of it', async () => {
      const workspace = unique('done');
      await using sender = await agent(workspace, 'sender', { receipts: true, acks: false });
      const recipient = await agent(workspace, 'recipient', { gateway: 1 });
      const taking = new Taking(recipient);
      const sent = await sender.send(recipient.topic, 'work', { id: 'w1' });
      const message = await taking.next();
      expect(message).toMatchObject({ attempt: 1, id: 'w1', possibleDuplicate: false });
      message.ack();
      expect((await sent.acked()).state).toBe('acked');
      await recipient.close();
      await sender.send(agentTopic(workspace, 'story', 'recipient'), 'next');
      await using again = await agent(workspace, 'recipient');
      expect((await new Taking(again).next()).text()).toBe('next');
    });

    test('gets again what it refuses, with one attempt more, and nothing else twice', async () => {
      const workspace = unique('nack');
      await using sender = await agent(workspace, 'sender', { acks: false });
      await using recipient = await agent(workspace, 'recipient', { gateway: 1 });
      const taking = new Taking(recipient);
      for (const body of ['a', 'b', 'c']) await sender.send(recipient.topic, body);
      const first = [await taking.next(), await taking.next(), await taking.next()];
      expect(first.map((message) => message.text())).toEqual(['a', 'b', 'c']);
      first[0]?.ack();
      first[1]?.nack();
      first[2]?.ack();
      const second = await taking.next();
      expect([second.text(), second.attempt]).toEqual(['b', 2]);
      second.nack({ afterMs: 5 });
      const third = await taking.next();
      expect([third.text(), third.attempt]).toEqual(['b', 3]);
      third.ack();
      await sender.send(recipient.topic, 'd');
      expect((await taking.next()).text()).toBe('d');
    });

    test('comes back to what it was not done with, and to nothing it was', async () => {
      const workspace = unique('return');
      await using sender = await agent(workspace, 'sender', { acks: false });
      const recipient = await agent(workspace, 'recipient');
      const taking = new Taking(recipient);
      for (const body of ['a', 'b', 'c', 'd']) await sender.send(recipient.topic, body);
      const messages = [await taking.next(), await taking.next(), await taking.next(), await taking.next()];
      messages[0]?.ack();
      messages[2]?.ack();
      await recipient.close();
      await using again = await agent(workspace, 'recipient', { gateway: 1 });
      const rest = new Taking(again);
      const left = [await rest.next(), await rest.next()];
      expect(left.map((message) => [message.text(), message.attempt])).toEqual([
        ['b', 2],
        ['d', 2],
      ]);
      for (const message of left) message.ack();
      await sender.send(again.topic, 'e');
      expect((await rest.next()).text()).toBe('e');
    });

    test('may come back without acknowledging, and the other way', async () => {
      const workspace = unique('both');
      await using sender = await agent(workspace, 'sender', { acks: false });
      const topic = agentTopic(workspace, 'story', 'recipient');
      for (const body of ['a', 'b', 'c']) await sender.send(topic, body);
      const first = await agent(workspace, 'recipient');
      const one = new Taking(first);
      (await one.next()).ack();
      await one.next();
      await first.close();
      const second = await agent(workspace, 'recipient', { acks: false });
      expect(await new Taking(second).texts(2)).toEqual(['b', 'c']);
      await second.close();
      await using third = await agent(workspace, 'recipient', { gateway: 1 });
      await sender.send(topic, 'd');
      const last = await new Taking(third).next();
      expect([last.text(), last.attempt]).toEqual(['d', 1]);
    });

    test('has no more than its share unanswered, and gets everything as it answers', async () => {
      const workspace = unique('share');
      await using sender = await agent(workspace, 'sender', { acks: false });
      using client = await connectRaw(workspace, 'slow');
      const bodies = Array.from({ length: 400 }, (_, index) => `m${index}`);
      await Promise.all(bodies.map((body) => sender.send(agentTopic(workspace, 'raw', 'slow'), body)));
      const seen: string[] = [];
      const ids: bigint[] = [];
      while (seen.length < 256) {
        const frame = await client.find('msg');
        seen.push(Buffer.from(frame.payload).toString());
        ids.push(frame.deliveryId);
      }
      client.say(send(agentTopic(workspace, 'raw', 'nobody'), 'x', { targetTopic: 'nowhere' }));
      await client.find('error');
      expect(client.frames.filter(({ $case }) => $case === 'msg')).toHaveLength(256);
      while (seen.length < 400) {
        client.say({ $case: 'ackDeliveries', value: { acked: ids.splice(0), nacked: [], requestId: '' } });
        const frame = await client.find('msg');
        seen.push(Buffer.from(frame.payload).toString());
        ids.push(frame.deliveryId);
      }
      expect(seen).toEqual(bodies);
    });

    test('works for competing work: what one worker refuses goes to any', async () => {
      const workspace = unique('work');
      await using sender = await agent(workspace, 'sender', { acks: false, receipts: true });
      const connectWorker = (gateway: number) =>
        connectTask({ address: fabric().address(gateway), workspace, implementation: 'job', acks: true });
      const first = await connectWorker(0);
      const firstTaking = new Taking(first);
      const sent = await sender.send(taskWorkersTopic(workspace, 'job'), 'job');
      const refused = await firstTaking.next();
      expect(refused.attempt).toBe(1);
      refused.nack();
      const again = await firstTaking.next();
      expect(again.attempt).toBeGreaterThan(1);
      await first.close();
      await using second = await connectWorker(1);
      const taken = await new Taking(second).next();
      expect(taken.text()).toBe('job');
      expect(taken.attempt).toBeGreaterThan(2);
      taken.ack();
      await sent.acked();
    });

    test('says more of a delivery to nobody else', async () => {
      const workspace = unique('fields');
      using plain = await connectRaw(workspace, 'plain', []);
      using acking = await connectRaw(workspace, 'acking');
      for (const specifier of ['plain', 'acking']) plain.say(send(agentTopic(workspace, 'raw', specifier), 'x'));
      expect(await plain.find('msg')).toMatchObject({ deliveryId: 0n, attempt: 0, offset: 0n, record: 0 });
      const delivery = await acking.find('msg');
      expect(delivery).toMatchObject({ attempt: 1, messageId: '' });
      expect(delivery.deliveryId).toBeGreaterThan(0n);
    });
  });

  describe('bad input', () => {
    test('answers to deliveries that are none are refused with the request, the others count', async () => {
      const workspace = unique('bad');
      using client = await connectRaw(workspace, 'me');
      const own = agentTopic(workspace, 'raw', 'me');
      client.say(send(own, 'a'));
      client.say(send(own, 'b'));
      const [a, b] = [await client.find('msg'), await client.find('msg')];
      client.say({
        $case: 'ackDeliveries',
        value: {
          acked: [a.deliveryId, 999_999n],
          nacked: [
            { deliveryId: b.deliveryId, redeliverAfterMs: -1n },
            { deliveryId: -7n, redeliverAfterMs: 0n },
          ],
          requestId: 'r1',
        },
      });
      const errors = [await client.find('error'), await client.find('error')];
      expect(errors.map(({ code, requestId }) => [code, requestId])).toEqual([
        ['ERR_DELIVERY_UNKNOWN', 'r1'],
        ['ERR_INVALID_ARGUMENT', 'r1'],
      ]);
      expect(errors[0]?.message).toContain('999999');
      client.say({ $case: 'ackDeliveries', value: { acked: [a.deliveryId], nacked: [], requestId: 'r2' } });
      expect(await client.find('error')).toMatchObject({ code: 'ERR_DELIVERY_UNKNOWN', requestId: 'r2' });
      client.say({ $case: 'ackDeliveries', value: { acked: [b.deliveryId], nacked: [], requestId: 'r3' } });
      client.say(send(own, 'end'));
      expect(Buffer.from((await client.find('msg')).payload).toString()).toBe('end');
    });

    test('needs the extension', async () => {
      using client = await connectRaw(unique('plain'), 'me', []);
      client.say({ $case: 'ackDeliveries', value: { acked: [1n], nacked: [], requestId: 'r' } });
      expect(await client.find('error')).toMatchObject({ code: 'ERR_INVALID_ARGUMENT', requestId: 'r' });
    });

    test('in the SDK is told at once', async () => {
      const workspace = unique('sdk');
      await using off = await agent(workspace, 'off', { acks: false });
      await off.send(off.topic, 'x');
      const message: Message = await new Taking(off).next();
      expect(() => message.ack()).toThrow('acks: true');
      try {
        message.nack();
      } catch (error) {
        expect(reason(error)).toBe('ACKS_OFF');
      }
      await using on = await agent(workspace, 'on');
      await on.send(on.topic, 'x');
      const other = await new Taking(on).next();
      expect(() => other.nack({ afterMs: -1 })).toThrow('afterMs');
      other.ack();
    });
  });
});
