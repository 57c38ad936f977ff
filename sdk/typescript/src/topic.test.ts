import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { identifierFault as serverFault } from '../../../src/model/identifier.ts';
import { parseTopic as parseOnServer } from '../../../src/model/topic.ts';
import { AetherError } from './error.ts';
import { identifierFault } from './identifier.ts';
import {
  agentsTopic,
  agentTopic,
  anyServiceTopic,
  bridgeTopic,
  eventTopic,
  metricTopic,
  parseTopic,
  serviceTopic,
  taskTopic,
  taskWorkersTopic,
  usersTopic,
  userTopic,
  userWindowTopic,
  userWorkspaceTopic,
} from './topic.ts';

describe('topics are made of their parts, and taken apart again', () => {
  test.each([
    [agentTopic('w', 'i', 's'), 'ag::w::i::s', { kind: 'agent', workspace: 'w', implementation: 'i', specifier: 's' }],
    [
      taskTopic('w', 'i', 's'),
      'tu::w::i::s',
      { kind: 'task', workspace: 'w', implementation: 'i', specifier: 's', unique: true },
    ],
    [taskWorkersTopic('w', 'i'), 'tb::w::i', { kind: 'taskWorkers', workspace: 'w', implementation: 'i' }],
    [agentsTopic('w'), 'ga::w', { kind: 'agents', workspace: 'w' }],
    [usersTopic('w'), 'gu::w', { kind: 'users', workspace: 'w' }],
    [userWindowTopic('u', 'x'), 'us::u::x', { kind: 'userWindow', user: 'u', window: 'x' }],
    [userWindowTopic('u', ''), 'us::u::', { kind: 'userWindow', user: 'u', window: '' }],
    [userTopic('u'), 'uu::u', { kind: 'user', user: 'u' }],
    [userWorkspaceTopic('u', 'w'), 'uw::u::w', { kind: 'userWorkspace', user: 'u', workspace: 'w' }],
    [serviceTopic('i', 's'), 'sv::i::s', { kind: 'service', implementation: 'i', specifier: 's' }],
    [anyServiceTopic('i'), 'sv::i', { kind: 'anyService', implementation: 'i' }],
    [bridgeTopic('i', 's'), 'br::i::s', { kind: 'bridge', implementation: 'i', specifier: 's' }],
    [eventTopic(), 'event::*', { kind: 'event', workspace: undefined }],
    [eventTopic('w'), 'event::w', { kind: 'event', workspace: 'w' }],
    [metricTopic(), 'metric::*', { kind: 'metric', workspace: undefined }],
    [metricTopic('w'), 'metric::w', { kind: 'metric', workspace: 'w' }],
  ])('%s', (made, text, parts) => {
    expect(made).toBe(text);
    expect(parseTopic(text)).toEqual(parts);
  });

  test('of kinds only the fabric makes', () => {
    expect(parseTopic('ta::w::i::7')).toMatchObject({ kind: 'task', unique: false });
    expect(parseTopic('event::receiver0')).toEqual({ kind: 'eventReceiver' });
    expect(parseTopic('pg::w')).toEqual({ kind: 'progress', workspace: 'w' });
    expect(parseTopic('pg::us::u')).toEqual({ kind: 'userProgress', user: 'u' });
    expect(parseTopic('tk::w::task::7::msg')).toEqual({ kind: 'taskMessages', workspace: 'w', taskId: '7' });
    expect(parseTopic('tk::w::task::7::events')).toEqual({ kind: 'taskEvents', workspace: 'w', taskId: '7' });
  });

  test('a part that cannot be one is named', () => {
    expect(() => agentTopic('w', 'a b', 's')).toThrow(AetherError);
    expect(() => agentTopic('w', 'a b', 's')).toThrow('implementation of a ag:: topic contains white space');
    expect(() => userTopic('')).toThrow('user of a uu:: topic is empty');
  });

  test.each(['', 'ag', 'ag::w::i', 'ag::w::i::s::x', 'xx::w', 'ag::w::i::', 'constructor::x', 'tk::w::x::7::msg'])(
    '"%s" is none',
    (text) => {
      expect(parseTopic(text)).toBeUndefined();
    },
  );
});

describe('the rules are the gateway’s', () => {
  const part = fc.oneof(
    fc.string({ unit: fc.constantFrom('a', ':', '*', '>', ' ', 'ä', '\u0000', '.', '\ufffd'), maxLength: 6 }),
    fc.constantFrom('', '*', 'us', 'task', 'msg', 'events', 'receiver0', 'ä'.repeat(64), 'ä'.repeat(65)),
  );
  const prefixes = 'ag tu ta tb ga gu us uu uw sv br event metric pg tk xx'.split(' ');
  const prefix = fc.constantFrom('', ...prefixes);

  test('for identifiers', () => {
    fc.assert(
      fc.property(part, (text) => {
        expect(identifierFault(text)).toBe(serverFault(text));
      }),
    );
  });

  test('for topics, save "any worker" written as a task without a specifier, which published clients send', () => {
    fc.assert(
      fc.property(prefix, fc.array(part, { maxLength: 5 }), (first, rest) => {
        const text = [first, ...rest].join('::');
        const isOnServer = 'topic' in parseOnServer(text);
        const isOurs = parseTopic(text) !== undefined;
        expect(isOurs || text.startsWith('ta::')).toBe(isOnServer || text.startsWith('ta::'));
      }),
      { numRuns: 2000 },
    );
  });
});
