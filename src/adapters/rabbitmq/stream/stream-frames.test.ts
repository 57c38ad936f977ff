import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameBody } from './frame-body.ts';
import {
  decodeFrame,
  encodeCloseAnswer,
  encodeCredit,
  encodeFrame,
  encodeHeartbeat,
  encodeTune,
  frameKey,
  list,
  map,
  string,
  uint8,
  uint16,
  uint32,
  uint64,
} from './stream-frames.ts';
import {
  createStream,
  declarePublisher,
  encodeRequest,
  metadata,
  openVirtualHost,
  peerProperties,
  saslHandshake,
  saslPlain,
  subscribe,
} from './stream-requests.ts';

const withoutSize = (frame: Buffer): Buffer => {
  expect(frame.readUInt32BE(0)).toBe(frame.length - 4);
  return frame.subarray(4);
};

const publishingId = fc.bigInt({ min: 0n, max: BigInt(Number.MAX_SAFE_INTEGER) });
const byte = fc.integer({ min: 0, max: 255 });
const short = fc.integer({ min: 0, max: 0xffff });
const name = fc.string({ unit: 'grapheme', maxLength: 40 });

const expectWire = (frame: Buffer, expected: string): void => {
  withoutSize(frame);
  expect(frame.toString('hex')).toBe(expected.replaceAll(' ', ''));
};

const read = <Answer>(answer: (body: FrameBody) => Answer, fields: Buffer[]) => {
  const body = new FrameBody(Buffer.concat(fields));
  return { answer: answer(body), isIntact: body.isIntact };
};

describe('frames a broker sends', () => {
  test('confirms', () => {
    fc.assert(
      fc.property(byte, fc.array(publishingId), (publisherId, ids) => {
        const frame = encodeFrame(frameKey.publishConfirm, [uint8(publisherId), list(ids, uint64)]);
        expect(decodeFrame(withoutSize(frame))).toEqual({
          kind: 'confirm',
          publisherId,
          publishingIds: ids.map(Number),
        });
      }),
    );
  });

  test('publish errors', () => {
    fc.assert(
      fc.property(byte, fc.array(fc.tuple(publishingId, short)), (publisherId, refusals) => {
        const errors = list(refusals, ([id, code]) => Buffer.concat([uint64(id), uint16(code)]));
        expect(decodeFrame(withoutSize(encodeFrame(frameKey.publishError, [uint8(publisherId), errors])))).toEqual({
          kind: 'publish error',
          publisherId,
          refusals: refusals.map(([id, code]) => ({ publishingId: Number(id), code })),
        });
      }),
    );
  });

  test('metadata updates, tune, close, deliveries, refused credit, heartbeat', () => {
    const decode = (key: number, fields: Buffer[]) => decodeFrame(withoutSize(encodeFrame(key, fields)));
    expect(decode(frameKey.metadataUpdate, [uint16(6), string('s')])).toEqual({
      kind: 'metadata update',
      code: 6,
      stream: 's',
    });
    expect(decodeFrame(withoutSize(encodeTune(1_048_576, 60)))).toEqual({
      kind: 'tune',
      frameMaxBytes: 1_048_576,
      heartbeatSeconds: 60,
    });
    expect(decode(frameKey.close, [uint32(7), uint16(13), string('why')])).toEqual({
      kind: 'close',
      correlationId: 7,
      code: 13,
      reason: 'why',
    });
    expect(decode(frameKey.deliver, [uint8(9), Buffer.from('chunk')])).toEqual({
      kind: 'deliver',
      subscriptionId: 9,
      chunk: Buffer.from('chunk'),
    });
    expect(decode(0x8009, [uint16(4), uint8(3)])).toEqual({ kind: 'credit refused', code: 4, subscriptionId: 3 });
    expect(decodeFrame(withoutSize(encodeHeartbeat()))).toEqual({ kind: 'heartbeat' });
  });

  test('unknown keys, other versions and cut frames are faults, never exceptions', () => {
    expect(decodeFrame(Buffer.from('00ff0001', 'hex'))).toEqual({
      kind: 'malformed',
      fault: 'frame 0x00ff is not known',
    });
    expect(decodeFrame(Buffer.from('00080002', 'hex'))).toEqual({
      kind: 'malformed',
      fault: 'frame 0x0008 of version 2',
    });
    const confirm = withoutSize(encodeFrame(frameKey.publishConfirm, [uint8(1), list([1n, 2n], uint64)]));
    for (let length = 4; length < confirm.length; length += 1)
      expect(decodeFrame(confirm.subarray(0, length))).toMatchObject({ kind: 'malformed' });
  });

  test('a count of four milliards is bounded by the bytes that are there', () => {
    const confirm = withoutSize(encodeFrame(frameKey.publishConfirm, [uint8(1), uint32(0xffff_ffff), uint64(1n)]));
    expect(decodeFrame(confirm)).toMatchObject({ kind: 'malformed' });
  });

  test('random and mutated bytes neither throw nor hang', () => {
    const keys = [
      ...Object.values(frameKey),
      ...Object.values(frameKey).map((key) => key | 0x8000),
      0,
      0x19,
      0x1a,
      0xffff,
    ];
    const answers = [
      metadata([]).answer,
      peerProperties({}).answer,
      saslHandshake().answer,
      openVirtualHost('/').answer,
    ];
    fc.assert(
      fc.property(fc.constantFrom(...keys), fc.uint8Array({ maxLength: 120 }), (key, bytes) => {
        const frame = decodeFrame(withoutSize(encodeFrame(key, [Buffer.from(bytes)])));
        if (frame.kind !== 'response') return;
        for (const answer of answers) answer(new FrameBody(Buffer.from(bytes)));
      }),
      { numRuns: 40_000 },
    );
  });
});

describe('answers', () => {
  test('properties and mechanisms', () => {
    fc.assert(
      fc.property(fc.dictionary(name, name), fc.array(name), (properties, mechanisms) => {
        const expected = new Map(Object.entries(properties));
        const peer = read(peerProperties({}).answer, [uint16(1), map(properties)]);
        expect(peer).toEqual({ answer: { code: 1, properties: expected }, isIntact: true });
        const sasl = read(saslHandshake().answer, [uint16(1), list(mechanisms, string)]);
        expect(sasl).toEqual({ answer: { code: 1, mechanisms }, isIntact: true });
      }),
    );
  });

  test('an open that is refused has no properties', () => {
    expect(read(openVirtualHost('/').answer, [uint16(12)])).toEqual({
      answer: { code: 12, properties: new Map() },
      isIntact: true,
    });
  });

  test('metadata: leaders, replicas, streams without', () => {
    const brokers = list(
      [
        [0, 'one', 5552],
        [1, 'two', 5553],
      ] as const,
      ([reference, host, port]) => Buffer.concat([uint16(reference), string(host), uint32(port)]),
    );
    const streams = list(
      [
        ['led', 1, 1, [0, 7]],
        ['gone', 2, 0xffff, []],
      ] as const,
      ([stream, code, leader, replicas]) =>
        Buffer.concat([string(stream), uint16(code), uint16(leader), list(replicas, uint16)]),
    );
    expect(read(metadata([]).answer, [brokers, streams]).answer).toEqual([
      { stream: 'led', code: 1, leader: { host: 'two', port: 5553 }, replicas: [{ host: 'one', port: 5552 }] },
      { stream: 'gone', code: 2, leader: undefined, replicas: [] },
    ]);
  });
});

describe('frames we send', () => {
  test('are what the protocol says', () => {
    const next = { start: { at: 'next' }, credit: 10 } as const;
    const offset = { start: { at: 'offset', offset: 258n }, credit: 1 } as const;
    expectWire(
      encodeRequest(declarePublisher(3, 'ref', 'st'), 0x01020304),
      '00000012 0001 0001 01020304 03 0003726566 00027374',
    );
    expectWire(encodeRequest(subscribe(2, 's', next), 5), '00000010 0007 0001 00000005 02 000173 0003 000a');
    expectWire(
      encodeRequest(subscribe(2, 's', offset), 5),
      '00000018 0007 0001 00000005 02 000173 0004 0000000000000102 0001',
    );
    expectWire(
      encodeRequest(createStream('s', { a: 'b' }), 1),
      '00000015 000d 0001 00000001 000173 00000001 000161 000162',
    );
    expectWire(encodeRequest(saslPlain('u', 'p'), 1), '00000017 0013 0001 00000001 0005504c41494e 00000004 00750070');
    expectWire(encodeCredit(7, 2), '00000007 0009 0001 07 0002');
    expectWire(encodeCloseAnswer(9, 1), '0000000a 8016 0001 00000009 0001');
  });
});
