import { describe, expect, test } from 'vitest';
import {
  CheckpointOperation,
  type CheckpointResponse,
  CheckpointOperation_OpType as Op,
} from '../../src/gen/aether/v1/checkpoint.ts';
import { checkpointBytesMax } from '../../src/model/limits.ts';
import { onEachComposition, unique } from './fabric.ts';
import { agentInit, init, RawClient } from './raw-client.ts';

const nothing = CheckpointOperation.decode(new Uint8Array());
let requests = 0;

onEachComposition((fabric) => {
  const connected = async (frame: Parameters<RawClient['say']>[0], gateway = 0): Promise<RawClient> => {
    const client = new RawClient(fabric().address(gateway));
    client.say(frame);
    await client.find('connectionAck');
    return client;
  };
  const ask = async (client: RawClient, changes: Partial<CheckpointOperation>): Promise<CheckpointResponse> => {
    const requestId = `cp-${(requests += 1)}`;
    client.say({ $case: 'checkpointOp', value: { ...nothing, requestId, ...changes } });
    const response = await client.find('checkpoint');
    expect(response.requestId).toBe(changes.requestId ?? requestId);
    return response;
  };
  const refused = async (client: RawClient, changes: Partial<CheckpointOperation>) => {
    const response = await ask(client, changes);
    expect(response.success).toBe(false);
    const error = await client.find('error');
    expect(error).toMatchObject({ requestId: response.requestId, message: response.error });
    return error;
  };
  const data = (text: string): Uint8Array => Buffer.from(text);
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

  describe('checkpoints', () => {
    test('are there again after a reconnect, on another gateway', async () => {
      const workspace = unique('cp');
      const one = await connected(agentInit(workspace, 'one'), 0);
      expect(await ask(one, { op: Op.LOAD })).toMatchObject({ success: true, savedAt: 0n });
      const saved = await ask(one, { op: Op.SAVE, data: data('unnamed') });
      expect(saved).toMatchObject({ success: true, error: '' });
      expect(Number(saved.savedAt)).toBeGreaterThan(1_600_000_000);
      await ask(one, { op: Op.SAVE, key: 'named', data: data('one') });
      await ask(one, { op: Op.SAVE, key: 'named', data: data('two') });
      one.halfClose();
      await one.ended;
      using again = await connected(agentInit(workspace, 'one'), 1);
      const loaded = await ask(again, { op: Op.LOAD, key: 'default' });
      expect([text(loaded.data), loaded.savedAt]).toEqual(['unnamed', saved.savedAt]);
      expect(text((await ask(again, { op: Op.LOAD, key: 'named' })).data)).toBe('two');
      expect((await ask(again, { op: Op.LIST })).keys).toEqual(['default', 'named']);
      expect(await ask(again, { op: Op.DELETE, key: 'named' })).toMatchObject({ success: true });
      expect(await ask(again, { op: Op.DELETE, key: 'named' })).toMatchObject({ success: true });
      expect((await ask(again, { op: Op.LIST })).keys).toEqual(['default']);
    });

    test('are for every kind of principal, and for nobody else', async () => {
      const workspace = unique('cp');
      const name = unique('cp');
      const principals = [
        agentInit(workspace, 'one'),
        agentInit(workspace, 'two'),
        init({ $case: 'task', value: { workspace, implementation: 'raw', uniqueSpecifier: 'one' } }),
        init({ $case: 'user', value: { userId: name, windowId: '1' } }),
        init({ $case: 'service', value: { implementation: name, specifier: '1', noPoolConsumer: false } }),
        init({ $case: 'bridge', value: { implementation: name, specifier: '1' } }),
        init({ $case: 'orchestrator', value: { implementation: name, specifier: '1', supportedProfiles: [] } }),
      ];
      const clients = await Promise.all(principals.map((frame, gateway) => connected(frame, gateway)));
      for (const [index, client] of clients.entries())
        expect(await ask(client, { op: Op.SAVE, key: 'same', data: data(`${index}`) })).toMatchObject({
          success: true,
        });
      for (const [index, client] of clients.entries()) {
        expect(text((await ask(client, { op: Op.LOAD, key: 'same' })).data)).toBe(`${index}`);
        client[Symbol.dispose]();
      }
    });

    test('vanish when their time has come', async () => {
      using one = await connected(agentInit(unique('cp'), 'one'));
      await ask(one, { op: Op.SAVE, key: 'short', data: data('x'), ttl: 1n });
      await ask(one, { op: Op.SAVE, key: 'default ttl', data: data('x'), ttl: -1n });
      while ((await ask(one, { op: Op.LOAD, key: 'short' })).savedAt !== 0n) continue;
      expect((await ask(one, { op: Op.LIST })).keys).toEqual(['default ttl']);
    });

    test('as large as a frame carries go in and out', async () => {
      using one = await connected(agentInit(unique('cp'), 'one'));
      const large = Buffer.alloc(checkpointBytesMax, 9);
      expect(await ask(one, { op: Op.SAVE, key: 'large', data: large })).toMatchObject({ success: true });
      expect(Buffer.compare((await ask(one, { op: Op.LOAD, key: 'large' })).data, large)).toBe(0);
    });

    test('that cannot be are refused by name', async () => {
      using one = await connected(agentInit(unique('cp'), 'one'));
      const tooLarge = { op: Op.SAVE, data: Buffer.alloc(checkpointBytesMax + 1) };
      expect(await refused(one, tooLarge)).toMatchObject({ code: 'ERR_PAYLOAD_TOO_LARGE' });
      for (const op of [Op.SAVE, Op.LOAD, Op.DELETE])
        expect(await refused(one, { op, key: 'x'.repeat(257) })).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
      expect(await refused(one, { op: Op.SAVE, ttl: 2n ** 62n })).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
      expect(await refused(one, { op: 9 as never })).toMatchObject({
        code: 'ERR_INVALID_ARGUMENT',
        message: 'unknown operation 9',
      });
      expect((await ask(one, { op: Op.LIST })).keys).toEqual([]);
    });
  });
});
