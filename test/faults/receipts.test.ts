/** What receipts and acknowledgements say holds when gateways are killed: nothing lost, nothing published twice. */
import { describe, expect, test } from 'vitest';
import { agentTopic, connectAgent } from '#sdk';
import { unique } from '../flows/fabric.ts';
import { Taking } from '../flows/taking.ts';
import { ProcessFabric } from './fabrics.ts';
import { GatewayProcess } from './gateway-process.ts';
import { until } from './until.ts';

const count = 1500;
const identity = (workspace: string, specifier: string) => ({ workspace, implementation: 'fault', specifier });

/** On the same data and port. */
const restart = (fabric: ProcessFabric, { port }: GatewayProcess): Promise<GatewayProcess> =>
  GatewayProcess.start({ command: 'up', flags: { port, 'data-dir': fabric.dataDirectory } });

describe.each(['embedded', 'stack'] as const)('%s', (composition) => {
  test('a sender whose gateway is killed sends again what was not durable, and each message comes', async () => {
    await using fabric = new ProcessFabric(composition);
    const first = await fabric.start();
    const second = composition === 'stack' ? await fabric.start() : first;
    const workspace = unique('resend');
    const topic = agentTopic(workspace, 'fault', 'recipient');
    const sender = await connectAgent({
      ...identity(workspace, 'sender'),
      address: [first.address, second.address],
      receipts: true,
      reconnect: { retryDuplicate: true },
    });
    const recipient = await connectAgent({ ...identity(workspace, 'recipient'), address: second.address });
    const received: string[] = [];
    recipient.onMessage((message) => received.push(message.text()));
    const sends = Array.from({ length: count }, (_, index) => sender.send(topic, `m${index}`));
    const some = Promise.all(sends.slice(0, count / 5).map(async (sent) => (await sent).durable()));
    await some;
    await first.end('SIGKILL');
    await using _again = composition === 'embedded' ? await restart(fabric, first) : undefined;
    await Promise.all(sends.map(async (sent) => (await sent).delivered()));
    await until(() => new Set(received).size === count, 'every message has come');
    const firsts = [...new Set(received)];
    expect(firsts).toEqual(firsts.toSorted((one, other) => Number(one.slice(1)) - Number(other.slice(1))));
    // A recipient that stayed connected has seen no copy of what was sent twice.
    if (composition === 'stack') expect(received).toHaveLength(count);
    await Promise.all([sender.close(), recipient.close()]);
  });

  test('a recipient whose gateway is killed gets again what it had not acknowledged, and loses nothing', async () => {
    await using fabric = new ProcessFabric(composition);
    const first = await fabric.start();
    const second = composition === 'stack' ? await fabric.start() : first;
    const workspace = unique('redeliver');
    const sender = await connectAgent({
      ...identity(workspace, 'sender'),
      address: second.address,
      receipts: true,
      reconnect: { retryDuplicate: true },
    });
    const recipient = await connectAgent({
      ...identity(workspace, 'recipient'),
      address: [first.address, second.address],
      acks: true,
      reconnect: { retryDuplicate: true },
    });
    const taking = new Taking(recipient);
    const sends = await Promise.all(
      Array.from({ length: 40 }, (_, index) => sender.send(recipient.topic, `m${index}`)),
    );
    for (let index = 0; index < 40; index += 1) {
      const message = await taking.next();
      if (index % 2 === 0) message.ack();
    }
    await Promise.all(sends.filter((_, index) => index % 2 === 0).map((sent) => sent.acked()));
    await first.end('SIGKILL');
    await using _again = composition === 'embedded' ? await restart(fabric, first) : undefined;
    const again = new Set<string>();
    const odd = Array.from({ length: 20 }, (_, index) => `m${2 * index + 1}`);
    while (!odd.every((body) => again.has(body))) {
      const message = await taking.next();
      again.add(message.text());
      message.ack();
    }
    await Promise.all(sends.map((sent) => sent.acked()));
    await Promise.all([sender.close(), recipient.close()]);
  });
});
