/** Time, and nothing else, comes from here: a whole fabric can run under virtual time. All values in milliseconds. */
export interface Clock {
  /** Wall time, milliseconds since 1970. May jump. */
  now(): number;
  /** Never goes back; for deadlines and durations. */
  monotonic(): number;
  /** Resolves after `ms`, rejects with the signal's reason when aborted first. */
  sleep(ms: number, options: { readonly signal: AbortSignal }): Promise<void>;
  /** Calls `run` once after `ms`, in a turn of its own; with 0, as soon as what is ready now has been handled. */
  schedule(ms: number, run: () => void): Scheduled;
}

export interface Scheduled {
  cancel(): void;
}
