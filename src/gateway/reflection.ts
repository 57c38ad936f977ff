/**
 * Server reflection. Its library takes a third of a second to read the protocol's files, so it is loaded when somebody
 * first asks; until then only its two method names are there.
 */
import { EventEmitter } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Server, ServerDuplexStream, ServiceDefinition } from '@grpc/grpc-js';

type RawCall = ServerDuplexStream<Buffer, Buffer>;

/** What a service of the library needs of a call. */
interface Conversation extends EventEmitter {
  write(message: object): void;
  end(): void;
}

interface Reflection {
  readonly definition: ServiceDefinition;
  readonly implementation: { readonly ServerReflectionInfo: (conversation: Conversation) => void };
}

const protoDirectory = fileURLToPath(new URL('../../api/proto', import.meta.url));
const services = ['aether.v1.AetherGateway'];
const versions = ['v1', 'v1alpha'] as const;
const pass = (bytes: Buffer): Buffer => bytes;

export const addReflection = (server: Server): void => {
  let loading: Promise<readonly Reflection[]> | undefined;
  for (const [index, version] of versions.entries())
    server.addService(rawDefinition(`/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`), {
      ServerReflectionInfo: (call: RawCall) => {
        loading ??= load();
        void loading.then(
          (loaded) => converse(call, loaded[index]),
          (cause: unknown) => call.destroy(cause instanceof Error ? cause : new Error('reflection failed')),
        );
      },
    });
};

const rawDefinition = (path: string): ServiceDefinition => ({
  ServerReflectionInfo: {
    path,
    requestStream: true,
    responseStream: true,
    requestSerialize: pass,
    requestDeserialize: pass,
    responseSerialize: pass,
    responseDeserialize: pass,
  },
});

const load = async (): Promise<readonly Reflection[]> => {
  const [{ loadSync }, { ReflectionService }] = await Promise.all([
    import('@grpc/proto-loader'),
    import('@grpc/reflection'),
  ]);
  const definition = loadSync('aether/v1/gateway.proto', { includeDirs: [protoDirectory], keepCase: true });
  const loaded: Reflection[] = [];
  const addService = (service: Reflection['definition'], implementation: Reflection['implementation']): void => {
    loaded.push({ definition: service, implementation });
  };
  new ReflectionService(definition, { services }).addToServer({ addService });
  return loaded;
};

const converse = (call: RawCall, reflection: Reflection | undefined): void => {
  const method = reflection?.definition['ServerReflectionInfo'];
  if (reflection === undefined || method === undefined) return void call.end();
  const conversation = Object.assign(new EventEmitter(), {
    write: (message: object) => void call.write(method.responseSerialize(message)),
    end: () => void call.end(),
  });
  reflection.implementation.ServerReflectionInfo(conversation);
  call.on('error', () => undefined);
  call.on('data', (bytes: Buffer) => conversation.emit('data', method.requestDeserialize(bytes)));
  call.on('end', () => conversation.emit('end'));
};
