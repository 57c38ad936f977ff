/** Frames as bytes, both ways. */
import { DownstreamMessage, UpstreamMessage } from './gen/aether/v1/gateway.ts';

export type Upstream = NonNullable<UpstreamMessage['payload']>;
export type Downstream = NonNullable<DownstreamMessage['payload']>;

export const encode = (payload: Upstream): Uint8Array =>
  UpstreamMessage.encode({ payload, activeExtensions: [] }).finish();

/** `undefined` where it has no payload, or one this version does not know. Throws where it is no frame at all. */
export const decode = (frame: Uint8Array): Downstream | undefined => DownstreamMessage.decode(frame).payload;
