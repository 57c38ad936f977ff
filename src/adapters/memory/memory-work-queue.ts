import type { WorkItem, WorkQueue } from '../../ports/work-queue.ts';

interface Job {
  readonly id: string;
  readonly body: Uint8Array;
  attempts: number;
}

class Lane {
  readonly jobs: Job[] = [];
  readonly waiting = new Set<() => void>();

  add(job: Job, { first }: { readonly first: boolean }): void {
    if (first) this.jobs.unshift(job);
    else this.jobs.push(job);
    for (const wake of this.waiting) wake();
  }
}

/** Competing work of one process, as long as it lives. */
export class MemoryWorkQueue implements WorkQueue {
  readonly #lanes = new Map<string, Lane>();
  #pushed = 0;

  push(topic: string, parts: readonly Uint8Array[]): Promise<void> {
    this.#lane(topic).add(
      { id: String((this.#pushed += 1)), body: Buffer.concat(parts), attempts: 0 },
      { first: false },
    );
    return Promise.resolve();
  }

  async *consume(
    topic: string,
    { credit, signal }: { readonly credit: number; readonly signal: AbortSignal },
  ): AsyncGenerator<WorkItem> {
    const lane = this.#lane(topic);
    const open = new Set<Job>();
    let wake = Promise.withResolvers<void>();
    const poke = (): void => wake.resolve();
    lane.waiting.add(poke);
    signal.addEventListener('abort', poke, { once: true });
    try {
      while (!signal.aborted) {
        const job = open.size < credit ? lane.jobs.shift() : undefined;
        if (job !== undefined) yield take(lane, job, { open, poke });
        else {
          await wake.promise;
          wake = Promise.withResolvers();
        }
      }
    } finally {
      lane.waiting.delete(poke);
      const left = [...open].toReversed();
      open.clear();
      for (const job of left) lane.add(job, { first: true });
    }
  }

  #lane(topic: string): Lane {
    let lane = this.#lanes.get(topic);
    if (lane === undefined) this.#lanes.set(topic, (lane = new Lane()));
    return lane;
  }
}

const take = (lane: Lane, job: Job, { open, poke }: { open: Set<Job>; poke: () => void }): WorkItem => {
  job.attempts += 1;
  open.add(job);
  const end = (then: () => void): void => {
    if (!open.delete(job)) return;
    then();
    poke();
  };
  return {
    id: job.id,
    body: job.body,
    attempt: job.attempts,
    ack: () => end(() => undefined),
    release: () => end(() => lane.add(job, { first: true })),
  };
};
