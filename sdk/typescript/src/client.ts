/** What every principal's client can do. */
import { ask, type RequestOptions, sync } from './ask.ts';
import { Checkpoints } from './checkpoints.ts';
import { DeadLetters } from './dead-letters.ts';
import type { AetherError } from './error.ts';
import type { Handler, IterateOptions } from './feed.ts';
import { handle } from './handling.ts';
import type { CloseOptions, Link } from './link.ts';
import { Quotas } from './quotas.ts';
import { Receipts } from './receipts.ts';
import type { Session } from './session.ts';
import { Sessions } from './sessions.ts';
import type { ClosedReason, ConnectionStatus } from './status.ts';

/** What a client holds at the moment: all of it bounded. */
export interface ClientLoad {
  /** Messages received and not taken. */
  readonly messages: number;
  readonly messageBytes: number;
  /** Sends waiting for a connection or for room. */
  readonly sends: number;
  readonly sendBytes: number;
  /** Requests without an answer. */
  readonly requests: number;
}

export class Client implements AsyncDisposable {
  /** For operators: sessions of all gateways. */
  readonly sessions: Sessions;
  /** States this principal saves for itself. */
  readonly checkpoints: Checkpoints;
  /** For operators: what recipients gave up on. */
  readonly deadLetters: DeadLetters;
  /** For operators: how much workspaces and identities may use. */
  readonly quotas: Quotas;
  /** How far one's own messages have come. */
  readonly receipts: Receipts;
  readonly #link: Link;

  constructor(link: Link) {
    this.#link = link;
    this.sessions = new Sessions(link);
    this.checkpoints = new Checkpoints(link);
    this.deadLetters = new DeadLetters(link);
    this.quotas = new Quotas(link);
    this.receipts = new Receipts(link);
  }

  /** The text that names this principal in the fabric, exclusively. */
  get identity(): string {
    return this.#link.identity;
  }

  /** The session the gateway acknowledged last. */
  get session(): Session {
    return this.#link.session;
  }

  get currentStatus(): ConnectionStatus {
    return this.#link.status;
  }

  /** The present status, then each change, until the client is closed. A slow reader gets the newest. */
  status(options?: IterateOptions): AsyncIterableIterator<ConnectionStatus> {
    return this.#link.states.iterate(options);
  }

  /** Calls the handler with the present status and with each change. Returns how to stop. */
  onStatus(handler: Handler<ConnectionStatus>): () => void {
    return handle(this.#link, this.#link.states, handler);
  }

  /** What the gateway refused of what was sent, and handlers that failed. A slow reader gets the newest. */
  errors(options?: IterateOptions): AsyncIterableIterator<AetherError> {
    return this.#link.reception.errors.iterate(options);
  }

  /** Calls the handler with each refusal and each handler that failed. Where nobody listens, they are printed. */
  onError(handler: Handler<AetherError>): () => void {
    return handle(this.#link, this.#link.reception.errors, handler);
  }

  /** Resolves with the reason when the client is closed for good, by whomever. Never rejects. */
  get closed(): Promise<ClosedReason> {
    return this.#link.closed;
  }

  get load(): ClientLoad {
    const { outbox, reception } = this.#link;
    return {
      messages: reception.messages.length,
      messageBytes: reception.messages.bytes,
      sends: outbox.waiting.count,
      sendBytes: outbox.waiting.bytes,
      requests: reception.requests.size,
    };
  }

  /** Whether a principal is connected, anywhere in the fabric. The gateway decides whom one may ask about. */
  isOnline(identity: string, options: RequestOptions = {}): Promise<boolean> {
    return ask(
      this.#link,
      {
        what: 'connection status',
        build: (requestId) => ({
          $case: 'connectionStatusRequest',
          value: { requestId, principal: { principalType: '', principalId: identity } },
        }),
        pick: (payload) => (payload.$case === 'connectionStatusResponse' ? payload.value.connected : undefined),
      },
      options,
    );
  }

  /**
   * Resolves once the gateway has looked at everything sent so far: what it refuses of it has been told by then. Says
   * nothing of what the gateway accepted being durable; `close()` does.
   */
  sync(options: RequestOptions = {}): Promise<void> {
    return sync(this.#link, options);
  }

  /**
   * Sends what waits, ends the connection in good order and resolves once the gateway has confirmed: everything sent on
   * this connection is durable. Rejects where that is not certain. A task that belongs to the connection is completed.
   * Messages that have arrived can still be taken.
   */
  close(options: CloseOptions = {}): Promise<void> {
    return this.#link.close(options);
  }

  /** `close()`, unless it is closed already. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.currentStatus.state !== 'closed') await this.close();
  }
}
