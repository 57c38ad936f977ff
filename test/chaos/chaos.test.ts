/**
 * Short runs: the program as it is comes through a mixture of disturbances, and for each protection there is a short
 * run that fails without it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openServices } from '../../scripts/services/services.ts';
import { bodies, join, sendAll, take } from '../faults/agents.ts';
import { until } from '../faults/until.ts';
import { agentInit, RawClient, send } from '../flows/raw-client.ts';
import type { ViolationKind } from '../history/violation.ts';
import type { CrowdSize } from './crowd.ts';
import type { Disturbing } from './disturbing.ts';
import { faultNamed } from './faults/named.ts';
import { type ChaosServices, GatewaySeat } from './gateway-seat.ts';
import type { MutationName } from './mutations/mutation.ts';
import { type Outcome, runChaos } from './run.ts';

let services: ChaosServices;
const directory = mkdtempSync(joinPath(tmpdir(), 'aether-chaos-test-'));
beforeAll(async () => {
  services = await openServices({
    directory: joinPath(directory, 'services'),
    only: ['redis', 'rabbitmq', 'postgres'],
  });
});
afterAll(async () => {
  await services[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

const size: CrowdSize = {
  plainSenders: 4,
  sdkSenders: 1,
  plainRecipients: 6,
  sdkRecipients: 1,
  namingSenders: 0,
  ackingRecipients: 0,
  namedPerSecond: 0,
  endPatienceMs: 60_000,
  messagesPerSecond: 400,
  pulsesPerSecond: 10,
  burst: { least: 10, most: 50 },
  stayMs: 3000,
  recipientPrograms: 1,
};

interface Short {
  readonly name: string;
  readonly mutation?: MutationName;
  readonly size?: CrowdSize;
  readonly disturb: (disturbing: Disturbing) => Promise<void>;
}

/** Nearly all messages have names. */
const namedSize: CrowdSize = {
  ...size,
  plainSenders: 1,
  sdkSenders: 0,
  plainRecipients: 1,
  sdkRecipients: 0,
  namingSenders: 2,
  ackingRecipients: 3,
  namedPerSecond: 120,
  messagesPerSecond: 20,
};

const run = (short: Short): Promise<Outcome> => {
  const { signal } = new AbortController();
  const place = mkdtempSync(joinPath(directory, `${short.name}-`));
  return runChaos({ services, seed: 7, gateways: 2, size, directory: place, durationMs: 60_000, signal, ...short });
};

const somewhat = 150;

const inTurn = (...steps: readonly [kind: string, target: string, lastsMs: number][]) => ({
  disturb: async (disturbing: Disturbing) => {
    await disturbing.flowing(somewhat);
    for (const [kind, target, lastsMs] of steps) {
      await disturbing.inject(faultNamed(kind), target, lastsMs);
      await disturbing.flowing(somewhat);
    }
  },
});

const mutants: readonly (Short & { readonly mutation: MutationName; readonly finding: ViolationKind })[] = [
  {
    name: 'epochs',
    mutation: 'epochs',
    finding: 'stale_delivery',
    // Recipients that take over from themselves are enough.
    disturb: async (disturbing) => {
      await disturbing.flowing(8, 'resumptions');
      await disturbing.flowing(2 * somewhat);
    },
  },
  {
    name: 'places',
    mutation: 'places',
    finding: 'lost',
    ...inTurn(['clients-deaf', 'g1', 1000], ['clients-deaf', 'g2', 1000]),
  },
  {
    name: 'confirms',
    mutation: 'confirms',
    finding: 'lost',
    disturb: async (disturbing) => {
      await disturbing.flowing(somewhat);
      let killing: Promise<void> | undefined;
      // Both gateways give answers meanwhile: too early, those of the one that does not reach its log.
      await disturbing.inject(faultNamed('link-swallows-requests'), 'g1/stream', async () => {
        await disturbing.flowing(20, 'acknowledgements');
        killing = disturbing.inject(faultNamed('gateway-kill'), 'g1', 0);
      });
      await killing;
    },
  },
  {
    name: 'deduplication',
    mutation: 'deduplication',
    finding: 'doubled',
    ...inTurn(['link-swallows-answers', 'g1/stream', 800], ['link-swallows-answers', 'g2/stream', 800]),
  },
];

describe('a protection that is off is missed', () => {
  test.each(mutants)('$mutation', async ({ finding, ...short }) => {
    const { verdict } = await run(short);
    expect(verdict.counts.acknowledged).toBeGreaterThan(somewhat);
    expect(verdict.violations.map(({ kind }) => kind)).toContain(finding);
  });
});

/** Those who wait for what will not be told need not wait long. */
const impatient = { ...namedSize, endPatienceMs: 3000 };
const told = (amount: number) => ({
  size: impatient,
  disturb: (disturbing: Disturbing) => disturbing.flowing(amount, 'told'),
});

const talebearers: readonly (Short & { readonly mutation: MutationName; readonly finding: ViolationKind })[] = [
  {
    name: 'forgotten-receipts',
    mutation: 'forgotten-receipts',
    finding: 'receipt_hanging',
    size: impatient,
    disturb: (disturbing) => disturbing.flowing(somewhat, 'named'),
  },
  { name: 'early-receipts', mutation: 'early-receipts', finding: 'receipt_unfounded', ...told(2 * somewhat) },
  {
    name: 'lost-letters',
    mutation: 'lost-letters',
    finding: 'receipt_unfounded',
    size: impatient,
    disturb: (disturbing) => disturbing.flowing(4 * somewhat, 'named'),
  },
];

describe('a receipt that does not tell the truth is seen', () => {
  test.each(talebearers)('$mutation', async ({ finding, ...short }) => {
    const { verdict } = await run(short);
    expect(verdict.receipts.letters).toBeGreaterThanOrEqual(somewhat);
    expect(verdict.violations.map(({ kind }) => kind)).toContain(finding);
  });
});

test('what a session left on its way comes before what its successor says on another gateway', async () => {
  await using opened = new AsyncDisposableStack();
  const open = async (name: string) => opened.use(await GatewaySeat.open({ name, prefix: 'succession', services }));
  const [first, second] = [await open('g1'), await open('g2')];
  const { client: recipient } = await join(second.address, 'succession', 'recipient');
  const topic = 'ag::succession::raw::recipient';
  const { client: old, ack } = await join(first.address, 'succession', 'sender');
  first.links.stream.treat('up', { is: 'holding' });
  for (const body of bodies(5)) old.say(send(topic, body));
  // Frames are handled in order: with its answer, what was sent before has been accepted too.
  old.say({
    $case: 'connectionStatusRequest',
    value: { requestId: 'q', principal: { principalType: 'Agent', principalId: topic } },
  });
  await old.find('connectionStatusResponse');
  const next = await join(second.address, 'succession', 'sender', ack.sessionId);
  for (const body of bodies(10).slice(5)) next.client.say(send(topic, body));
  next.client.halfClose();
  await sendAll(second.address, 'succession', topic, ['from somebody else']);
  const [other] = await take(recipient, 1);
  expect(other).toBe('from somebody else');
  first.links.stream.release('up');
  expect(await next.client.ended).toMatchObject({ code: 0 });
  expect(await take(recipient, 10)).toEqual(bodies(10));
  recipient[Symbol.dispose]();
});

test('what is written to a stream its client has left is not received, though its connection still answers', async () => {
  await using opened = new AsyncDisposableStack();
  const open = async (name: string) => opened.use(await GatewaySeat.open({ name, prefix: 'leaving', services }));
  const [first, second] = [await open('g1'), await open('g2')];
  const { client: neighbour } = await join(first.address, 'leaving', 'neighbour');
  const leaving = new RawClient(first.address, {}, neighbour);
  leaving.say(agentInit('leaving', 'one'));
  const { sessionId } = await leaving.find('connectionAck');
  const topic = 'ag::leaving::raw::one';
  await sendAll(second.address, 'leaving', topic, ['before']);
  expect(await take(leaving, 1)).toEqual(['before']);
  // What it has on its way keeps its stream from being closed at the gateway.
  first.links.stream.treat('up', { is: 'holding' });
  leaving.say(send('ag::leaving::raw::neighbour', 'on its way'));
  leaving.say({
    $case: 'connectionStatusRequest',
    value: { requestId: 'q', principal: { principalType: 'Agent', principalId: topic } },
  });
  await leaving.find('connectionStatusResponse');
  leaving.cancel();
  await leaving.ended;
  const entriesRead = () => first.metric('aether_log_entries_read_total');
  const before = await entriesRead();
  await sendAll(second.address, 'leaving', topic, bodies(20));
  await until(async () => (await entriesRead()) > before, 'the first gateway has read it');
  await sendAll(second.address, 'leaving', 'ag::leaving::raw::neighbour', ['later']);
  expect(await take(neighbour, 1)).toEqual(['later']);
  first.links.stream.release('up');
  expect(await take(neighbour, 1)).toEqual(['on its way']);
  const { client: again } = await join(second.address, 'leaving', 'one', sessionId);
  const texts = await take(again, 20);
  expect(texts.filter((text) => text !== 'before')).toEqual(bodies(texts.includes('before') ? 19 : 20));
  for (const client of [again, neighbour]) client[Symbol.dispose]();
});

test('the last receipt of each message is what its recipient wrote down, in whatever mixture', {
  timeout: 300_000,
}, async () => {
  const named = (amount: number) => (disturbing: Disturbing) => disturbing.flowing(amount, 'told');
  const outcome = await run({
    name: 'receipts',
    size: namedSize,
    disturb: async (disturbing) => {
      await named(somewhat)(disturbing);
      for (const [kind, target, lastsMs] of [
        ['gateway-kill', 'g1', 0],
        ['clients-deaf', 'g2', 800],
        ['redis-kill', 'redis', 0],
        ['storm', 'all', 200],
        ['gateway-pause', 'g2', 3000],
        ['link-swallows-answers', 'g1/redis', 800],
        ['postgres-kill', 'postgres', 0],
        ['gateway-kill', 'g2', 0],
      ] as const) {
        await disturbing.inject(faultNamed(kind), target, lastsMs);
        await named(somewhat)(disturbing);
      }
    },
  });
  const { verdict, crashes, incomplete } = outcome;
  expect(verdict.violations).toEqual([]);
  expect({ crashes, incomplete }).toEqual({ crashes: [], incomplete: [] });
  expect(verdict.receipts.letters).toBeGreaterThan(9 * somewhat);
  expect(verdict.receipts.ends).toMatchObject({ acked: expect.any(Number), expired: expect.any(Number) });
});

test('the program as it is loses nothing, in whatever mixture', async () => {
  const outcome = await run({
    name: 'mixture',
    ...inTurn(
      ['clients-deaf', 'g1', 800],
      ['link-swallows-answers', 'g2/stream', 800],
      ['gateway-kill', 'g1', 0],
      ['redis-wipe', 'redis', 0],
      ['gateway-pause', 'g2', 3000],
      ['storm', 'all', 200],
      ['redis-kill', 'redis', 0],
      ['rabbitmq-kill', 'rabbitmq', 0],
    ),
  });
  const { verdict, crashes, incomplete } = outcome;
  expect(verdict.violations).toEqual([]);
  expect({ crashes, incomplete }).toEqual({ crashes: [], incomplete: [] });
  expect(verdict.counts.acknowledged).toBeGreaterThan(2000);
  expect(verdict.counts.delivered).toBeGreaterThanOrEqual(verdict.counts.acknowledged);
});
