import type { ConnectionAck } from './gen/aether/v1/connection.ts';

/** What the gateway answered about one extension the client declared. */
export interface NegotiatedExtension {
  readonly uri: string;
  readonly version: string;
  /** False: not in force on this connection. */
  readonly supported: boolean;
  /** For people; empty when supported. */
  readonly rejectionReason: string;
}

/** The client's hold on its identity, as the gateway acknowledged it. Another one after each reconnect. */
export interface Session {
  readonly id: string;
  /** It continues the session before. */
  readonly resumed: boolean;
  /** How often it has been resumed, counted by the gateway. */
  readonly resumptions: number;
  /** When the session, or the first of those it continues, connected. */
  readonly firstConnectedAt: Date;
  readonly gatewayVersion: string;
  /** One for each extension declared, in the order declared. */
  readonly extensions: readonly NegotiatedExtension[];
  /** URIs the gateway knows beyond those declared. */
  readonly offeredExtensions: readonly string[];
}

export const toSession = (ack: ConnectionAck): Session => ({
  id: ack.sessionId,
  resumed: ack.resumed,
  resumptions: ack.reconnectionCount,
  firstConnectedAt: new Date(Number(ack.initialConnectionUnixMs)),
  gatewayVersion: ack.serverVersion,
  extensions: ack.negotiatedExtensions,
  offeredExtensions: ack.serverSupportedExtensions,
});
