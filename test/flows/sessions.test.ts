import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { agentTopic, connectAgent, connectOrchestrator, connectService, connectTask, connectUser } from '#sdk';
import { onEachComposition, openStoryFabric, unique } from './fabric.ts';
import { agentInit, init, RawClient, send } from './raw-client.ts';
import { Taking } from './taking.ts';

onEachComposition((fabric) => {
  const raw = (gateway = 0, metadata = {}): RawClient => new RawClient(fabric().address(gateway), metadata);
  const joined = async (workspace: string, specifier: string, { gateway = 0, resume = '' } = {}) => {
    const client = raw(gateway);
    client.say(agentInit(workspace, specifier, { resumeSessionId: resume }));
    return { client, ack: await client.find('connectionAck') };
  };

  describe('the handshake', () => {
    test('acknowledges first, then the configuration for agents and tasks, then deliveries', async () => {
      const workspace = unique('order');
      await using sender = await connectAgent({
        address: fabric().address(),
        workspace,
        implementation: 'raw',
        specifier: 'sender',
      });
      await sender.send(agentTopic(workspace, 'raw', 'late'), 'waiting');
      await sender.close();
      using client = raw(1);
      client.say(agentInit(workspace, 'late'));
      expect([(await client.next()).$case, (await client.next()).$case, (await client.next()).$case]).toEqual([
        'connectionAck',
        'config',
        'msg',
      ]);
    });

    test('handles frames sent before the acknowledgement, in order', async () => {
      const workspace = unique('early');
      using client = raw();
      client.say(agentInit(workspace, 'self'));
      for (let index = 0; index < 50; index += 1) client.say(send(`ag::${workspace}::raw::self`, `m${index}`));
      await client.find('connectionAck');
      const bodies: string[] = [];
      while (bodies.length < 50) bodies.push(Buffer.from((await client.find('msg')).payload).toString());
      expect(bodies).toEqual(Array.from({ length: 50 }, (_, index) => `m${index}`));
    });

    test('tells who it is: session, version, build, first connect', async () => {
      const { client, ack } = await joined(unique('ack'), 'a');
      using _ = client;
      expect(ack).toMatchObject({ resumed: false, assignedId: '', serverVersion: 'test', reconnectionCount: 0 });
      expect(ack.sessionId).toMatch(/^[0-9a-f-]{36}$/);
      expect(ack.serverBuildInfo?.runtime).toMatch(/^node v/);
      expect(Number(ack.initialConnectionUnixMs)).toBeGreaterThan(Date.now() - 60_000);
    });

    test('answers extensions one by one, and ends after the acknowledgement where a required one is unknown', async () => {
      using client = raw(0, { 'aether-extensions': 'urn:a, urn:b' });
      const declared = [
        { uri: 'urn:x', version: '1', required: false, jsonSchema: '' },
        { uri: 'urn:y', version: '', required: true, jsonSchema: '' },
      ];
      client.say(agentInit(unique('ext'), 'a', { extensions: declared }));
      const ack = await client.find('connectionAck');
      expect(ack.negotiatedExtensions.map(({ uri, supported }) => [uri, supported])).toEqual([
        ['urn:x', false],
        ['urn:y', false],
        ['urn:a', false],
        ['urn:b', false],
      ]);
      expect(ack.negotiatedExtensions[0]?.rejectionReason).toBe('extension URI not supported by this gateway');
      expect(await client.ended).toEqual({
        code: 9,
        details: 'ERR_EXTENSION_UNSUPPORTED: extension required but not supported: urn:y',
      });
    });

    test('gives a task without a specifier its session id for one, and lets it keep both when it resumes', async () => {
      const workspace = unique('tasks');
      const task = init({ $case: 'task', value: { workspace, implementation: 'job', uniqueSpecifier: '' } });
      using first = raw(0);
      first.say(task);
      const ack = await first.find('connectionAck');
      expect(ack.assignedId).toBe(ack.sessionId);
      first.cancel();
      await first.ended;
      using second = raw(1);
      second.say({
        ...task,
        value: { ...(task.$case === 'init' ? task.value : undefined), resumeSessionId: ack.sessionId },
      } as typeof task);
      const resumed = await second.find('connectionAck');
      expect(resumed).toMatchObject({ resumed: true, sessionId: ack.sessionId });
      using stranger = raw(0);
      stranger.say(
        init(
          { $case: 'task', value: { workspace, implementation: 'job', uniqueSpecifier: '' } },
          { resumeSessionId: 'made-up' },
        ),
      );
      expect((await stranger.find('connectionAck')).assignedId).not.toBe('made-up');
    });

    test('makes up a specifier for an orchestrator without one', async () => {
      await using orchestrator = await connectOrchestrator({
        address: fabric().address(),
        implementation: unique('orc'),
      });
      expect(orchestrator.identity).toMatch(/^orc::.+::[0-9a-f]{8}$/);
    });
  });

  describe('an identity', () => {
    test('held elsewhere is refused as a duplicate, on every gateway, and its holder notices nothing', async () => {
      const workspace = unique('dup');
      const { client } = await joined(workspace, 'one', { gateway: 0 });
      using _ = client;
      for (const gateway of [0, 1]) {
        using second = raw(gateway);
        second.say(agentInit(workspace, 'one'));
        expect(await second.ended).toEqual({
          code: 6,
          details: `DuplicateIdentityError: identity (ag::${workspace}::raw::one) already connected`,
        });
      }
      client.say(send(`ag::${workspace}::raw::one`, 'still here'));
      expect(Buffer.from((await client.find('msg')).payload).toString()).toBe('still here');
    });

    test('is resumed by its session id while the old stream is up, which ends as unavailable', async () => {
      const workspace = unique('resume');
      const first = await joined(workspace, 'one', { gateway: 0 });
      const second = await joined(workspace, 'one', { gateway: 1, resume: first.ack.sessionId });
      using _ = second.client;
      expect(second.ack).toMatchObject({
        resumed: true,
        reconnectionCount: 1,
        initialConnectionUnixMs: first.ack.initialConnectionUnixMs,
      });
      expect(second.ack.sessionId).not.toBe(first.ack.sessionId);
      expect((await first.client.ended).code).toBe(14);
    });

    test('whose transport was lost can be resumed; after a clean close it cannot', async () => {
      const workspace = unique('linger');
      const first = await joined(workspace, 'one');
      first.client.cancel();
      await first.client.ended;
      const second = await joined(workspace, 'one', { gateway: 1, resume: first.ack.sessionId });
      expect(second.ack).toMatchObject({ resumed: true, reconnectionCount: 1 });
      second.client.halfClose();
      expect(await second.client.ended).toMatchObject({ code: 0 });
      const third = await joined(workspace, 'one', { resume: second.ack.sessionId });
      using _ = third.client;
      expect(third.ack).toMatchObject({ resumed: false, reconnectionCount: 0 });
    });
  });

  describe('looking', () => {
    test('says who is connected, on whichever gateway, to those who may know', async () => {
      const workspace = unique('look');
      await using asker = await connectAgent({
        address: fabric().address(0),
        workspace,
        implementation: 'raw',
        specifier: 'asker',
      });
      const { client } = await joined(workspace, 'there', { gateway: 1 });
      expect(await asker.isOnline(`ag::${workspace}::raw::there`)).toBe(true);
      expect(await asker.isOnline(`ag::${workspace}::raw::nowhere`)).toBe(false);
      expect(await asker.isOnline(asker.identity)).toBe(true);
      await expect(asker.isOnline('ag::other::raw::x')).rejects.toThrow(/permission denied/);
      await expect(asker.isOnline('nonsense')).rejects.toThrow(/is not an identity/);
      client.halfClose();
      await client.ended;
      expect(await asker.isOnline(`ag::${workspace}::raw::there`)).toBe(false);
    });

    test('operators list and find sessions of all gateways', async () => {
      const workspace = unique('list');
      await using operator = await connectService({
        address: fabric().address(0),
        implementation: unique('ops'),
        specifier: '1',
      });
      await using one = await connectAgent({
        address: fabric().address(0),
        workspace,
        implementation: 'i',
        specifier: 'one',
      });
      await using two = await connectTask({
        address: fabric().address(1),
        workspace,
        implementation: 'i',
        specifier: 'two',
      });
      const { sessions, total } = await operator.sessions.list({ workspace });
      expect(total).toBe(2);
      expect(sessions.map(({ identity }) => identity).toSorted()).toEqual([one.identity, two.identity].toSorted());
      expect(
        (await operator.sessions.list({ workspace, kind: 'task' })).sessions.map(({ identity }) => identity),
      ).toEqual([two.identity]);
      expect((await operator.sessions.list({ workspace, limit: 1, offset: 1 })).sessions).toHaveLength(1);
      expect(await operator.sessions.get(two.session.id)).toMatchObject({
        identity: two.identity,
        kind: 'task',
        workspace,
      });
      await expect(operator.sessions.get('nobody')).rejects.toThrow(/not found/);
    });

    test('others may not', async () => {
      await using agent = await connectAgent({
        address: fabric().address(),
        workspace: unique('nosy'),
        implementation: 'i',
        specifier: 'x',
      });
      await expect(agent.sessions.list()).rejects.toThrow(/only operators/);
    });
  });

  describe('ending', () => {
    test('an operator ends a session on another gateway for good: signal, then CANCELLED', async () => {
      const workspace = unique('kick');
      await using operator = await connectService({
        address: fabric().address(0),
        implementation: unique('ops'),
        specifier: '1',
      });
      const { client, ack } = await joined(workspace, 'one', { gateway: 1 });
      await operator.sessions.disconnect(ack.sessionId, { reason: 'misbehaving' });
      expect(await client.find('signal')).toEqual({ type: 0, reason: 'misbehaving' });
      expect(await client.ended).toEqual({ code: 1, details: 'misbehaving' });
      const again = await joined(workspace, 'one', { gateway: 0, resume: ack.sessionId });
      using _ = again.client;
      expect(again.ack.resumed).toBe(false);
    });

    test('what was delivered right before a goodbye does not come again', async () => {
      const workspace = unique('goodbye');
      const first = await joined(workspace, 'one');
      for (let index = 0; index < 5; index += 1) {
        first.client.say(send(`ag::${workspace}::raw::one`, `m${index}`));
        await first.client.find('msg');
      }
      first.client.halfClose();
      expect(await first.client.ended).toMatchObject({ code: 0 });
      const second = await joined(workspace, 'one', { gateway: 1 });
      using _ = second.client;
      second.client.say(send(`ag::${workspace}::raw::one`, 'next'));
      expect(Buffer.from((await second.client.find('msg')).payload).toString()).toBe('next');
    });

    test('a half-close is answered OK only once everything accepted is durable', async () => {
      const workspace = unique('durable');
      const { client } = await joined(workspace, 'sender');
      for (let index = 0; index < 500; index += 1) client.say(send(`ag::${workspace}::raw::away`, `m${index}`));
      client.halfClose();
      expect(await client.ended).toMatchObject({ code: 0 });
      const away = await joined(workspace, 'away', { gateway: 1 });
      using _ = away.client;
      for (let index = 0; index < 500; index += 1)
        expect(Buffer.from((await away.client.find('msg')).payload).toString()).toBe(`m${index}`);
    });
  });
});

describe.each(['embedded', 'stack'] as const)('stopping a gateway: %s', (composition) => {
  test('drains: clients are told, what was accepted is durable, and the stream ends as unavailable', async () => {
    const workspace = unique('drain');
    const fabric = await openStoryFabric(composition);
    const client = new RawClient(fabric.address(0));
    client.say(agentInit(workspace, 'one'));
    await client.find('connectionAck');
    for (let index = 0; index < 200; index += 1) client.say(send(`ag::${workspace}::raw::one`, `m${index}`));
    for (let index = 0; index < 200; index += 1) await client.find('msg');
    await fabric[Symbol.asyncDispose]();
    expect(await client.find('signal')).toEqual({ type: 1, reason: 'server shutting down' });
    expect(await client.ended).toEqual({ code: 14, details: 'server shutting down' });
  });
});

describe('TLS', () => {
  test('serves clients that trust its certificate, and no plain text', async () => {
    const { certificate, key } = await import('./certificate.ts').then(({ selfSigned }) => selfSigned());
    await using fabric = await openStoryFabric('embedded', {
      flags: { tls: true, 'cert-file': certificate, 'key-file': key },
    });
    const [, port] = fabric.address().split(':');
    await using user = await connectUser({
      address: `localhost:${port}`,
      userId: unique('tls'),
      tls: { ca: readFileSync(certificate) },
    });
    const taking = new Taking(user);
    await user.send(user.topic, 'secret');
    expect(await taking.texts(1)).toEqual(['secret']);
    using plain = new RawClient(fabric.address());
    plain.say(agentInit('w', 'x'));
    expect((await plain.ended).code).toBe(14);
  });

  test.each([
    [{ tls: true }, 'TLS needs a certificate and its key'],
    [{ tls: true, 'cert-file': '/nowhere.pem', 'key-file': '/nowhere.pem' }, 'cannot read /nowhere.pem'],
    [{ host: '0.0.0.0' }, 'refusing to listen on 0.0.0.0'],
  ])('%j is refused with the reason', async (flags, message) => {
    await expect(openStoryFabric('embedded', { flags })).rejects.toThrow(message);
  });
});
