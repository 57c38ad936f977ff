/**
 * What `aether doctor` looks at: everything a gateway of this configuration needs, each with what is wrong and how to mend
 * it. It connects as the gateway would, asks, and leaves; it changes nothing.
 */
import { sql } from 'kysely';
import { checkRabbit } from '../adapters/rabbitmq/rabbit-health.ts';
import { openRedis } from '../adapters/redis/open-redis.ts';
import { checkRedis } from '../adapters/redis/redis-health.ts';
import { usePostgres } from '../adapters/sql/postgres-database.ts';
import { systemClock } from '../adapters/system/system-clock.ts';
import type { Config } from '../config/schema.ts';
import { FabricError } from '../model/error.ts';
import type { Log } from '../ports/log.ts';
import { postgresOptions, rabbitLogSettings, rabbitWorkSettings, redisOptions } from './stack-settings.ts';

/** Fine, and in what way; or fit to work but with something to see to. */
export interface Finding {
  readonly detail: string;
  readonly warning?: string;
}

export interface Examination {
  readonly name: string;
  /** What helps where it fails. */
  readonly mend: string;
  readonly examine: () => Promise<Finding>;
}

const patienceMs = 5000;

/** The services of the stack. */
export const stackExaminations = (config: Config, log: Log): readonly Examination[] => [
  {
    name: 'redis',
    mend: `start Redis 7 or newer, or say where it is: --redis host:port (now ${config.redis.addresses.join(', ')}), REDIS_USERNAME, REDIS_PASSWORD`,
    examine: () => examineRedis(config, log),
  },
  {
    name: 'rabbitmq',
    mend: 'start RabbitMQ 3.10.8 or newer with `rabbitmq-plugins enable rabbitmq_stream`, or say where it is and who logs in: --stream-url, --amqp-url',
    examine: () => examineRabbit(config, log),
  },
  {
    name: 'postgresql',
    mend: `start Postgres 15 or newer and \`createdb ${config.postgres.database}\`, or say where it is and who logs in: --db-host, --db-port, --db-name, --db-user, --db-password`,
    examine: () => examinePostgres(config, log),
  },
];

const examineRedis = async (config: Config, log: Log): Promise<Finding> => {
  await using redis = await openRedis({ ...redisOptions(config), log, openTimeoutMs: patienceMs });
  const { version, latencyMs, warning } = await checkRedis(redis);
  const detail = `Redis ${version}${redis.isCluster ? ', a cluster' : ''}, ${latencyMs.toFixed(1)} ms`;
  return warning === undefined ? { detail } : { detail, warning };
};

const examineRabbit = async (config: Config, log: Log): Promise<Finding> => {
  const stream = { ...rabbitLogSettings(config), connectTimeoutMs: patienceMs };
  const amqp = { ...rabbitWorkSettings(config), connectTimeoutMs: patienceMs };
  const { version, latencyMs, warning } = await checkRabbit(
    { stream, amqp, requestTimeoutMs: patienceMs },
    { clock: systemClock, log },
  );
  const detail = `RabbitMQ ${version} with streams, ${latencyMs.toFixed(1)} ms`;
  return warning === undefined ? { detail } : { detail, warning };
};

const postgresVersionMin = 15;

const examinePostgres = async (config: Config, log: Log): Promise<Finding> => {
  await using database = usePostgres(postgresOptions(config), { log });
  const { rows } = await sql<{ server_version: string }>`show server_version`.execute(database.queries);
  const version = rows[0]?.server_version ?? 'unknown';
  if (Number.parseInt(version, 10) < postgresVersionMin)
    throw new FabricError('STORE_MISMATCH', `Postgres ${version} is too old: ${postgresVersionMin} or newer is needed`);
  return { detail: `Postgres ${version}, database ${config.postgres.database}` };
};
