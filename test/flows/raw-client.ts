/** A client that says exactly what it is told to, right or wrong: frames over plain grpc-js, without the SDK. */
import {
  type ChannelOptions,
  type ClientDuplexStream,
  credentials,
  Metadata,
  makeGenericClientConstructor,
  type StatusObject,
} from '@grpc/grpc-js';
import type { InitConnection } from '../../src/gen/aether/v1/connection.ts';
import { DownstreamMessage, UpstreamMessage } from '../../src/gen/aether/v1/gateway.ts';
import { SendMessage } from '../../src/gen/aether/v1/message.ts';

type Up = NonNullable<UpstreamMessage['payload']>;
type Down = NonNullable<DownstreamMessage['payload']>;
type Values = { [Frame in Down as Frame['$case']]: Frame['value'] };

const pass = (bytes: Uint8Array): Buffer => Buffer.from(bytes);
const method = {
  path: '/aether.v1.AetherGateway/Connect',
  requestStream: true,
  responseStream: true,
  requestSerialize: pass,
  requestDeserialize: pass,
  responseSerialize: pass,
  responseDeserialize: pass,
} as const;
const Client = makeGenericClientConstructor({ Connect: method }, 'AetherGateway');

export const init = (clientType: InitConnection['clientType'], changes: Partial<InitConnection> = {}): Up => ({
  $case: 'init',
  value: {
    clientType,
    credentials: new Map(),
    resumeSessionId: '',
    extensions: [],
    clientVersion: '',
    clientSdk: 'raw',
    clientBuildInfo: undefined,
    ...changes,
  },
});

export const agentInit = (workspace: string, specifier: string, changes: Partial<InitConnection> = {}): Up =>
  init({ $case: 'agent', value: { workspace, implementation: 'raw', specifier } }, changes);

export const send = (
  targetTopic: string,
  payload: Uint8Array | string = '',
  changes: Partial<SendMessage> = {},
): Up => ({
  $case: 'send',
  value: { ...SendMessage.decode(new Uint8Array()), targetTopic, payload: Buffer.from(payload), ...changes },
});

export type FrameCall = ClientDuplexStream<Uint8Array, Uint8Array>;

export interface OpenCall {
  readonly call: FrameCall;
  readonly client: InstanceType<typeof Client>;
  /** Closes the call's channel. */
  close(): void;
}

interface CallOptions {
  readonly headers?: Record<string, string>;
  readonly channel?: ChannelOptions;
  /** A call whose channel, and so its connection, is shared. */
  readonly beside?: OpenCall | undefined;
}

/** A stream, on a channel of its own by default; frames are bytes. */
export const openCall = (address: string, { headers = {}, channel = {}, beside }: CallOptions = {}): OpenCall => {
  const client =
    beside?.client ??
    new Client(address, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.max_send_message_length': -1,
      ...channel,
    });
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  const connect: unknown = Reflect.get(client, 'Connect');
  const call = (connect as (metadata: Metadata) => FrameCall).call(client, metadata);
  return { call, client, close: () => client.close() };
};

export interface RawEnd {
  readonly code: number;
  readonly details: string;
}

export class RawClient implements Disposable {
  readonly frames: Down[] = [];
  readonly ended: Promise<RawEnd>;
  readonly #opened: OpenCall;
  readonly #call: FrameCall;
  #wake = Promise.withResolvers<void>();
  #taken = 0;

  /** `beside`: a client whose connection this one shares. */
  constructor(address: string, headers: Record<string, string> = {}, beside?: RawClient) {
    this.#opened = openCall(address, { headers, beside: beside === undefined ? undefined : beside.#opened });
    this.#call = this.#opened.call;
    this.#call.on('data', (bytes: Buffer) => {
      const { payload } = DownstreamMessage.decode(bytes);
      if (payload !== undefined) this.frames.push(payload);
      // For all who wait; each looks whether there is a frame for it.
      this.#wake.resolve();
      this.#wake = Promise.withResolvers();
    });
    this.#call.on('error', () => undefined);
    this.ended = new Promise((resolve) =>
      this.#call.on('status', ({ code, details }: StatusObject) => {
        resolve({ code, details });
        this.#wake.resolve();
      }),
    );
  }

  say(payload: Up): void {
    this.bytes(UpstreamMessage.encode({ payload, activeExtensions: [] }).finish());
  }

  /** A frame of any bytes. */
  bytes(bytes: Uint8Array): void {
    this.#call.write(bytes);
  }

  /** Stops and goes on reading. */
  pause(): void {
    this.#call.pause();
  }

  resume(): void {
    this.#call.resume();
  }

  halfClose(): void {
    this.#call.end();
  }

  cancel(): void {
    this.#call.cancel();
  }

  /** The next frame; throws with the status if the stream ends instead. */
  async next(): Promise<Down> {
    for (;;) {
      const frame = this.frames[this.#taken];
      if (frame !== undefined) {
        this.#taken += 1;
        return frame;
      }
      const end = await Promise.race([this.ended, this.#wake.promise.then(() => undefined)]);
      if (end !== undefined && this.frames[this.#taken] === undefined)
        throw new Error(`ended with ${end.code}: ${end.details}`);
    }
  }

  /** The next frame of this kind; others before it are passed over. */
  async find<Name extends keyof Values>(name: Name): Promise<Values[Name]> {
    for (;;) {
      const frame = await this.next();
      if (frame.$case === name) return frame.value as Values[Name];
    }
  }

  [Symbol.dispose](): void {
    this.#call.cancel();
    this.#opened.close();
  }
}
