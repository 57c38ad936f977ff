/**
 * gRPC health checking (`grpc.health.v1.Health`), written by hand: its messages have two fields in all, and the library
 * for it reads its protocol file with another one, which every gateway would load and keep.
 */
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import {
  type Server,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';

/** `grpc.health.v1.HealthCheckResponse.ServingStatus`. */
const servingStatus = { serving: 1, notServing: 2, serviceUnknown: 3 } as const;
type ServingStatus = (typeof servingStatus)[keyof typeof servingStatus];

/** An object, since grpc-js takes an empty string for no request. */
interface Question {
  readonly service: string;
}

type Watcher = ServerWritableStream<Question, ServingStatus>;

/** Field 1 of a request: a service's name. */
const readQuestion = (bytes: Buffer): Question => {
  const reader = new BinaryReader(bytes);
  let service = '';
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1) service = reader.string();
    else reader.skip(wireType);
  }
  return { service };
};

const statusOf = (value: ServingStatus): Uint8Array<ArrayBuffer> => new BinaryWriter().uint32(8).int32(value).finish();
const writeStatus = (value: ServingStatus): Buffer => Buffer.from(statusOf(value));

/** A map from service to response: entries of field 1, each with its key and value. */
const writeList = (statuses: ReadonlyMap<string, ServingStatus>): Buffer => {
  const writer = new BinaryWriter();
  for (const [service, value] of statuses)
    writer.uint32(10).fork().uint32(10).string(service).uint32(18).bytes(statusOf(value)).join();
  return Buffer.from(writer.finish());
};

const method = { requestStream: false, responseStream: false, requestSerialize: (bytes: Buffer) => bytes } as const;
const path = (name: string): string => `/grpc.health.v1.Health/${name}`;
const read = { ...method, requestDeserialize: readQuestion, responseDeserialize: (bytes: Buffer) => bytes };

const definition: ServiceDefinition = {
  Check: { ...read, path: path('Check'), responseSerialize: writeStatus },
  Watch: { ...read, path: path('Watch'), responseStream: true, responseSerialize: writeStatus },
  List: { ...read, path: path('List'), responseSerialize: writeList },
};

export class HealthService {
  readonly #statuses: Map<string, ServingStatus>;
  /** Streams that are told of changes, each with the service it asked for. */
  readonly #watchers = new Map<Watcher, string>();

  /** All of these services are served. */
  constructor(services: readonly string[]) {
    this.#statuses = new Map(services.map((service) => [service, servingStatus.serving]));
  }

  addTo(server: Server): void {
    server.addService(definition, {
      Check: (call: ServerUnaryCall<Question, ServingStatus>, done: sendUnaryData<ServingStatus>) => {
        const { service } = call.request;
        const found = this.#statuses.get(service);
        if (found !== undefined) done(null, found);
        else done({ code: status.NOT_FOUND, details: `there is no service ${service}` });
      },
      Watch: (call: Watcher) => this.#watch(call),
      List: (_: unknown, done: sendUnaryData<ReadonlyMap<string, ServingStatus>>) => done(null, this.#statuses),
    });
  }

  /** Tells everybody who watches. */
  setServing(isServing: boolean): void {
    const value = isServing ? servingStatus.serving : servingStatus.notServing;
    for (const service of this.#statuses.keys()) this.#statuses.set(service, value);
    for (const [call, service] of this.#watchers) if (this.#statuses.has(service)) call.write(value);
  }

  #watch(call: Watcher): void {
    const { service } = call.request;
    this.#watchers.set(call, service);
    call.on('error', () => undefined);
    call.once('cancelled', () => {
      this.#watchers.delete(call);
      call.end();
    });
    call.write(this.#statuses.get(service) ?? servingStatus.serviceUnknown);
  }
}
