/** The frames load clients send, encoded once; a client of the wire sends just these, one message each. */
import type { InitConnection } from '../../src/gen/aether/v1/connection.ts';
import { UpstreamMessage } from '../../src/gen/aether/v1/gateway.ts';
import { SendMessage } from '../../src/gen/aether/v1/message.ts';

/** An agent where it is in a workspace, else a service. */
export interface ClientName {
  readonly workspace?: string;
  readonly specifier: string;
}

const implementation = 'load';
const prefixBytes = 5;

/** Messages that are written together, in both forms clients need them in. */
export interface Parcel {
  readonly messages: readonly Buffer[];
  /** With the gRPC prefix before each. */
  readonly framed: Buffer;
  /** What the fabric counts: a frame may hold several messages. */
  readonly sends: number;
}

export const agentTopic = (workspace: string, specifier: string): string =>
  `ag::${workspace}::${implementation}::${specifier}`;

/** `sends` where the frames hold more than one message each. */
export const parcelOf = (messages: readonly Buffer[], sends = messages.length): Parcel => ({
  messages,
  sends,
  framed: Buffer.concat(messages.flatMap((message) => [prefixOf(message.byteLength), message])),
});

const prefixOf = (messageBytes: number): Buffer => {
  const prefix = Buffer.alloc(prefixBytes);
  prefix.writeUInt32BE(messageBytes, 1);
  return prefix;
};

const encode = (payload: NonNullable<UpstreamMessage['payload']>): Buffer =>
  Buffer.from(UpstreamMessage.encode({ payload, activeExtensions: [] }).finish());

const identityOf = ({ workspace, specifier }: ClientName): InitConnection['clientType'] =>
  workspace === undefined
    ? { $case: 'service', value: { implementation, specifier, noPoolConsumer: true } }
    : { $case: 'agent', value: { workspace, implementation, specifier } };

export interface InitOptions {
  readonly resumeSessionId?: string | undefined;
  /** To be put into force, or the server must refuse. */
  readonly extensions?: readonly string[];
}

export const batchExtension = 'urn:aether-fabric:batch';

export const initMessage = (name: ClientName, { resumeSessionId = '', extensions = [] }: InitOptions = {}): Buffer => {
  const value: InitConnection = {
    clientType: identityOf(name),
    credentials: new Map(),
    resumeSessionId,
    extensions: extensions.map((uri) => ({ uri, version: '', required: true, jsonSchema: '' })),
    clientVersion: '',
    clientSdk: 'bench',
    clientBuildInfo: undefined,
  };
  return encode({ $case: 'init', value });
};

const sendOf = (targetTopic: string, payload: Uint8Array): SendMessage => ({
  ...SendMessage.decode(new Uint8Array()),
  targetTopic,
  payload,
  messageType: 6,
});

export const sendMessage = (targetTopic: string, payload: Uint8Array): Buffer =>
  encode({ $case: 'send', value: sendOf(targetTopic, payload) });

/** The same message so many times in one frame. */
export const sendBatchMessage = (targetTopic: string, payload: Uint8Array, count: number): Buffer =>
  encode({
    $case: 'sendBatch',
    value: { messages: Array.from({ length: count }, () => sendOf(targetTopic, payload)) },
  });
