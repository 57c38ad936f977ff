/**
 * A sender on the SDK: a burst, then `close()`, which resolves when everything sent on the connection is durable. What
 * it sent before a reconnect in between stays unacknowledged.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { connectAgent } from '../../../sdk/typescript/src/index.ts';
import { Lanes } from './lanes.ts';
import { payloadOf } from './payload.ts';
import { topicOf } from './place.ts';
import type { SenderOptions } from './plain-sender.ts';
import { agentOptions } from './sdk-agent.ts';
import { recordSessions } from './sdk-sessions.ts';

type SdkSenderOptions = Omit<SenderOptions, 'leavingShare' | 'isPulse'>;

const connectMs = 20_000;

export const runSdkSender = async (options: SdkSenderOptions): Promise<void> => {
  const { messagesPerSecond, burst, random, signal } = options;
  const lanes = new Lanes();
  while (!signal.aborted) {
    const beganMs = performance.now();
    const messages = random.between(burst.least, burst.most);
    await sendBurst(options, lanes, messages).catch(() => undefined);
    const dueMs = beganMs + (1000 * messages) / messagesPerSecond;
    await delay(Math.max(0, dueMs - performance.now()), undefined, { signal }).catch(() => undefined);
  }
};

/** Rejects where the SDK says that it is not certain. */
const sendBurst = async (options: SdkSenderOptions, lanes: Lanes, messages: number): Promise<void> => {
  const { who, place, recorder, random, recipients } = options;
  const first = random.between(0, place.gateways.length - 1);
  const addresses = place.gateways.map(({ address }) => address);
  const client = await connectAgent({
    ...agentOptions(who, place),
    address: [...addresses.slice(first), ...addresses.slice(0, first)],
    signal: AbortSignal.timeout(connectMs),
  });
  const refusals: unknown[] = [];
  client.onError((refusal) => void refusals.push(refusal));
  client.onMessage(() => undefined);
  const currentSession = recordSessions(client, options);
  try {
    const to = random.pick(recipients);
    for (let sent = 0; sent < messages; sent += 1) {
      const number = lanes.take(to, 1);
      recorder.write({ e: 'sent', who, session: currentSession(), to, first: number, count: 1 });
      await client.send(topicOf(place, to), payloadOf(number));
    }
  } finally {
    const session = currentSession();
    await client.close({ timeoutMs: 14_000 });
    // A connection that was lost and replaced meanwhile was not the one these were sent on.
    if (currentSession() === session && refusals.length === 0) recorder.write({ e: 'acknowledged', who, session });
  }
};
