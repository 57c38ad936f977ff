/** The configuration in the adapters' own terms. */
import { hostname } from 'node:os';
import {
  defaultRabbitMessageLogSettings,
  type RabbitMessageLogSettings,
} from '../adapters/rabbitmq/rabbit-message-log.ts';
import {
  defaultRabbitWorkQueueSettings,
  type RabbitWorkQueueSettings,
} from '../adapters/rabbitmq/rabbit-work-queue.ts';
import { parseBrokerAddress } from '../adapters/rabbitmq/stream/broker-address.ts';
import { parseAmqpAddress } from '../adapters/rabbitmq/work/amqp-address.ts';
import type { OpenRedisOptions } from '../adapters/redis/open-redis.ts';
import type { PostgresOptions } from '../adapters/sql/postgres-database.ts';
import type { Config } from '../config/schema.ts';
import { FabricError } from '../model/error.ts';

const postgresConnectionsMax = 4;
/** Of a partition; it is dropped from in pieces of this size. */
const segmentBytes = 100_000_000;

export const redisOptions = ({ redis }: Config): Omit<OpenRedisOptions, 'log' | 'signal'> => ({
  addresses: redis.addresses,
  cluster: 'auto',
  ...(redis.username === '' ? {} : { username: redis.username }),
  ...(redis.password === '' ? {} : { password: redis.password }),
  ...(redis.tls ? { tls: {} } : {}),
});

export const postgresOptions = ({ postgres }: Config): PostgresOptions => {
  const url = new URL('postgres://localhost');
  url.hostname = postgres.host;
  url.port = String(postgres.port);
  url.username = encodeURIComponent(postgres.user);
  url.password = encodeURIComponent(postgres.password);
  url.pathname = `/${encodeURIComponent(postgres.database)}`;
  if (postgres.tls) url.searchParams.set('sslmode', 'require');
  return { url: url.href, connectionsMax: postgresConnectionsMax };
};

export const rabbitLogSettings = ({ rabbitmq, log }: Config): RabbitMessageLogSettings => ({
  ...defaultRabbitMessageLogSettings,
  addresses: eachOf(rabbitmq.stream_url, parseBrokerAddress),
  followsAdvertised: !rabbitmq.via_configured_address,
  prefix: `${rabbitmq.prefix}.log`,
  layout: { partitions: log.partitions, spread: log.spread },
  retention: { maxAgeMs: log.retention_age, maxBytes: log.retention_size, segmentBytes },
  clientName: clientName(),
});

export const rabbitWorkSettings = ({ rabbitmq }: Config): RabbitWorkQueueSettings => ({
  ...defaultRabbitWorkQueueSettings,
  addresses: eachOf(rabbitmq.amqp_url, parseAmqpAddress),
  prefix: `${rabbitmq.prefix}.work`,
  clientName: clientName(),
});

const clientName = (): string => `aether ${hostname()} ${process.pid}`;

/** Several brokers of one cluster are separated by commas. */
const eachOf = <Address>(text: string, parse: (text: string) => Address): readonly [Address, ...Address[]] => {
  const [first, ...rest] = text.split(',').map((one) => parse(one.trim()));
  if (first === undefined) throw new FabricError('CONFIG_INVALID', 'no RabbitMQ address is given');
  return [first, ...rest];
};
