/** A recipient on the SDK, which comes back by itself. Now and then its handler takes long: a reader that stalls. */
import { setTimeout as delay } from 'node:timers/promises';
import { connectAgent } from '../../../sdk/typescript/src/index.ts';
import { numberOf } from './payload.ts';
import { nameOf } from './place.ts';
import type { ClientOptions } from './plain-client.ts';
import { agentOptions } from './sdk-agent.ts';
import { recordSessions } from './sdk-sessions.ts';

const stallShare = 0.0002;

export const runSdkRecipient = async (options: ClientOptions): Promise<void> => {
  const { signal } = options;
  while (!signal.aborted) await receive(options).catch(() => delay(100));
};

/** Until it is to stop, or the client is closed for good. */
const receive = async (options: ClientOptions): Promise<void> => {
  const { who, place, recorder, random, signal } = options;
  const client = await connectAgent({ ...agentOptions(who, place), signal });
  const sessionNow = recordSessions(client, options);
  client.onError(() => undefined);
  client.onMessage(async (message) => {
    sessionNow();
    const { sessionId: session = '' } = message;
    recorder.deliver({ who, session, from: nameOf(message.source) }, numberOf(message.payload));
    if (random.chance(stallShare)) await delay(random.between(200, 2000));
  });
  const stop = (): void => void client.close({ timeoutMs: 2000 }).catch(() => undefined);
  signal.addEventListener('abort', stop, { once: true });
  await client.closed;
  signal.removeEventListener('abort', stop);
};
