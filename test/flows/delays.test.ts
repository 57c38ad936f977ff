import { describe, expect, test } from 'vitest';
import { agentTopic, connectAgent, connectTask, taskWorkersTopic } from '#sdk';
import type { SendMessage } from '../../src/gen/aether/v1/message.ts';
import { onEachComposition, unique } from './fabric.ts';
import { agentInit, RawClient, send } from './raw-client.ts';
import { Taking } from './taking.ts';

const receiptsUri = { uri: 'urn:aether-fabric:receipts', version: '', required: true, jsonSchema: '' };

onEachComposition((fabric) => {
  const agent = (workspace: string, specifier: string, gateway = 0) =>
    connectAgent({ address: fabric().address(gateway), workspace, implementation: 'story', specifier, receipts: true });

  describe('a delayed message', () => {
    test('is durable at once and comes when it is due, after what was sent later', async () => {
      const workspace = unique('due');
      await using sender = await agent(workspace, 'sender');
      await using recipient = await agent(workspace, 'recipient', 1);
      const taking = new Taking(recipient);
      const sentAt = Date.now();
      const later = await sender.send(recipient.topic, 'later', { delayMs: 300 });
      await later.durable();
      const now = await sender.send(recipient.topic, 'now');
      expect(await taking.texts(2)).toEqual(['now', 'later']);
      expect((await later.delivered()).at.getTime()).toBeGreaterThanOrEqual(sentAt + 300);
      await now.delivered();
    });

    test('outlives its sender, and is kept once however often it is sent', async () => {
      const workspace = unique('once');
      const topic = agentTopic(workspace, 'story', 'recipient');
      const deliverAt = new Date(Date.now() + 400);
      for (const gateway of [0, 1]) {
        const sender = await agent(workspace, 'sender', gateway);
        await sender.send(topic, 'once', { id: 'reminder', deliverAt });
        await sender.close();
      }
      await using recipient = await agent(workspace, 'recipient');
      const taking = new Taking(recipient);
      expect(await taking.texts(1)).toEqual(['once']);
      await using sender = await agent(workspace, 'sender');
      await sender.send(topic, 'end');
      expect(await taking.texts(1)).toEqual(['end']);
      expect((await sender.receipts.get('reminder')).state).toBe('delivered');
    });

    test('may be for workers', async () => {
      const workspace = unique('work');
      await using sender = await agent(workspace, 'sender');
      await using worker = await connectTask({ address: fabric().address(1), workspace, implementation: 'job' });
      const sent = await sender.send(taskWorkersTopic(workspace, 'job'), 'job', { delayMs: 20 });
      expect(await new Taking(worker).texts(1)).toEqual(['job']);
      await sent.delivered();
    });

    test('in the past, too far ahead or both ways is refused by name', async () => {
      const workspace = unique('bad');
      using client = new RawClient(fabric().address());
      client.say(agentInit(workspace, 'me', { extensions: [receiptsUri] }));
      const own = agentTopic(workspace, 'raw', 'me');
      const cases: Partial<SendMessage>[] = [
        { messageId: 'past', deliverAtUnixMs: 1000n },
        { messageId: 'negative', delayMs: -1n },
        { messageId: 'far', delayMs: 31n * 86_400_000n },
        { messageId: 'farther', deliverAtUnixMs: 2n ** 62n },
        { messageId: 'both', deliverAtUnixMs: BigInt(Date.now() + 60_000), delayMs: 5n },
      ];
      for (const changes of cases) {
        client.say(send(own, 'x', changes));
        expect(await client.find('error')).toMatchObject({
          code: 'ERR_INVALID_ARGUMENT',
          requestId: changes.messageId,
        });
      }
      using plain = new RawClient(fabric().address());
      plain.say(agentInit(workspace, 'plain'));
      plain.say(send(own, 'x', { delayMs: 5n }));
      expect((await plain.find('error')).message).toContain('urn:aether-fabric:receipts');
      client.say(send(own, 'end'));
      expect(Buffer.from((await client.find('msg')).payload).toString()).toBe('end');
    });
  });
});
