/** A peer that speaks as much of the stream protocol as a test wants, and then whatever the test wants. */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import type { BrokerAddress } from '../../../src/adapters/rabbitmq/stream/broker-address.ts';
import { FrameReader } from '../../../src/adapters/rabbitmq/stream/frame-reader.ts';
import {
  encodeFrame,
  encodeTune,
  frameKey,
  list,
  map,
  string,
  uint16,
  uint32,
} from '../../../src/adapters/rabbitmq/stream/stream-frames.ts';

export interface Asked {
  readonly key: number;
  readonly correlationId: number;
  /** Without its size field. */
  readonly frame: Buffer;
  readonly socket: Socket;
}

/** What it answers; `undefined` for the usual. */
export type Script = (asked: Asked) => Buffer | 'nothing' | undefined;

export interface ScriptedBroker extends AsyncDisposable {
  readonly address: BrokerAddress;
}

export const response = (key: number, correlationId: number, fields: readonly Buffer[]): Buffer =>
  encodeFrame(key | 0x8000, [uint32(correlationId), ...fields]);

const ok = uint16(1);

const usual = ({ key, correlationId }: Asked): Buffer | undefined => {
  switch (key) {
    case frameKey.peerProperties:
      return response(key, correlationId, [ok, map({ product: 'Scripted', version: '9.9.9' })]);
    case frameKey.saslHandshake:
      return response(key, correlationId, [ok, list(['PLAIN'], string)]);
    case frameKey.saslAuthenticate:
      return Buffer.concat([response(key, correlationId, [ok]), encodeTune(1024 * 1024, 1)]);
    case frameKey.open:
      return response(key, correlationId, [ok, map({ advertised_host: 'h', advertised_port: '1' })]);
    case frameKey.declarePublisher:
    case frameKey.subscribe:
    case frameKey.unsubscribe:
    case frameKey.close:
      return response(key, correlationId, [ok]);
    default:
      return undefined;
  }
};

export const openScriptedBroker = async (
  script: Script,
  { onConnect = () => undefined }: { readonly onConnect?: (socket: Socket) => void } = {},
): Promise<ScriptedBroker> => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    onConnect(socket);
    const reader = new FrameReader(16 * 1024 * 1024);
    socket.on('data', (data: Buffer) =>
      reader.push(data, (frame) => {
        const correlationId = frame.length < 8 ? 0 : frame.readUInt32BE(4);
        const asked = { key: frame.readUInt16BE(0), correlationId, frame, socket };
        const answer = script(asked) ?? usual(asked);
        if (answer !== undefined && answer !== 'nothing') socket.write(answer);
      }),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
  return {
    address: { host: '127.0.0.1', port, username: 'u', password: 'p', virtualHost: '/', isTls: false },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
};
