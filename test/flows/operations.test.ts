/** What operators and tools see of a gateway: gRPC health and reflection, readiness, metrics. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import {
  type Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  credentials,
  loadPackageDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { protoPath as healthProto } from 'grpc-health-check';
import { describe, expect, test } from 'vitest';
import { MessageType } from '../../src/gen/aether/v1/message.ts';
import { TcpProxy } from '../adapters/rabbitmq/tcp-proxy.ts';
import { until } from '../faults/until.ts';
import { onEachComposition, openStoryFabric, type StoryFabric, stackEnvironment, unique } from './fabric.ts';
import { agentInit, RawClient, send } from './raw-client.ts';

const notFound = 5;
const gatewayService = 'aether.v1.AetherGateway';
const reflectionProto = (version: string): string =>
  join(
    dirname(createRequire(import.meta.url).resolve('@grpc/reflection')),
    `../proto/grpc/reflection/${version}/reflection.proto`,
  );

/** A client made from a service's own description, as tools make them. */
const clientOf = (proto: string, service: string, address: string): Client => {
  let found: unknown = loadPackageDefinition(loadSync(proto, { keepCase: true, enums: String, oneofs: true }));
  for (const name of service.split('.')) found = Reflect.get(found as object, name);
  const Constructor = found as new (address: string, credentials: unknown) => Client;
  return new Constructor(address, credentials.createInsecure());
};

interface HealthClient extends Client {
  Check(request: { service: string }, done: (error: ServiceError | null, answer?: { status: string }) => void): void;
  Watch(request: { service: string }): ClientReadableStream<{ status: string }>;
  List(
    request: object,
    done: (error: ServiceError | null, answer?: { statuses: Readonly<Record<string, { status: string }>> }) => void,
  ): void;
}

interface ReflectionAnswer {
  readonly message_response: string;
  readonly list_services_response?: { readonly service: readonly { readonly name: string }[] };
  readonly file_descriptor_response?: { readonly file_descriptor_proto: readonly Buffer[] };
  readonly error_response?: { readonly error_code: number };
}

interface ReflectionClient extends Client {
  ServerReflectionInfo(): ClientDuplexStream<object, ReflectionAnswer>;
}

const healthOf = (address: string): HealthClient =>
  clientOf(healthProto, 'grpc.health.v1.Health', address) as HealthClient;

const reflectionOf = (version: string, address: string): ReflectionClient =>
  clientOf(reflectionProto(version), `grpc.reflection.${version}.ServerReflection`, address) as ReflectionClient;

onEachComposition((fabric) => {
  describe('gRPC health', () => {
    const check = (service: string): Promise<string> => {
      const client = healthOf(fabric().address());
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      client.Check({ service }, (error, answer) =>
        error === null ? resolve(answer?.status ?? '') : reject(new Error(String(error.code), { cause: error })),
      );
      return promise.finally(() => client.close());
    };

    test.each(['', gatewayService])('Check says that "%s" is served', async (service) => {
      expect(await check(service)).toBe('SERVING');
    });

    test('List has them all', async () => {
      const client = healthOf(fabric().address());
      const { promise, resolve, reject } = Promise.withResolvers<object | undefined>();
      client.List({}, (error, answer) => (error === null ? resolve(answer?.statuses) : reject(error)));
      expect(await promise.finally(() => client.close())).toEqual({
        '': { status: 'SERVING' },
        [gatewayService]: { status: 'SERVING' },
      });
    });

    test('Watch of another service says that it is unknown', async () => {
      const client = healthOf(fabric().address());
      const watching = client.Watch({ service: 'aether.v1.Nothing' });
      watching.on('error', () => undefined);
      expect((await watching[Symbol.asyncIterator]().next()).value).toEqual({ status: 'SERVICE_UNKNOWN' });
      client.close();
    });

    test('Check knows no other service', async () => {
      await expect(check('aether.v1.Nothing')).rejects.toThrow(String(notFound));
    });
  });

  describe.each(['v1', 'v1alpha'])('reflection %s', (version) => {
    const ask = async (...questions: readonly object[]): Promise<readonly ReflectionAnswer[]> => {
      const client = reflectionOf(version, fabric().address());
      const stream = client.ServerReflectionInfo();
      for (const question of questions) stream.write(question);
      stream.end();
      const answers: ReflectionAnswer[] = [];
      for await (const answer of stream) answers.push(answer as ReflectionAnswer);
      client.close();
      return answers;
    };

    test('lists the service', async () => {
      const [answer] = await ask({ list_services: '' });
      expect(answer?.list_services_response?.service.map(({ name }) => name)).toContain(gatewayService);
    });

    test.each([gatewayService, `${gatewayService}.Connect`, 'aether.v1.UpstreamMessage'])(
      'has the file of %s, with all it needs',
      async (symbol) => {
        const [answer] = await ask({ file_containing_symbol: symbol });
        const files = answer?.file_descriptor_response?.file_descriptor_proto ?? [];
        const text = Buffer.concat(files).toString('latin1');
        // Names as the protocol has them: tools write and read frames by these.
        for (const name of ['AetherGateway', 'InitConnection', 'switch_workspace', 'target_topic'])
          expect(text).toContain(name);
      },
    );

    test('answers several questions in order, and says what it does not have', async () => {
      const answers = await ask({ file_containing_symbol: 'no.such.Thing' }, { list_services: '' });
      expect(answers.map((answer) => answer.message_response)).toEqual(['error_response', 'list_services_response']);
      expect(answers[0]?.error_response?.error_code).toBe(notFound);
    });
  });

  test('metrics have the published names, and count what was done', async () => {
    const workspace = unique('metrics');
    using client = new RawClient(fabric().address());
    client.say(agentInit(workspace, 'a'));
    client.say(send(`ag::${workspace}::raw::a`, 'x', { messageType: MessageType.CHAT }));
    await client.find('msg');
    client.say(send('nonsense', 'x'));
    await client.find('error');
    const page = await (await fetch(`${fabric().opsUrl()}/metrics`)).text();
    for (const line of [
      `aether_messages_routed_total{workspace="${workspace}",message_type="chat"} 1`,
      `aether_message_errors_total{workspace="${workspace}",error_type="ERR_INVALID_TOPIC"} 1`,
      `aether_connection_attempts_total{workspace="${workspace}",principal_type="agent",status="success"} 1`,
      `aether_active_connections{workspace="${workspace}",principal_type="agent"} 1`,
      '# TYPE aether_messages_delivered_total counter',
      '# TYPE aether_connection_duration_seconds histogram',
    ])
      expect(page.split('\n')).toContain(line);
    client.halfClose();
    await client.ended;
  });
});

interface Readiness {
  readonly status: string;
  readonly checks: Readonly<Record<string, { readonly status: string; readonly error?: string }>>;
}

const readiness = async (fabric: StoryFabric) => {
  const response = await fetch(`${fabric.opsUrl()}/health/ready`);
  const { status, checks } = (await response.json()) as Readiness;
  const ill = Object.entries(checks).filter(([, check]) => check.status !== 'ok');
  return { code: response.status, status, names: Object.keys(checks).toSorted(), ill: ill.map(([name]) => name) };
};

describe('readiness', () => {
  test('of the embedded fabric is its files', async () => {
    await using fabric = await openStoryFabric('embedded');
    expect(await readiness(fabric)).toEqual({
      code: 200,
      status: 'ready',
      names: ['gateway', 'log', 'state'],
      ill: [],
    });
  });

  test('of the stack names the service that is away, and comes back with it', async () => {
    const { POSTGRES_HOST: host = '', POSTGRES_PORT = '' } = stackEnvironment('');
    await using proxy = await TcpProxy.open({ host, port: Number(POSTGRES_PORT) });
    const env = { POSTGRES_HOST: '127.0.0.1', POSTGRES_PORT: String(proxy.port) };
    await using fabric = await openStoryFabric('stack', { gateways: 1, env });
    const names = ['gateway', 'postgresql', 'rabbitmq', 'redis'];
    expect(await readiness(fabric)).toEqual({ code: 200, status: 'ready', names, ill: [] });
    proxy.isDown = true;
    proxy.cut();
    await until(async () => (await readiness(fabric)).code === 503, 'it is noticed');
    expect(await readiness(fabric)).toMatchObject({ code: 503, status: 'not_ready', ill: ['postgresql'] });
    proxy.isDown = false;
    await until(async () => (await readiness(fabric)).code === 200, 'it is back');
  });
});

test('who watches gRPC health is told when a gateway begins to drain', async () => {
  const fabric = await openStoryFabric('embedded');
  const client = healthOf(fabric.address());
  const watching = client.Watch({ service: gatewayService });
  watching.on('error', () => undefined);
  const statuses = watching[Symbol.asyncIterator]();
  expect((await statuses.next()).value).toMatchObject({ status: 'SERVING' });
  using busy = new RawClient(fabric.address());
  busy.say(agentInit(unique('busy'), 'x'));
  await busy.find('connectionAck');
  const closed = fabric[Symbol.asyncDispose]();
  expect((await statuses.next()).value).toMatchObject({ status: 'NOT_SERVING' });
  await closed;
  client.close();
});
