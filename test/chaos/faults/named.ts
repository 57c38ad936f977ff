import type { Fault } from '../stage.ts';
import { allFaults } from './all.ts';

export const faultNamed = (kind: string): Fault => {
  const found = allFaults.find((fault) => fault.kind === kind);
  if (found === undefined) throw new RangeError(`no disturbance ${kind}`);
  return found;
};
