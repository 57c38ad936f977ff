import { describe, expect, test } from 'vitest';
import { agentTopic, connectAgent, connectService, connectTask, type DeadLetter, taskWorkersTopic } from '#sdk';
import { aether } from './aether-command.ts';
import { onEachComposition, unique } from './fabric.ts';
import { agentInit, RawClient } from './raw-client.ts';
import { Taking } from './taking.ts';

const reason = (error: unknown): unknown => (error instanceof Error ? Reflect.get(error, 'reason') : error);
const ackUri = { uri: 'urn:aether-fabric:ack', version: '', required: true, jsonSchema: '' };

onEachComposition((fabric) => {
  const agent = (workspace: string, specifier: string, { gateway = 0, acks = true, receipts = false } = {}) =>
    connectAgent({ address: fabric().address(gateway), workspace, implementation: 'story', specifier, acks, receipts });
  const operator = () =>
    connectService({ address: fabric().address(1), implementation: 'operator', specifier: unique('o'), acks: true });
  const lettersOf = async (client: Awaited<ReturnType<typeof operator>>, topic: string): Promise<DeadLetter[]> => {
    const letters: DeadLetter[] = [];
    for await (const letter of client.deadLetters.list({ topic })) letters.push(letter);
    return letters;
  };

  /** Refuses each attempt of the next message. */
  const refuseAll = async (taking: Taking): Promise<void> => {
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      const message = await taking.next();
      expect(message.attempt).toBe(attempt);
      message.nack();
    }
  };

  describe('a message nobody gets done with', () => {
    test('goes to the dead letters, is redriven, and dropped', async () => {
      const workspace = unique('dead');
      await using sender = await agent(workspace, 'sender', { acks: false, receipts: true });
      await using recipient = await agent(workspace, 'recipient');
      const taking = new Taking(recipient);
      const sent = await sender.send(recipient.topic, 'poison', { id: 'p1', type: 'chat' });
      await refuseAll(taking);
      expect(reason(await sent.acked().catch((error: unknown) => error))).toBe('MESSAGE_DEAD_LETTERED');
      await using client = await operator();
      const [letter, ...others] = await lettersOf(client, recipient.topic);
      expect(others).toEqual([]);
      expect(letter).toMatchObject({
        topic: recipient.topic,
        recipient: recipient.identity,
        messageId: 'p1',
        attempts: 5,
        reason: 'refused by its recipient',
        message: { source: sender.topic, type: 'chat' },
      });
      expect(letter?.message?.text()).toBe('poison');
      await client.deadLetters.redrive([letter?.id ?? '']);
      expect(await lettersOf(client, recipient.topic)).toEqual([]);
      await refuseAll(taking);
      await sender.send(recipient.topic, 'fine');
      const fine = await taking.next();
      expect(fine.text()).toBe('fine');
      fine.ack();
      let again: DeadLetter[] = [];
      while (again.length === 0) again = await lettersOf(client, recipient.topic);
      await client.deadLetters.drop(again.map(({ id }) => id));
      expect(await lettersOf(client, recipient.topic)).toEqual([]);
    });

    test('and that brings its recipient down each time, ends there too', async () => {
      const workspace = unique('poison');
      await using sender = await agent(workspace, 'sender', { acks: false, receipts: true });
      const topic = agentTopic(workspace, 'raw', 'recipient');
      const sent = await sender.send(topic, 'poison');
      await sent.durable();
      for (let attempt = 1; attempt <= 5; attempt += 1) {
        using client = new RawClient(fabric().address(attempt));
        client.say(agentInit(workspace, 'recipient', { extensions: [ackUri] }));
        const delivery = await client.find('msg');
        expect(delivery.attempt).toBe(attempt);
        if (attempt === 1) await sent.delivered();
        client.halfClose();
        await client.ended;
      }
      using last = new RawClient(fabric().address());
      last.say(agentInit(workspace, 'recipient', { extensions: [ackUri] }));
      expect(reason(await sent.acked().catch((error: unknown) => error))).toBe('MESSAGE_DEAD_LETTERED');
      await sender.send(topic, 'next');
      expect(Buffer.from((await last.find('msg')).payload).toString()).toBe('next');
      await using client = await operator();
      expect(await lettersOf(client, topic)).toMatchObject([{ attempts: 5 }]);
    });

    test('of the workers of a task as well', async () => {
      const workspace = unique('work');
      const topic = taskWorkersTopic(workspace, 'job');
      await using sender = await agent(workspace, 'sender', { acks: false });
      await using worker = await connectTask({
        address: fabric().address(),
        workspace,
        implementation: 'job',
        acks: true,
      });
      const taking = new Taking(worker);
      await sender.send(topic, 'impossible');
      await refuseAll(taking);
      await using client = await operator();
      let letters: DeadLetter[] = [];
      while (letters.length === 0) letters = await lettersOf(client, topic);
      expect(letters).toMatchObject([{ topic, recipient: worker.identity, attempts: 5 }]);
      await client.deadLetters.redrive(letters.map(({ id }) => id));
      const once = await taking.next();
      expect([once.text(), once.attempt]).toEqual(['impossible', 1]);
      once.ack();
    });
  });

  describe('aether dlq', () => {
    test('lists, redrives and drops', async () => {
      const workspace = unique('cli');
      await using sender = await agent(workspace, 'sender', { acks: false });
      await using recipient = await agent(workspace, 'recipient');
      const taking = new Taking(recipient);
      for (const body of ['one', 'two']) {
        await sender.send(recipient.topic, body);
        await refuseAll(taking);
      }
      await using client = await operator();
      while ((await lettersOf(client, recipient.topic)).length < 2) continue;
      const run = (...args: string[]) => aether(['dlq', ...args, '--address', fabric().address()]);
      const listed = await run('list', '--topic', recipient.topic, '--json');
      expect(listed.code).toBe(0);
      const letters = listed.stdout.split('\n').map((line) => JSON.parse(line) as { id: string; payload: string });
      expect(letters.map(({ payload }) => Buffer.from(payload, 'base64').toString())).toEqual(['one', 'two']);
      const [one, two] = letters.map(({ id }) => id);
      expect(await run('redrive', one ?? '', '--json')).toMatchObject({
        code: 0,
        stdout: JSON.stringify({ redriven: [one] }),
      });
      const message = await taking.next();
      expect(message.text()).toBe('one');
      message.ack();
      expect(await run('drop', two ?? '')).toMatchObject({ code: 0, stdout: '1 dropped' });
      const text = await run('list', '--topic', recipient.topic);
      expect(text.stdout).toBe('no dead letters');
      const unknown = await run('drop', two ?? '');
      expect(unknown.code).toBe(1);
      expect(unknown.stderr).toContain('no dead letter');
      expect((await run('redrive')).code).toBe(2);
    });
  });

  describe('bad input', () => {
    test('is for operators, who negotiated it, and names its fault', async () => {
      const workspace = unique('bad');
      await using member = await agent(workspace, 'member');
      const failure = async (doing: Promise<unknown>): Promise<unknown> =>
        reason(await doing.catch((error: unknown) => error));
      expect(await failure(member.deadLetters.drop(['x']))).toBe('ERR_PERMISSION_DENIED');
      await using client = await operator();
      expect(await failure(client.deadLetters.drop([]))).toBe('ERR_INVALID_ARGUMENT');
      expect(await failure(client.deadLetters.redrive(['nothing']))).toBe('ERR_DEAD_LETTER_UNKNOWN');
      await using plain = await connectService({
        address: fabric().address(),
        implementation: 'plain',
        specifier: unique('p'),
      });
      expect(await failure(plain.deadLetters.drop(['x']))).toBe('ERR_INVALID_ARGUMENT');
    });
  });
});
