import { describe, expect, test } from 'vitest';
import {
  agentsTopic,
  agentTopic,
  anyServiceTopic,
  connectAgent,
  connectBridge,
  connectMetricsBridge,
  connectOrchestrator,
  connectService,
  connectTask,
  connectUser,
  connectWorkflowEngine,
  eventTopic,
  serviceTopic,
  taskTopic,
  taskWorkersTopic,
  usersTopic,
  userTopic,
  userWindowTopic,
  userWorkspaceTopic,
} from '#sdk';
import { onEachComposition, unique } from './fabric.ts';
import { refusals, Taking } from './taking.ts';

onEachComposition((fabric) => {
  const agent = (workspace: string, specifier: string, gateway = 0) =>
    connectAgent({ address: fabric().address(gateway), workspace, implementation: 'story', specifier });

  describe('messages between agents', () => {
    test('arrive in order, with their source, type and workspace, also across gateways', async () => {
      const workspace = unique('order');
      await using sender = await agent(workspace, 'sender', 0);
      await using recipient = await agent(workspace, 'recipient', 1);
      const taking = new Taking(recipient);
      const bodies = Array.from({ length: 1000 }, (_, index) => `m${index}`);
      for (const body of bodies) await sender.send(agentTopic(workspace, 'story', 'recipient'), body, { type: 'chat' });
      const first = await taking.next();
      expect(first).toMatchObject({ source: `ag::${workspace}::story::sender`, type: 'chat', workspace });
      expect([first.text(), ...(await taking.texts(999))]).toEqual(bodies);
    });

    test('are kept for one that was never there, and reach it once', async () => {
      const workspace = unique('offline');
      await using sender = await agent(workspace, 'sender');
      for (const body of ['a', 'b', 'c']) await sender.send(agentTopic(workspace, 'story', 'late'), body);
      await sender.close();
      const late = await agent(workspace, 'late', 1);
      expect(await new Taking(late).texts(3)).toEqual(['a', 'b', 'c']);
      await late.close();
      await using sender2 = await agent(workspace, 'sender');
      await sender2.send(agentTopic(workspace, 'story', 'late'), 'd');
      await using again = await agent(workspace, 'late', 0);
      expect((await new Taking(again).texts(1)).at(-1)).toBe('d');
    });

    test('reach their sender too, if it is who they are for', async () => {
      const workspace = unique('self');
      await using self = await agent(workspace, 'self');
      await self.send(self.topic, 'to myself');
      expect(await new Taking(self).texts(1)).toEqual(['to myself']);
    });

    test('of 10,000 to one who is away, every one is there in order on its return, on another gateway', async () => {
      const workspace = unique('absence');
      const away = await agent(workspace, 'away', 0);
      await away.close();
      const sender = await agent(workspace, 'sender', 0);
      for (let index = 0; index < 10_000; index += 1)
        await sender.send(agentTopic(workspace, 'story', 'away'), `m${index}`);
      await sender.close();
      await using back = await agent(workspace, 'away', 1);
      expect(await new Taking(back).texts(10_000)).toEqual(Array.from({ length: 10_000 }, (_, index) => `m${index}`));
    });
  });

  describe('broadcasts', () => {
    test('to the agents of a workspace reach those who are there, its sender included', async () => {
      const workspace = unique('broadcast');
      await using one = await agent(workspace, 'one', 0);
      await using two = await agent(workspace, 'two', 1);
      await using other = await agent(unique('elsewhere'), 'other', 0);
      const takings = [new Taking(one), new Taking(two)];
      await one.send(agentsTopic(workspace), 'all');
      for (const taking of takings) expect(await taking.texts(1)).toEqual(['all']);
      await other.send(other.topic, 'only mine');
      expect(await new Taking(other).texts(1)).toEqual(['only mine']);
    });

    test('to people: by workspace, by person, by person in a workspace', async () => {
      const workspace = unique('people');
      const person = unique('alice');
      await using backend = await connectService({
        address: fabric().address(),
        implementation: unique('backend'),
        specifier: '1',
      });
      await using inside = await connectUser({
        address: fabric().address(0),
        userId: person,
        windowId: 'in',
        workspace,
      });
      await using outside = await connectUser({ address: fabric().address(1), userId: person, windowId: 'out' });
      const [atInside, atOutside] = [new Taking(inside), new Taking(outside)];
      await backend.send(userTopic(person), 'both');
      expect([await atInside.texts(1), await atOutside.texts(1)]).toEqual([['both'], ['both']]);
      await backend.send(usersTopic(workspace), 'workspace');
      await backend.send(userWorkspaceTopic(person, workspace), 'person in workspace');
      expect((await atInside.texts(2)).toSorted()).toEqual(['person in workspace', 'workspace']);
      await backend.send(userWindowTopic(person, 'out'), 'window');
      expect(await atOutside.texts(1)).toEqual(['window']);
    });
  });

  describe('other ways to be reached', () => {
    test('a service by its instance or by any instance; a bridge; a unique task', async () => {
      const [name, workspace] = [unique('mail'), unique('ways')];
      await using service = await connectService({
        address: fabric().address(1),
        implementation: name,
        specifier: 'a',
      });
      await using bridge = await connectBridge({ address: fabric().address(1), implementation: name, specifier: 'b' });
      await using task = await connectTask({
        address: fabric().address(1),
        workspace,
        implementation: name,
        specifier: 't',
      });
      await using sender = await agent(workspace, 'sender', 0);
      const takings = [new Taking(service), new Taking(bridge), new Taking(task)] as const;
      await sender.send(serviceTopic(name, 'a'), 'instance');
      await sender.send(anyServiceTopic(name), 'any');
      expect(await takings[0].texts(2)).toEqual(['instance', 'any']);
      await sender.send(bridge.topic, 'bridge');
      expect(await takings[1].texts(1)).toEqual(['bridge']);
      await sender.send(taskTopic(workspace, name, 't'), 'task');
      expect(await takings[2].texts(1)).toEqual(['task']);
    });

    test('any instance of a service that has none is refused as retryable', async () => {
      await using sender = await agent(unique('none'), 'sender');
      const refused = refusals(sender);
      await sender.send(anyServiceTopic(unique('nobody')), 'x');
      expect(await refused()).toMatchObject({ reason: 'ERR_SV_UNAVAILABLE', retryable: true });
    });

    test('workers of a task share what is sent to them: each message goes to one', async () => {
      const [workspace, implementation] = [unique('work'), unique('jobs')];
      await using sender = await agent(workspace, 'sender');
      for (let index = 0; index < 20; index += 1)
        await sender.send(taskWorkersTopic(workspace, implementation), `early${index}`);
      const workers = await Promise.all(
        [0, 1, 0, 1].map((gateway) => connectTask({ address: fabric().address(gateway), workspace, implementation })),
      );
      const seen = new Map<string, number>();
      const all = Promise.withResolvers<void>();
      for (const worker of workers)
        worker.onMessage((message) => {
          seen.set(message.text(), (seen.get(message.text()) ?? 0) + 1);
          if (seen.size === 220) all.resolve();
        });
      for (let index = 0; index < 200; index += 1)
        await sender.send(taskWorkersTopic(workspace, implementation), `late${index}`);
      await all.promise;
      expect([...seen.values()].every((times) => times === 1)).toBe(true);
      await Promise.all(workers.map((worker) => worker.close()));
    });

    test('a task without a specifier is reached under the one it was given', async () => {
      const workspace = unique('assigned');
      await using task = await connectTask({ address: fabric().address(), workspace, implementation: 'job' });
      expect(task.topic).toBe(taskTopic(workspace, 'job', task.session.id).replace('tu::', 'ta::'));
      await using sender = await agent(workspace, 'sender', 1);
      await sender.send(task.topic, 'mine');
      expect(await new Taking(task).texts(1)).toEqual(['mine']);
    });
  });

  describe('events and metrics', () => {
    test('of all workspaces reach the workflow engine and the metrics bridge, with their workspace', async () => {
      await using engine = await connectWorkflowEngine({ address: fabric().address(1) });
      await using bridge = await connectMetricsBridge({ address: fabric().address(0) });
      const [events, metrics] = [engine.messages(), bridge.messages()];
      const workspaces = [unique('ev'), unique('ev')];
      for (const workspace of workspaces) {
        await using sender = await agent(workspace, 'sender');
        await sender.sendEvent('thing.happened', { n: 1 });
        await sender.sendMetric({ entries: [{ name: 'tokens', quantity: 3 }] });
      }
      const heard = [(await events.next()).value, (await events.next()).value];
      expect(heard.map((message) => [message?.workspace, message?.source, message?.type])).toEqual(
        workspaces.map((workspace) => [workspace, `ag::${workspace}::story::sender`, 'event']),
      );
      const measured = [(await metrics.next()).value, (await metrics.next()).value];
      expect(measured.map((message) => [message?.workspace, message?.type])).toEqual(
        workspaces.map((workspace) => [workspace, 'metric']),
      );
    });

    test('metrics are checked before they are accepted', async () => {
      await using sender = await agent(unique('metric'), 'sender');
      const refused = refusals(sender);
      await sender.send('metric::*', 'not a metric', { type: 'metric' });
      expect(await refused()).toMatchObject({ reason: 'ERR_METRIC_INVALID' });
      await sender.send('metric::*', new Uint8Array(), { type: 'metric' });
      expect(await refused()).toMatchObject({ reason: 'ERR_METRIC_EMPTY' });
      await sender.send('metric::*', 'x', { type: 'chat' });
      expect(await refused()).toMatchObject({ reason: 'ERR_METRIC_INVALID' });
      await sender.sendMetric({ entries: [{ name: 'credit', quantity: -1 }] });
      expect(await refused()).toMatchObject({ reason: 'ERR_METRIC_NEGATIVE_FORBIDDEN' });
    });
  });

  describe('progress', () => {
    test('reaches who watches the workspace but not its source, or the person it is for', async () => {
      const workspace = unique('progress');
      const person = unique('bob');
      await using worker = await agent(workspace, 'worker', 0);
      await using watcher = await agent(workspace, 'watcher', 1);
      await using window = await connectUser({ address: fabric().address(1), userId: person, windowId: '1' });
      await using other = await connectUser({ address: fabric().address(0), userId: person, windowId: '2' });
      const [watched, seen, seenToo] = [watcher.progress(), window.progress(), other.progress()];
      // Progress that nobody waits for is dropped, so each is asked for before it is reported.
      const own = worker.progress().next();
      const half = watched.next();
      await worker.reportProgress({ state: 'running', completion: 0.5, summary: 'half' });
      expect((await half).value).toMatchObject({
        source: worker.topic,
        state: 'running',
        completion: 0.5,
        summary: 'half',
        workspace,
      });
      const both = [seen.next(), seenToo.next()];
      await worker.reportProgress({ state: 'for bob', recipient: `us::${person}` });
      for (const one of both) expect((await one).value).toMatchObject({ state: 'for bob', workspace });
      await worker.reportProgress({ state: 'for one window', recipient: `us::${person}::2` });
      expect((await seenToo.next()).value).toMatchObject({ state: 'for one window' });
      await watcher.reportProgress({ state: 'from the watcher' });
      expect((await own).value).toMatchObject({ state: 'from the watcher', source: watcher.topic });
    });
  });

  describe('workspaces', () => {
    test('are closed to agents of others', async () => {
      const [here, there] = [unique('here'), unique('there')];
      await using sender = await agent(here, 'sender');
      const refused = refusals(sender);
      for (const topic of [agentTopic(there, 'story', 'x'), agentsTopic(there), usersTopic(there), eventTopic(there)]) {
        await sender.send(topic, 'x');
        expect(await refused()).toMatchObject({ reason: 'ERR_PERMISSION_DENIED', retryable: false });
      }
    });

    test('a person moves between them, hearing only of the one it is in', async () => {
      const [first, second, person] = [unique('first'), unique('second'), unique('carol')];
      await using window = await connectUser({ address: fabric().address(1), userId: person, windowId: '1' });
      await using backend = await connectService({
        address: fabric().address(),
        implementation: unique('backend'),
        specifier: '1',
      });
      const taking = new Taking(window);
      await window.switchWorkspace(first);
      await backend.send(usersTopic(first), 'first');
      expect(await taking.texts(1)).toEqual(['first']);
      await window.switchWorkspace(second);
      await backend.send(usersTopic(second), 'second');
      expect(await taking.texts(1)).toEqual(['second']);
      const refused = refusals(window);
      await window.send(agentTopic(first, 'story', 'x'), 'from outside');
      expect(await refused()).toMatchObject({ reason: 'ERR_PERMISSION_DENIED' });
    });

    test('only people can switch', async () => {
      await using orchestrator = await connectOrchestrator({
        address: fabric().address(),
        implementation: unique('orc'),
      });
      expect(orchestrator.identity).toMatch(/^orc::/);
    });
  });

  describe('sizes', () => {
    test.each([0, 1, 1000, 65_536, 300_000, 1024 * 1024])('%i bytes arrive as they were sent', async (size) => {
      const workspace = unique('size');
      await using sender = await agent(workspace, 'sender', 0);
      await using recipient = await agent(workspace, 'recipient', 1);
      const taking = new Taking(recipient);
      const payload = Uint8Array.from({ length: size }, (_, index) => (index * 31) % 251);
      await sender.send(recipient.topic, payload);
      expect(Buffer.from((await taking.next()).payload).equals(Buffer.from(payload))).toBe(true);
    });

    test('a byte more than the limit is refused by name, and the next message passes', async () => {
      const workspace = unique('oversize');
      await using sender = await agent(workspace, 'sender');
      const taking = new Taking(sender);
      const { id } = sender.session;
      await expect(sender.send(sender.topic, new Uint8Array(1024 * 1024 + 1))).rejects.toMatchObject({
        reason: 'PAYLOAD_TOO_LARGE',
        code: 'resource_exhausted',
        retryable: false,
      });
      await sender.send(sender.topic, 'after');
      expect(await taking.texts(1)).toEqual(['after']);
      expect(sender.session.id).toBe(id);
    });

    test('large messages hold nobody up', async () => {
      const workspace = unique('mixed');
      await using large = await agent(workspace, 'large', 0);
      await using small = await agent(workspace, 'small', 0);
      await using recipient = await agent(workspace, 'recipient', 1);
      const taking = new Taking(recipient);
      const seen: string[] = [];
      const sending = Promise.all([
        (async () => {
          for (let index = 0; index < 30; index += 1) await large.send(recipient.topic, new Uint8Array(1024 * 1024));
        })(),
        (async () => {
          for (let index = 0; index < 300; index += 1) await small.send(recipient.topic, `s${index}`);
        })(),
      ]);
      while (seen.length < 330) {
        const message = await taking.next();
        seen.push(message.payload.byteLength > 1000 ? 'large' : message.text());
      }
      await sending;
      expect(seen.filter((body) => body !== 'large')).toEqual(Array.from({ length: 300 }, (_, index) => `s${index}`));
    });
  });
});
