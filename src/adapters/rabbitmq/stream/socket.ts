import { once } from 'node:events';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { asUnavailable } from '../errors.ts';
import { type BrokerAddress, textOfAddress } from './broker-address.ts';

/** How a broker's certificate is checked and ours shown. */
export type TlsSettings = Pick<
  ConnectionOptions,
  'ca' | 'cert' | 'key' | 'passphrase' | 'servername' | 'rejectUnauthorized'
>;

/** A socket that is connected, its peer's certificate checked. */
export const connectSocket = async (
  address: BrokerAddress,
  { tls, signal }: { readonly tls: TlsSettings; readonly signal: AbortSignal },
): Promise<Socket> => {
  signal.throwIfAborted();
  const socket = address.isTls ? openTls(address, tls) : openTcp(address);
  // An error nobody listens to would end the process, and there is a moment before its user listens.
  socket.on('error', () => undefined);
  try {
    await once(socket, address.isTls ? 'secureConnect' : 'connect', { signal });
  } catch (cause) {
    socket.destroy();
    throw asUnavailable(
      `cannot connect to RabbitMQ at ${textOfAddress(address)}`,
      signal.aborted ? signal.reason : cause,
    );
  }
  return socket;
};

const openTcp = ({ host, port }: BrokerAddress): Socket => connectTcp({ host, port, noDelay: true, keepAlive: true });

const openTls = ({ host, port }: BrokerAddress, tls: TlsSettings): Socket => {
  const servername = isIP(host) === 0 ? { servername: host } : {};
  return connectTls({ host, port, ...servername, ...tls })
    .setNoDelay(true)
    .setKeepAlive(true);
};
