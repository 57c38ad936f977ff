import type { Check } from '../admin/health.ts';
import type { Config } from '../config/schema.ts';
import type { Ports } from './fabric.ts';

/** What every composition is given. */
export type Given = Pick<Ports, 'clock' | 'entropy' | 'log' | 'metrics'>;

/** A set of ports, with what they stand on. */
export interface Composition extends AsyncDisposable {
  readonly ports: Ports;
  /** One for each dependency; readiness is all of them. */
  readonly checks: readonly Check[];
  /** What it runs on, for the one line at start. */
  readonly summary: string;
}

export type OpenComposition = (config: Config, given: Given) => Promise<Composition>;
