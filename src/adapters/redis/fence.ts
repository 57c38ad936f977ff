/** The epoch opened last in an owner's name: what key-value state and checkpoints compare in the step that writes (I3). */
import type { RedisConnection } from './redis-connection.ts';
import { integerOf } from './reply.ts';
import { script } from './script.ts';

/** How long an epoch is remembered in whose name nothing is opened or written. */
export const fenceRetentionMs = 30 * 24 * 60 * 60 * 1000;

/**
 * Keys: fence. Arguments: epoch, how long it is kept. Answers: 1 | 0 to an older epoch. Epochs are numbers below 2^53
 * (`lease-scripts.ts`).
 */
const openFenceScript = script(`
local newest = redis.call('GET', KEYS[1])
if newest and tonumber(newest) > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
`);

export const openFence = async (redis: RedisConnection, key: string, epoch: bigint): Promise<boolean> =>
  integerOf(await redis.script(openFenceScript, [key], [String(epoch), String(fenceRetentionMs)])) === 1;
