import type { Count, Distribution, Labels, Level, Measure, MeasureDefinition, Metrics } from '../../ports/metrics.ts';

/** Measures that can be read back. */
export class MemoryMetrics implements Metrics {
  readonly #values = new Map<string, number>();

  /** The value of a counter or gauge, or how often a histogram was recorded to. */
  read(name: string, labels: Labels = {}): number {
    return this.#values.get(keyOf(name, labels)) ?? 0;
  }

  counter({ name }: MeasureDefinition): Measure<Count> {
    return { at: (labels) => ({ add: (amount) => this.#add(keyOf(name, labels), amount) }) };
  }

  gauge({ name }: MeasureDefinition): Measure<Level> {
    return {
      at: (labels) => ({
        add: (amount) => this.#add(keyOf(name, labels), amount),
        set: (value) => void this.#values.set(keyOf(name, labels), value),
      }),
    };
  }

  histogram({ name }: MeasureDefinition): Measure<Distribution> {
    return { at: (labels) => ({ record: () => this.#add(keyOf(name, labels), 1) }) };
  }

  #add(key: string, amount: number): void {
    this.#values.set(key, (this.#values.get(key) ?? 0) + amount);
  }
}

const keyOf = (name: string, labels: Labels): string =>
  `${name} ${JSON.stringify(Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1)))}`;
