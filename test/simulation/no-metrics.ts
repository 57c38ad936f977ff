import type { Metrics } from '../../src/ports/metrics.ts';

const nothing = (): void => undefined;

/** Nobody reads the measurements of a simulated gateway. */
export const noMetrics: Metrics = {
  counter: () => ({ at: () => ({ add: nothing }) }),
  gauge: () => ({ at: () => ({ add: nothing, set: nothing }) }),
  histogram: () => ({ at: () => ({ record: nothing }) }),
};
