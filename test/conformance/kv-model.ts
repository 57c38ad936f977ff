import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { KvCommand, KvReply, KvSpace } from '../../src/model/kv-command.ts';
import { counterMax, counterMin, type KvState, kvStep } from '../../src/model/kv-rules.ts';
import {
  absent,
  add,
  addMember,
  always,
  at,
  equal,
  freshSpace,
  get,
  type Opened,
  page,
  put,
  remove,
  told,
} from './kv-commands.ts';

/** Stores of key-value state held against the rules alone. */
export const kvModel = (open: () => Promise<Opened>): void => {
  test('does what the rules say, whatever is asked', async () => {
    await using opened = await open();
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 1, maxLength: 40 }), async (steps) => {
        const space = freshSpace();
        const model = new Model();
        const commands = steps.map((step) => step(space));
        const replies = await Promise.all(commands.map((command) => opened.store.run(command)));
        expect(replies.map(told)).toEqual(commands.map((command) => told(model.run(command))));
        const { entries } = await opened.store.list(space, page());
        expect(entries.map(({ key }) => key)).toEqual(model.keys());
      }),
      { numRuns: 60 },
    );
  });
};

const someKey = fc.constantFrom('a', 'b');
const someText = fc.constantFrom('', '0', '1', '-1', '9223372036854775807', 'x', '00');
const someCondition = fc.oneof(fc.constant(always), fc.constant(absent), someText.map(equal));
const someAmount = fc.constantFrom(1n, 2n, -1n, counterMax, counterMin);
const someBound = fc.constantFrom(undefined, 0n, 2n, -2n, counterMax, counterMin);

type Step = (space: KvSpace) => KvCommand;
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  someKey.map(
    (key): Step =>
      (space) =>
        get(at(space, key)),
  ),
  fc.tuple(someKey, someText, someCondition).map(
    ([key, text, when]): Step =>
      (space) =>
        put(at(space, key), text, when),
  ),
  fc.tuple(someKey, someCondition).map(
    ([key, when]): Step =>
      (space) =>
        remove(at(space, key), when.is === 'absent' ? { is: 'any' } : when),
  ),
  fc.tuple(someKey, someAmount, someBound, someBound).map(([key, amount, atLeast, atMost]): Step => {
    const bounds = { ...(atLeast === undefined ? {} : { atLeast }), ...(atMost === undefined ? {} : { atMost }) };
    return (space) => add(at(space, key), amount, bounds);
  }),
  fc.tuple(someKey, someText).map(
    ([key, member]): Step =>
      (space) =>
        addMember(at(space, key), member),
  ),
);

/** The rules alone, on one space. */
class Model {
  readonly #states = new Map<string, KvState>();
  readonly #members = new Map<string, Set<string>>();

  run(command: KvCommand): KvReply {
    const { key } = command.place;
    const before = this.#states.get(key);
    const members = this.#members.get(key) ?? new Set<string>();
    const member = command.kind === 'add_member' ? Buffer.from(command.member).toString() : '';
    const { reply, state } = kvStep(before, command, { nowMs: 0, holdsMember: members.has(member), isFull: false });
    if (state === undefined) this.#states.delete(key);
    else this.#states.set(key, state);
    if (state?.kind === 'set') this.#members.set(key, command.kind === 'add_member' ? members.add(member) : members);
    else this.#members.delete(key);
    return reply;
  }

  keys(): string[] {
    return [...this.#states.keys()].toSorted();
  }
}
