/** Gateways that are killed, stopped and come back: nothing acknowledged is lost, nobody is served twice (I1, I2, I11). */
import { describe, expect, test } from 'vitest';
import { unique } from '../flows/fabric.ts';
import { type RawClient, send } from '../flows/raw-client.ts';
import { bodies, join, joinWhenFree, sendAll, take } from './agents.ts';
import { ProcessFabric } from './fabrics.ts';
import { until } from './until.ts';

describe('an embedded fabric killed in mid-traffic', () => {
  const rounds = 20;
  const burst = 50;

  /** Sends burst after burst, and counts those the gateway has acknowledged, until the gateway is gone. */
  const keepSending = async (address: string, sender: Sender, onAcknowledged: () => void): Promise<void> => {
    for (;;) {
      const numbers = Array.from({ length: burst }, () => (sender.next += 1));
      const { client } = await join(address, sender.workspace, unique('sender'));
      for (const number of numbers) client.say(send(sender.topic, `${sender.name}:${number}`));
      client.halfClose();
      if ((await client.ended).code !== 0) return;
      sender.acknowledged.push(...numbers);
      onAcknowledged();
    }
  };

  test('has every acknowledged message after the next start, in order, twenty times over', async () => {
    await using fabric = new ProcessFabric('embedded');
    const workspace = unique('kill');
    const topic = `ag::${workspace}::raw::recipient`;
    const senders = ['a', 'b', 'c'].map((name): Sender => ({ name, workspace, topic, next: 0, acknowledged: [] }));
    const received: string[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const gateway = await fabric.start();
      const reading = round % 2 === 0 ? listen(gateway.address, workspace, received) : undefined;
      let bursts = 3 + ((round * 7) % 10);
      const enough = Promise.withResolvers<void>();
      const onAcknowledged = (): void => {
        bursts -= 1;
        if (bursts === 0) enough.resolve();
      };
      const sending = senders.map((sender) => keepSending(gateway.address, sender, onAcknowledged).catch(ignore));
      await enough.promise;
      await gateway.end('SIGKILL');
      await Promise.all([...sending, reading]);
    }
    const gateway = await fabric.start();
    const last = listen(gateway.address, workspace, received);
    const wanted = senders.flatMap(({ name, acknowledged }) => acknowledged.map((number) => `${name}:${number}`));
    await until(() => isSuperset(received, wanted), 'every acknowledged message has come');
    await gateway.end('SIGTERM');
    await last;
    expect(wanted.length).toBeGreaterThan(rounds * 3 * burst);
    for (const { name } of senders) {
      const numbers = firstTimes(received).flatMap((body) => (body.startsWith(name) ? [Number(body.slice(2))] : []));
      expect(numbers).toEqual(numbers.toSorted((one, other) => one - other));
    }
  });
});

interface Sender {
  readonly name: string;
  readonly workspace: string;
  readonly topic: string;
  next: number;
  readonly acknowledged: number[];
}

const ignore = (): undefined => undefined;
const firstTimes = (texts: readonly string[]): string[] => [...new Set(texts)];
const isSuperset = (all: readonly string[], wanted: readonly string[]): boolean => {
  const there = new Set(all);
  return wanted.every((text) => there.has(text));
};

/** Takes what comes until the stream ends. */
const listen = async (address: string, workspace: string, into: string[]): Promise<void> => {
  const { client } = await join(address, workspace, 'recipient');
  await takeAll(client, into);
};

const takeAll = async (client: RawClient, into: string[]): Promise<void> => {
  try {
    for (;;) into.push(...(await take(client, 1)));
  } catch {
    client[Symbol.dispose]();
  }
};

describe('gateways of one stack', () => {
  // So long that only the short lease of the gateway can be what frees its identities.
  const longIdentities = { leases: { identity_ttl: '10m', identity_renew: '3m' } };

  test('one that is killed: its identities are resumed elsewhere, and free without a session id too', async () => {
    await using fabric = new ProcessFabric('stack');
    const [first, second] = [await fabric.start(longIdentities), await fabric.start(longIdentities)];
    const workspace = unique('dead');
    const resumed = await join(first.address, workspace, 'resumed');
    await join(first.address, workspace, 'anew');
    await first.end('SIGKILL');
    await sendAll(second.address, workspace, `ag::${workspace}::raw::resumed`, bodies(20));
    const again = await join(second.address, workspace, 'resumed', resumed.ack.sessionId);
    using _ = again.client;
    expect(again.ack.resumed).toBe(true);
    expect(await take(again.client, 20)).toEqual(bodies(20));
    using anew = await joinWhenFree(second.address, workspace, 'anew');
    expect(anew.frames[0]).toMatchObject({ $case: 'connectionAck', value: { resumed: false } });
  });

  test('one that was stopped longer than its lease delivers and accepts nothing when it goes on', async () => {
    await using fabric = new ProcessFabric('stack');
    const [first, second] = [await fabric.start(), await fabric.start()];
    const workspace = unique('paused');
    const topic = `ag::${workspace}::raw::one`;
    const old = await join(first.address, workspace, 'one');
    await sendAll(first.address, workspace, topic, ['before']);
    expect(await take(old.client, 1)).toEqual(['before']);
    first.pause();
    const again = await joinWhenFree(second.address, workspace, 'one');
    using _ = again;
    await sendAll(second.address, workspace, topic, bodies(50));
    old.client.say(send(`ag::${workspace}::raw::one`, 'from the superseded session'));
    // The first may come again: its answer was on the way when the gateway stopped.
    const repeated = (await take(again, 1))[0] === 'before';
    expect(await take(again, repeated ? 50 : 49)).toEqual(bodies(50).slice(repeated ? 0 : 1));
    first.resume();
    expect(await old.client.ended).toMatchObject({ code: 14 });
    expect(old.client.frames.filter(({ $case }) => $case === 'msg')).toHaveLength(1);
    await sendAll(second.address, workspace, topic, ['last']);
    expect(await take(again, 1)).toEqual(['last']);
  });

  test('a thousand recipients that return at once to another gateway share the scans of the log', async () => {
    await using fabric = new ProcessFabric('stack');
    // A machine that is busy with two thousand connections may be late with renewals; that is not what this is about.
    const patient = { leases: { gateway_ttl: '20s' } };
    const [first, second] = [await fabric.start(patient), await fabric.start(patient)];
    const workspace = unique('storm');
    const names = Array.from({ length: 1000 }, (_, index) => `r${index}`);
    const joinAll = (address: string) => Promise.all(names.map((name) => join(address, workspace, name)));
    const before = await joinAll(first.address);
    for (const { client } of before) client.halfClose();
    await Promise.all(before.map(({ client }) => client.ended));
    const sender = await join(first.address, workspace, 'sender');
    for (const body of bodies(5))
      for (const name of names) sender.client.say(send(`ag::${workspace}::raw::${name}`, `${name} ${body}`));
    sender.client.halfClose();
    expect(await sender.client.ended).toMatchObject({ code: 0 });
    const after = await joinAll(second.address);
    const texts = await Promise.all(after.map(({ client }) => take(client, 5)));
    expect(texts).toEqual(names.map((name) => bodies(5).map((body) => `${name} ${body}`)));
    expect(await second.metric('aether_catch_up_scans_total')).toBeLessThan(200);
    for (const { client } of after) client[Symbol.dispose]();
  });
});
