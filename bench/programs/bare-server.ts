/**
 * The ceiling of everything clients do: a grpc-js server with the same method and nothing else. No log, no checks, no
 * identities; it hands every message on as it came, frame by frame. Streams say in their metadata what they are.
 */
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { DownstreamMessage } from '../../src/gen/aether/v1/gateway.ts';
import { connectPath } from '../wire/wire-client.ts';

type Call = ServerDuplexStream<Buffer, Buffer>;

/** A `send` frame: the bare server passes on what clients send. */
export const bareDeliveryTag = 0x12;

const pass = (bytes: Buffer): Buffer => bytes;
const definition: ServiceDefinition = {
  Connect: {
    path: connectPath,
    requestStream: true,
    responseStream: true,
    requestSerialize: pass,
    requestDeserialize: pass,
    responseSerialize: pass,
    responseDeserialize: pass,
  },
};

const options = {
  'grpc.max_receive_message_length': 4 * 1024 * 1024,
  'grpc.max_concurrent_streams': 1000,
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.enable_channelz': 0,
};

const acknowledgement = Buffer.from(
  DownstreamMessage.encode({
    payload: {
      $case: 'connectionAck',
      value: {
        sessionId: 'bare',
        resumed: false,
        assignedId: '',
        negotiatedExtensions: [],
        serverSupportedExtensions: [],
        serverVersion: '',
        serverBuildInfo: undefined,
        initialConnectionUnixMs: 0n,
        reconnectionCount: 0,
      },
    },
    activeExtensions: [],
  }).finish(),
);

export class BareServer {
  readonly #receivers = new Map<string, Set<Call>>();

  async listen(): Promise<{ address: string }> {
    const server = new Server(options);
    const implementation: UntypedServiceImplementation = { Connect: (call: Call) => void this.#serve(call) };
    server.addService(definition, implementation);
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    );
    return { address: `127.0.0.1:${await promise}` };
  }

  async #serve(call: Call): Promise<void> {
    call.on('error', () => undefined);
    call.sendMetadata(new Metadata());
    const key = String(call.metadata.get('bench-key')[0]);
    if (call.metadata.get('bench-role')[0] === 'receive') this.#receive(call, key);
    else await this.#forward(call, key);
  }

  #receive(call: Call, key: string): void {
    const calls = this.#receivers.get(key) ?? new Set();
    this.#receivers.set(key, calls.add(call));
    call.on('cancelled', () => calls.delete(call));
    call.once('data', () => call.write(acknowledgement));
    call.on('data', () => undefined);
    call.on('end', () => call.end());
  }

  async #forward(call: Call, key: string): Promise<void> {
    let isFirst = true;
    for await (const message of call) {
      if (isFirst) call.write(acknowledgement);
      else await this.#pass(key, message);
      isFirst = false;
    }
    call.end();
  }

  /** Waits where a receiver has no room, as every relay must. */
  #pass(key: string, message: Buffer): Promise<void> | undefined {
    let full: Call | undefined;
    for (const receiver of this.#receivers.get(key) ?? []) if (!receiver.write(message)) full = receiver;
    if (full === undefined) return undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    full.once('drain', resolve);
    full.once('cancelled', resolve);
    return promise;
  }
}
