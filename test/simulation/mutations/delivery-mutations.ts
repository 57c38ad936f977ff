/** Bugs on the way from the reader to the recipient, and in competing work. */
import type { WorkQueue } from '../../../src/ports/work-queue.ts';
import type { Mutation, SourceEdit } from './mutation.ts';

const outbox = (find: string, replace: string): SourceEdit => ({ file: 'src/gateway/outbox.ts', find, replace });
const subscription = (find: string, replace: string): SourceEdit => ({
  file: 'src/router/subscription.ts',
  find,
  replace,
});

async function* alreadyDone(work: WorkQueue, ...given: Parameters<WorkQueue['consume']>): ReturnType<typeof takeAll> {
  yield* takeAll(work, ...given);
}

async function* takeAll(work: WorkQueue, ...[topic, options]: Parameters<WorkQueue['consume']>) {
  for await (const item of work.consume(topic, options)) {
    item.ack();
    yield { ...item, ack: () => undefined, release: () => undefined };
  }
}

export const deliveryMutations: readonly Mutation[] = [
  {
    name: 'full-outbox-drops',
    breaks: 'a full outbox says it has taken what it has not',
    edits: [
      outbox(
        "if (this.#state !== 'open' || this.#bytes >= outboxBytesMax || !this.#deps.listener.mayDeliver()) {",
        "if (this.#state === 'open' && this.#bytes >= outboxBytesMax) return (this.#mark += 1);\n    if (this.#state !== 'open' || !this.#deps.listener.mayDeliver()) {",
      ),
    ],
  },
  {
    name: 'room-is-not-told',
    breaks: 'a subscription that was refused is never asked again',
    edits: [outbox('this.#deps.listener.onRoom();', 'this.#hasRefused = false;')],
  },
  {
    name: 'outbox-turns-round',
    breaks: 'what waits in the outbox goes out last first',
    edits: [outbox('this.#queue.push(frame);', 'this.#queue.unshift(frame);')],
  },
  {
    name: 'refused-is-passed',
    breaks: 'what the inbox refused counts as delivered',
    edits: [
      subscription(
        "this.state = 'full';\n      this.position = position;",
        "this.state = 'full';\n      this.position = { offset: position.offset + 1n, index: 0 };",
      ),
    ],
  },
  {
    name: 'place-within-a-batch-is-forgotten',
    breaks: 'a batch of which a part is delivered is delivered again from its start',
    edits: [subscription('const start = Math.max(0, wanted);', 'const start = Math.max(0, Math.min(wanted, 0));')],
  },
  {
    name: 'work-is-done-when-taken',
    breaks: 'a message to workers is done before a worker has it',
    bugs: {
      stores: {
        work: (work) => ({
          push: (topic, parts) => work.push(topic, parts),
          consume: (topic, options) => alreadyDone(work, topic, options),
        }),
      },
    },
  },
  {
    name: 'work-is-lost-with-its-worker',
    breaks: 'what a worker had open is not given to the next',
    edits: [
      {
        file: 'src/adapters/memory/memory-work-queue.ts',
        find: 'for (const job of left) lane.add(job, { first: true });',
        replace: 'left.length = 0;',
      },
    ],
  },
];
