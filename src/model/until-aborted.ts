interface Sleeping {
  sleep(ms: number, options: { readonly signal: AbortSignal }): Promise<void>;
}

export interface Repeating {
  readonly clock: Sleeping;
  readonly signal: AbortSignal;
  /** Between the end of one attempt and the start of the next. */
  readonly pauseMs: number;
  /** Hears of each attempt that failed. */
  readonly onFailure: (cause: unknown) => void;
}

/** Runs `attempt` again and again until the signal aborts, whether it ends or fails. Never rejects. */
export const untilAborted = async (
  { clock, signal, pauseMs, onFailure }: Repeating,
  attempt: () => Promise<void>,
): Promise<void> => {
  while (!signal.aborted) {
    await attempt().catch((cause: unknown) => {
      if (!signal.aborted) onFailure(cause);
    });
    await clock.sleep(pauseMs, { signal }).catch(() => undefined);
  }
};
