/** A publisher at a broker that refuses, forgets, or takes only small frames. */
import { describe, expect, test } from 'vitest';
import { OutstandingBytes } from '../../../src/adapters/rabbitmq/outstanding-bytes.ts';
import { ConnectionPool } from '../../../src/adapters/rabbitmq/stream/connection-pool.ts';
import { FrameBody } from '../../../src/adapters/rabbitmq/stream/frame-body.ts';
import { StreamDirectory } from '../../../src/adapters/rabbitmq/stream/stream-directory.ts';
import {
  encodeFrame,
  frameKey,
  list,
  string,
  uint8,
  uint16,
  uint64,
} from '../../../src/adapters/rabbitmq/stream/stream-frames.ts';
import { StreamPublisher } from '../../../src/adapters/rabbitmq/stream-publisher.ts';
import { testDeps, testSettings } from './opening.ts';
import { type Asked, openScriptedBroker, response, type ScriptedBroker } from './scripted-broker.ts';

/** The ids of a publish frame. */
const publishedIn = (frame: Buffer): bigint[] => {
  const body = new FrameBody(frame, 5);
  return body.list(() => {
    const id = body.uint64();
    body.bytes(body.uint32());
    return id;
  });
};

const confirm = (frame: Buffer): Buffer =>
  encodeFrame(frameKey.publishConfirm, [uint8(frame[4] ?? 0), list(publishedIn(frame), uint64)]);

const refuse = (frame: Buffer, code: number): Buffer =>
  encodeFrame(frameKey.publishError, [
    uint8(frame[4] ?? 0),
    list(publishedIn(frame), (id) => Buffer.concat([uint64(id), uint16(code)])),
  ]);

const lose = (stream: string): Buffer => encodeFrame(frameKey.metadataUpdate, [uint16(6), string(stream)]);

interface Opened extends AsyncDisposable {
  readonly publisher: StreamPublisher;
  readonly events: () => readonly string[];
}

const open = (broker: ScriptedBroker, publishTimeoutMs = 3000, lost = new AbortController().signal): Opened => {
  const settings = {
    ...testSettings('rabbitmq-stream://x'),
    addresses: [broker.address] as const,
    followsAdvertised: false,
  };
  const deps = testDeps();
  const pool = new ConnectionPool(settings, deps);
  const directory = new StreamDirectory(pool, settings);
  const outstanding = new OutstandingBytes(64 * 1024 * 1024);
  const publisher = new StreamPublisher(
    {
      stream: 's',
      writer: { name: 'r', isCurrent: () => !lost.aborted, lost },
      lastId: 0,
      share: 0,
      publishTimeoutMs,
    },
    { ...deps, directory, outstanding },
  );
  const dispose = async (): Promise<void> => {
    await publisher.close();
    await pool.close();
  };
  return { publisher, events: () => deps.log.lines.map(({ event }) => event), [Symbol.asyncDispose]: dispose };
};

const append = (publisher: StreamPublisher, bytes: number): Promise<void> =>
  publisher.append([Buffer.alloc(bytes)], bytes);

describe('a stream publisher', () => {
  test('refuses what no frame of the broker can hold, naming the setting, and goes on', async () => {
    const frames: number[] = [];
    await using broker = await openScriptedBroker(({ key, frame }) => {
      if (key !== frameKey.publish) return undefined;
      frames.push(frame.length);
      return confirm(frame);
    });
    await using opened = open(broker);
    const { publisher } = opened;
    const first = append(publisher, 10);
    await expect(append(publisher, 1024 * 1024)).rejects.toMatchObject({
      reason: 'ERR_PAYLOAD_TOO_LARGE',
      message: expect.stringContaining('stream.frame_max = 33554432') as string,
    });
    await Promise.all([
      first,
      append(publisher, 1024 * 1024 - 200),
      append(publisher, 700_000),
      append(publisher, 700_000),
    ]);
    expect(Math.max(...frames)).toBeLessThanOrEqual(1024 * 1024);
    expect(opened.events()).toContain('rabbitmq refuses large stream frames');
  });

  test('keeps no more than a window on its way', async () => {
    let onWay = 0;
    let most = 0;
    const held: (() => void)[] = [];
    await using broker = await openScriptedBroker(({ key, frame, socket }) => {
      if (key !== frameKey.publish) return undefined;
      onWay += frame.length;
      most = Math.max(most, onWay);
      held.push(() => {
        onWay -= frame.length;
        socket.write(confirm(frame));
      });
      setTimeout(() => held.shift()?.(), 5);
      return 'nothing';
    });
    await using opened = open(broker);
    await Promise.all(Array.from({ length: 300 }, () => append(opened.publisher, 20_000)));
    // The scripted broker enforces a frame_max of 1 MiB, of which half is the window.
    expect(most).toBeLessThan(600_000);
    expect(most).toBeGreaterThan(300_000);
  });

  test.each([
    ['a refusal', (frame: Buffer) => refuse(frame, 0x12)],
    ['the loss of the stream', () => lose('s')],
    ['the end of the connection', () => Buffer.from('ffffffff', 'hex')],
  ])('declares and sends everything again, in order, after %s', async (_, bytes) => {
    const seen: bigint[][] = [];
    const declared: number[] = [];
    let refusals = 0;
    await using broker = await openScriptedBroker(({ key, frame }: Asked) => {
      if (key === frameKey.declarePublisher) declared.push(frame[8] ?? -1);
      if (key === frameKey.deletePublisher) return response(key, frame.readUInt32BE(4), [uint16(1)]);
      if (key !== frameKey.publish) return undefined;
      seen.push(publishedIn(frame));
      refusals += 1;
      return refusals <= 3 ? bytes(frame) : confirm(frame);
    });
    await using opened = open(broker);
    await Promise.all(Array.from({ length: 5 }, () => append(opened.publisher, 10)));
    expect(seen).toEqual(Array.from({ length: 4 }, () => [1n, 2n, 3n, 4n, 5n]));
    expect(declared).toHaveLength(4);
    // Ids are given back: none is used up by what happened.
    expect(Math.max(...declared)).toBeLessThanOrEqual(1);
  });

  test('tries to declare again while it is refused, and tells why when it gives up', async () => {
    let declarations = 0;
    await using broker = await openScriptedBroker(({ key, correlationId }) => {
      if (key !== frameKey.declarePublisher) return undefined;
      declarations += 1;
      return response(key, correlationId, [uint16(0x11)]);
    });
    await using opened = open(broker, 400);
    await expect(append(opened.publisher, 10)).rejects.toMatchObject({
      reason: 'STORE_UNAVAILABLE',
      message:
        'stream s has confirmed nothing for 400 ms: publishing to s (is the broker low on disk?): precondition failed',
    });
    expect(declarations).toBeGreaterThan(2);
    expect(opened.events()).toEqual([
      'rabbitmq refuses large stream frames',
      'rabbitmq stream cannot be published to, trying again',
      'rabbitmq appends given up',
    ]);
  });

  test('leaves nothing declared when it is closed while it is being declared', async () => {
    const asked = Promise.withResolvers<() => void>();
    const left = Promise.withResolvers<number>();
    await using broker = await openScriptedBroker(({ key, correlationId, frame, socket }: Asked) => {
      if (key === frameKey.declarePublisher) {
        asked.resolve(() => void socket.write(response(key, correlationId, [uint16(1)])));
        return 'nothing';
      }
      if (key !== frameKey.deletePublisher) return undefined;
      left.resolve(frame[8] ?? -1);
      return response(key, correlationId, [uint16(1)]);
    });
    const losing = new AbortController();
    await using opened = open(broker, 3000, losing.signal);
    const appended = append(opened.publisher, 10);
    const answer = await asked.promise;
    losing.abort();
    await expect(appended).rejects.toMatchObject({ reason: 'LEASE_LOST' });
    await opened.publisher.close();
    answer();
    expect(await left.promise).toBeGreaterThanOrEqual(0);
  });

  test('takes nothing once it is closed, and waits for what it has', async () => {
    await using broker = await openScriptedBroker(({ key, frame, socket }) => {
      if (key !== frameKey.publish) return undefined;
      setTimeout(() => socket.write(confirm(frame)), 50);
      return 'nothing';
    });
    await using opened = open(broker);
    let isConfirmed = false;
    const appended = append(opened.publisher, 10).then(() => (isConfirmed = true));
    const closing = opened.publisher.close();
    await expect(append(opened.publisher, 10)).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    await closing;
    expect(isConfirmed).toBe(true);
    await appended;
  });
});
