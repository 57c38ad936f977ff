/**
 * Whether a session may send one message more. Where the client has said that it would rather wait (the extension
 * `quotas`), nothing is refused: its next frame is not looked at before its time has come, so all of it keeps its order.
 */
import { FabricError } from '../model/error.ts';
import type { Clock } from '../ports/clock.ts';
import type { Count, Measure } from '../ports/metrics.ts';
import type { Refused } from '../quotas/meter.ts';
import type { Metering } from '../quotas/quotas.ts';

/** What counts: messages, alone or in batches, and reports of progress. */
export type Countable = 'message' | 'progress report';

/** Nothing where it may pass; else why not, now or after a wait. */
export type Verdict = FabricError | undefined | Promise<FabricError | undefined>;

export interface AdmissionDeps {
  readonly metering: Metering;
  readonly clock: Clock;
  readonly refusals: Measure<Count>;
  readonly isPatient: boolean;
  /** Aborts when the stream ends: nothing waits any longer. */
  readonly over: () => AbortSignal;
  /** Throws where the session may not act any more. */
  readonly assertCurrent: () => void;
}

export interface Sender {
  readonly identity: string;
  readonly workspace: string | undefined;
}

export class Admission {
  readonly #deps: AdmissionDeps;

  constructor(deps: AdmissionDeps) {
    this.#deps = deps;
  }

  admit(what: Countable, sender: Sender): Verdict {
    const refused = this.#deps.metering.meter.take();
    if (refused === undefined) return undefined;
    if (refused.answer === undefined && !this.#deps.isPatient) return this.#refuse(refused, what, sender);
    return this.#wait(refused, what, sender);
  }

  admitRun(count: number): boolean {
    return this.#deps.metering.meter.takeRun(count);
  }

  /** Nothing more has arrived for now. */
  settle(): void {
    this.#deps.metering.meter.settle();
  }

  enter(workspace: string | undefined): void {
    this.#deps.metering.enter(workspace);
  }

  [Symbol.dispose](): void {
    this.#deps.metering[Symbol.dispose]();
  }

  async #wait(first: Refused, what: Countable, sender: Sender): Promise<FabricError | undefined> {
    const { metering, clock, over, isPatient, assertCurrent } = this.#deps;
    for (let refused: Refused | undefined = first; refused !== undefined; refused = metering.meter.take()) {
      const { answer, waitMs } = refused;
      if (answer !== undefined) await answer;
      else if (!isPatient || over().aborted) return this.#refuse(refused, what, sender);
      else await clock.sleep(waitMs, { signal: over() }).catch(() => undefined);
    }
    assertCurrent();
    return undefined;
  }

  #refuse({ metered, waitMs: retryAfterMs }: Refused, what: Countable, sender: Sender): FabricError {
    this.#deps.refusals.at({ limit: `${metered}_rate` }).add(1);
    switch (metered) {
      case 'session':
        return new FabricError('ERR_RATE_LIMITED', `${what} rate limit exceeded`, { retryAfterMs });
      case 'identity':
        return new FabricError('ERR_RATE_LIMITED', `${what} rate limit of ${sender.identity} exceeded`, {
          retryAfterMs,
        });
      case 'workspace':
        return new FabricError(
          'ERR_WORKSPACE_RATE_LIMITED',
          `workspace ${sender.workspace} ${what} rate limit exceeded`,
          { retryAfterMs },
        );
    }
  }
}
