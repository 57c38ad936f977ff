/**
 * The answers to one connection's deliveries. What is answered in one turn goes together in one frame. An answer to a
 * delivery of an earlier connection is dropped: the message comes again.
 */
import { failure } from './error.ts';
import type { Nack } from './gen/aether/v1/fabric.ts';
import { answersPerFrameMax } from './limits.ts';
import { encode } from './wire.ts';

export class DeliveryAnswers {
  readonly #send: (frame: Uint8Array) => void;
  #acked: bigint[] = [];
  #nacked: Nack[] = [];
  #isScheduled = false;
  #isOver = false;

  constructor(send: (frame: Uint8Array) => void) {
    this.#send = send;
  }

  /** The connection is gone. */
  end(): void {
    this.#isOver = true;
  }

  ack(deliveryId: bigint): void {
    this.#acked.push(deliveryId);
    this.#schedule();
  }

  nack(deliveryId: bigint, afterMs: number): void {
    if (!Number.isSafeInteger(afterMs) || afterMs < 0)
      throw failure('INVALID_ARGUMENT', `afterMs is ${afterMs}, it must be a whole number of milliseconds`);
    this.#nacked.push({ deliveryId, redeliverAfterMs: BigInt(afterMs) });
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => this.flush());
  }

  /** Sends what there is. */
  flush(): void {
    this.#isScheduled = false;
    while (!this.#isOver && this.#acked.length + this.#nacked.length > 0) {
      const acked = this.#acked.splice(0, answersPerFrameMax);
      const nacked = this.#nacked.splice(0, answersPerFrameMax);
      this.#send(encode({ $case: 'ackDeliveries', value: { acked, nacked, requestId: '' } }));
    }
  }
}
