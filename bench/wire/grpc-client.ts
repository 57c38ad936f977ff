import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { deliveriesIn } from './deliveries.ts';
import type { Parcel } from './frames.ts';
import { connectPath, type WireClient, type WireEvents, type WireTarget } from './wire-client.ts';

const pass = (bytes: Buffer): Buffer => bytes;
const options = { 'grpc.use_local_subchannel_pool': 1, 'grpc.enable_channelz': 0 };

export const openGrpcClient = ({ address, deliveryTag, route }: WireTarget, events: WireEvents): WireClient => {
  const client = new Client(address, credentials.createInsecure(), options);
  const metadata = new Metadata();
  metadata.set('bench-role', route.role);
  metadata.set('bench-key', route.key);
  const call = client.makeBidiStreamRequest(connectPath, pass, pass, metadata);
  call.on('data', (message: Buffer) => {
    const deliveries = deliveriesIn(message, deliveryTag);
    if (deliveries > 0) events.onDeliveries(deliveries);
    else events.onFrame(message);
  });
  call.on('error', () => undefined);
  call.on('status', ({ code, details }) => {
    client.close();
    events.onEnd(code, details);
  });
  return {
    send: ({ messages }: Parcel) => {
      let room = true;
      for (const message of messages) room = call.write(message);
      return room;
    },
    room: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      call.once('drain', resolve);
      return promise;
    },
    halfClose: () => call.end(),
    destroy: () => {
      call.cancel();
      client.close();
    },
  };
};
