/**
 * Where tests find RabbitMQ: what the run's global setup provides, else the environment. With neither they are skipped,
 * except in CI, where a suite that does not run is a failure.
 */
import { inject } from 'vitest';

export interface RabbitAddresses {
  /** `rabbitmq-stream://user:password@host:port` */
  readonly stream: string;
  /** `amqp://user:password@host:port` */
  readonly amqp: string;
}

const streamVariable = 'AETHER_TEST_RABBITMQ_STREAM';
const amqpVariable = 'AETHER_TEST_RABBITMQ_AMQP';

/** Looked up by name, as whoever provides the services declares their type. */
const provided = (): Readonly<Record<string, unknown>> => {
  const services: unknown = Reflect.apply(inject, undefined, ['services']);
  return typeof services === 'object' && services !== null ? { ...services } : {};
};

const variable = (name: string): string | undefined => {
  const value = provided()[name] ?? process.env[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
};

const find = (): RabbitAddresses | undefined => {
  const stream = variable(streamVariable);
  const amqp = variable(amqpVariable);
  if (stream !== undefined && amqp !== undefined) return { stream, amqp };
  if (process.env['CI']) throw new Error(`in CI ${streamVariable} and ${amqpVariable} have to be set`);
  return undefined;
};

/** `undefined` where the tests are to be skipped. */
export const rabbitAddresses: RabbitAddresses | undefined = find();
