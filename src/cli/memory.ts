/**
 * Large messages live in buffers outside of V8's heap. V8 13 (Node 24) starts a full collection every 20 MiB or so of
 * them, however small the heap is: a third of the time of a gateway that moves 256 KiB messages. With this setting they
 * count towards the same limit as the heap, which grows with what is really in use. Node 22 knows neither.
 */
import { setFlagsFromString } from 'node:v8';

export const tuneMemory = (): void => {
  if (process.versions.v8.startsWith('13.')) setFlagsFromString('--external-memory-accounted-in-global-limit');
};
