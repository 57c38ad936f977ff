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

/** A stream that is written to, and whether it has room. */
class Receiver {
  readonly call: Call;
  #room: PromiseWithResolvers<void> | undefined;

  constructor(call: Call) {
    this.call = call;
    const release = (): void => {
      this.#room?.resolve();
      this.#room = undefined;
    };
    call.on('drain', release);
    call.on('cancelled', release);
  }

  /** Set when it has no room for more. */
  write(message: Buffer): Promise<void> | undefined {
    if (this.call.write(message)) return undefined;
    this.#room ??= Promise.withResolvers();
    return this.#room.promise;
  }
}

export class BareServer {
  readonly #receivers = new Map<string, Set<Receiver>>();

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
    switch (call.metadata.get('bench-role')[0]) {
      case 'receive':
        return this.#receive(call, key);
      case 'echo':
        return echo(call);
      default:
        return this.#forward(call, key);
    }
  }

  #receive(call: Call, key: string): void {
    const receivers = this.#receivers.get(key) ?? new Set();
    const receiver = new Receiver(call);
    this.#receivers.set(key, receivers.add(receiver));
    call.on('cancelled', () => receivers.delete(receiver));
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

  /** Waits where receivers have no room, as every relay must. */
  #pass(key: string, message: Buffer): Promise<unknown> | undefined {
    const full: Promise<void>[] = [];
    for (const receiver of this.#receivers.get(key) ?? []) {
      const room = receiver.write(message);
      if (room !== undefined) full.push(room);
    }
    return full.length > 0 ? Promise.all(full) : undefined;
  }
}

/** Gives back what it gets, after the acknowledgement. */
const echo = (call: Call): void => {
  call.once('data', () => {
    call.write(acknowledgement);
    call.on('data', (message: Buffer) => call.write(message));
  });
  call.on('end', () => call.end());
};
