/**
 * What was used lately, by name, in two generations: where the younger one is full it becomes the older, and what was in
 * the older one and not used since is forgotten. So whatever is used in turn is found again as long as it is not more
 * than a generation holds, and to make room costs nothing.
 */
export class Recent<Value> {
  readonly #generationMax: number;
  #young = new Map<string, Value>();
  #old = new Map<string, Value>();

  /** Holds up to `sizeMax`, and finds again what was among the last half as many names. */
  constructor(sizeMax: number) {
    this.#generationMax = Math.max(1, Math.floor(sizeMax / 2));
  }

  get(name: string): Value | undefined {
    const value = this.#young.get(name);
    if (value !== undefined || this.#old.size === 0) return value;
    const found = this.#old.get(name);
    if (found !== undefined) this.set(name, found);
    return found;
  }

  set(name: string, value: Value): void {
    if (this.#young.size >= this.#generationMax && !this.#young.has(name)) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(name, value);
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }
}
