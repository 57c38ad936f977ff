/** Bugs in what becomes of messages whose senders have named them, and of recipients that answer. */
import type { Ports } from '../../../src/compose/fabric.ts';
import { altered } from '../../chaos/mutations/mutation.ts';
import type { Mutation, SourceEdit } from './mutation.ts';

const edit = (file: string, find: string, replace: string): readonly SourceEdit[] => [
  { file: `src/router/${file}.ts`, find, replace },
];

const ports = (change: (given: Ports) => Partial<Ports>): Mutation['bugs'] => ({
  gateways: { ports: (given) => ({ ...given, ...change(given) }) },
});

export const letterMutations: readonly Mutation[] = [
  {
    name: 'acknowledgement-is-not-told',
    breaks: 'what its recipient is done with stays delivered',
    bugs: ports(({ receiptStore }) => ({
      receiptStore: altered(receiptStore, {
        advance: (steps) => receiptStore.advance(steps.filter(({ state }) => state !== 'acked')),
      }),
    })),
  },
  {
    name: 'dead-letter-is-not-kept',
    breaks: 'a letter is told to be dead and is nowhere',
    bugs: ports(({ deadLetterStore }) => ({
      deadLetterStore: altered(deadLetterStore, { add: () => Promise.resolve() }),
    })),
  },
  {
    name: 'delayed-is-gone-when-claimed',
    breaks: 'a delayed message is removed before it is published',
    bugs: ports(({ delayStore }) => ({
      delayStore: altered(delayStore, {
        claim: async (limit, claimMs) => {
          const due = await delayStore.claim(limit, claimMs);
          await delayStore.remove(due.map(({ id }) => id));
          return due;
        },
      }),
    })),
  },
  {
    name: 'attempts-are-not-counted',
    breaks: 'what is refused each time comes again for ever',
    edits: edit('outstanding', 'attempts: this.tries.attempts + 1 }', 'attempts: this.tries.attempts }'),
  },
  {
    name: 'refusal-counts-as-done',
    breaks: 'what its recipient refuses is acknowledged',
    edits: edit(
      'acknowledgements',
      "else if (outstanding.number === deliveryId) this.#fail(outstanding, 'refused by its recipient', redeliverAfterMs);",
      'else this.#acknowledge(outstanding);',
    ),
  },
  {
    name: 'silence-is-waited-for',
    breaks: 'a delivery without an answer never comes again',
    edits: edit(
      'acknowledgements',
      "if ((stage.at === 'received' || stage.at === 'queued') && stage.dueMs <= nowMs)",
      "if (stage.at === 'queued' && stage.dueMs <= nowMs)",
    ),
  },
  {
    name: 'place-passes-the-unanswered',
    breaks: 'the place of a recipient that answers is stored beyond what it has not answered',
    edits: edit(
      'acked-subscription',
      'const place = first ?? (',
      'const place = first !== undefined ? this.position : (',
    ),
  },
  {
    name: 'answers-are-not-read-yet',
    breaks: 'deliveries go out, and run out of time, before the answers to them are read',
    edits: [
      {
        file: 'src/gateway/connection.ts',
        find: "if (!client.extensions.has('ack')) this.#deliver(client);",
        replace: 'this.#deliver(client);',
      },
    ],
  },
];
