/** A message its recipient did not get done with. */
export interface DeadLetter {
  /** Where it came from and for whom: burying the same delivery twice leaves one letter. */
  readonly id: string;
  readonly topic: string;
  /** Whose attempts they were. */
  readonly recipient: string;
  /** Topic of the sender; empty where it has none. */
  readonly source: string;
  /** The identity of the sender and its name for the message; empty where it gave none. */
  readonly owner: string;
  readonly messageId: string;
  readonly attempts: number;
  /** For people. */
  readonly reason: string;
  readonly buriedAtMs: number;
  /** The recipient's frame with its gRPC prefix. */
  readonly frame: Uint8Array;
}

export interface DeadLetterPage {
  readonly letters: readonly DeadLetter[];
  /** Where the next page starts; absent on the last. */
  readonly next?: string;
}

/** What was given up and is kept until an operator decides. Calls are atomic each. */
export interface DeadLetterStore {
  /** Resolves once they are durable. One that is there already stays as it is. */
  add(letters: readonly DeadLetter[]): Promise<void>;
  /** The oldest first, after the mark of a page before; of one topic, or of all where it is empty. */
  list(topic: string, after: string, limit: number): Promise<DeadLetterPage>;
  /** Those of the ids that are there. */
  get(ids: readonly string[]): Promise<readonly DeadLetter[]>;
  /** Answers with how many were there. */
  remove(ids: readonly string[]): Promise<number>;
}
