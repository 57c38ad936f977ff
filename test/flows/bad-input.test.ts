import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { InitConnection } from '../../src/gen/aether/v1/connection.ts';
import { UpstreamMessage } from '../../src/gen/aether/v1/gateway.ts';
import { TaskOperation } from '../../src/gen/aether/v1/task_operation.ts';
import { onEachComposition, unique } from './fabric.ts';
import { agentInit, init, RawClient, send } from './raw-client.ts';

const status = {
  ok: 0,
  cancelled: 1,
  invalidArgument: 3,
  alreadyExists: 6,
  resourceExhausted: 8,
  failedPrecondition: 9,
  unimplemented: 12,
} as const;

onEachComposition((fabric) => {
  const raw = (gateway = 0): RawClient => new RawClient(fabric().address(gateway));

  /** A client that is connected, to see that it goes on being served. */
  const bystander = async (): Promise<{ client: RawClient; isServed: () => Promise<void> }> => {
    const workspace = unique('bystander');
    const client = raw();
    client.say(agentInit(workspace, 'x'));
    await client.find('connectionAck');
    return {
      client,
      isServed: async () => {
        client.say(send(`ag::${workspace}::raw::x`, 'still served'));
        expect(Buffer.from((await client.find('msg')).payload).toString()).toBe('still served');
      },
    };
  };

  describe('the first frame', () => {
    test.each<[string, (client: RawClient) => void, string]>([
      ['anything but init', (client) => client.say(send('ag::w::i::s')), 'first message must be InitConnection'],
      ['a frame without payload', (client) => client.bytes(new Uint8Array()), 'first message must be InitConnection'],
      [
        'bytes that are no frame',
        (client) => client.bytes(Uint8Array.from([0xff, 0xff, 0xff, 0xff])),
        'frame is not an UpstreamMessage',
      ],
    ])('that is %s ends the stream as invalid', async (_, say, details) => {
      using client = raw();
      say(client);
      expect(await client.ended).toEqual({ code: status.invalidArgument, details });
    });

    test.each<[InitConnection['clientType'], string]>([
      [undefined, 'no client type'],
      [{ $case: 'agent', value: { workspace: '', implementation: 'i', specifier: 's' } }, 'workspace is empty'],
      [{ $case: 'agent', value: { workspace: 'w', implementation: '', specifier: 's' } }, 'implementation is empty'],
      [{ $case: 'agent', value: { workspace: 'w', implementation: 'i', specifier: '' } }, 'specifier is empty'],
      [
        { $case: 'agent', value: { workspace: 'a::b', implementation: 'i', specifier: 's' } },
        'workspace contains "::"',
      ],
      [
        { $case: 'agent', value: { workspace: 'a:', implementation: 'i', specifier: 's' } },
        'workspace begins or ends with ":"',
      ],
      [{ $case: 'agent', value: { workspace: 'w', implementation: 'i', specifier: 'a*' } }, 'specifier contains'],
      [{ $case: 'agent', value: { workspace: 'w', implementation: 'i', specifier: 'a\u0001' } }, 'specifier contains'],
      [
        { $case: 'agent', value: { workspace: 'w', implementation: 'i', specifier: 'x'.repeat(129) } },
        'specifier is longer than 128 bytes',
      ],
      [
        { $case: 'task', value: { workspace: 'w', implementation: '', uniqueSpecifier: '' } },
        'implementation is empty',
      ],
      [{ $case: 'task', value: { workspace: 'w', implementation: 'i', uniqueSpecifier: 'a b' } }, 'specifier contains'],
      [{ $case: 'user', value: { userId: '', windowId: '1' } }, 'user_id is empty'],
      [{ $case: 'user', value: { userId: 'u', windowId: 'a>' } }, 'window_id contains'],
      [
        { $case: 'service', value: { implementation: 'i', specifier: '', noPoolConsumer: false } },
        'specifier is empty',
      ],
      [{ $case: 'bridge', value: { implementation: '', specifier: 's' } }, 'implementation is empty'],
      [
        { $case: 'orchestrator', value: { implementation: 'a b', specifier: '', supportedProfiles: [] } },
        'implementation contains',
      ],
    ])('with the identity %j ends the stream as invalid and says why', async (clientType, details) => {
      using client = raw();
      client.say(init(clientType));
      expect(await client.ended).toEqual({ code: status.invalidArgument, details: expect.stringContaining(details) });
    });

    test('with too many extensions or credentials is refused', async () => {
      using many = raw();
      const extensions = Array.from({ length: 65 }, (_, index) => ({
        uri: `urn:${index}`,
        version: '',
        required: false,
        jsonSchema: '',
      }));
      many.say(agentInit(unique('many'), 'x', { extensions }));
      expect(await many.ended).toMatchObject({ code: status.invalidArgument });
      using keys = raw();
      keys.say(
        agentInit(unique('many'), 'x', {
          credentials: new Map(Array.from({ length: 33 }, (_, index) => [`k${index}`, 'v'])),
        }),
      );
      expect(await keys.ended).toMatchObject({ code: status.invalidArgument });
    });
  });

  describe('later frames', () => {
    const connected = async (): Promise<{ client: RawClient; workspace: string }> => {
      const workspace = unique('later');
      const client = raw();
      client.say(agentInit(workspace, 'x'));
      await client.find('connectionAck');
      return { client, workspace };
    };

    test('a second init ends the stream', async () => {
      const { client, workspace } = await connected();
      client.say(agentInit(workspace, 'x'));
      expect(await client.ended).toEqual({ code: status.invalidArgument, details: 'InitConnection already sent' });
    });

    test('bytes that are no frame end the stream; what came before is durable', async () => {
      const { client, workspace } = await connected();
      client.say(send(`ag::${workspace}::raw::other`, 'before'));
      client.bytes(Uint8Array.from([0x12, 0xff, 0xff]));
      expect(await client.ended).toMatchObject({ code: status.invalidArgument });
      using other = raw(1);
      other.say(agentInit(workspace, 'other'));
      expect(Buffer.from((await other.find('msg')).payload).toString()).toBe('before');
    });

    test('frames without payload and of unknown kinds are answered, and the stream goes on', async () => {
      const { client, workspace } = await connected();
      using _ = client;
      client.bytes(new Uint8Array());
      client.bytes(Uint8Array.from([0xfa, 0xf0, 0x04, 3, 1, 2, 3]));
      for (let index = 0; index < 2; index += 1)
        expect(await client.find('error')).toMatchObject({ code: 'ERR_NOT_IMPLEMENTED', retryable: false });
      client.say(send(`ag::${workspace}::raw::x`, 'on'));
      await client.find('msg');
    });

    test('what does not exist yet is answered with its own response, then the error, both with the request id', async () => {
      const { client } = await connected();
      using _ = client;
      client.say({ $case: 'taskOp', value: { ...TaskOperation.decode(new Uint8Array()), requestId: 'r-1' } });
      await client.find('config');
      expect(await client.next()).toMatchObject({ $case: 'taskOp', value: { success: false, requestId: 'r-1' } });
      expect(await client.next()).toMatchObject({
        $case: 'error',
        value: { code: 'ERR_NOT_IMPLEMENTED', requestId: 'r-1' },
      });
    });

    test.each([
      ['workspace', 0x5a],
      ['agent', 0x62],
      ['acl', 0x6a],
    ] as const)('%s operations are answered without an id, as clients pair those by their kind', async (kind, tag) => {
      const { client } = await connected();
      using _ = client;
      client.bytes(Uint8Array.from([tag, 0]));
      expect(await client.find(kind)).toMatchObject({ success: false, error: 'not implemented' });
      expect(await client.next()).toMatchObject({ $case: 'error', value: { code: 'ERR_NOT_IMPLEMENTED' } });
    });

    test('topics that do not parse or may not be reached, and payloads too large, are refused by name; the rest passes', async () => {
      const { client, workspace } = await connected();
      using _ = client;
      const refused: readonly [Parameters<typeof send>, string][] = [
        [['nonsense'], 'ERR_INVALID_TOPIC'],
        [['ag::x'], 'ERR_INVALID_TOPIC'],
        [['orc::i::s'], 'ERR_INVALID_TOPIC'],
        [[`ag::${workspace}::i::${'x'.repeat(300)}`], 'ERR_INVALID_TOPIC'],
        [['uu::somebody'], 'ERR_PERMISSION_DENIED'],
        [[`pg::${workspace}`], 'ERR_PERMISSION_DENIED'],
        [['event::receiver0'], 'ERR_PERMISSION_DENIED'],
        [[`tk::${workspace}::task::t::events`], 'ERR_PERMISSION_DENIED'],
        [['ag::elsewhere::i::s'], 'ERR_PERMISSION_DENIED'],
        [[`ag::${workspace}::raw::x`, new Uint8Array(1024 * 1024 + 1)], 'ERR_PAYLOAD_TOO_LARGE'],
        [
          [
            `ag::${workspace}::raw::x`,
            '',
            { authorization: { authorityMode: 'on_behalf_of', subject: undefined, grantId: 'g', resolved: undefined } },
          ],
          'ERR_NOT_IMPLEMENTED',
        ],
      ];
      for (const [frame, code] of refused) {
        client.say(send(...frame));
        expect(await client.find('error'), frame[0].slice(0, 40)).toMatchObject({ code, requestId: '' });
      }
      client.say(send(`ag::${workspace}::raw::x`, new Uint8Array(1024 * 1024)));
      expect((await client.find('msg')).payload.byteLength).toBe(1024 * 1024);
    });

    test('switching workspaces and reporting progress are refused to those they are not for', async () => {
      const { client } = await connected();
      using _ = client;
      client.say({ $case: 'switchWorkspace', value: { newWorkspaceId: 'other' } });
      expect(await client.find('error')).toMatchObject({
        code: 'ERR_INVALID_PRINCIPAL',
        message: 'only users can switch workspaces',
      });
      using user = raw();
      user.say(init({ $case: 'user', value: { userId: unique('u'), windowId: '1' } }));
      user.say({ $case: 'switchWorkspace', value: { newWorkspaceId: 'a b' } });
      expect(await user.find('error')).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
      const progress = {
        taskId: '',
        state: 's',
        completion: 0,
        summary: '',
        step: undefined,
        recipient: '',
        requestId: 'p-1',
        metadata: new Map(),
        kind: 0 as const,
      };
      user.say({ $case: 'progress', value: progress });
      expect(await user.find('error')).toMatchObject({ code: 'ERR_INVALID_ARGUMENT', requestId: 'p-1' });
      user.say({ $case: 'progress', value: { ...progress, recipient: 'us::somebody' } });
      expect(await user.find('error')).toMatchObject({ code: 'ERR_INVALID_PRINCIPAL' });
      client.say({ $case: 'progress', value: { ...progress, recipient: 'no such topic' } });
      expect(await client.find('error')).toMatchObject({ code: 'ERR_INVALID_TOPIC' });
    });

    test('a frame over 4 MiB ends the stream as too large, and the identity can be resumed', async () => {
      const { client, workspace } = await connected();
      client.bytes(new Uint8Array(4 * 1024 * 1024 + 1));
      expect(await client.ended).toMatchObject({ code: status.resourceExhausted });
      using again = raw();
      again.say(agentInit(workspace, 'x'));
      await again.find('connectionAck');
    });
  });

  describe('below the protocol', () => {
    test('garbage on the port, an HTTP/1 request, a half-open socket: nobody else notices', async () => {
      const { client, isServed } = await bystander();
      using _ = client;
      const [host = '', port = ''] = fabric().address().split(':');
      const sockets = [
        '\u0000\u0001garbage',
        'GET / HTTP/1.1\r\nhost: x\r\n\r\n',
        'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\u0000\u0000',
      ].map((text) => {
        const socket = connect(Number(port), host);
        socket.on('error', () => undefined);
        socket.write(text, 'latin1');
        return socket;
      });
      await isServed();
      for (const socket of sockets) socket.destroy();
      await isServed();
    });

    test('other methods and content types are refused as gRPC does', async () => {
      const session = connectHttp2(`http://${fabric().address()}`);
      const ask = async (headers: Record<string, string>): Promise<unknown> => {
        const stream = session.request({ ':method': 'POST', te: 'trailers', ...headers });
        stream.on('error', () => undefined).resume();
        stream.end();
        const [response] = (await once(stream, 'response')) as [Record<string, unknown>];
        return [response[':status'], response['grpc-status']];
      };
      expect(await ask({ ':path': '/aether.v1.AetherGateway/Nothing', 'content-type': 'application/grpc' })).toEqual([
        200,
        String(status.unimplemented),
      ]);
      expect(await ask({ ':path': '/aether.v1.AetherGateway/Connect', 'content-type': 'text/plain' })).toEqual([
        415,
        undefined,
      ]);
      session.close();
    });

    test('compressed frames are read, and a bomb ends only its own stream', async () => {
      const { client, isServed } = await bystander();
      using _ = client;
      const session = connectHttp2(`http://${fabric().address()}`);
      const open = (encoding: string) => {
        const stream = session.request({
          ':method': 'POST',
          ':path': '/aether.v1.AetherGateway/Connect',
          'content-type': 'application/grpc',
          te: 'trailers',
          'grpc-encoding': encoding,
        });
        stream.on('error', () => undefined).resume();
        return stream;
      };
      const framed = (bytes: Buffer): Buffer => {
        const out = Buffer.alloc(5 + bytes.byteLength, 1);
        out.writeUInt32BE(bytes.byteLength, 1);
        bytes.copy(out, 5);
        return out;
      };
      const hello = UpstreamMessage.encode({ payload: agentInit(unique('gzip'), 'x'), activeExtensions: [] }).finish();
      const good = open('gzip');
      good.write(framed(gzipSync(hello)));
      await once(good, 'data');
      const bomb = open('deflate');
      bomb.write(framed(deflateSync(Buffer.alloc(50 * 1024 * 1024))));
      const [trailers] = (await once(bomb, 'trailers')) as [Record<string, unknown>];
      expect(trailers['grpc-status']).toBe(String(status.resourceExhausted));
      await isServed();
      session.destroy();
    });
  });

  describe('fuzz', () => {
    test('mutated and random first frames: each stream ends with a status of the handshake', async () => {
      const { client, isServed } = await bystander();
      using _ = client;
      const seed = randomInt(2 ** 31);
      for (const frame of fc.sample(fuzzedFrame(unique('first')), { numRuns: 300, seed })) {
        using fuzzed = raw();
        fuzzed.bytes(frame);
        fuzzed.halfClose();
        const { code } = await fuzzed.ended;
        const { ok, invalidArgument, alreadyExists, failedPrecondition } = status;
        expect([ok, invalidArgument, alreadyExists, failedPrecondition], `seed ${seed}`).toContain(code);
      }
      await isServed();
    });

    test('mutated and random frames by the ten thousand: each stream gets its answer or its end, the others are served', async () => {
      // Made before anybody is connected: it takes the process, and so the gateway in it, for seconds.
      const workspace = unique('fuzz');
      const seed = randomInt(2 ** 31);
      const streams = fuzzedStreams(workspace, seed);
      const { client, isServed } = await bystander();
      using _ = client;
      expect(streams.reduce((sum, frames) => sum + frames.length, 0)).toBeGreaterThan(10_000);
      for (const [index, frames] of streams.entries()) {
        using fuzzed = raw(index);
        fuzzed.say(agentInit(workspace, `f${index}`));
        for (const frame of frames) fuzzed.bytes(frame);
        fuzzed.halfClose();
        const { code } = await fuzzed.ended;
        expect([status.ok, status.invalidArgument], `stream ${index} of seed ${seed}`).toContain(code);
      }
      await isServed();
      expect(
        fabric().log.lines.filter(({ level }) => level === 'error'),
        `seed ${seed}`,
      ).toEqual([]);
    });
  });
});

/**
 * More than ten thousand frames that the gateway gets to see: what ends a stream is only ever its last frame. Most that
 * do are left out, since each costs a stream.
 */
const fuzzedStreams = (workspace: string, seed: number): readonly (readonly Uint8Array[])[] => {
  const frames = fc.sample(fuzzedFrame(workspace), { numRuns: 45_000, seed });
  const streams: Uint8Array[][] = [[]];
  let ending = 0;
  for (const frame of frames) {
    const isLast = endsStream(frame);
    if (isLast && (ending += 1) % 30 !== 0) continue;
    streams.at(-1)?.push(frame);
    if (isLast) streams.push([]);
  }
  return streams;
};

const fuzzedFrame = (workspace: string): fc.Arbitrary<Uint8Array> => {
  const good = [
    agentInit(workspace, 'x'),
    send(`ag::${workspace}::raw::x`, 'payload'),
    send('event::*', 'e', { messageType: 4 }),
    { $case: 'switchWorkspace', value: { newWorkspaceId: 'w' } } as const,
    {
      $case: 'connectionStatusRequest',
      value: { requestId: 'r', principal: { principalType: 'Agent', principalId: `ag::${workspace}::raw::x` } },
    } as const,
  ].map((payload) => UpstreamMessage.encode({ payload, activeExtensions: ['urn:x'] }).finish());
  const change = fc.tuple(fc.nat(400), fc.nat(255));
  const mutated = fc
    .tuple(fc.constantFrom(...good), fc.array(change, { minLength: 1, maxLength: 6 }), fc.nat(8))
    .map(([bytes, changes, cut]) => {
      const copy = Uint8Array.from(bytes);
      for (const [at, byte] of changes) copy[at % copy.byteLength] = byte;
      return cut === 0 ? copy.subarray(0, copy.byteLength >> 1) : copy;
    });
  return fc.oneof({ weight: 3, arbitrary: mutated }, { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) });
};

const endsStream = (frame: Uint8Array): boolean => {
  try {
    return UpstreamMessage.decode(frame).payload?.$case === 'init';
  } catch {
    return true;
  }
};
