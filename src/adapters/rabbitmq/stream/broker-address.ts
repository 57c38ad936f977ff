import { misconfigured } from '../errors.ts';

/** Where a broker listens for the stream protocol and as whom we come. */
export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly virtualHost: string;
  readonly isTls: boolean;
}

const plainScheme = 'rabbitmq-stream:';
const tlsScheme = 'rabbitmq-stream+tls:';

/** `rabbitmq-stream://user:password@host:port/vhost`, or `rabbitmq-stream+tls://…`; what is left out is as usual. */
export const parseBrokerAddress = (text: string): BrokerAddress => {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== plainScheme && url.protocol !== tlsScheme) || url.hostname === '')
    throw misconfigured('a RabbitMQ stream address reads rabbitmq-stream://user:password@host:port/vhost');
  const isTls = url.protocol === tlsScheme;
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (isTls ? 5551 : 5552) : Number(url.port),
    username: url.username === '' ? 'guest' : decodeURIComponent(url.username),
    password: url.password === '' ? 'guest' : decodeURIComponent(url.password),
    virtualHost: url.pathname.length <= 1 ? '/' : decodeURIComponent(url.pathname.slice(1)),
    isTls,
  };
};

/** For messages and logs: without credentials (I12). */
export const textOfAddress = ({ host, port }: Pick<BrokerAddress, 'host' | 'port'>): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
