import type { Topic } from '../model/topic.ts';
import type { LogLayout } from '../ports/message-log.ts';

/**
 * FNV-1a over the UTF-16 units of `text`, 32 bits. Stored in batches and the base of partitioning: it never changes.
 * (Fowler, Noll, Vo; IETF draft-eastlake-fnv.)
 */
export const hashOf = (text: string): number => {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash ^= text.charCodeAt(index);
    hash = Math.imul(hash, 0x01000193);
  }
  return hash >>> 0;
};

/**
 * Where a topic lives: its home gives the first of `spread` neighbouring partitions, its text one of those. With a small
 * spread a workspace's topics stay together, so a gateway that serves few workspaces reads few partitions.
 */
export const partitionOf = (topic: Pick<Topic, 'home' | 'text'>, layout: LogLayout): number =>
  (hashOf(topic.home) + (hashOf(topic.text) % layout.spread)) % layout.partitions;
