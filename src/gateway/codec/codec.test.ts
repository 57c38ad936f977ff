import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DeliveryBatch } from '../../gen/aether/v1/fabric.ts';
import { DownstreamMessage, UpstreamMessage } from '../../gen/aether/v1/gateway.ts';
import { MessageType, SendMessage } from '../../gen/aether/v1/message.ts';
import { FabricError } from '../../model/error.ts';
import { encodeDelivery, encodeLarge, encodeRun, stampOf } from './delivery.ts';
import { encodeDownstream } from './downstream.ts';
import { outcomeResponse } from './kv.ts';
import { encodeOutcome } from './kv-answer.ts';
import { Rope } from './rope.ts';
import { SendRun } from './send-run.ts';
import { decodeUpstream, type Upstream } from './upstream.ts';

const messageType = fc.constantFrom(...Object.values(MessageType));
const text = fc.string({ unit: 'grapheme', maxLength: 40 });

/** What reading came to; payloads as plain numbers, whichever kind of array they are. */
const outcome = (decode: () => Upstream | NonNullable<UpstreamMessage['payload']>): unknown => {
  try {
    const frame = decode();
    if (frame.$case === 'send') return { ...frame.value, payload: [...frame.value.payload] };
    return frame.$case;
  } catch (thrown) {
    if (thrown instanceof FabricError) expect(thrown.reason).toBe('INVALID_FRAME');
    return 'refused';
  }
};

describe('upstream frames', () => {
  test('a send reads the same by hand as through the generated code', () => {
    fc.assert(
      fc.property(
        text,
        fc.uint8Array({ maxLength: 300 }),
        messageType,
        text,
        (targetTopic, payload, type, appWorkspace) => {
          const value: SendMessage = {
            ...SendMessage.decode(new Uint8Array()),
            targetTopic,
            payload,
            messageType: type,
            appWorkspace,
          };
          const frame = UpstreamMessage.encode({ payload: { $case: 'send', value }, activeExtensions: [] }).finish();
          const found = decodeUpstream(frame);
          const generated = UpstreamMessage.decode(frame).payload;
          expect({
            ...found,
            value: { ...(found.$case === 'send' ? found.value : {}), payload: [...payload] },
          }).toEqual({
            ...generated,
            value: { ...(generated?.$case === 'send' ? generated.value : {}), payload: [...payload] },
          });
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('the payload is not copied', () => {
    const value: SendMessage = {
      ...SendMessage.decode(new Uint8Array()),
      targetTopic: 'ag::w::i::s',
      payload: Buffer.from('abc'),
    };
    const frame = UpstreamMessage.encode({ payload: { $case: 'send', value }, activeExtensions: [] }).finish();
    const found = decodeUpstream(frame);
    if (found.$case !== 'send') throw new Error(found.$case);
    expect(found.value.payload.buffer).toBe(frame.buffer);
  });

  test('a frame without a payload is unknown, and so is one with a payload this program does not know', () => {
    expect(decodeUpstream(new Uint8Array())).toEqual({ $case: 'unknown' });
    expect(decodeUpstream(UpstreamMessage.encode({ payload: undefined, activeExtensions: ['x'] }).finish())).toEqual({
      $case: 'unknown',
    });
    // field 9999, length-delimited, three bytes
    expect(decodeUpstream(Uint8Array.from([0xfa, 0xf0, 0x04, 3, 1, 2, 3]))).toEqual({ $case: 'unknown' });
  });

  test('random and mutated bytes are what the generated code says: a frame, unknown, or refused as no frame', () => {
    const value: SendMessage = {
      ...SendMessage.decode(new Uint8Array()),
      targetTopic: 'ag::w::i::s',
      payload: Buffer.alloc(20),
    };
    const good = UpstreamMessage.encode({ payload: { $case: 'send', value }, activeExtensions: [] }).finish();
    const mutated = fc
      .array(fc.tuple(fc.nat(good.byteLength - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
      .map((changes) => {
        const bytes = Uint8Array.from(good);
        for (const [at, byte] of changes) bytes[at] = byte;
        return bytes;
      });
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 120 })), (bytes) => {
        expect(outcome(() => decodeUpstream(bytes))).toEqual(
          outcome(() => UpstreamMessage.decode(bytes).payload ?? { $case: 'unknown' }),
        );
      }),
      { numRuns: 20_000 },
    );
  });
});

const member: fc.Arbitrary<SendMessage> = fc
  .record({
    targetTopic: fc.oneof({ weight: 9, arbitrary: fc.constantFrom('ag::w::i::a', 'ag::w::i::b') }, text),
    bytes: fc.oneof(
      { weight: 9, arbitrary: fc.integer({ min: 0, max: 400 }) },
      fc.constantFrom(8188, 8189, 8190, 9000),
    ),
    messageType: fc.oneof({ weight: 3, arbitrary: fc.constant(MessageType.CHAT) }, messageType),
    messageId: fc.oneof({ weight: 9, arbitrary: fc.constant('') }, text),
  })
  .map(({ bytes, ...fields }) => ({
    ...SendMessage.decode(new Uint8Array()),
    ...fields,
    payload: Buffer.alloc(bytes, bytes),
  }));

describe('sends that came in pieces', () => {
  const inPieces = (frame: Uint8Array, cuts: readonly number[]): Rope => {
    const bytes = Buffer.from(frame);
    const pieces: Buffer[] = [];
    for (let at = 0, cut = 0; at < bytes.byteLength; cut += 1) {
      const end = at + (cuts[cut % cuts.length] ?? 1);
      pieces.push(bytes.subarray(at, end));
      at = end;
    }
    return new Rope(pieces);
  };
  const cuts = fc.array(fc.oneof(fc.integer({ min: 1, max: 90 }), fc.constant(16_384)), { minLength: 1, maxLength: 8 });
  const encode = (value: SendMessage): Uint8Array =>
    UpstreamMessage.encode({ payload: { $case: 'send', value }, activeExtensions: [] }).finish();

  test('are read and passed on as if they were in one', () => {
    fc.assert(
      fc.property(member, cuts, (value, lengths) => {
        const frame = encode(value);
        const read = decodeUpstream(inPieces(frame, lengths));
        if (read.$case !== 'largeSend') {
          expect(read).toEqual(decodeUpstream(frame));
          return;
        }
        const { targetTopic, messageType: type, payload, payloadBytes, rope } = read.value;
        expect([targetTopic, type]).toEqual([value.targetTopic, value.messageType]);
        expect(Buffer.concat(payload).equals(value.payload)).toBe(true);
        expect(payloadBytes).toBe(value.payload.byteLength);
        expect(rope.flat().equals(frame)).toBe(true);
        const { frame: head, rest } = encodeLarge(stampOf('ag::w::i::s', 'w'), read.value);
        const whole = encodeDelivery(stampOf('ag::w::i::s', 'w'), value.payload, value.messageType);
        expect(Buffer.concat([head, ...rest]).equals(whole)).toBe(true);
      }),
      { numRuns: 500 },
    );
    const usual = {
      ...SendMessage.decode(new Uint8Array()),
      targetTopic: 'ag::w::i::s',
      payload: Buffer.alloc(100_000),
    };
    expect(decodeUpstream(inPieces(encode(usual), [16_384])).$case).toBe('largeSend');
  });

  test('random and mutated bytes are what they are in one piece', () => {
    const good = encode({ ...SendMessage.decode(new Uint8Array()), targetTopic: 'ag::w', payload: Buffer.alloc(40) });
    const change = fc.tuple(fc.nat(good.byteLength - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 3 }), cuts, (changes, lengths) => {
        const bytes = Uint8Array.from(good);
        for (const [at, byte] of changes) bytes[at] = byte;
        const rope = inPieces(bytes, lengths);
        const found = outcome(() => decodeUpstream(rope));
        if (found === 'largeSend')
          expect(outcome(() => decodeUpstream(bytes))).toMatchObject({ targetTopic: expect.any(String) });
        else expect(found).toEqual(outcome(() => decodeUpstream(bytes)));
      }),
      { numRuns: 5000 },
    );
  });
});

const batchOf = (messages: readonly SendMessage[]): Uint8Array =>
  UpstreamMessage.encode({
    payload: { $case: 'sendBatch', value: { messages: [...messages] } },
    activeExtensions: [],
  }).finish();

const readBatch = (frame: Uint8Array): readonly (SendRun | SendMessage | undefined)[] => {
  const read = decodeUpstream(frame);
  if (read.$case !== 'sendBatch') throw new Error(read.$case);
  const parts = [...read.value.parts];
  expect(parts.reduce((sum, part) => sum + (part instanceof SendRun ? part.count : 1), 0)).toBe(read.value.count);
  return parts;
};

const messagesOf = (part: SendRun | SendMessage | undefined): readonly (SendMessage | undefined)[] =>
  part instanceof SendRun ? Array.from({ length: part.count }, (_, index) => part.message(index)) : [part];

describe('batches of sends', () => {
  test('read by hand they hold what was put in, in order, and runs are encoded like each of their messages', () => {
    fc.assert(
      fc.property(fc.array(member, { maxLength: 30 }), (messages) => {
        const parts = readBatch(batchOf(messages));
        const read = parts.flatMap(messagesOf).map((message) => message && plain(message));
        expect(read).toEqual(messages.map(plain));
        const stamp = stampOf('ag::w::i::s', 'w');
        for (const part of parts) {
          if (!(part instanceof SendRun)) continue;
          const each = messagesOf(part).map((message) =>
            encodeDelivery(stamp, message?.payload ?? new Uint8Array(), message?.messageType ?? 0),
          );
          expect(Buffer.concat(each).equals(encodeRun(stamp, part))).toBe(true);
          const last = part.from(part.count - 1);
          expect(messagesOf(last)).toEqual([part.message(part.count - 1)]);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('equal neighbours are one run, up to what fits into a frame of deliveries', () => {
    const chat = { ...SendMessage.decode(new Uint8Array()), targetTopic: 'ag::w::i::a', messageType: MessageType.CHAT };
    const small = Array.from({ length: 50 }, () => ({ ...chat, payload: Buffer.alloc(256) }));
    expect(readBatch(batchOf(small))).toHaveLength(1);
    const large = Array.from({ length: 50 }, () => ({ ...chat, payload: Buffer.alloc(8000) }));
    expect(readBatch(batchOf(large))).toHaveLength(7);
  });

  test('whatever bytes the members are: each is a message, or said to be none, and the others are read', () => {
    const good = batchOf(
      Array.from({ length: 3 }, () => ({
        ...SendMessage.decode(new Uint8Array()),
        targetTopic: 'ag::w::i::s',
        payload: Buffer.alloc(9, 1),
        messageType: MessageType.CHAT,
      })),
    );
    const change = fc.tuple(fc.nat(good.byteLength - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
        const bytes = Uint8Array.from(good);
        for (const [at, byte] of changes) bytes[at] = byte;
        const whole = outcome(() => UpstreamMessage.decode(bytes).payload ?? { $case: 'unknown' });
        const read = outcome(() => decodeUpstream(bytes));
        if (read !== 'sendBatch') {
          expect(read).toEqual(whole);
          return;
        }
        const members = membersOf(bytes);
        const found = readBatch(bytes).flatMap(messagesOf);
        if (members !== undefined)
          expect(found.map((one) => one && plain(one))).toEqual(members.map((one) => one && plain(one)));
        else expect(whole).toBe('sendBatch');
      }),
      { numRuns: 5000 },
    );
  });
});

/** Each member of a batch as the generated code reads it alone; `undefined` where the frame holds something else too. */
const membersOf = (frame: Uint8Array): readonly (SendMessage | undefined)[] | undefined => {
  const members: (SendMessage | undefined)[] = [];
  for (let at = 3; at < frame.byteLength; ) {
    const end = at + 2 + (frame[at + 1] ?? 0);
    if (frame[at] !== 0x0a || end > frame.byteLength || (frame[at + 1] ?? 0) >= 0x80) return undefined;
    members.push(decoded(frame.subarray(at + 2, end)));
    at = end;
  }
  return frame[2] === frame.byteLength - 3 ? members : undefined;
};

const decoded = (bytes: Uint8Array): SendMessage | undefined => {
  try {
    return SendMessage.decode(bytes);
  } catch {
    return undefined;
  }
};

const plain = (message: SendMessage) => ({ ...message, payload: [...message.payload] });

describe('deliveries', () => {
  test('are what the generated code reads, prefix included', () => {
    fc.assert(
      fc.property(text, text, fc.uint8Array({ maxLength: 40_000 }), messageType, (source, workspace, payload, type) => {
        const frame = Buffer.from(encodeDelivery(stampOf(source, workspace), payload, type));
        expect(frame[0]).toBe(0);
        expect(frame.readUInt32BE(1)).toBe(frame.byteLength - 5);
        const read = DownstreamMessage.decode(frame.subarray(5)).payload;
        if (read?.$case !== 'msg') throw new Error('no message');
        expect(read.value).toMatchObject({ sourceTopic: source, workspace, messageType: type });
        expect(Buffer.from(read.value.payload).equals(Buffer.from(payload))).toBe(true);
      }),
      { numRuns: 400 },
    );
  });

  test('are byte for byte what the generated code writes', () => {
    const value = {
      sourceTopic: 'ag::w::i::s',
      payload: Buffer.alloc(300, 1),
      messageType: MessageType.CHAT,
      workspace: 'w',
      onBehalfSubject: undefined,
      accessReceipt: undefined,
      forwardedAuthorization: undefined,
      deliveryId: 0n,
      attempt: 0,
      messageId: '',
      possibleDuplicate: false,
      offset: 0n,
      record: 0,
    };
    expect(Buffer.from(encodeDelivery(stampOf('ag::w::i::s', 'w'), value.payload, MessageType.CHAT))).toEqual(
      Buffer.from(encodeDownstream({ $case: 'msg', value })),
    );
  });

  test('put one after the other they are a batch', () => {
    const frames = ['one', 'two'].map((body) => encodeDelivery(stampOf('s', 'w'), Buffer.from(body), 0).subarray(5));
    expect(
      DeliveryBatch.decode(Buffer.concat(frames)).messages.map(({ payload }) => Buffer.from(payload).toString()),
    ).toEqual(['one', 'two']);
  });
});

test('the answer to an operation on one key is what the generated code would write', () => {
  const count = fc.option(fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.bigInt(-2n, 2n ** 33n)), {
    nil: undefined,
  });
  const value = fc.option(fc.uint8Array({ maxLength: 300 }), { nil: undefined });
  fc.assert(
    fc.property(fc.record({ applied: fc.boolean(), value, count }), text, (answer, requestId) => {
      const generated = encodeDownstream({ $case: 'kv', value: outcomeResponse(answer, requestId) });
      expect(Buffer.from(encodeOutcome(answer, requestId))).toEqual(generated);
    }),
    { examples: [[{ applied: true, value: new Uint8Array(20_000), count: 2n ** 31n }, 'ü'.repeat(300)]] },
  );
});
