/**
 * What was used lately, by name, in two generations: where the younger one is full it becomes the older, and what was in
 * the older one and not used since is forgotten. So whatever is used in turn is found again as long as it is not more
 * than a generation holds, and to make room costs nothing.
 */
export class Recent<Value> {
  readonly #generationMax: number;
  /** Made when they are needed: most sessions send nothing. */
  #young: Map<string, Value> | undefined;
  #old: Map<string, Value> | undefined;

  /** Holds up to `sizeMax`, and finds again what was among the last half as many names. */
  constructor(sizeMax: number) {
    this.#generationMax = Math.max(1, Math.floor(sizeMax / 2));
  }

  get(name: string): Value | undefined {
    const value = this.#young?.get(name);
    if (value !== undefined || this.#old === undefined) return value;
    const found = this.#old.get(name);
    if (found !== undefined) this.set(name, found);
    return found;
  }

  set(name: string, value: Value): void {
    this.#young ??= new Map();
    if (this.#young.size >= this.#generationMax && !this.#young.has(name)) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(name, value);
  }

  clear(): void {
    this.#young = undefined;
    this.#old = undefined;
  }
}
