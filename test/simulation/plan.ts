/** Everything a seed decides ahead, as plain values: who does what and what goes wrong when. Made smaller by leaving out. */
import type { PresenceSettings } from '../../src/presence/presence.ts';
import type { Post } from './letters/author.ts';
import type { Cut } from './link.ts';
import type { ServerName } from './sim-gateway.ts';
import type { Step } from './state/deed.ts';

export type Act =
  | { readonly do: 'rest'; readonly ms: number }
  | { readonly do: 'until'; readonly atMs: number }
  | {
      readonly do: 'send';
      readonly to: string;
      readonly count: number;
      readonly bytes: number;
      readonly everyMs: number;
    }
  /** Of authors. */
  | { readonly do: 'post'; readonly posts: readonly Post[]; readonly everyMs: number }
  /** Of keepers. */
  | { readonly do: 'keep'; readonly steps: readonly Step[]; readonly everyMs: number }
  /** Half-closes, waits for what the gateway says, and comes back. */
  | { readonly do: 'close'; readonly awayMs: number }
  | { readonly do: 'cancel'; readonly awayMs: number }
  /** The gateway hears of it after that time, or when its transport gives up. */
  | { readonly do: 'vanish'; readonly awayMs: number; readonly noticedAfterMs: number | undefined }
  | { readonly do: 'pause'; readonly ms: number }
  | { readonly do: 'stall'; readonly direction: 'up' | 'down' | 'both'; readonly ms: number }
  /** Takes its session to another gateway while the old stream is still open, and goes on sending. */
  | {
      readonly do: 'move';
      readonly to: string;
      readonly count: number;
      readonly everyMs: number;
      /** Sends on the new stream as soon as that is open. */
      readonly switches: boolean;
    }
  /** Of keepers: takes its session to another gateway, as above, and goes on keeping. */
  | { readonly do: 'shift'; readonly steps: readonly Step[]; readonly everyMs: number; readonly switches: boolean };

/**
 * Authors name their messages and ask for receipts, readers acknowledge what authors send them, keepers have keys and
 * checkpoints.
 */
export type ClientKind = 'agent' | 'worker' | 'author' | 'reader' | 'keeper';

export interface ClientPlan {
  readonly name: string;
  readonly identity: string;
  readonly kind: ClientKind;
  readonly startMs: number;
  /** How often it comes back with its session id. */
  readonly resumeRate: number;
  /** How long it waits for a gateway's word. */
  readonly patienceMs: number;
  /** Somebody else under the same identity, who gives up at the end. */
  readonly isTwin: boolean;
  readonly acts: readonly Act[];
}

export type Fault = { readonly atMs: number } & (
  | { readonly kind: 'crash'; readonly gateway: number; readonly forMs: number; readonly silently: boolean }
  | { readonly kind: 'drain'; readonly gateway: number; readonly forMs: number }
  | { readonly kind: 'stop'; readonly gateway: number; readonly forMs: number; readonly timersFirst: boolean }
  | {
      readonly kind: 'cut';
      readonly gateway: number;
      readonly server: ServerName;
      readonly cut: Cut;
      readonly forMs: number;
    }
  | {
      readonly kind: 'slow';
      readonly gateway: number;
      readonly server: ServerName;
      readonly factor: number;
      readonly forMs: number;
    }
  /**
   * A gateway is cut off from Redis and does not know of it, and what it has on its way to the log arrives late; all
   * others go on, on a Redis that may have lost its data.
   */
  | {
      readonly kind: 'isolate';
      readonly gateway: number;
      readonly forMs: number;
      readonly lateMs: number;
      readonly wipes: boolean;
    }
  /** What the gateway of a client sends to Redis is on its way for longer than leases last. */
  | { readonly kind: 'lag'; readonly client: string; readonly forMs: number; readonly lateMs: number }
  | { readonly kind: 'outage'; readonly server: ServerName; readonly forMs: number; readonly wipes: boolean }
  | { readonly kind: 'reset'; readonly gateway: number }
  | { readonly kind: 'jump'; readonly gateway: number; readonly byMs: number }
);

export interface Plan {
  readonly seed: number;
  readonly durationMs: number;
  readonly gateways: number;
  readonly partitions: number;
  readonly presence: Omit<PresenceSettings, 'gatewayId'>;
  readonly slowConsumerMs: number;
  readonly storeLatencyMs: number;
  readonly clientLatencyMs: number;
  readonly windowBytes: number;
  /** Of single answers of stores. */
  readonly lossRate: number;
  /** Of single requests to stores that are held up for seconds. */
  readonly stallRate: number;
  /** Of hints, and of notices that a lease is lost. */
  readonly gossipLossRate: number;
  readonly clients: readonly ClientPlan[];
  readonly faults: readonly Fault[];
}
