import { describe, expect, test } from 'vitest';
import type { Principal } from '../model/principal.ts';
import { topic } from '../model/topic.ts';
import { type Actor, decide } from './decide.ts';

const principals = {
  agent: { kind: 'agent', workspace: 'w', implementation: 'i', specifier: 's' },
  task: { kind: 'task', workspace: 'w', implementation: 'i', specifier: 's', unique: true },
  user: { kind: 'user', userId: 'u', windowId: '1' },
  service: { kind: 'service', implementation: 'i', specifier: 's' },
  bridge: { kind: 'bridge', implementation: 'i', specifier: 's' },
  workflow_engine: { kind: 'workflow_engine' },
  metrics_bridge: { kind: 'metrics_bridge' },
  orchestrator: { kind: 'orchestrator', implementation: 'i', specifier: 's' },
} as const satisfies Record<string, Principal>;
type Kind = keyof typeof principals;

const actor = (kind: Kind): Actor => ({
  principal: principals[kind],
  workspace: kind === 'agent' || kind === 'task' ? 'w' : undefined,
});
const maySend = (who: Actor, text: string): boolean => {
  const target = topic(text);
  return decide(who, { action: 'send', addressed: target, topic: target }).allowed;
};

const everyone: readonly Kind[] = ['agent', 'task', 'user', 'service', 'bridge', 'workflow_engine', 'orchestrator'];
const matrix: readonly [string, readonly Kind[]][] = [
  ['ag::w::i::s', everyone],
  ['tu::w::i::s', everyone],
  ['ta::w::i::s', everyone],
  ['tb::w::i', everyone],
  ['ga::w', ['agent', 'task', 'user', 'service', 'bridge', 'workflow_engine']],
  ['gu::w', ['agent', 'task', 'user', 'service', 'bridge', 'workflow_engine']],
  ['us::u::1', ['agent', 'task', 'user', 'service', 'bridge', 'workflow_engine']],
  ['uw::u::w', ['agent', 'task', 'user', 'service', 'bridge', 'workflow_engine']],
  ['uu::u', ['service', 'bridge', 'workflow_engine']],
  ['sv::i::s', ['agent', 'task', 'user', 'service', 'bridge', 'workflow_engine']],
  ['sv::i', ['agent', 'task', 'user', 'service', 'bridge', 'workflow_engine']],
  ['br::i::s', ['agent', 'task', 'user', 'service', 'bridge', 'workflow_engine']],
  ['event::w', ['agent', 'task', 'service', 'bridge', 'workflow_engine']],
  ['metric::*', ['agent', 'task', 'service', 'bridge', 'workflow_engine']],
  ['event::receiver0', ['workflow_engine']],
  ['metric::receiver0', ['workflow_engine']],
  ['pg::w', ['workflow_engine']],
  ['pg::us::u', ['workflow_engine']],
  ['tk::w::task::t::events', ['workflow_engine']],
  ['tk::w::task::t::msg', ['agent', 'task', 'user', 'service', 'bridge', 'workflow_engine']],
];

describe('who may send where', () => {
  test.each(matrix)('%s', (text, allowed) => {
    const found = Object.keys(principals).filter((kind) => maySend(actor(kind as Kind), text));
    expect(found.toSorted()).toEqual([...allowed].toSorted());
  });

  test('a workspace is closed to those of another', () => {
    for (const text of [
      'ag::other::i::s',
      'ga::other',
      'gu::other',
      'tb::other::i',
      'uw::u::other',
      'event::other',
      'metric::other',
      'tk::other::task::t::msg',
    ])
      for (const kind of ['agent', 'task'] as const)
        expect(maySend(actor(kind), text), `${kind} to ${text}`).toBe(false);
  });

  test('a person reaches every workspace until it has entered one', () => {
    expect(maySend(actor('user'), 'ag::any::i::s')).toBe(true);
    expect(maySend({ principal: principals.user, workspace: 'w' }, 'ag::w::i::s')).toBe(true);
    expect(maySend({ principal: principals.user, workspace: 'w' }, 'ag::any::i::s')).toBe(false);
  });

  test('a denial says why', () => {
    const target = topic('ag::other::i::s');
    expect(decide(actor('agent'), { action: 'send', addressed: target, topic: target })).toEqual({
      allowed: false,
      because: 'workspace other is closed to w',
    });
  });
});

describe('the rest', () => {
  test('progress is reported by agents, tasks and services', () => {
    const may = Object.keys(principals).filter(
      (kind) => decide(actor(kind as Kind), { action: 'report_progress', topic: topic('pg::w') }).allowed,
    );
    expect(may).toEqual(['agent', 'task', 'service']);
  });

  test('connections are seen by oneself, within a workspace, and by operators', () => {
    const sees = (kind: Kind, other: Principal): boolean =>
      decide(actor(kind), { action: 'see_connection', principal: other }).allowed;
    expect(sees('agent', principals.agent)).toBe(true);
    expect(sees('agent', principals.task)).toBe(true);
    expect(sees('agent', { ...principals.agent, workspace: 'other' })).toBe(false);
    expect(sees('agent', principals.user)).toBe(false);
    expect(sees('user', principals.user)).toBe(true);
    expect(sees('user', principals.agent)).toBe(false);
    for (const kind of ['service', 'bridge', 'workflow_engine', 'orchestrator'] as const)
      expect(sees(kind, principals.user)).toBe(true);
  });

  test('sessions are managed by operators', () => {
    const may = Object.keys(principals).filter(
      (kind) => decide(actor(kind as Kind), { action: 'manage_sessions' }).allowed,
    );
    expect(may).toEqual(['service', 'bridge', 'workflow_engine', 'orchestrator']);
  });
});
