import { FabricError } from '../../model/error.ts';

/** What the attempt comes to, or `STORE_UNAVAILABLE` after `ms`; the attempt then goes on unheard. */
export const within = async <Value>(ms: number, attempt: Promise<Value>): Promise<Value> => {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new FabricError('STORE_UNAVAILABLE', 'Redis does not answer')), ms);
  try {
    return await Promise.race([attempt, late.promise]);
  } finally {
    clearTimeout(timer);
  }
};
