/** Where the services on a set of ports are found: the same for our own processes and for Docker's. */
import type { Ports } from './ports.ts';
import type { PostgresService, RabbitmqService, RedisClusterService, RedisNode, Service } from './service.ts';

const at = (port: number): string => `127.0.0.1:${port}`;

export const redisAddress = (port: number): Omit<RedisNode, keyof Service> => ({ address: at(port), port });

export const clusterAddresses = ({ cluster }: Ports): Pick<RedisClusterService, 'addresses'> => ({
  addresses: cluster.map(at),
});

export const rabbitmqAddresses = ({ amqp, stream }: Ports): Omit<RabbitmqService, keyof Service | 'queues'> => ({
  streamUrl: `rabbitmq-stream://guest:guest@${at(stream)}`,
  streamPort: stream,
  amqpUrl: `amqp://guest:guest@${at(amqp)}`,
  amqpPort: amqp,
});

export const postgresAddress = ({ postgres }: Ports): Omit<PostgresService, keyof Service> => ({
  url: `postgres://postgres@${at(postgres)}/postgres`,
  port: postgres,
});
