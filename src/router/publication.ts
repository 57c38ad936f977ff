import type { FabricError } from '../model/error.ts';

/** What became of the records of one batch; shared by all who published into it. */
export interface Publication {
  /** Resolves when the batch is durable; rejects with `STORE_UNAVAILABLE` when that cannot be said. */
  readonly durable: Promise<void>;
  /** Set when the sender must wait before it publishes more. */
  readonly room: Promise<void> | undefined;
}

/** Of what is not even tried. */
export const refusedPublication = (reason: FabricError): Publication => {
  const { promise, reject } = Promise.withResolvers<void>();
  // Whoever cares holds `durable`.
  promise.catch(() => undefined);
  reject(reason);
  return { durable: promise, room: undefined };
};
