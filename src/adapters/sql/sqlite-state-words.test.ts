import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { KvCommand, KvReply } from '../../model/kv-command.ts';
import { readCommands, readReplies, writeCommands, writeReplies } from './sqlite-state-words.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const bytes = fc.uint8Array({ maxLength: 40 });
const integer = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const maybe = <Value>(arbitrary: fc.Arbitrary<Value>) => fc.option(arbitrary, { nil: undefined });
const always = fc.constant({ is: 'any' } as const);
const equal = fc.record({ is: fc.constant('equal'), value: bytes });

const place = fc.record({ space: fc.record({ owner: text, name: text }), key: text });
const making = { place, epoch: maybe(integer), ttlMs: maybe(fc.nat()), keysMax: maybe(fc.nat()) };
const command: fc.Arbitrary<KvCommand> = fc.oneof(
  fc.record({ kind: fc.constant('get'), place }),
  fc.record({
    kind: fc.constant('put'),
    ...making,
    value: bytes,
    when: fc.oneof(always, fc.constant({ is: 'absent' } as const), equal),
  }),
  fc.record({ kind: fc.constant('delete'), place, epoch: maybe(integer), when: fc.oneof(always, equal) }),
  fc.record({ kind: fc.constant('add'), ...making, amount: integer, atLeast: maybe(integer), atMost: maybe(integer) }),
  fc.record({ kind: fc.constant('add_member'), ...making, member: bytes }),
);
const reply: fc.Arbitrary<KvReply> = fc.oneof(
  fc.record({ refused: fc.constantFrom('fenced', 'wrong_type', 'out_of_range', 'full') }),
  fc.record({
    refused: fc.constant(undefined),
    applied: fc.boolean(),
    value: maybe(bytes),
    count: maybe(integer),
  }),
);

test('commands and replies come out of the thread as they went in', () => {
  fc.assert(
    fc.property(fc.array(command), fc.array(reply), (commands, replies) => {
      expect(readCommands(structuredClone(writeCommands(commands)))).toEqual(commands);
      expect(readReplies(structuredClone(writeReplies(replies)))).toEqual(replies);
    }),
  );
});
