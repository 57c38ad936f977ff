/** How long an identity was away when its gateway was killed: until it had a session elsewhere, and a delivery on it. */
import { type Distribution, distributionOf } from './distribution.ts';
import type { Disturbed } from './event.ts';
import type { History, SessionFacts } from './history.ts';

export interface Failover {
  readonly connectedMs: Distribution;
  readonly deliveredMs: Distribution;
}

export interface Failovers {
  /** Identities that came back with their session id. */
  readonly resumed: Failover;
  readonly anew: Failover;
}

interface Return {
  readonly isResumed: boolean;
  readonly connectedMs: number;
  readonly deliveredMs: number | undefined;
}

/** `kind`: of the disturbances that kill the gateway they name as their target. */
export const measureFailovers = (history: History, kind: string): Failovers => {
  const firsts = firstDeliveries(history);
  const returns = history.disturbances
    .filter((disturbed) => disturbed.kind === kind)
    .flatMap((kill) => [...history.clients].flatMap((who) => returnOf(history.sessionsOf(who), kill, firsts) ?? []));
  return {
    resumed: failoverOf(returns.filter(({ isResumed }) => isResumed)),
    anew: failoverOf(returns.filter(({ isResumed }) => !isResumed)),
  };
};

const failoverOf = (returns: readonly Return[]): Failover => ({
  connectedMs: distributionOf(returns.map(({ connectedMs }) => connectedMs)),
  deliveredMs: distributionOf(returns.flatMap(({ deliveredMs }) => deliveredMs ?? [])),
});

const firstDeliveries = (history: History): ReadonlyMap<string, number> => {
  const firsts = new Map<string, number>();
  for (const { session, at } of history.deliveries)
    if (session !== undefined && at < (firsts.get(session) ?? Infinity)) firsts.set(session, at);
  return firsts;
};

const returnOf = (
  sessions: readonly SessionFacts[],
  { at, target }: Disturbed,
  firsts: ReadonlyMap<string, number>,
): Return | undefined => {
  const line = sessions.filter(({ isLate }) => isLate === undefined);
  const before = line.findLastIndex((session) => session.at < at);
  const last = line[before];
  const next = line[before + 1];
  if (last === undefined || next === undefined || last.gateway !== target || next.gateway === target) return undefined;
  // It had left by itself before.
  if (last.endedAt !== undefined && last.endedAt < at) return undefined;
  const delivered = firsts.get(next.session);
  return {
    isResumed: next.resumed,
    connectedMs: next.at - at,
    deliveredMs: delivered === undefined ? undefined : delivered - at,
  };
};
