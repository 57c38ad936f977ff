/**
 * Where a recipient's frames go; a session's outbox. `offer` takes whole frames or refuses, never a part. After a
 * refusal the inbox calls `Recipient.room` once there is room again. `Recipient.confirmed` tells the highest mark up to
 * which the peer's transport has answered for having everything (I6).
 */
export interface Inbox {
  /** Answers with a mark that grows with each call, or `undefined` when full: nothing was taken. */
  offer(frames: Uint8Array, records: number): number | undefined;
}
