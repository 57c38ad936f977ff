import { Pinger } from '../../../src/gateway/pinger.ts';
import type { Mutation } from './mutation.ts';

/** A recipient's place moves when its frames have been written, without its answer to a PING behind them (I6). */
export const places: Mutation = {
  program: () => {
    Pinger.prototype.ask = (answered) => queueMicrotask(answered);
  },
};
