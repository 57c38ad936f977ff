/** Settings of the stack on services that are found under the names of `scripts/services`, with names of its own. */
export const stackSettings = (
  prefix: string,
  services: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> => {
  const postgres = new URL(services['AETHER_TEST_POSTGRES'] ?? '');
  return {
    REDIS_ADDR: services['AETHER_TEST_REDIS'] ?? '',
    REDIS_PREFIX: `${prefix}:`,
    STREAM_URL: services['AETHER_TEST_RABBITMQ_STREAM'] ?? '',
    AMQP_URL: services['AETHER_TEST_RABBITMQ_AMQP'] ?? '',
    RABBITMQ_PREFIX: prefix,
    POSTGRES_HOST: postgres.hostname,
    POSTGRES_PORT: postgres.port,
    POSTGRES_USER: postgres.username,
    POSTGRES_DB: 'postgres',
  };
};
