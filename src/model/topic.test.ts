import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { identifierFault } from './identifier.ts';
import { identityOf, type Principal, parseIdentity } from './principal.ts';
import { parseTopic, topic } from './topic.ts';

describe('topic', () => {
  test.each([
    ['ag::w::i::s', 'agent', 'w', 'w'],
    ['tu::w::i::s', 'task', 'w', 'w'],
    ['ta::w::i::s', 'task', 'w', 'w'],
    ['tb::w::i', 'task_workers', 'w', 'w'],
    ['ga::w', 'agents', 'w', 'w'],
    ['gu::w', 'users', 'w', 'w'],
    ['us::u::1', 'user_window', undefined, 'us::u'],
    ['us::u::', 'user_window', undefined, 'us::u'],
    ['uu::u', 'user', undefined, 'us::u'],
    ['uw::u::w', 'user_workspace', 'w', 'w'],
    ['sv::i::s', 'service', undefined, 'sv::i::s'],
    ['sv::i', 'any_service', undefined, 'sv::i'],
    ['br::i::s', 'bridge', undefined, 'br::i::s'],
    ['event::w', 'event', 'w', 'w'],
    ['metric::w', 'metric', 'w', 'w'],
    ['event::receiver0', 'event_receiver', undefined, 'event::receiver0'],
    ['metric::receiver12', 'metric_receiver', undefined, 'metric::receiver12'],
    ['pg::w', 'progress', 'w', 'w'],
    ['pg::us::u', 'user_progress', undefined, 'us::u'],
    ['tk::w::task::t1::events', 'task_events', 'w', 'w'],
    ['tk::w::task::t1::msg', 'task_messages', 'w', 'w'],
  ])('%s is %s', (text, kind, workspace, home) => {
    expect(parseTopic(text)).toEqual({ topic: { kind, text, workspace, home } });
  });

  test('a task without a specifier means its workers', () => {
    expect(topic('ta::w::i::')).toEqual(topic('tb::w::i'));
  });

  test.each(['event::*', 'event::'])('%s is the sender’s own workspace', (text) => {
    expect(topic(text)).toMatchObject({ kind: 'event', workspace: undefined, text: 'event::*' });
  });

  test.each([
    ['', 'no known prefix'],
    ['orc::i::s', 'no known prefix'],
    ['wfe::shard0', 'no known prefix'],
    ['constructor::x', 'no known prefix'],
    ['ag::x', 'needs 3 segments'],
    ['ag::w::i::s::more', 'needs 3 segments'],
    ['sv::a::b::c', 'needs 1 or 2 segments'],
    ['ag::w::::s', 'segment 2 is empty'],
    ['sv::i::', 'segment 2 is empty'],
    ['ag::w::i::*', 'segment 3 contains'],
    [`ag::w::i::${'x'.repeat(129)}`, 'segment 3 is longer'],
    ['pg::them::u', 'first must be "us"'],
    ['tk::w::job::t::events', 'must read'],
    ['tk::w::task::t::other', 'must end in'],
  ])('%j is none: it %s', (text, fault) => {
    expect(parseTopic(text)).toEqual({ fault: expect.stringContaining(fault) });
  });

  test('any text is either a topic whose text is itself, or a fault', () => {
    const segment = fc.oneof(
      fc.constantFrom('ag', 'us', 'tk', 'task', 'event', '*', '', 'w'),
      fc.string({ maxLength: 8 }),
    );
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 7 }), (segments) => {
        const text = segments.join('::');
        const result = parseTopic(text);
        if ('topic' in result) expect(parseTopic(result.topic.text)).toEqual(result);
        else expect(result.fault).not.toBe('');
      }),
      { numRuns: 3000 },
    );
  });
});

describe('identity', () => {
  const part = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
    .filter((text) => identifierFault(text) === undefined);
  const principal: fc.Arbitrary<Principal> = fc.oneof(
    fc.record({ kind: fc.constant('agent' as const), workspace: part, implementation: part, specifier: part }),
    fc.record({
      kind: fc.constant('task' as const),
      workspace: part,
      implementation: part,
      specifier: part,
      unique: fc.boolean(),
    }),
    fc.record({ kind: fc.constant('user' as const), userId: part, windowId: fc.oneof(part, fc.constant('')) }),
    fc.record({
      kind: fc.constantFrom('service' as const, 'bridge' as const, 'orchestrator' as const),
      implementation: part,
      specifier: part,
    }),
    fc.record({ kind: fc.constantFrom('workflow_engine' as const, 'metrics_bridge' as const) }),
  );

  test('reads back as the principal it was made of, so no two principals share one', () => {
    fc.assert(
      fc.property(principal, (one) => {
        expect(parseIdentity(identityOf(one))).toEqual(one);
      }),
      { numRuns: 2000 },
    );
  });

  test.each(['', 'ag::w::i', 'ag::w::i::', 'us::::1', 'xx::a::b', 'wfe::shard1', 'ag::w::i::s::t', 'toString::a::b'])(
    '%j is nobody',
    (text) => {
      expect(parseIdentity(text)).toBeUndefined();
    },
  );
});
