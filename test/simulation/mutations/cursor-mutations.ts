/** Bugs in how far a recipient is: who may say so, and when. */
import type { Mutation } from './mutation.ts';

const memoryCursors = 'src/adapters/memory/memory-cursor-store.ts';
const subscription = 'src/router/subscription.ts';

export const cursorMutations: readonly Mutation[] = [
  {
    name: 'cursors-open-unfenced',
    breaks: 'an older epoch may open the cursors again',
    edits: [{ file: memoryCursors, find: 'if (found.epoch > epoch) return', replace: 'if (found.epoch < 0n) return' }],
  },
  {
    name: 'cursors-move-unfenced',
    breaks: 'a commit does not compare the epoch',
    edits: [
      { file: memoryCursors, find: 'if (found?.epoch !== epoch) fenced', replace: 'if (found === undefined) fenced' },
    ],
  },
  {
    name: 'written-is-received',
    breaks: 'a cursor moves without the answer of the peer',
    bugs: {
      gateways: {
        stream: (stream) => ({
          ...stream,
          read: (options) => stream.read(options),
          write: (framed, taken) => stream.write(framed, taken),
          whenReceived: (answered) => queueMicrotask(answered),
        }),
      },
    },
  },
  {
    name: 'ping-overtakes',
    breaks: 'the peer is asked before the bytes have left, and its answer counts for all that is queued',
    edits: [
      {
        file: 'src/gateway/outbox.ts',
        find: 'const mark = this.#writtenMark;\n    this.#deps.stream.whenReceived',
        replace: 'const mark = this.#mark;\n    this.#deps.stream.whenReceived',
      },
    ],
  },
  {
    name: 'live-is-confirmed',
    breaks: 'the cursor of a live subscription is where the reader is',
    edits: [
      {
        file: subscription,
        find: "return settled && this.state === 'live'",
        replace: "return (settled || true) && this.state === 'live'",
      },
    ],
  },
  {
    name: 'confirms-one-too-many',
    breaks: 'an answer counts for the delivery after it too',
    edits: [{ file: subscription, find: 'delivered.mark <= mark', replace: 'delivered.mark <= mark + 1' }],
  },
  {
    name: 'no-last-commit',
    breaks: 'a goodbye does not store the places',
    edits: [
      {
        file: 'src/router/cursors.ts',
        find: 'if (commit.positions.size === 0) return Promise.resolve(true);',
        replace: 'if (commit.positions.size >= 0) return Promise.resolve(true);',
      },
    ],
  },
  {
    name: 'refusal-is-for-everyone',
    breaks: "a session is ended because its predecessor's places are refused",
    edits: [
      {
        file: 'src/router/cursors.ts',
        find: 'if (mayBeMeantForAnother(recipient, asked))',
        replace: 'if (mayBeMeantForAnother(recipient, []))',
      },
    ],
  },
  {
    name: 'cursors-one-ahead',
    breaks: 'the store keeps a place one entry further',
    bugs: {
      stores: {
        cursors: (store) => ({
          open: (owner, epoch) => store.open(owner, epoch),
          commit: (commits) =>
            store.commit(
              commits.map((commit) => ({
                ...commit,
                positions: new Map(
                  [...commit.positions].map(([topic, { offset }]) => [topic, { offset: offset + 1n, index: 0 }]),
                ),
              })),
            ),
        }),
      },
    },
  },
  {
    name: 'cursors-forget',
    breaks: 'the store answers a new session with nothing',
    bugs: {
      stores: {
        cursors: (store) => ({
          open: async (owner, epoch) => ((await store.open(owner, epoch)) === undefined ? undefined : new Map()),
          commit: (commits) => store.commit(commits.map((commit) => ({ ...commit, positions: new Map() }))),
        }),
      },
    },
  },
];
