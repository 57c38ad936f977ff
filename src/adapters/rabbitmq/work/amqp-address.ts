import { misconfigured } from '../errors.ts';

/** Where a broker listens for AMQP 0-9-1 and as whom we come. */
export interface AmqpAddress {
  readonly protocol: 'amqp' | 'amqps';
  readonly hostname: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly vhost: string;
}

/** `amqp://user:password@host:port/vhost`, or `amqps://…`; what is left out is as usual. */
export const parseAmqpAddress = (text: string): AmqpAddress => {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'amqp:' && url.protocol !== 'amqps:') || url.hostname === '')
    throw misconfigured('a RabbitMQ address reads amqp://user:password@host:port/vhost');
  const protocol = url.protocol === 'amqp:' ? 'amqp' : 'amqps';
  return {
    protocol,
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (protocol === 'amqp' ? 5672 : 5671) : Number(url.port),
    username: url.username === '' ? 'guest' : decodeURIComponent(url.username),
    password: url.password === '' ? 'guest' : decodeURIComponent(url.password),
    vhost: url.pathname.length <= 1 ? '/' : decodeURIComponent(url.pathname.slice(1)),
  };
};
