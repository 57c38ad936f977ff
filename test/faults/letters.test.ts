/** Delayed messages and dead letters when gateways are killed at the worst moments: nothing lost, nothing twice. */
import { describe, expect, test } from 'vitest';
import {
  agentTopic,
  connectAgent,
  connectService,
  connectTask,
  type DeadLetter,
  type MessagingClient,
  taskWorkersTopic,
} from '#sdk';
import { aether } from '../flows/aether-command.ts';
import { unique } from '../flows/fabric.ts';
import { Taking } from '../flows/taking.ts';
import { ProcessFabric } from './fabrics.ts';

const attemptsMax = 5;

describe.each(['embedded', 'stack'] as const)('%s', (composition) => {
  const agent = (address: string, workspace: string, specifier: string, more: object) =>
    connectAgent({ address, workspace, implementation: 'fault', specifier, ...more });

  const lettersOf = async (address: string, topic: string): Promise<readonly DeadLetter[]> => {
    await using operator = await connectService({
      address,
      implementation: 'operator',
      specifier: unique('o'),
      acks: true,
    });
    const letters: DeadLetter[] = [];
    for await (const letter of operator.deadLetters.list({ topic })) letters.push(letter);
    return letters;
  };

  test.each(['before:delayStore.claim', 'after:delayStore.claim', 'before:delayStore.remove'])(
    'a delayed message whose gateway is killed %s is delivered once',
    async (dies) => {
      await using fabric = new ProcessFabric(composition);
      const dying = await fabric.startDying(dies);
      const workspace = unique('delay');
      const topic = agentTopic(workspace, 'fault', 'recipient');
      const sender = await agent(dying.address, workspace, 'sender', { receipts: true, reconnect: { enabled: false } });
      await (await sender.send(topic, 'later', { id: 'later', delayMs: 300 })).durable();
      await dying.ended;
      const gateway = await fabric.start();
      const recipient = await agent(gateway.address, workspace, 'recipient', {});
      const again = await agent(gateway.address, workspace, 'sender', {
        receipts: true,
        reconnect: { retryDuplicate: true },
      });
      const taking = new Taking(recipient);
      expect(await taking.texts(1)).toEqual(['later']);
      await (await again.send(topic, 'later', { id: 'later' })).delivered();
      await again.send(topic, 'end');
      expect(await taking.texts(1)).toEqual(['end']);
      await Promise.all([again.close(), recipient.close()]);
    },
    90_000,
  );

  /** Refuses whatever comes until the gateway is gone. */
  const refuseAll = (client: MessagingClient): number[] => {
    const seen: number[] = [];
    client.onError(() => undefined);
    client.onMessage((message) => {
      seen.push(message.attempt);
      message.nack();
    });
    return seen;
  };

  const story = async (dies: string, kind: 'agent' | 'work'): Promise<void> => {
    await using fabric = new ProcessFabric(composition);
    const dying = await fabric.startDying(dies);
    const workspace = unique('poison');
    const connect = (address: string): Promise<MessagingClient> =>
      kind === 'agent'
        ? agent(address, workspace, 'recipient', { acks: true, reconnect: { enabled: false, retryDuplicate: true } })
        : connectTask({ address, workspace, implementation: 'job', acks: true, reconnect: { enabled: false } });
    const topic = kind === 'agent' ? agentTopic(workspace, 'fault', 'recipient') : taskWorkersTopic(workspace, 'job');
    const first = await connect(dying.address);
    const seen = refuseAll(first);
    const sender = await agent(dying.address, workspace, 'sender', { reconnect: { enabled: false } });
    await sender.send(topic, 'poison');
    await dying.ended;
    await first.closed;
    expect(seen).toEqual([1, 2, 3, 4, 5]);
    const gateway = await fabric.start();
    const second = await connect(gateway.address);
    const taking = new Taking(second);
    let letters: readonly DeadLetter[] = [];
    while (letters.length === 0) letters = await lettersOf(gateway.address, topic);
    expect(letters).toMatchObject([{ topic, attempts: attemptsMax }]);
    const run = (...args: string[]) => aether(['dlq', ...args, '--address', gateway.address]);
    expect((await run('list', '--topic', topic, '--json')).stdout.split('\n')).toHaveLength(1);
    expect(await run('redrive', letters[0]?.id ?? '')).toMatchObject({ code: 0 });
    const redriven = await taking.next();
    expect([redriven.text(), redriven.attempt]).toEqual(['poison', 1]);
    redriven.ack();
    const last = await agent(gateway.address, workspace, 'other', {});
    await last.send(topic, 'end');
    const end = await taking.next();
    expect(end.text()).toBe('end');
    end.ack();
    expect(await lettersOf(gateway.address, topic)).toEqual([]);
    await Promise.all([last.close(), second.close()]);
  };

  test.each(['before:deadLetterStore.add', 'after:deadLetterStore.add'])(
    'a poison message whose gateway is killed %s is one dead letter, and redriven once',
    async (dies) => {
      await story(dies, 'agent');
    },
    90_000,
  );

  test.each(['before:deadLetterStore.add', 'after:deadLetterStore.add'])(
    'so is one for workers, killed %s',
    async (dies) => {
      await story(dies, 'work');
    },
    90_000,
  );
});
