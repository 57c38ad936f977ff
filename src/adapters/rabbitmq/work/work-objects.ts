/** What competing work looks like at the broker: one quorum queue a topic, and one exchange that tells of new queues. */
import { createHash } from 'node:crypto';

/** Queue names have at most this many bytes. */
const nameBytesMax = 255;
const digestChars = 32;

/** The queue of a topic. Where the name gets too long, its tail gives way to a digest of the whole. */
export const queueOfTopic = (prefix: string, topic: string): string => {
  const name = `${prefix}.${topic}`;
  const bytes = Buffer.from(name, 'utf8');
  if (bytes.length <= nameBytesMax) return name;
  const digest = createHash('sha256').update(bytes).digest('hex').slice(0, digestChars);
  const head = bytes.subarray(0, nameBytesMax - digestChars - 1).toString('utf8');
  // A character cut in its midst reads as the replacement character, which is longer than what it stands for.
  return `${head.replace(/\uFFFD+$/, '')}~${digest}`;
};

/** A fanout exchange; the body of each message is the name of a queue that is there. */
export const bellOf = (prefix: string): string => `${prefix}.bell`;

const dayMs = 24 * 60 * 60 * 1000;

/**
 * Replicated, durable, oldest first. What nobody took in a week is dropped by the broker.
 *
 * A queue that had no consumer for thirty days goes too, with what is in it: brokers count consumers as use, and neither
 * what is published nor that the queue is declared again (tried on 3.10.8), so this is set well beyond the week, for
 * topics that are abandoned and not for workers that are away.
 *
 * There is no limit to redelivery; brokers from 4.0 on would drop after 20, and a number that is never reached is the
 * one way to say so that older ones understand.
 */
export const queueArguments: Readonly<Record<string, unknown>> = {
  'x-queue-type': 'quorum',
  'x-message-ttl': 7 * dayMs,
  'x-expires': 30 * dayMs,
  'x-delivery-limit': 2_147_483_647,
};
