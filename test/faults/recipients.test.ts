/** Recipients that stop, stall, or are cut off from what the gateway has already written: they get everything (I4, I6). */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { TcpProxy } from '../adapters/rabbitmq/tcp-proxy.ts';
import { unique } from '../flows/fabric.ts';
import { send } from '../flows/raw-client.ts';
import { bodies, join, sendAll, take } from './agents.ts';
import { ProcessFabric } from './fabrics.ts';
import type { GatewayProcess } from './gateway-process.ts';
import { until } from './until.ts';

const delivered = (gateway: GatewayProcess): Promise<number> => gateway.metric('aether_messages_delivered_total');

describe.each(['embedded', 'stack'] as const)('%s', (composition) => {
  test('what a network swallowed after the gateway wrote it comes again after the resume', async () => {
    await using fabric = new ProcessFabric(composition);
    const gateway = await fabric.start();
    const other = composition === 'stack' ? await fabric.start() : gateway;
    await using proxy = await TcpProxy.open({ host: '127.0.0.1', port: gateway.port });
    const workspace = unique('swallow');
    const { client, ack } = await join(`127.0.0.1:${proxy.port}`, workspace, 'one');
    await sendAll(gateway.address, workspace, `ag::${workspace}::raw::one`, ['seen']);
    expect(await take(client, 1)).toEqual(['seen']);
    proxy.treat('down', { is: 'swallowing' });
    await sendAll(gateway.address, workspace, `ag::${workspace}::raw::one`, bodies(300));
    await until(async () => (await delivered(gateway)) >= 301, 'the gateway has written everything');
    proxy.cut();
    await client.ended;
    const again = await join(other.address, workspace, 'one', ack.sessionId);
    using _ = again.client;
    expect(again.ack.resumed).toBe(true);
    const texts = await take(again.client, 300);
    expect(texts.filter((text) => text !== 'seen')).toEqual(
      expect.arrayContaining(texts.includes('seen') ? bodies(299) : bodies(300)),
    );
  });

  test('what a stopped process never read comes to its successor', async () => {
    await using fabric = new ProcessFabric(composition);
    const gateway = await fabric.start();
    const workspace = unique('stopped');
    await using recipient = await Recipient.start(gateway.address, workspace, 'one');
    await sendAll(gateway.address, workspace, `ag::${workspace}::raw::one`, bodies(10));
    await until(() => recipient.bodies.length === 10, 'the recipient has the first messages');
    recipient.stop();
    await sendAll(gateway.address, workspace, `ag::${workspace}::raw::one`, bodies(510).slice(10));
    await until(async () => (await delivered(gateway)) >= 510, 'the gateway has written everything');
    await recipient.kill();
    const again = await join(gateway.address, workspace, 'one', recipient.session);
    using _ = again.client;
    const seen = new Set(recipient.bodies);
    while (seen.size < 510) for (const text of await take(again.client, 1)) seen.add(text);
    expect([...seen]).toEqual(bodies(510));
  });

  test('one that stops reading gets everything in order when it goes on; others notice nothing; memory stays bounded', async () => {
    await using fabric = new ProcessFabric(composition);
    const gateway = await fabric.start();
    const workspace = unique('slow');
    const { client } = await join(gateway.address, workspace, 'slow');
    using bystander = (await join(gateway.address, workspace, 'bystander')).client;
    const memory = (): Promise<number> => gateway.metric('process_resident_memory_bytes');
    client.pause();
    const before = await memory();
    const payloads = bodies(900).map((body) =>
      Buffer.concat([Buffer.from(body.padEnd(8)), Buffer.alloc(16 * 1024 - 8)]),
    );
    await sendAll(gateway.address, workspace, `ag::${workspace}::raw::slow`, payloads);
    for (let round = 0; round < 20; round += 1) {
      bystander.say(send(`ag::${workspace}::raw::bystander`, `round ${round}`));
      expect(await take(bystander, 1)).toEqual([`round ${round}`]);
    }
    expect((await memory()) - before).toBeLessThan(100 * 1024 * 1024);
    client.resume();
    const texts = await take(client, 900);
    expect(texts.map((text) => text.slice(0, 8).trim())).toEqual(bodies(900));
    client[Symbol.dispose]();
  });

  test('one that never reads is ended as a slow consumer and finds the rest on its return', async () => {
    await using fabric = new ProcessFabric(composition);
    const gateway = await fabric.start({ gateway: { slow_consumer_timeout: '1s' } });
    const workspace = unique('never');
    const { client } = await join(gateway.address, workspace, 'never');
    client.pause();
    await sendAll(
      gateway.address,
      workspace,
      `ag::${workspace}::raw::never`,
      bodies(200).map((body) => Buffer.concat([Buffer.from(body.padEnd(8)), Buffer.alloc(16 * 1024)])),
    );
    await until(async () => !(await isOnline(gateway, workspace, 'never')), 'the stream was ended');
    client[Symbol.dispose]();
    const again = await join(gateway.address, workspace, 'never');
    using _ = again.client;
    // What its transport had taken counts as received, though it never looked at it: the rest comes, without a gap.
    const rest: string[] = [];
    while (rest.at(-1) !== 'm199') rest.push(...(await take(again.client, 1)).map((text) => text.slice(0, 8).trim()));
    expect(rest).toEqual(bodies(200).slice(-rest.length));
    expect(rest.length).toBeGreaterThan(100);
  });
});

const isOnline = async (gateway: GatewayProcess, workspace: string, specifier: string): Promise<boolean> => {
  const { client } = await join(gateway.address, workspace, unique('asker'));
  using _ = client;
  client.say({
    $case: 'connectionStatusRequest',
    value: {
      requestId: 'q',
      principal: { principalType: 'Agent', principalId: `ag::${workspace}::raw::${specifier}` },
    },
  });
  return (await client.find('connectionStatusResponse')).connected;
};

class Recipient implements AsyncDisposable {
  readonly bodies: string[] = [];
  session = '';
  readonly #child: ChildProcess;

  static async start(address: string, workspace: string, specifier: string): Promise<Recipient> {
    const program = fileURLToPath(new URL('programs/recipient.ts', import.meta.url));
    const child = spawn(process.execPath, ['--conditions=source', program, address, workspace, specifier], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const recipient = new Recipient(child);
    const lines = createInterface(child.stdout);
    const ready = Promise.withResolvers<void>();
    lines.on('line', (line) => {
      const said = JSON.parse(line) as { session?: string; body?: string };
      if (said.body !== undefined) recipient.bodies.push(said.body);
      if (said.session === undefined) return;
      recipient.session = said.session;
      ready.resolve();
    });
    await ready.promise;
    return recipient;
  }

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  stop(): void {
    this.#child.kill('SIGSTOP');
  }

  async kill(): Promise<void> {
    if (this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
