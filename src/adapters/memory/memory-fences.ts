/** The newest epoch of each owner. */
export class MemoryFences {
  readonly #epochs = new Map<string, bigint>();

  open(owner: string, epoch: bigint): boolean {
    if ((this.#epochs.get(owner) ?? epoch) > epoch) return false;
    this.#epochs.set(owner, epoch);
    return true;
  }

  holds(owner: string, epoch: bigint): boolean {
    return this.#epochs.get(owner) === epoch;
  }
}
