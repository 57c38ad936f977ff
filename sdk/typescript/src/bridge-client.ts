import { PublishingClient } from './publishing-client.ts';

/** Connects the fabric to another messaging system. */
export class BridgeClient extends PublishingClient {}
