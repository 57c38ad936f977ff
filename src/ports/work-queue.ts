/** A message on its way to one worker. Exactly one of the two calls ends it. */
export interface WorkItem {
  /** The same each time it is delivered, and no other item's of its topic. */
  readonly id: string;
  readonly body: Uint8Array;
  /** 1 for the first delivery. */
  readonly attempt: number;
  /** Done: it will not come again. */
  ack(): void;
  /** Not done: some worker gets it again, with `attempt` + 1. */
  release(): void;
}

/** Messages of which each goes to exactly one of the consumers of its topic, oldest first, at least once. */
export interface WorkQueue {
  /** Resolves once the message is durable. */
  push(topic: string, parts: readonly Uint8Array[]): Promise<void>;
  /**
   * Items as they come, at most `credit` of them neither acknowledged nor released. Ends when the signal aborts; what
   * is still open then, or when the process dies, is released. Throws `STORE_UNAVAILABLE` if the queue is lost.
   */
  consume(topic: string, options: { readonly credit: number; readonly signal: AbortSignal }): AsyncIterable<WorkItem>;
}
