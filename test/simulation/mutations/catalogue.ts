import { cursorMutations } from './cursor-mutations.ts';
import { deliveryMutations } from './delivery-mutations.ts';
import { leaseMutations } from './lease-mutations.ts';
import { letterMutations } from './letter-mutations.ts';
import { logMutations } from './log-mutations.ts';
import type { Mutation } from './mutation.ts';
import { stateMutations } from './state-mutations.ts';

/** All planted bugs. */
export const mutations: readonly Mutation[] = [
  ...leaseMutations,
  ...cursorMutations,
  ...logMutations,
  ...deliveryMutations,
  ...letterMutations,
  ...stateMutations,
];
