import { bulkBatchBytes, bulkBytesInFlightMax } from '../model/limits.ts';

/**
 * How much of large batches may be on its way to the log at once, all partitions together: what is ahead of a small
 * batch of anybody is never more than that. Small batches pass by. Partitions that wait take turns.
 */
export class BulkLane {
  #bytes = 0;
  readonly #waiting = new Set<() => void>();

  /** Whether a batch may go now; if not, `wake` is called when it is worth asking again. `leave` what has entered. */
  enter(bytes: number, wake: () => void): boolean {
    if (bytes < bulkBatchBytes) return true;
    if (this.#bytes > 0 && this.#bytes + bytes > bulkBytesInFlightMax) {
      this.#waiting.add(wake);
      return false;
    }
    this.#bytes += bytes;
    return true;
  }

  leave(bytes: number): void {
    if (bytes < bulkBatchBytes) return;
    this.#bytes -= bytes;
    const waiting = [...this.#waiting];
    for (const wake of waiting) {
      if (this.#bytes >= bulkBytesInFlightMax) return;
      this.#waiting.delete(wake);
      wake();
    }
  }
}
