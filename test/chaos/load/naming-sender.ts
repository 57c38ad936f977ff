/**
 * A sender on the SDK that names its messages and waits for the end of each. Some have little time, some wait before
 * they go out, some are for somebody who never comes. At the end it asks for every receipt by its name.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type AgentClient, connectAgent, type SendOptions, type Sent } from '../../../sdk/typescript/src/index.ts';
import type { ReceiptWord } from '../../history/event.ts';
import { drawErrand, writeErrand } from './errand.ts';
import { topicOf } from './place.ts';
import type { ClientOptions } from './plain-client.ts';
import { agentOptions } from './sdk-agent.ts';
import { within } from './within.ts';

export interface NamingOptions extends ClientOptions {
  readonly recipients: readonly string[];
  readonly messagesPerSecond: number;
  /** How long it waits at the end, once for what it has named, and then for answers. */
  readonly endPatienceMs: number;
}

const waitingMax = 4000;
const askedAtOnce = 500;

export const runNamingSender = async (options: NamingOptions): Promise<void> => {
  const { messagesPerSecond, signal } = options;
  await using client = await connect(options);
  client.onError(() => undefined);
  client.onMessage(() => undefined);
  const ids: string[] = [];
  const waiting = new Set<Promise<void>>();
  const beganMs = performance.now();
  while (!signal.aborted) {
    const due = Math.floor(((performance.now() - beganMs) / 1000) * messagesPerSecond);
    for (let count = ids.length; count < due && waiting.size < waitingMax; count += 1) {
      const id = `${options.who}-${count + 1}`;
      ids.push(id);
      const ended = post(client, id, options);
      waiting.add(ended);
      void ended.finally(() => waiting.delete(ended));
    }
    await delay(20, undefined, { signal }).catch(() => undefined);
  }
  await within(options.endPatienceMs, Promise.all(waiting));
  await askAll(client, ids, options);
};

const connect = ({ who, place }: NamingOptions): Promise<AgentClient> =>
  connectAgent({ ...agentOptions(who, place), receipts: true, sendTimeoutMs: 600_000 });

const post = async (client: AgentClient, id: string, options: NamingOptions): Promise<void> => {
  const { who, place, recorder, random, recipients } = options;
  const isForNobody = random.chance(0.005);
  const to = isForNobody ? 'nobody' : random.pick(recipients);
  const more = draw(options, isForNobody);
  const { ttlMs } = more;
  recorder.write({ e: 'posted', who, to, id, ...(ttlMs === undefined ? {} : { ttlMs }) });
  const sent = await client
    .send(topicOf(place, to), writeErrand(drawErrand(random)), { id, ...more })
    .catch(() => undefined);
  if (sent === undefined) return recorder.write({ e: 'withdrawn', who, id });
  const state = await endOf(sent);
  if (state !== undefined) recorder.write({ e: 'told', who, id, state });
};

const draw = ({ random }: NamingOptions, isForNobody: boolean): SendOptions => {
  const ttl = isForNobody || random.chance(0.05) ? { ttlMs: random.between(50, 3000) } : {};
  const wait = random.chance(0.05) ? { delayMs: random.between(20, 4000) } : {};
  return { ...ttl, ...wait };
};

const endsByReason: ReadonlyMap<unknown, ReceiptWord> = new Map([
  ['MESSAGE_DEAD_LETTERED', 'deadLettered'],
  ['MESSAGE_EXPIRED', 'expired'],
  ['MESSAGE_DENIED', 'denied'],
  ['RECEIPT_UNKNOWN', 'unknown'],
]);

/** `undefined` where the client was closed before it came to one. */
const endOf = async (sent: Sent): Promise<ReceiptWord | undefined> => {
  try {
    return (await sent.acked()).state;
  } catch (error) {
    return endsByReason.get(reasonOf(error));
  }
};

const reasonOf = (error: unknown): unknown => (error instanceof Error ? Reflect.get(error, 'reason') : undefined);

const askAll = async (client: AgentClient, ids: readonly string[], options: NamingOptions): Promise<void> => {
  const untilMs = performance.now() + options.endPatienceMs;
  for (let from = 0; from < ids.length; from += askedAtOnce)
    await Promise.all(ids.slice(from, from + askedAtOnce).map((id) => ask(client, id, { ...options, untilMs })));
};

const ask = async (
  client: AgentClient,
  id: string,
  { who, recorder, untilMs }: NamingOptions & { readonly untilMs: number },
): Promise<void> => {
  while (performance.now() < untilMs) {
    const state = await client.receipts.get(id).then(
      (receipt): ReceiptWord => receipt.state,
      (error: unknown): ReceiptWord | undefined => (reasonOf(error) === 'ERR_RECEIPT_UNKNOWN' ? 'unknown' : undefined),
    );
    if (state !== undefined) return recorder.write({ e: 'asked', who, id, state });
    await delay(200);
  }
};
