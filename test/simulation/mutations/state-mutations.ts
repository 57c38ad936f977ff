/** Bugs in keys and checkpoints: in what is done to one, in who may do it, and in when it is answered. */
import type { Ports } from '../../../src/compose/fabric.ts';
import { asFabricError } from '../../../src/model/error.ts';
import { altered } from '../../chaos/mutations/mutation.ts';
import type { Mutation, SourceEdit } from './mutation.ts';

const rules = (find: string, replace: string): readonly SourceEdit[] => [
  { file: 'src/model/kv-rules.ts', find, replace },
];
const keys = (find: string, replace: string): readonly SourceEdit[] => [
  { file: 'src/adapters/memory/memory-kv-store.ts', find, replace },
];
const checkpoints = (find: string, replace: string): readonly SourceEdit[] => [
  { file: 'src/adapters/memory/memory-checkpoint-store.ts', find, replace },
];
const ports = (change: (given: Ports) => Partial<Ports>): Mutation['bugs'] => ({
  gateways: { ports: (given) => ({ ...given, ...change(given) }) },
});

export const stateMutations: readonly Mutation[] = [
  {
    name: 'keys-are-written-unfenced',
    breaks: 'a write to a key does not compare the epoch',
    edits: keys('&& !this.#fences.holds(space.owner, command.epoch)', '&& command.epoch < 0n'),
  },
  {
    name: 'purges-are-unfenced',
    breaks: 'a superseded session deletes what its successor keeps',
    edits: [
      {
        file: 'src/kv/kv.ts',
        find: 'isItsOwn ? epoch : undefined',
        replace: 'isItsOwn && epoch < 0n ? epoch : undefined',
      },
    ],
  },
  {
    name: 'keys-carry-no-epoch',
    breaks: 'the keys of one identity are written as those that are shared',
    edits: [
      {
        file: 'src/kv/kv.ts',
        find: '(isExclusive(scope) ? epoch : undefined)',
        replace: '(epoch < 0n ? epoch : scope && undefined)',
      },
    ],
  },
  {
    name: 'checkpoints-are-saved-unfenced',
    breaks: 'a checkpoint of a superseded session is kept',
    edits: checkpoints(
      "if (!this.#fences.holds(owner, epoch)) return Promise.resolve({ outcome: 'fenced' });",
      "if (!this.#fences.holds(owner, epoch) && epoch < 0n) return Promise.resolve({ outcome: 'fenced' });",
    ),
  },
  {
    name: 'checkpoints-are-deleted-unfenced',
    breaks: 'a superseded session deletes a checkpoint',
    edits: checkpoints(
      'if (!this.#fences.holds(owner, epoch)) return Promise.resolve(false);',
      'if (!this.#fences.holds(owner, epoch) && epoch < 0n) return Promise.resolve(false);',
    ),
  },
  {
    name: 'compares-nothing',
    breaks: 'a compare-and-set ignores what is there',
    edits: rules(
      'return state !== undefined && Buffer.compare(state.value, when.value) === 0;',
      'return state !== undefined && when.value !== state.value;',
    ),
  },
  {
    name: 'absent-is-not-looked-for',
    breaks: 'what is only to be made is overwritten',
    edits: rules('return state === undefined;', 'return state === undefined || when.is === "absent";'),
  },
  {
    name: 'counts-again-when-late',
    breaks: 'an increment without an answer is sent again',
    bugs: ports(({ kvStore }) => ({
      kvStore: altered(kvStore, {
        run: (command) =>
          kvStore.run(command).catch((thrown: unknown) => {
            if (command.kind === 'add' && asFabricError(thrown).reason === 'STORE_UNAVAILABLE')
              return kvStore.run(command);
            throw thrown;
          }),
      }),
    })),
  },
  {
    name: 'bounds-are-not-kept',
    breaks: 'a counter leaves its bounds',
    edits: rules('if (isOutside) return', 'if (isOutside && current !== current) return'),
  },
  {
    name: 'expired-is-seen',
    breaks: 'a key is there when its time is over',
    edits: rules(
      'state.expiresAtMs <= nowMs ? undefined : state;',
      'state.expiresAtMs + 1500 <= nowMs ? undefined : state;',
    ),
  },
  {
    name: 'counting-keeps-alive',
    breaks: 'a counter lives longer with each step',
    edits: rules(
      'const expiresAtMs = state === undefined ? expiry(ttlMs, nowMs) : state.expiresAtMs;',
      'const expiresAtMs = expiry(ttlMs, nowMs) ?? state?.expiresAtMs;',
    ),
  },
  {
    name: 'purge-leaves-something',
    breaks: 'a purge forgets all but the last of the spaces of an identity',
    edits: keys('this.#spaces.delete(owner);', 'this.#spaces.get(owner)?.delete("global");'),
  },
  {
    name: 'pages-overlap',
    breaks: 'the last key of a page is the first of the next',
    edits: keys('byBytes(key, after) > 0', 'byBytes(key, after) >= 0'),
  },
  {
    name: 'pages-leave-a-gap',
    breaks: 'a page begins behind a key that was on none',
    edits: keys("next: listed.at(-1)?.key ?? ''", 'next: key'),
  },
  {
    name: 'answered-before-stored',
    breaks: 'a write is answered while it is on its way to the store',
    bugs: ports(({ kvStore }) => ({
      kvStore: altered(kvStore, {
        run: (command) => {
          const reply = kvStore.run(command);
          if (command.kind !== 'put' || command.when.is !== 'any') return reply;
          reply.catch(() => undefined);
          return Promise.resolve({ refused: undefined, applied: true, value: undefined, count: undefined });
        },
      }),
    })),
  },
  {
    name: 'saved-before-stored',
    breaks: 'a checkpoint is said to be saved while it is on its way to the store',
    bugs: ports(({ checkpointStore, clock }) => ({
      checkpointStore: altered(checkpointStore, {
        save: (writer, save) => {
          checkpointStore.save(writer, save).catch(() => undefined);
          return Promise.resolve({ outcome: 'saved', savedAtMs: clock.now() });
        },
      }),
    })),
  },
  {
    name: 'scopes-are-one',
    breaks: 'what is kept in a workspace is seen outside of it',
    edits: [
      {
        file: 'src/kv/space.ts',
        find: "return { owner: identityOf(principal), name: join('workspace', scope.workspace) };",
        replace: "return { owner: identityOf(principal), name: 'global' };",
      },
    ],
  },
  {
    name: 'reads-what-it-remembers',
    breaks: 'a gateway answers with what it read before',
    bugs: ports(({ kvStore }) => {
      const known = new Map<string, ReturnType<typeof kvStore.run>>();
      return {
        kvStore: altered(kvStore, {
          run: (command) => {
            const place = JSON.stringify(command.place);
            if (command.kind !== 'get') known.delete(place);
            const found = command.kind === 'get' ? known.get(place) : undefined;
            const reply = found ?? kvStore.run(command);
            if (command.kind === 'get') known.set(place, reply);
            return reply;
          },
        }),
      };
    }),
  },
];
