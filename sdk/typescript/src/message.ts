/** Messages: what one principal sends to another. */
import type { DeliveryAnswers } from './delivery-answers.ts';
import { failure, messageOf } from './error.ts';
import { type IncomingMessage, Metric as WireMetric, MessageType as WireType } from './gen/aether/v1/message.ts';
import { itemOverheadBytes, payloadBytesMax } from './limits.ts';
import { type Metric, toMetric } from './metric.ts';
import { encode } from './wire.ts';
import { inverse } from './words.ts';

/**
 * What a payload is to its recipient: text of a conversation, a command, a tool's call or result, something that has
 * happened, a measurement, or the application's own bytes.
 */
export type MessageType = 'unspecified' | 'chat' | 'control' | 'toolCall' | 'event' | 'metric' | 'opaque';

const types: Readonly<Record<MessageType, WireType>> = {
  unspecified: WireType.UNSPECIFIED,
  chat: WireType.CHAT,
  control: WireType.CONTROL,
  toolCall: WireType.TOOL_CALL,
  event: WireType.EVENT,
  metric: WireType.METRIC,
  opaque: WireType.OPAQUE,
};

const typeNames: ReadonlyMap<WireType, MessageType> = inverse(types);

/** Text is sent as UTF-8. */
export type Payload = Uint8Array | string;

export interface SendOptions {
  /** `opaque` by default. */
  readonly type?: MessageType | undefined;
  /** The workspace the message is about, where it is not the sender's. It grants nothing. */
  readonly workspace?: string | undefined;
  /**
   * Its name, unique among the sender's messages of a day and 128 bytes at most: sent again under the same name, it is
   * published once. Made up where receipts are on and it is left out; needs them.
   */
  readonly id?: string | undefined;
  /** It is not delivered later than this after the gateway accepted it. Needs receipts. */
  readonly ttlMs?: number | undefined;
  /** When it is to be published, or in how many milliseconds: not both, not in the past. Needs receipts. */
  readonly deliverAt?: Date | undefined;
  readonly delayMs?: number | undefined;
  /** Gives up waiting for a connection or for room; a message given up has not been sent. */
  readonly signal?: AbortSignal | undefined;
  /** How long to wait for a connection or for room; the client's `sendTimeoutMs` by default. */
  readonly timeoutMs?: number | undefined;
}

export interface NackOptions {
  /** How long to leave it alone, at most an hour; 0 by default. */
  readonly afterMs?: number | undefined;
}

/** On whose behalf something was sent, checked by the gateway. */
export interface Subject {
  readonly type: string;
  readonly id: string;
}

/** What a message knows of the connection that brought it. */
export interface Arrival {
  readonly sessionId?: string | undefined;
  /** Where the client acknowledges. */
  readonly answers?: DeliveryAnswers | undefined;
}

/** A message as it was delivered. At least once: after a reconnect the newest ones may come again. */
export class Message {
  /** Topic of the sender, stamped by the gateway; where an answer goes. Empty for an orchestrator, which has none. */
  readonly source: string;
  readonly type: MessageType;
  readonly payload: Uint8Array;
  /** The workspace it is about. */
  readonly workspace: string | undefined;
  readonly onBehalfOf: Subject | undefined;
  /** How often it has been delivered, this time included; 1 where the client does not acknowledge. */
  readonly attempt: number;
  /** The sender's name for it, unique together with `source`. Only where the client acknowledges, and there is one. */
  readonly id: string | undefined;
  /** Its sender sent it twice, and it may have come before. Only where the client acknowledges. */
  readonly possibleDuplicate: boolean;
  /** The session it came on, by the id the gateway gave it: another one after each reconnect. Absent in a dead letter. */
  readonly sessionId: string | undefined;
  readonly #deliveryId: bigint;
  readonly #answers: DeliveryAnswers | undefined;

  /** `arrival`: with the connection it came on. */
  constructor(incoming: IncomingMessage, arrival: Arrival = {}) {
    this.source = incoming.sourceTopic;
    this.type = typeNames.get(incoming.messageType) ?? 'unspecified';
    this.payload = incoming.payload;
    this.workspace = incoming.workspace === '' ? undefined : incoming.workspace;
    const subject = incoming.onBehalfSubject;
    this.onBehalfOf = subject && { type: subject.principalType, id: subject.principalId };
    this.attempt = Math.max(1, incoming.attempt);
    this.id = incoming.messageId === '' ? undefined : incoming.messageId;
    this.possibleDuplicate = incoming.possibleDuplicate;
    this.sessionId = arrival.sessionId;
    this.#deliveryId = incoming.deliveryId;
    this.#answers = arrival.answers;
  }

  /** Done: it will not come again. After a reconnect this says nothing any more: the message comes once more. */
  ack(): void {
    this.#answering().ack(this.#deliveryId);
  }

  /** Not done: it comes again, after so long, or goes to the dead letters if this was the last attempt. */
  nack({ afterMs = 0 }: NackOptions = {}): void {
    this.#answering().nack(this.#deliveryId, afterMs);
  }

  #answering(): DeliveryAnswers {
    if (this.#answers !== undefined) return this.#answers;
    throw failure('ACKS_OFF', 'this client does not acknowledge: connect with { acks: true }');
  }

  /** The payload as UTF-8 text. */
  text(): string {
    return decoder.decode(this.payload);
  }

  /** The payload as JSON, checked and typed by `parse` where one is given. Throws `INVALID_PAYLOAD`. */
  json(): unknown;
  json<T>(parse: (value: unknown) => T): T;
  json<T>(parse?: (value: unknown) => T): unknown {
    const value = this.#read('JSON', () => JSON.parse(this.text()));
    return parse === undefined ? value : parse(value);
  }

  /** The payload of a message of type `metric`. Throws `INVALID_PAYLOAD`. */
  metric(): Metric {
    if (this.type !== 'metric') throw failure('INVALID_PAYLOAD', `message from ${this.source} is of type ${this.type}`);
    return this.#read('a metric', () => toMetric(WireMetric.decode(this.payload)));
  }

  #read<T>(what: string, read: () => T): T {
    try {
      return read();
    } catch (cause) {
      throw failure('INVALID_PAYLOAD', `message from ${this.source} is not ${what}: ${messageOf(cause)}`, { cause });
    }
  }
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

export const messageBytes = ({ payload }: Message): number => payload.byteLength + itemOverheadBytes;

/** The frame of a message to a topic that has been checked. Throws what the gateway would refuse for certain. */
export const encodeMessage = (topic: string, payload: Payload, options: SendOptions): Uint8Array => {
  const { type = 'opaque', workspace = '', id = '', ttlMs = 0, delayMs = 0, deliverAt } = options;
  const bytes = bytesOf(payload);
  if (bytes.byteLength > payloadBytesMax)
    throw failure('PAYLOAD_TOO_LARGE', `payload of ${bytes.byteLength} bytes, at most ${payloadBytesMax}`);
  if (!Object.hasOwn(types, type)) throw failure('INVALID_ARGUMENT', `"${type}" is not a message type`);
  return encode({
    $case: 'send',
    value: {
      targetTopic: topic,
      payload: bytes,
      messageType: types[type],
      authorization: undefined,
      appWorkspace: workspace,
      checkedAccess: undefined,
      authorityContinuation: undefined,
      messageId: id,
      ttlMs: wholeMs('ttlMs', ttlMs),
      deliverAtUnixMs: wholeMs('deliverAt', deliverAt?.getTime() ?? 0),
      delayMs: wholeMs('delayMs', delayMs),
    },
  });
};

const wholeMs = (name: string, value: number): bigint => {
  if (Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  throw failure('INVALID_ARGUMENT', `${name} is ${value}, it must be a whole number of milliseconds`);
};

export const bytesOf = (payload: Payload): Uint8Array => {
  if (typeof payload === 'string') return encoder.encode(payload);
  if (payload instanceof Uint8Array) return payload;
  throw failure('INVALID_ARGUMENT', 'a payload is a Uint8Array or a string; sendJson() takes anything JSON can say');
};
