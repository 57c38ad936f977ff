import { sql } from 'kysely';
import { checkRabbit } from '../adapters/rabbitmq/rabbit-health.ts';
import type { RedisConnection } from '../adapters/redis/redis-connection.ts';
import { checkRedis } from '../adapters/redis/redis-health.ts';
import type { SqlDatabase } from '../adapters/sql/sql-database.ts';
import type { Check } from '../admin/health.ts';
import type { Config } from '../config/schema.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import { rabbitLogSettings, rabbitWorkSettings } from './stack-settings.ts';

interface CheckDeps {
  readonly redis: RedisConnection;
  readonly database: SqlDatabase;
  readonly clock: Clock;
  readonly log: Log;
}

/** Whether each service answers now. */
export const stackChecks = (config: Config, { redis, database, clock, log }: CheckDeps): readonly Check[] => {
  const amqp = rabbitWorkSettings(config);
  const rabbit = { stream: rabbitLogSettings(config), amqp, requestTimeoutMs: amqp.requestTimeoutMs };
  return [
    { name: 'redis', check: async () => void (await checkRedis(redis)) },
    { name: 'rabbitmq', check: async () => void (await checkRabbit(rabbit, { clock, log })) },
    { name: 'postgresql', check: async () => void (await sql`select 1`.execute(database.queries)) },
  ];
};
