/**
 * Coming back after an absence: how long the first of 100 messages takes that wait behind millions for others, all of
 * them in the partition of the one who comes back. The gateway is killed and started again before each return, so that
 * nothing is in its memory.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { topic } from '../../src/model/topic.ts';
import { partitionOf } from '../../src/router/partition.ts';
import { Child } from '../harness/child.ts';
import type { Figure } from '../harness/figures.ts';
import type { Composition, Place, Setting } from '../harness/setting.ts';
import { median, nowMs } from '../harness/statistics.ts';
import type { Load } from '../programs/load.ts';
import type { Returned, Returner } from '../programs/returner.ts';
import { agentTopic } from '../wire/frames.ts';

const waiting = 100;
const payloadBytes = 256;
const others = 10;
/** How much further the long way is. */
const longer = 100;
/** Sent before it is looked whether it has come. */
const chunk = 250_000;
const layout = { partitions: 16, spread: 16 };
/** Enough that nothing of it is dropped while it is measured. */
const retention = '200GiB';
/** Nobody loses its identity where the machine is so busy that renewals come late. */
const leases = { gateway_ttl: '30s', gateway_renew: '2s', identity_ttl: '60s', identity_renew: '20s' };

export const absence = async (setting: Setting): Promise<readonly Figure[]> => {
  const figures: Figure[] = [];
  const faults: string[] = [];
  for (const composition of setting.options.compositions)
    await measure(setting, composition).then(
      (figure) => figures.push(figure),
      (cause: unknown) => faults.push(`${composition}: ${cause instanceof Error ? cause.message : String(cause)}`),
    );
  // Minutes were spent on each: one that failed takes nothing from the other.
  if (faults.length > 0) process.exitCode = 1;
  for (const fault of faults) setting.options.progress(`absence failed, ${fault}\n${setting.takeLogs()}`);
  return figures;
};

interface Scene {
  readonly setting: Setting;
  readonly place: Place;
  readonly workspace: string;
  readonly returner: Child<Returner>;
}

const measure = async (setting: Setting, composition: Composition): Promise<Figure> => {
  const { rounds, behind } = setting.options;
  const config = join(await setting.directory(), 'absence.yaml');
  await writeFile(config, JSON.stringify({ mode: composition, log: { ...layout, retention_size: retention }, leases }));
  await using returner = Child.spawn('returner');
  const place = await setting.place(composition, { config });
  const scene: Scene = { setting, place, workspace: setting.unique('absence'), returner };
  const names = specifiersOf(scene.workspace, 2 * rounds + 2 * others);
  const [soon, late] = [names.slice(0, rounds), names.slice(rounds, 2 * rounds)];
  // Others of their own each time: those of a gateway that was killed are taken for a while.
  const [first, second] = [names.slice(2 * rounds, 2 * rounds + others), names.slice(2 * rounds + others)];
  const short = Math.ceil(behind / longer);
  await fill(scene, { targets: first, messages: short, leave: [...soon, ...late], for: soon });
  const nearby = await returns(scene, soon);
  const rate = await fill(scene, { targets: second, messages: behind - short, leave: [], for: late });
  const far = await returns(scene, late);
  const number = behind.toLocaleString('en');
  const all = median(far.map(({ allMs }) => allMs)).toFixed(0);
  return {
    line: 'absence',
    what: `first of ${waiting} behind ${number} for others`,
    composition,
    unit: 'ms',
    ours: far.map(({ firstMs }) => firstMs),
    ceiling: nearby.map(({ firstMs }) => firstMs),
    ceilingName: `ours, behind ${short.toLocaleString('en')}`,
    budgets: [
      { of: 'value', bound: 'at most', limit: 1000 },
      { of: 'ratio', bound: 'at most', limit: 3 },
    ],
    note: `all ${waiting} after ${all} ms; the others' were sent at ${Math.round(rate).toLocaleString('en')}/s`,
  };
};

/** Agents whose topics are all in one partition. */
const specifiersOf = (workspace: string, count: number): readonly string[] => {
  const partition = (specifier: string): number => partitionOf(topic(agentTopic(workspace, specifier)), layout);
  const found: string[] = ['r0'];
  for (let index = 1; found.length < count; index += 1)
    if (partition(`r${index}`) === partition('r0')) found.push(`r${index}`);
  return found;
};

interface Filling {
  readonly targets: readonly string[];
  readonly messages: number;
  /** Agents that go away before. */
  readonly leave: readonly string[];
  /** Agents that are sent something after. */
  readonly for: readonly string[];
}

/** As clients do it, through a gateway, to recipients that are there. Answers with the messages a second. */
const fill = async (scene: Scene, { targets, messages, leave, for: absent }: Filling): Promise<number> => {
  const { place, workspace, returner } = scene;
  await using servers = await place.open();
  const { server } = servers.only;
  for (const specifier of leave) await returner.call('leave', { server, workspace, specifier });
  await using senders = Child.spawn('load');
  await using receivers = Child.spawn('load');
  const group = workspace;
  const members = (role: 'send' | 'receive') =>
    targets.map((target) => ({
      name: { workspace, specifier: role === 'send' ? `s${target}` : target },
      route: { role, key: target },
    }));
  await receivers.call('open', { group, server, client: 'http2', members: members('receive') });
  await senders.call('open', { group, server, client: 'http2', members: members('send') });
  const startedMs = nowMs();
  await sendAll(scene, { senders, receivers, targets, messages });
  const seconds = (nowMs() - startedMs) / 1000;
  for (const to of absent)
    await returner.call('send', { server, workspace, specifier: 'sender', to, count: waiting, payloadBytes });
  return messages / seconds;
};

const sendAll = async (
  { setting, workspace: group }: Scene,
  {
    senders,
    receivers,
    targets,
    messages,
  }: { senders: Child<Load>; receivers: Child<Load>; targets: readonly string[]; messages: number },
): Promise<void> => {
  const topics = targets.map((target) => agentTopic(group, target));
  for (let sent = 0; sent < messages; ) {
    setting.options.progress(`absence: ${sent.toLocaleString('en')} of ${messages.toLocaleString('en')} are sent`);
    const count = Math.min(chunk, messages - sent);
    sent += (await senders.call('send', { group, targets: topics, payloadBytes, seconds: 600, messages: count })).sent;
    await receivers.call('awaitDeliveries', { group, deliveries: sent });
  }
};

/** Each to a gateway that has just been started. */
const returns = async (
  { setting, place, workspace, returner }: Scene,
  specifiers: readonly string[],
): Promise<readonly Returned[]> => {
  const returned: Returned[] = [];
  for (const specifier of specifiers) {
    setting.options.progress(`absence: ${specifier} comes back`);
    await using servers = await place.open();
    const { server } = servers.only;
    returned.push(await returner.call('return', { server, workspace, specifier, count: waiting }));
  }
  return returned;
};
