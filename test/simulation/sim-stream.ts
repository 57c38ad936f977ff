/** One stream of a simulated client, from its first frame to its end, and what it means for the ledger. */
import type { InitConnection } from '../../src/gen/aether/v1/connection.ts';
import { DownstreamMessage, UpstreamMessage } from '../../src/gen/aether/v1/gateway.ts';
import { SendMessage } from '../../src/gen/aether/v1/message.ts';
import type { Ledger } from './ledger.ts';
import type { Down, Duty } from './letters/duty.ts';
import { isBefore } from './place-ledger.ts';
import type { ClientEnd, ConnectionListener, SimConnection } from './sim-connection.ts';
import type { SimGateway } from './sim-gateway.ts';
import type { SimProcess } from './sim-process.ts';
import type { Moment } from './state/state-ledger.ts';
import { keyOf, readTag, type Tag, writeTag } from './tag.ts';
import type { Trace } from './trace.ts';

type Up = NonNullable<UpstreamMessage['payload']>;

export interface StreamDeps {
  readonly identity: string;
  readonly process: SimProcess;
  readonly gateway: SimGateway;
  readonly ledger: Ledger;
  readonly trace: Trace;
  /** Who it says it is. */
  readonly clientType: InitConnection['clientType'];
  /** Session it asks to continue; empty for none. */
  readonly resumes: string;
  readonly duty: Duty | undefined;
}

export class SimStream implements ConnectionListener {
  readonly #deps: StreamDeps;
  readonly #connection: SimConnection | undefined;
  readonly #opened = Promise.withResolvers<boolean>();
  readonly #ended = Promise.withResolvers<ClientEnd>();
  readonly #sent: Tag[] = [];
  readonly #got: Tag[] = [];
  #takenFrames = 0;
  #refusals = 0;
  #isClosing = false;
  #closedAtMs = 0;
  #end: ClientEnd | undefined;
  /** Nothing it hears of was there before only. */
  readonly begun: Moment;
  sessionId: string | undefined;
  isResumed = false;
  endedAtMs = 0;

  constructor(deps: StreamDeps) {
    this.#deps = deps;
    this.begun = deps.ledger.state.moment();
    this.#connection = deps.gateway.connect(deps.process, this);
    if (this.#connection === undefined) deps.process.after(2, () => this.onEnd(refused));
    else this.say({ $case: 'init', value: initOf(deps) });
  }

  /** Whether the gateway acknowledged it. */
  get opened(): Promise<boolean> {
    return this.#opened.promise;
  }

  get ended(): Promise<ClientEnd> {
    return this.#ended.promise;
  }

  get isOpen(): boolean {
    return this.sessionId !== undefined && this.#end === undefined && !this.#isClosing;
  }

  get hasSaidGoodbye(): boolean {
    return this.#isClosing;
  }

  get gateway(): SimGateway {
    return this.#deps.gateway;
  }

  get connection(): SimConnection | undefined {
    return this.#connection;
  }

  send(to: string, bytes: number): void {
    const { identity: from, ledger } = this.#deps;
    const tag: Tag = { from, to, number: ledger.nextNumber(from, to) };
    this.#sent.push(tag);
    const { sessionId: session } = this;
    if (session !== undefined && !isWork(to))
      ledger.write({ e: 'sent', at: ledger.nowMs, who: from, session, to, first: tag.number, count: 1 });
    this.say({ $case: 'send', value: { ...emptySend, targetTopic: to, payload: writeTag(tag, bytes) } });
  }

  say(payload: Up): void {
    this.#connection?.send([UpstreamMessage.encode({ payload, activeExtensions: [] }).finish()]);
  }

  /** Half-closes: what comes back says whether everything sent is durable. */
  close(): Promise<ClientEnd> {
    this.#isClosing = true;
    this.#closedAtMs = this.#deps.ledger.nowMs;
    this.note('half-closes');
    this.#connection?.halfClose();
    return this.ended;
  }

  /** The client lets go of it, in whichever way, and hears nothing more. */
  leave(how: 'cancel' | 'vanish', noticedAfterMs?: number): void {
    if (this.#end !== undefined) return;
    if (how === 'cancel') this.#connection?.cancel();
    else this.#connection?.vanish(noticedAfterMs);
    this.#finish({ by: 'client', code: 'cancelled', message: how });
  }

  onTaken(frames: number): void {
    // The first frame is the handshake's.
    for (let index = this.#takenFrames; index < frames; index += 1) {
      const tag = this.#sent[index - 1];
      if (tag !== undefined) this.#deps.ledger.taken(tag);
    }
    this.#takenFrames = frames;
  }

  onFrame(frame: Uint8Array): void {
    const { payload } = DownstreamMessage.decode(frame);
    if (payload !== undefined && this.#deps.duty?.hear(payload, this) !== true) this.#hear(payload);
  }

  onEnd(end: ClientEnd): void {
    if (this.#end !== undefined) return;
    const { ledger, identity } = this.#deps;
    this.note(`ends with ${end.code} ${end.message}`);
    if (this.sessionId !== undefined) {
      if (end.message.includes('newer session')) ledger.leases.toldSuperseded(this.sessionId);
      if (end.code === 'ok' && this.#isClosing && this.#refusals === 0) this.#acknowledge(this.sessionId);
      ledger.write({ e: 'ended', at: ledger.nowMs, who: identity, session: this.sessionId });
    }
    this.#finish(end);
  }

  #finish(end: ClientEnd): void {
    this.#end = end;
    this.endedAtMs = this.#deps.ledger.nowMs;
    this.#opened.resolve(false);
    this.#ended.resolve(end);
  }

  #hear(payload: Down): void {
    if (payload.$case === 'connectionAck') this.#open(payload.value);
    else if (payload.$case === 'msg') this.#take(readTag(payload.value.payload), payload.value.sourceTopic);
    else if (payload.$case === 'error') {
      this.#refusals += 1;
      this.note(`is refused: ${payload.value.code}`);
    }
  }

  #open({ sessionId, resumed }: { readonly sessionId: string; readonly resumed: boolean }): void {
    const { ledger, identity, gateway, resumes } = this.#deps;
    this.sessionId = sessionId;
    this.isResumed = resumed;
    this.note(`has session ${sessionId}${resumed ? ' (resumed)' : ''}`);
    ledger.leases.connected(sessionId, (sinceMs) => this.#connection?.wasResponsiveSince(sinceMs) ?? false);
    ledger.state.began({ identity, sessionId });
    const facts = { who: identity, session: sessionId, gateway: gateway.name, resumes, resumed };
    const connected = { e: 'connected', at: ledger.nowMs, ...facts } as const;
    // An acknowledgement that was held up tells the client nothing of who came after whom.
    ledger.write(ledger.leases.isNewest(sessionId) ? connected : { ...connected, isLate: true });
    this.#opened.resolve(true);
  }

  #take(tag: Tag, source: string): void {
    const { ledger, identity } = this.#deps;
    this.#got.push(tag);
    this.note(`gets ${tag.from}>${tag.to}#${tag.number}`);
    if (source !== tag.from)
      ledger.breach('I7', `${identity} got a message of ${tag.from} as from ${source}`, [identity]);
    ledger.received(isWork(tag.to) ? tag.to : identity, tag);
    if (this.sessionId !== undefined && !isWork(tag.to)) this.#noteDelivery(tag, this.sessionId);
  }

  #noteDelivery(tag: Tag, session: string): void {
    const { ledger, identity } = this.#deps;
    const epoch = ledger.leases.epochOf(session);
    if (epoch !== undefined) ledger.places.delivered(identity, epoch, keyOf(tag));
    ledger.write({
      e: 'delivered',
      at: ledger.nowMs,
      who: identity,
      session,
      from: tag.from,
      first: tag.number,
      count: 1,
    });
  }

  #acknowledge(session: string): void {
    const { ledger, identity } = this.#deps;
    this.note('has everything acknowledged');
    for (const tag of this.#sent) if (isWork(tag.to)) ledger.owed(tag);
    ledger.write({ e: 'acknowledged', at: ledger.nowMs, who: identity, session });
    const isPrompt = ledger.nowMs - this.#closedAtMs < promptMs;
    // One that has a successor it has not heard of stores no places any more.
    if (isPrompt && ledger.isCalmSince(this.#closedAtMs - calmMs)) this.#checkPlaces();
  }

  /** After a goodbye in calm times nothing that was delivered comes again. */
  #checkPlaces(): void {
    const { ledger, identity } = this.#deps;
    const place = ledger.places.placeOf(identity, identity);
    const got = new Set(this.#got.filter(({ to }) => to === identity).map(({ from, number }) => `${from}#${number}`));
    const again = ledger.records
      .on(identity)
      .filter(({ tag: { from, number } }) => got.has(`${from}#${number}`))
      .find((record) => place === undefined || !isBefore(record, place));
    if (again === undefined) return;
    ledger.breach('I6', `${identity} said goodbye and will get ${again.key} again`, [again.key, identity]);
  }

  /** Writes down what its client does. */
  note(what: string): void {
    this.#deps.trace.say(this.#deps.process.name, what);
  }
}

/** Competing work has no order and no recipient of its own. */
const isWork = (topic: string): boolean => topic.startsWith('tb::');

/** A gateway does not wait for ever for the answer to what it has delivered before a goodbye. */
const promptMs = 1500;
/** Nothing lost or cut for this long before counts as calm. */
const calmMs = 4000;
const refused: ClientEnd = { by: 'transport', code: 'unavailable', message: 'nobody listens' };
const emptySend = SendMessage.decode(new Uint8Array());

const initOf = ({ clientType, resumes, duty }: StreamDeps): InitConnection => ({
  clientType,
  credentials: new Map(),
  resumeSessionId: resumes,
  extensions: (duty?.extensions ?? []).map((uri) => ({ uri, version: '', required: true, jsonSchema: '' })),
  clientVersion: '',
  clientSdk: 'sim',
  clientBuildInfo: undefined,
});
