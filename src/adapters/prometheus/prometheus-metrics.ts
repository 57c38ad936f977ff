/**
 * Measures for Prometheus. Values are kept in plain numbers and handed to prom-client when it is asked, so that counting
 * on a hot path costs an addition. Label values beyond `seriesMax` of a measure are counted together as `other`.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Count, Distribution, Labels, Level, Measure, MeasureDefinition, Metrics } from '../../ports/metrics.ts';

const seriesMax = 500;

interface Exported {
  readonly metrics: Metrics;
  readonly contentType: string;
  /** The page Prometheus reads. */
  text(): Promise<string>;
}

export const openPrometheus = (): Exported => {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return {
    metrics: new PrometheusMetrics(registry),
    contentType: registry.contentType,
    text: () => registry.metrics(),
  };
};

class Series<Kind> implements Measure<Kind> {
  readonly #byLabels = new Map<string, Kind>();
  readonly #make: (labels: Labels) => Kind;

  constructor(make: (labels: Labels) => Kind) {
    this.#make = make;
  }

  at(labels: Labels): Kind {
    const key = JSON.stringify(labels);
    let found = this.#byLabels.get(key);
    if (found !== undefined) return found;
    if (this.#byLabels.size >= seriesMax && Object.values(labels).some((value) => value !== other))
      return this.at(asOther(labels));
    found = this.#make(labels);
    this.#byLabels.set(key, found);
    return found;
  }
}

const other = 'other';
const asOther = (labels: Labels): Labels => Object.fromEntries(Object.keys(labels).map((name) => [name, other]));

class PrometheusMetrics implements Metrics {
  readonly #registry: Registry;
  readonly #gauges = new Map<string, Measure<Level>>();

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  counter({ name, help, labels }: MeasureDefinition): Measure<Count> {
    const pending: { readonly labels: Labels; amount: number }[] = [];
    const exported = new Counter({
      name,
      help,
      labelNames: labels,
      registers: [this.#registry],
      collect: () => {
        for (const entry of pending) {
          exported.inc(entry.labels, entry.amount);
          entry.amount = 0;
        }
      },
    });
    return new Series((bound) => {
      const entry = { labels: bound, amount: 0 };
      pending.push(entry);
      return {
        add: (amount) => {
          entry.amount += amount;
        },
      };
    });
  }

  gauge({ name, help, labels }: MeasureDefinition): Measure<Level> {
    const known = this.#gauges.get(name);
    if (known !== undefined) return known;
    const exported = new Gauge({ name, help, labelNames: labels, registers: [this.#registry] });
    const gauge = new Series<Level>((bound) => ({
      add: (amount) => exported.inc(bound, amount),
      set: (value) => exported.set(bound, value),
    }));
    this.#gauges.set(name, gauge);
    return gauge;
  }

  histogram({
    name,
    help,
    labels,
    buckets,
  }: MeasureDefinition & { readonly buckets: readonly number[] }): Measure<Distribution> {
    const exported = new Histogram({
      name,
      help,
      labelNames: labels,
      buckets: [...buckets],
      registers: [this.#registry],
    });
    return new Series((bound) => ({ record: (value) => exported.observe(bound, value) }));
  }
}
