export type Labels = Readonly<Record<string, string>>;

/**
 * Measurements for operators. A measure is made once with all its label names; `at` binds label values and is cheap to
 * keep, so hot paths bind once and then only add. Label values are capped by the adapter, never unbounded.
 */
export interface Metrics {
  counter(definition: MeasureDefinition): Measure<Count>;
  /** Parts that name the same one share it. */
  gauge(definition: MeasureDefinition): Measure<Level>;
  histogram(definition: MeasureDefinition & { readonly buckets: readonly number[] }): Measure<Distribution>;
}

export interface MeasureDefinition {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
}

export interface Measure<Kind> {
  at(labels: Labels): Kind;
}

export interface Count {
  add(amount: number): void;
}

export interface Level {
  add(amount: number): void;
  set(value: number): void;
}

export interface Distribution {
  record(value: number): void;
}
