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
  /** The claim that is scheduled or under way. */
  #claiming: Promise<void> | undefined;

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

  /** Resolves when no claim is under way. */
  async idle(): Promise<void> {
    while (this.#claiming !== undefined) await this.#claiming;
  }

  #claimSoon(): void {
    if (this.#canClaim()) this.#claiming ??= this.#claimAll();
  }

  #canClaim(): boolean {
    return this.#mayHaveWork && this.#room() > 0;
  }

  /** Each time in a turn of its own, so that it asks once for all the room that this one makes. */
  async #claimAll(): Promise<void> {
    do {
      const turn = Promise.withResolvers<void>();
      this.#deps.clock.schedule(0, turn.resolve);
      await turn.promise;
      await this.#claim(Math.min(this.#room(), claimsPerCallMax)).catch((thrown: unknown) => this.#fail(thrown));
    } while (this.#canClaim());
    this.#claiming = undefined;
  }

  /** Those who come after may try again. */
  #fail(thrown: unknown): void {
    this.#mayHaveWork = true;
    for (const consumer of this.#consumers) consumer.fail(asFabricError(thrown));
  }

  async #claim(wanted: number): Promise<void> {
    if (wanted === 0) return;
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
