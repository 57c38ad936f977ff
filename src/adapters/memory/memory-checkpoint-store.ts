import { checkpointsPerIdentityMax } from '../../model/limits.ts';
import type {
  Checkpoint,
  CheckpointSave,
  CheckpointSaved,
  CheckpointStore,
  CheckpointWriter,
} from '../../ports/checkpoint-store.ts';
import type { Clock } from '../../ports/clock.ts';
import { MemoryFences } from './memory-fences.ts';

interface Saved extends Checkpoint {
  readonly expiresAtMs: number | undefined;
}

/** Checkpoints of one process, as long as it lives. */
export class MemoryCheckpointStore implements CheckpointStore {
  readonly #clock: Clock;
  readonly #fences = new MemoryFences();
  readonly #owners = new Map<string, Map<string, Saved>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  open(owner: string, epoch: bigint): Promise<boolean> {
    return Promise.resolve(this.#fences.open(owner, epoch));
  }

  save({ owner, epoch }: CheckpointWriter, { name, data, ttlMs }: CheckpointSave): Promise<CheckpointSaved> {
    if (!this.#fences.holds(owner, epoch)) return Promise.resolve({ outcome: 'fenced' });
    const saved = this.#live(owner);
    if (!saved.has(name) && saved.size >= checkpointsPerIdentityMax) return Promise.resolve({ outcome: 'full' });
    const savedAtMs = this.#clock.now();
    const expiresAtMs = ttlMs === undefined ? undefined : savedAtMs + ttlMs;
    saved.set(name, { data: Uint8Array.from(data), savedAtMs, expiresAtMs });
    return Promise.resolve({ outcome: 'saved', savedAtMs });
  }

  load(owner: string, name: string): Promise<Checkpoint | undefined> {
    const found = this.#live(owner).get(name);
    return Promise.resolve(found && { data: found.data, savedAtMs: found.savedAtMs });
  }

  delete({ owner, epoch }: CheckpointWriter, name: string): Promise<boolean> {
    if (!this.#fences.holds(owner, epoch)) return Promise.resolve(false);
    this.#live(owner).delete(name);
    return Promise.resolve(true);
  }

  list(owner: string): Promise<readonly string[]> {
    const names = [...this.#live(owner).keys()];
    return Promise.resolve(names.toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other))));
  }

  #live(owner: string): Map<string, Saved> {
    const saved = this.#owners.get(owner) ?? new Map<string, Saved>();
    this.#owners.set(owner, saved);
    for (const [name, { expiresAtMs }] of saved)
      if (expiresAtMs !== undefined && expiresAtMs <= this.#clock.now()) saved.delete(name);
    return saved;
  }
}
