/**
 * Claims the work of one topic for all its consumers in this process: one statement at a time, for as many items as
 * they have room for together. While there may be more than it has claimed it asks again as soon as there is room;
 * once it came back with fewer than it asked for, only when it is told of new work.
 */
import { asFabricError } from '../../model/error.ts';
import type { Clock } from '../../ports/clock.ts';
import type { WorkConsumer } from './work-consumer.ts';
import type { Claim, ClaimedItem } from './work-statements.ts';

interface LaneDeps {
  readonly clock: Clock;
  readonly claim: (limit: number) => Promise<readonly ClaimedItem[]>;
  readonly release: (claim: Claim) => void;
}

const claimsPerCallMax = 256;

export class WorkLane {
  readonly #deps: LaneDeps;
  /** In the order in which they get the next items. */
  readonly #consumers = new Set<WorkConsumer>();
  #mayHaveWork = true;
  #isClaiming = false;

  constructor(deps: LaneDeps) {
    this.#deps = deps;
  }

  get consumers(): ReadonlySet<WorkConsumer> {
    return this.#consumers;
  }

  /** Whether it has room, but nothing to claim as far as it knows. */
  get isWaiting(): boolean {
    return !this.#mayHaveWork && this.#room() > 0;
  }

  add(consumer: WorkConsumer): void {
    this.#consumers.add(consumer);
    this.#claimSoon();
  }

  remove(consumer: WorkConsumer): void {
    this.#consumers.delete(consumer);
  }

  /** There may be new work. */
  hear(): void {
    this.#mayHaveWork = true;
    this.#claimSoon();
  }

  /** A consumer has more room. */
  hasRoom(): void {
    this.#claimSoon();
  }

  #claimSoon(): void {
    if (this.#isClaiming || !this.#mayHaveWork) return;
    this.#isClaiming = true;
    // In a turn of its own, so that it asks once for all the room that this one makes.
    this.#deps.clock.schedule(0, () => void this.#claimAll());
  }

  async #claimAll(): Promise<void> {
    try {
      const wanted = Math.min(this.#room(), claimsPerCallMax);
      if (wanted > 0) await this.#claim(wanted);
      this.#isClaiming = false;
      if (this.#room() > 0) this.#claimSoon();
    } catch (thrown) {
      this.#isClaiming = false;
      for (const consumer of this.#consumers) consumer.fail(asFabricError(thrown));
    }
  }

  async #claim(wanted: number): Promise<void> {
    this.#mayHaveWork = false;
    const items = await this.#deps.claim(wanted);
    if (items.length === wanted) this.#mayHaveWork = true;
    for (const item of items) this.#hand(item);
  }

  #hand(item: ClaimedItem): void {
    for (const consumer of this.#consumers) {
      if (consumer.room === 0) continue;
      consumer.give(item);
      this.#consumers.delete(consumer);
      this.#consumers.add(consumer);
      return;
    }
    this.#deps.release(item);
  }

  #room(): number {
    let room = 0;
    for (const consumer of this.#consumers) room += consumer.room;
    return room;
  }
}
