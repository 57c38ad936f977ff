import { once } from 'node:events';
import type { Lease, LeaseStore } from '../../../src/ports/lease-store.ts';
import { altered, type Mutation } from './mutation.ts';

/**
 * Nobody is told that a newer epoch is there: not at a renewal, not at once, not at a cursor's commit, and not by the
 * successor, who takes it that all is well (I1, I3).
 */
export const epochs: Mutation = {
  composition: (composition) => {
    const { leaseStore, cursorStore, hints } = composition.ports;
    const renew: LeaseStore['renew'] = async (leases, ttlMs) => {
      await leaseStore.renew(leases, ttlMs);
      return [];
    };
    const commit: typeof cursorStore.commit = async (commits) => {
      await cursorStore.commit(commits);
      return [];
    };
    const publish: typeof hints.publish = (hint) =>
      hints.publish(hint.kind === 'settle' ? { kind: 'presence', probe: hint.probe, alive: false } : hint);
    const ports = {
      ...composition.ports,
      leaseStore: altered(leaseStore, { renew, losses: noLosses }),
      cursorStore: altered(cursorStore, { commit }),
      hints: altered(hints, { publish }),
    };
    return { ...composition, ports };
  },
};

const noLosses: LeaseStore['losses'] = (_keeper, { signal }) => Promise.resolve(silence(signal));

async function* silence(signal: AbortSignal): AsyncGenerator<Pick<Lease, 'name' | 'epoch'>> {
  if (!signal.aborted) await once(signal, 'abort');
  yield* [];
}
