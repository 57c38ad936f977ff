/** Leaves out of a failing plan what it does not need to break the same promise. */
import { runPlan } from './campaign.ts';
import type { Breach } from './ledger.ts';
import type { Mutation } from './mutations/mutation.ts';
import type { Plan } from './plan.ts';

export const shrink = async (plan: Plan, mutation: Mutation | undefined, promise: Breach['promise']): Promise<Plan> => {
  let smallest = plan;
  for (let hasShrunk = true; hasShrunk; ) {
    hasShrunk = false;
    for (const smaller of smallerThan(smallest)) {
      const { breaches } = await runPlan(smaller, mutation);
      if (!breaches.some((breach) => breach.promise === promise)) continue;
      smallest = smaller;
      hasShrunk = true;
      break;
    }
  }
  return smallest;
};

const without = <Item>(items: readonly Item[], index: number): readonly Item[] => items.toSpliced(index, 1);

/** Every plan with one thing less, the largest things first. */
function* smallerThan(plan: Plan): Generator<Plan> {
  for (const index of plan.clients.keys()) yield { ...plan, clients: without(plan.clients, index) };
  for (const index of plan.faults.keys()) yield { ...plan, faults: without(plan.faults, index) };
  if (plan.lossRate > 0) yield { ...plan, lossRate: 0 };
  if (plan.stallRate > 0) yield { ...plan, stallRate: 0 };
  if (plan.gossipLossRate > 0) yield { ...plan, gossipLossRate: 0 };
  for (const [at, client] of plan.clients.entries())
    for (const index of client.acts.keys())
      yield { ...plan, clients: plan.clients.with(at, { ...client, acts: without(client.acts, index) }) };
}
