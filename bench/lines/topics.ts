/**
 * Whether it matters over how many topics the messages are spread. Nobody has sent to these topics before, so the first
 * message to each is in it; a tenth of the messages goes to ten recipients that are connected, however many topics there
 * are. Compared with our own rate for ten topics.
 */
import { Child } from '../harness/child.ts';
import type { Figure } from '../harness/figures.ts';
import { besideBare, inRounds } from '../harness/rounds.ts';
import type { Composition, Contender, Setting } from '../harness/setting.ts';
import type { Load } from '../programs/load.ts';
import type { Topics } from '../programs/topics.ts';
import { agentTopic } from '../wire/frames.ts';

interface Clients {
  readonly senders: Child<Topics>;
  readonly recipients: Child<Load>;
}

const counts = [10, 1000, 10_000, 100_000] as const;
const few = counts[0];
const recipientCount = 10;
const strangers = 200;
const budgets = [{ of: 'ratio', bound: 'at least', limit: 0.8 }] as const;

export const topics = async (setting: Setting): Promise<readonly Figure[]> => {
  await using servers = await setting.servers();
  return [...(await spread(setting, servers.contenders)), ...(await firstMessages(setting, servers.contenders))];
};

const spread = async (setting: Setting, contenders: readonly Contender[]): Promise<readonly Figure[]> => {
  await using senders = Child.spawn('topics');
  await using recipients = Child.spawn('load');
  const clients = { senders, recipients };
  const { seconds, compositions } = setting.options;
  const measured = await inRounds(setting, contenders, {
    what: 'topics',
    warmUp: (contender) => spreadOver(few, { setting, contender, clients, seconds: seconds / 2 }),
    measure: async (contender) => {
      const rates = new Map<number, number>();
      for (const count of countsOf(setting))
        rates.set(count, await spreadOver(count, { setting, contender, clients, seconds }));
      return rates;
    },
  });
  const ratesOf = (composition: Composition, count: number): readonly number[] =>
    (measured.get(composition) ?? []).map((rates) => rates.get(count) ?? Number.NaN);
  const shared = { line: 'topics', unit: 'msg/s' } as const;
  const beside = compositions.flatMap((composition) =>
    countsOf(setting)
      .filter((count) => count !== few)
      .map((count) => ({
        ...shared,
        what: `${count.toLocaleString('en')} topics`,
        composition,
        ours: ratesOf(composition, count),
        ceiling: ratesOf(composition, few),
        ceilingName: 'ours, 10 topics',
        budgets,
      })),
  );
  const value = (rates: ReadonlyMap<number, number>): number => rates.get(few) ?? Number.NaN;
  return [...besideBare(setting, measured, { ...shared, what: `${few} topics`, value, budgets: [] }), ...beside];
};

const countsOf = ({ options }: Setting): readonly number[] => counts.filter((count) => count <= options.topics);

/** Messages a second, all accepted and those for somebody who is there delivered. */
const spreadOver = async (
  count: number,
  run: { setting: Setting; contender: Contender; clients: Clients; seconds: number },
): Promise<number> => {
  const { setting, clients, seconds } = run;
  const { server, name } = run.contender;
  const group = setting.unique('topics');
  const live = Array.from({ length: recipientCount }, (_, index) => agentTopic(group, `live${index}`));
  // The bare server goes by the sender's stream and knows no topics: there nobody is to receive.
  const members = live.map((key, index) => ({
    name: { workspace: group, specifier: `live${index}` },
    route: { role: 'receive' as const, key: name === 'bare' ? 'nobody' : key },
  }));
  await clients.recipients.call('open', { group, server, client: 'http2', members });
  const spreading = { server, workspace: group, topics: count, live, seconds };
  const { sent, sentLive, startedMs, acceptedMs } = await clients.senders.call('spread', spreading);
  const deliveries = name === 'bare' ? 0 : sentLive;
  const { lastMs } = await clients.recipients.call('awaitDeliveries', { group, deliveries });
  await clients.recipients.call('close', { group });
  return (sent * 1000) / (Math.max(acceptedMs, lastMs) - startedMs);
};

/** The first message to somebody, beside the second one. */
const firstMessages = async (setting: Setting, contenders: readonly Contender[]): Promise<readonly Figure[]> => {
  await using clients = Child.spawn('latency');
  const measured = await inRounds(
    setting,
    contenders.filter(({ name }) => name !== 'bare'),
    {
      what: 'first messages',
      measure: async ({ server }) => {
        const group = setting.unique('first');
        await clients.call('open', { group, server, workspace: group, pairs: strangers });
        const first = await clients.call('eachOnce', { group });
        const second = await clients.call('eachOnce', { group });
        await clients.call('close', { group });
        return { first: first.p50Ms, second: second.p50Ms };
      },
    },
  );
  return setting.options.compositions.map((composition) => ({
    line: 'topics',
    what: 'first message to a topic, p50',
    composition,
    unit: 'ms',
    ours: (measured.get(composition) ?? []).map(({ first }) => first),
    ceiling: (measured.get(composition) ?? []).map(({ second }) => second),
    ceilingName: 'ours, second message',
    budgets: [{ of: 'ratio', bound: 'at most', limit: 2 }],
  }));
};
