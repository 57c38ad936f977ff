/** Bugs between a message's acceptance and its place in the log, and in reading it again. */
import type { MessageLog } from '../../../src/ports/message-log.ts';
import type { Mutation, SourceEdit } from './mutation.ts';

const catchUp = (find: string, replace: string): SourceEdit => ({ file: 'src/router/catch-up.ts', find, replace });
const reader = (find: string, replace: string): SourceEdit => ({
  file: 'src/router/partition-reader.ts',
  find,
  replace,
});
const writer = (find: string, replace: string): SourceEdit => ({
  file: 'src/router/partition-writer.ts',
  find,
  replace,
});

/** A log whose appends go another way. */
const appending = (log: MessageLog, append: MessageLog['append']): MessageLog => ({
  id: log.id,
  layout: log.layout,
  append,
  enter: (name, options) => log.enter(name, options),
  fence: (name, options) => log.fence(name, options),
  read: (partition, from, options) => log.read(partition, from, options),
});

export const logMutations: readonly Mutation[] = [
  {
    name: 'append-resolves-early',
    breaks: 'a message counts as accepted before the log has it',
    edits: [
      writer(
        'append.then(this.#settled.resolve, this.#settled.reject);',
        'this.#settled.resolve(); append.catch(() => undefined);',
      ),
    ],
  },
  {
    name: 'append-failure-is-silent',
    breaks: 'what the log could not confirm counts as accepted',
    edits: [
      writer(
        'append.then(this.#settled.resolve, this.#settled.reject);',
        'append.then(this.#settled.resolve, () => this.#settled.resolve());',
      ),
    ],
  },
  {
    name: 'goodbye-is-answered-early',
    breaks: 'OK comes before everything accepted is durable',
    edits: [
      {
        file: 'src/gateway/connection.ts',
        find: 'const unconfirmed = await client?.settled();',
        replace: 'const unconfirmed = await Promise.race([undefined, client?.settled()]);',
      },
    ],
  },
  {
    name: 'appends-are-lost',
    breaks: 'the log says it has what it has not, now and then',
    bugs: {
      stores: {
        log: (log) => {
          let count = 0;
          return appending(log, (partition, parts, by) => {
            count += 1;
            return count % 9 === 0 ? Promise.resolve() : log.append(partition, parts, by);
          });
        },
      },
    },
  },
  {
    name: 'appends-are-reordered',
    breaks: 'an append overtakes the one before it',
    bugs: {
      stores: {
        log: (log, clock) => {
          let count = 0;
          return appending(log, async (partition, parts, by) => {
            count += 1;
            if (count % 4 === 0) await clock.sleep(40, { signal: new AbortController().signal });
            await log.append(partition, parts, by);
          });
        },
      },
    },
  },
  {
    name: 'appends-are-doubled',
    breaks: 'an append is stored twice',
    bugs: {
      stores: {
        log: (log) => {
          let count = 0;
          return appending(log, async (partition, parts, by) => {
            count += 1;
            if (count % 9 === 0) await log.append(partition, parts, by);
            await log.append(partition, parts, by);
          });
        },
      },
    },
  },
  {
    name: 'records-are-reordered',
    breaks: 'a batch turns its records round',
    edits: [
      {
        file: 'src/router/open-batch.ts',
        find: 'this.added.push(record);',
        replace: 'this.added.unshift(record);',
      },
    ],
  },
  {
    name: 'end-is-one-too-far',
    breaks: 'reading from the end misses the first entry after it',
    edits: [
      {
        file: 'src/adapters/memory/memory-message-log.ts',
        find: "from === 'end' ? log.end : from",
        replace: "from === 'end' ? log.end + 1n : from",
      },
    ],
  },
  {
    name: 'reading-starts-one-too-far',
    breaks: 'reading from a place misses the entry there',
    edits: [
      {
        file: 'src/adapters/memory/memory-message-log.ts',
        find: "from === 'end' ? log.end : from",
        replace: "from === 'end' ? log.end : from + 1n",
      },
    ],
  },
  {
    name: 'broken-reading-starts-at-the-end',
    breaks: 'a reader whose reading broke goes on with what comes next',
    edits: [
      reader(
        'messageLog.read(this.partition, this.#next, { signal })',
        "messageLog.read(this.partition, 'end', { signal })",
      ),
    ],
  },
  {
    name: 'kept-entry-is-skipped',
    breaks: 'who comes back to the live reader misses the entry it stands at',
    edits: [
      reader(
        'if (offset < subscription.position.offset || batch === undefined) continue;',
        'if (offset <= subscription.position.offset || batch === undefined) continue;',
      ),
    ],
  },
  {
    name: 'kept-entries-are-not-replayed',
    breaks: 'what was taken between the scan and the live reader is missed',
    edits: [reader('if (!this.#replayKept(subscription)) return;', 'if (this.#recent.from < 0n) return;')],
  },
  {
    name: 'seam-is-one-too-far',
    breaks: 'the scan hands over at the entry after the one it reached',
    edits: [catchUp('{ offset: reached, index: 0 }', '{ offset: reached + 1n, index: 0 }')],
  },
  {
    name: 'seam-is-too-early',
    breaks: 'the scan hands over without having met the live reader',
    edits: [reader('if (subscription.position.offset < this.keptFrom) {', 'if (subscription.position.offset < 0n) {')],
  },
  {
    name: 'first-visit-starts-at-the-end',
    breaks: 'what waited for somebody who was never there is not delivered',
    edits: [
      {
        file: 'src/router/router.ts',
        find: "mode === 'durable' ? oldest",
        replace: "mode === 'durable' && oldest.index > 0 ? oldest",
      },
    ],
  },
];
