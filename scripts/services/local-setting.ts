import type { Ports } from './ports.ts';
import type { Programs } from './programs.ts';
import type { StateFile } from './state.ts';

/** What services made of our own processes are made in. */
export interface LocalSetting {
  readonly ports: Ports;
  readonly programs: Programs;
  readonly state: StateFile;
}
