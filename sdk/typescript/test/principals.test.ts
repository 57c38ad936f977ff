import { afterAll, describe, expect, test } from 'vitest';
import {
  AetherError,
  connectAgent,
  connectBridge,
  connectMetricsBridge,
  connectOrchestrator,
  connectService,
  connectTask,
  connectUser,
  connectWorkflowEngine,
} from '../src/index.ts';
import { startGateway } from './gateway.ts';
import { failOnUnhandledRejections } from './unhandled.ts';

failOnUnhandledRejections();

const gateway = await startGateway();
const { address } = gateway;
afterAll(() => gateway[Symbol.asyncDispose]());

const named = { address, implementation: 'impl', specifier: 'one' };

describe('every principal connects under its identity', () => {
  test('agent', async () => {
    await using agent = await connectAgent({ ...named, workspace: 'prod' });
    expect(agent.identity).toBe('ag::prod::impl::one');
    expect(agent.topic).toBe('ag::prod::impl::one');
    expect(agent.workspace).toBe('prod');
    expect(agent.currentStatus).toEqual({
      state: 'connected',
      address,
      sessionId: agent.session.id,
      resumed: false,
      reconnections: 0,
    });
    expect(await agent.isOnline(agent.identity)).toBe(true);
    expect(await agent.config()).toEqual({
      taskContext: {},
      workspaceExclusive: new Map(),
      globalExclusive: new Map(),
    });
  });

  test('task with a specifier', async () => {
    await using task = await connectTask({ ...named, workspace: 'prod' });
    expect(task.identity).toBe('tu::prod::impl::one');
    expect(task.specifier).toBe('one');
    expect((await task.config()).taskContext).toEqual({});
  });

  test('task without one is given one', async () => {
    await using task = await connectTask({ address, workspace: 'prod', implementation: 'impl' });
    expect(task.specifier).toBe(task.session.id);
    expect(task.topic).toBe(`ta::prod::impl::${task.specifier}`);
  });

  test('user, with and without a window', async () => {
    await using user = await connectUser({ address, userId: 'alice', windowId: 'w1' });
    await using bare = await connectUser({ address, userId: 'alice' });
    expect(user.topic).toBe('us::alice::w1');
    expect(bare.topic).toBe('us::alice::');
    expect(user.workspace).toBeUndefined();
  });

  test('service', async () => {
    await using service = await connectService(named);
    expect(service.topic).toBe('sv::impl::one');
  });

  test('bridge', async () => {
    await using bridge = await connectBridge(named);
    expect(bridge.topic).toBe('br::impl::one');
  });

  test('orchestrator, with and without a specifier', async () => {
    await using orchestrator = await connectOrchestrator({ ...named, supportedProfiles: ['small'] });
    expect(orchestrator.identity).toBe('orc::impl::one');
    await using other = await connectOrchestrator({ address, implementation: 'impl' });
    expect(other.identity).toBe(`orc::impl::${other.session.id.slice(0, 8)}`);
  });

  test('workflow engine and metrics bridge', async () => {
    await using engine = await connectWorkflowEngine({ address });
    await using metrics = await connectMetricsBridge({ address });
    expect(engine.identity).toBe('wfe::shard0');
    expect(engine.topic).toBe('event::receiver0');
    expect(metrics.identity).toBe('metrics::shard0');
  });
});

describe('an identity is held by one', () => {
  test('a second client is refused, and may connect once the first is gone', async () => {
    const first = await connectAgent({ ...named, workspace: 'dup' });
    const refusal: unknown = await connectAgent({ ...named, workspace: 'dup' }).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(AetherError);
    expect(refusal).toMatchObject({ reason: 'DUPLICATE_IDENTITY', code: 'already_exists', retryable: false });
    await first.close();
    await using second = await connectAgent({ ...named, workspace: 'dup' });
    expect(second.session.resumed).toBe(false);
  });

  test('with retryDuplicate it waits until the first is gone', async () => {
    const first = await connectAgent({ ...named, workspace: 'standby' });
    const connecting = connectAgent({
      ...named,
      workspace: 'standby',
      reconnect: { retryDuplicate: true, initialBackoffMs: 1 },
    });
    await first.close();
    await using standby = await connecting;
    expect(standby.identity).toBe(first.identity);
  });
});

test('sessions are listed, shown and ended by operators', async () => {
  await using service = await connectService({ ...named, specifier: 'operator' });
  const agent = await connectAgent({ ...named, workspace: 'seen' });
  const { sessions, total } = await service.sessions.list({ kind: 'agent', workspace: 'seen' });
  expect(total).toBe(1);
  expect(sessions).toMatchObject([
    { sessionId: agent.session.id, identity: agent.identity, kind: 'agent', workspace: 'seen', specifier: 'one' },
  ]);
  expect(await service.sessions.get(agent.session.id)).toMatchObject({ identity: agent.identity });
  await expect(service.sessions.get('nobody')).rejects.toMatchObject({ reason: 'REQUEST_FAILED' });
  await expect(agent.sessions.list()).rejects.toMatchObject({ reason: 'ERR_PERMISSION_DENIED' });

  await service.sessions.disconnect(agent.session.id, { reason: 'enough' });
  expect(await agent.closed).toEqual({ by: 'gateway', message: 'enough' });
  expect(await service.isOnline(agent.identity)).toBe(false);
  await expect(agent.send(agent.topic, 'x')).rejects.toMatchObject({ reason: 'DISCONNECTED', retryable: false });
  await expect(agent.isOnline(agent.identity)).rejects.toMatchObject({ reason: 'DISCONNECTED' });
  await expect(agent.close()).rejects.toMatchObject({ reason: 'DISCONNECTED' });
});
