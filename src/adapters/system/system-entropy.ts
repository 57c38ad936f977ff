import { randomBytes, randomUUID } from 'node:crypto';
import type { Entropy } from '../../ports/entropy.ts';

export const systemEntropy: Entropy = {
  uuid: () => randomUUID(),
  random: () => Math.random(),
  bytes: (count) => randomBytes(count),
};
