/**
 * A recipient on the SDK that acknowledges, and does with each named message what its sender wants done. It comes and
 * goes: in good order, by letting its connection fall, or because a message brought it down.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { connectAgent, type Message } from '../../../sdk/typescript/src/index.ts';
import { answerTo, readErrand } from './errand.ts';
import type { ClientOptions } from './plain-client.ts';
import { agentOptions } from './sdk-agent.ts';
import { recordSessions } from './sdk-sessions.ts';

export interface AckingOptions extends ClientOptions {
  /** How long it stays at most. */
  readonly stayMs: number;
}

const handledAtOnce = 64;
const awayMsMax = 2500;

export const runAckingRecipient = async (options: AckingOptions): Promise<void> => {
  const { signal, random } = options;
  while (!signal.aborted) {
    await receive(options).catch(() => delay(100));
    if (random.chance(0.5)) await delay(random.between(0, awayMsMax), undefined, { signal }).catch(() => undefined);
  }
};

/** Until it leaves, by whatever. */
const receive = async (options: AckingOptions): Promise<void> => {
  const { who, place, recorder, random, signal, stayMs } = options;
  const client = await connectAgent({
    ...agentOptions(who, place),
    acks: true,
    signal,
  });
  const sessionNow = recordSessions(client, options);
  client.onError(() => undefined);
  const fall = (): void => void client.close({ signal: AbortSignal.abort() }).catch(() => undefined);
  const handle = async (message: Message): Promise<void> => {
    const { id = '', attempt, sessionId: session = '' } = message;
    sessionNow();
    recorder.write({ e: 'handed', who, session, id, attempt });
    const errand = readErrand(message.text());
    if (errand.does === 'deadly') return fall();
    if (errand.takesMs > 0) await delay(errand.takesMs);
    const how = answerTo(errand, attempt);
    if (how === undefined) return;
    recorder.write({ e: 'answered', who, session, id, how });
    if (how === 'acked') message.ack();
    else message.nack({ afterMs: random.between(0, 200) });
  };
  client.onMessage(handle, { concurrency: handledAtOnce });
  const staying = AbortSignal.any([signal, AbortSignal.timeout(random.between(stayMs / 4, stayMs))]);
  const leave = (): void => {
    if (signal.aborted || random.chance(0.5)) void client.close({ timeoutMs: 2000 }).catch(() => undefined);
    else fall();
  };
  staying.addEventListener('abort', leave, { once: true });
  await client.closed;
  staying.removeEventListener('abort', leave);
};
