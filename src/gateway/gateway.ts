/**
 * The gateway's streams, whatever brings them: each is served until it ends, and all of them are drained when the
 * gateway stops.
 */
import type { Authorizer } from '../acl/authorizer.ts';
import type { Checkpoints } from '../checkpoints/checkpoints.ts';
import type { DeadLetters } from '../dead-letters/dead-letters.ts';
import type { Delays } from '../delays/delays.ts';
import type { Kv } from '../kv/kv.ts';
import { FabricError } from '../model/error.ts';
import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { Log } from '../ports/log.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { Presence } from '../presence/presence.ts';
import type { Quotas } from '../quotas/quotas.ts';
import type { Receipts } from '../receipts/receipts.ts';
import type { AckSettings } from '../router/acknowledgements.ts';
import type { Router } from '../router/router.ts';
import type { Authenticate } from './authenticate.ts';
import { Connection } from './connection.ts';
import type { FrameStream } from './frame-stream.ts';
import { type GatewayMeasures, gatewayMeasures } from './measures.ts';

export interface GatewayDeps {
  readonly presence: Presence;
  readonly receipts: Receipts;
  readonly router: Router;
  readonly deadLetters: DeadLetters;
  readonly delays: Delays;
  readonly kv: Kv;
  readonly checkpoints: Checkpoints;
  readonly quotas: Quotas;
  readonly authorizer: Authorizer;
  readonly authenticate: Authenticate;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly settings: GatewaySettings;
}

export interface GatewaySettings {
  /** What `ConnectionAck.server_version` says. */
  readonly version: string;
  /** How long a client may leave its outbox full before its stream ends. */
  readonly slowConsumerMs: number;
  /** Of streams whose client acknowledges. */
  readonly acks: AckSettings;
  /** How far ahead a message may be sent. */
  readonly delayMaxMs: number;
}

export class Gateway {
  readonly #deps: GatewayDeps;
  readonly #measures: GatewayMeasures;
  readonly #connections = new Set<Connection>();
  #isDraining = false;

  constructor(deps: GatewayDeps) {
    this.#deps = deps;
    this.#measures = gatewayMeasures(deps.metrics);
  }

  /** Whether new streams are served. */
  get isServing(): boolean {
    return !this.#isDraining;
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Serves one stream to its end. Never rejects. */
  async serve(stream: FrameStream): Promise<void> {
    if (this.#isDraining) return stream.end(new FabricError('DRAINING', 'gateway is shutting down'));
    const connection = new Connection(stream, this.#deps, this.#measures);
    this.#connections.add(connection);
    await connection.serve();
    this.#connections.delete(connection);
  }

  /** Refuses new streams, tells every client, finishes what is under way; gives up waiting when the signal aborts (I10). */
  async drain({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    this.#isDraining = true;
    const drained = Promise.all([...this.#connections].map((connection) => connection.drain()));
    const { promise: late, resolve } = Promise.withResolvers<void>();
    signal.addEventListener('abort', () => resolve(), { once: true });
    await Promise.race([drained, late]);
    if (this.#connections.size > 0)
      this.#deps.log.warn('some connections were still busy', { connections: this.#connections.size });
  }
}
