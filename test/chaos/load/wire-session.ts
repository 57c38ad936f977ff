/**
 * One stream of a plain client of the wire. It always reads, and nothing ends it but the gateway, the network or `end`:
 * a client that lets go of a stream lets go of what has arrived on it, which would be its own loss.
 */
import type { ConnectionAck } from '../../../src/gen/aether/v1/connection.ts';
import { DownstreamMessage, UpstreamMessage } from '../../../src/gen/aether/v1/gateway.ts';
import { init, type OpenCall, openCall, send } from '../../flows/raw-client.ts';
import { numberOf, payloadOf } from './payload.ts';
import { type GatewayAddress, implementation, nameOf, type Place, topicOf } from './place.ts';
import type { Recorder } from './recorder.ts';

/** A peer that answers nothing for so long is gone, even if its connection stands. */
const channel = { 'grpc.keepalive_time_ms': 10_000, 'grpc.keepalive_timeout_ms': 8_000 } as const;

export interface WireSessionOptions {
  readonly who: string;
  readonly place: Place;
  readonly gateway: GatewayAddress;
  /** Session to continue; empty for none. */
  readonly resumes: string;
  readonly recorder: Recorder;
}

export class WireSession {
  readonly gateway: GatewayAddress;
  /** Resolves with whether the gateway acknowledged; false when the stream ended before. */
  readonly opened: Promise<boolean>;
  /** Resolves with gRPC's status. */
  readonly ended: Promise<number>;
  readonly #options: WireSessionOptions;
  readonly #open: OpenCall;
  readonly #opening = Promise.withResolvers<boolean>();
  readonly #ending = Promise.withResolvers<number>();
  #id = '';
  #isGivenUp = false;
  #isOver = false;
  #isHalfClosed = false;
  #hasRefusals = false;

  constructor(options: WireSessionOptions) {
    this.#options = options;
    this.gateway = options.gateway;
    this.opened = this.#opening.promise;
    this.ended = this.#ending.promise;
    this.#open = openCall(options.gateway.address, { channel });
    this.#listen();
    const agent = { workspace: options.place.workspace, implementation, specifier: options.who };
    this.#say(init({ $case: 'agent', value: agent }, { resumeSessionId: options.resumes, clientSdk: 'chaos' }));
  }

  /** The session's id; empty before it is acknowledged. */
  get id(): string {
    return this.#id;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether more can be written on it, wherever that goes. */
  get canSend(): boolean {
    return !this.#isOver && !this.#isHalfClosed;
  }

  /** The client goes on without it; what it says late is written down as that. */
  giveUp(): void {
    this.#isGivenUp = true;
  }

  /** Sends messages of one lane. */
  send(to: string, first: number, count: number): void {
    const { who, place, recorder } = this.#options;
    recorder.write({ e: 'sent', who, session: this.#id, to, first, count });
    for (let number = first; number < first + count; number += 1)
      this.#say(send(topicOf(place, to), payloadOf(number)));
  }

  halfClose(): void {
    if (this.canSend) this.#open.call.end();
    this.#isHalfClosed = true;
  }

  /** Lets go of it. */
  end(): void {
    this.#open.call.cancel();
    this.#open.close();
  }

  #say(payload: Parameters<typeof UpstreamMessage.encode>[0]['payload']): void {
    if (this.#isOver) return;
    this.#open.call.write(UpstreamMessage.encode({ payload, activeExtensions: [] }).finish());
  }

  #listen(): void {
    const { call } = this.#open;
    call.on('data', (bytes: Buffer) => this.#hear(bytes));
    call.on('error', () => undefined);
    call.on('status', ({ code }: { code: number }) => this.#close(code));
  }

  #hear(bytes: Buffer): void {
    const { payload } = DownstreamMessage.decode(bytes);
    if (payload?.$case === 'connectionAck') this.#connected(payload.value);
    if (payload?.$case === 'error') this.#hasRefusals = true;
    if (payload?.$case !== 'msg') return;
    const { who, recorder } = this.#options;
    const from = nameOf(payload.value.sourceTopic);
    recorder.deliver({ who, session: this.#id, from }, numberOf(payload.value.payload));
  }

  #connected({ sessionId, resumed }: ConnectionAck): void {
    const { who, resumes, recorder, gateway } = this.#options;
    this.#id = sessionId;
    const late = this.#isGivenUp ? ({ isLate: true } as const) : {};
    recorder.write({ e: 'connected', who, session: sessionId, gateway: gateway.name, resumes, resumed, ...late });
    this.#opening.resolve(true);
  }

  #close(code: number): void {
    const { who, recorder } = this.#options;
    this.#isOver = true;
    if (this.#id !== '') {
      // With a refusal before it, OK says only that the gateway has said what it refused.
      if (code === 0 && !this.#hasRefusals) recorder.write({ e: 'acknowledged', who, session: this.#id });
      recorder.write({ e: 'ended', who, session: this.#id });
    }
    this.#opening.resolve(false);
    this.#ending.resolve(code);
    this.#open.close();
  }
}
