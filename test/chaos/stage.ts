/** What disturbances act on. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Crowd } from './crowd.ts';
import type { ChaosServices, GatewaySeat } from './gateway-seat.ts';
import type { Kind } from './schedule.ts';

export interface Stage {
  readonly gateways: readonly GatewaySeat[];
  readonly services: ChaosServices;
  readonly crowd: Crowd;
}

export interface Fault extends Omit<Kind, 'targets'> {
  readonly targets: (stage: Stage) => readonly string[];
  /** Disturbs the target, waits for `lasting`, and undoes it; resolves when all is as before. */
  readonly inject: (stage: Stage, target: string, lasting: () => Promise<void>) => Promise<void>;
}

export const gatewayNames = ({ gateways }: Stage): readonly string[] => gateways.map(({ name }) => name);

export const gatewayOf = ({ gateways }: Stage, name: string): GatewaySeat => {
  const found = gateways.find((gateway) => gateway.name === name);
  if (found === undefined) throw new RangeError(`no gateway ${name}`);
  return found;
};

/** Passes the time of a disturbance, or less of it when the signal aborts. */
export const passing = async (ms: number, signal: AbortSignal): Promise<void> => {
  await delay(ms, undefined, { signal }).catch(() => undefined);
};
