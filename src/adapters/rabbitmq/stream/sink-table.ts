/** An 8-bit id to each of those who share a connection. An id is taken from its reservation until its release. */
export class SinkTable<Sink> {
  readonly #idsMax: number;
  readonly #taken = new Set<number>();
  readonly #sinks = new Map<number, Sink>();

  constructor(idsMax: number) {
    this.#idsMax = Math.min(idsMax, 256);
  }

  get size(): number {
    return this.#taken.size;
  }

  get isFull(): boolean {
    return this.#taken.size >= this.#idsMax;
  }

  /** The lowest free id; `undefined` when all are taken. */
  reserve(): number | undefined {
    for (let id = 0; id < this.#idsMax; id += 1)
      if (!this.#taken.has(id)) {
        this.#taken.add(id);
        return id;
      }
    return undefined;
  }

  /** From now on frames for `id` are the sink's. */
  bind(id: number, sink: Sink): void {
    if (this.#taken.has(id)) this.#sinks.set(id, sink);
  }

  get(id: number): Sink | undefined {
    return this.#sinks.get(id);
  }

  /** Frames for `id` concern nobody any more; it stays taken while the broker may still know it. */
  unbind(id: number): void {
    this.#sinks.delete(id);
  }

  /** The broker knows nothing of `id`: it may be used again. */
  release(id: number): void {
    this.#sinks.delete(id);
    this.#taken.delete(id);
  }

  /** What is bound now; it may be unbound while one goes through it. */
  bound(): readonly (readonly [number, Sink])[] {
    return [...this.#sinks];
  }
}
