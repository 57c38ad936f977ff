/**
 * The door of checkpoints: states a principal saves under names of its own, which only its own identity can read. Looks at
 * names, sizes and TTLs; the store compares the epoch. Refuses with a FabricError.
 */
import type { CheckpointPermit } from '../acl/authorizer.ts';
import { Circuit, type CircuitDeps } from '../circuits/circuit.ts';
import { FabricError } from '../model/error.ts';
import { checkpointBytesMax, checkpointsPerIdentityMax, kvKeyBytesMax, ttlMsMax } from '../model/limits.ts';
import { identityOf } from '../model/principal.ts';
import type { Checkpoint, CheckpointStore } from '../ports/checkpoint-store.ts';

export interface CheckpointSettings {
  /** For those saved with a negative TTL; 0 for never. */
  readonly defaultTtlMs: number;
}

export const defaultCheckpointSettings: CheckpointSettings = { defaultTtlMs: 0 };

/** The right to write checkpoints, in the name of a session. */
export interface CheckpointKeeper {
  readonly permit: CheckpointPermit;
  readonly epoch: bigint;
}

export interface NamedState {
  /** Empty for `default`. */
  readonly name: string;
  readonly data: Uint8Array;
  /** Seconds to live; 0 for ever, negative for the configured default. */
  readonly ttlSeconds: bigint;
}

interface CheckpointsDeps extends CircuitDeps {
  readonly checkpointStore: CheckpointStore;
}

const defaultName = 'default';

export class Checkpoints {
  readonly #store: CheckpointStore;
  readonly #settings: CheckpointSettings;
  readonly #circuit: Circuit;

  constructor(deps: CheckpointsDeps, settings: CheckpointSettings) {
    this.#store = deps.checkpointStore;
    this.#settings = settings;
    this.#circuit = new Circuit('checkpoints', deps);
  }

  /** Fences off older sessions of the identity (I3). False to one that is older itself. */
  open(identity: string, epoch: bigint): Promise<boolean> {
    return this.#store.open(identity, epoch);
  }

  /** When it was saved, milliseconds since 1970. */
  async save({ permit, epoch }: CheckpointKeeper, { name, data, ttlSeconds }: NamedState): Promise<number> {
    if (data.byteLength > checkpointBytesMax)
      throw new FabricError(
        'ERR_PAYLOAD_TOO_LARGE',
        `checkpoint has ${data.byteLength} bytes, at most ${checkpointBytesMax}`,
      );
    const save = { name: checkedName(name), data, ttlMs: this.#ttlMs(ttlSeconds) };
    const saved = await this.#circuit.run(() => this.#store.save({ owner: ownerOf(permit), epoch }, save));
    if (saved.outcome === 'saved') return saved.savedAtMs;
    if (saved.outcome === 'fenced') throw superseded();
    throw new FabricError('ERR_CHECKPOINT_LIMIT', `${checkpointsPerIdentityMax} checkpoints are there already`);
  }

  load(permit: CheckpointPermit, name: string): Promise<Checkpoint | undefined> {
    const checked = checkedName(name);
    return this.#circuit.run(() => this.#store.load(ownerOf(permit), checked));
  }

  async delete({ permit, epoch }: CheckpointKeeper, name: string): Promise<void> {
    const checked = checkedName(name);
    const writer = { owner: ownerOf(permit), epoch };
    if (!(await this.#circuit.run(() => this.#store.delete(writer, checked)))) throw superseded();
  }

  list(permit: CheckpointPermit): Promise<readonly string[]> {
    return this.#circuit.run(() => this.#store.list(ownerOf(permit)));
  }

  #ttlMs(seconds: bigint): number | undefined {
    if (seconds < 0n) return this.#settings.defaultTtlMs || undefined;
    if (seconds * 1000n > BigInt(ttlMsMax))
      throw new FabricError('ERR_INVALID_ARGUMENT', `ttl is longer than ${ttlMsMax / 1000} seconds`);
    return Number(seconds) * 1000 || undefined;
  }
}

const ownerOf = ({ actor }: CheckpointPermit): string => identityOf(actor.principal);

const checkedName = (name: string): string => {
  if (name.length > kvKeyBytesMax || Buffer.byteLength(name) > kvKeyBytesMax)
    throw new FabricError('ERR_INVALID_ARGUMENT', `key is longer than ${kvKeyBytesMax} bytes`);
  if (name.includes('\ufffd')) throw new FabricError('ERR_INVALID_ARGUMENT', 'key is not UTF-8');
  return name || defaultName;
};

const superseded = (): FabricError =>
  new FabricError('SESSION_SUPERSEDED', 'the identity was taken over by a newer session');
