/**
 * A checkpoint is a string key, when it was saved in decimal milliseconds, a blank, and the data; its expiry is the
 * checkpoint's. The names of an owner's checkpoints are kept in order beside them, as those of key-value state are.
 */
import { script } from './script.ts';

const fenced = (epoch: string, retention: string): string => `
if redis.call('GET', KEYS[1]) ~= ${epoch} then return false end
redis.call('PEXPIRE', KEYS[1], ${retention})
`;

/** Takes out the names whose checkpoint has expired; there are few, and only a listing and a full owner come here. */
const sweep = `
local function living(names, beginning)
  local found = {}
  for _, name in ipairs(redis.call('ZRANGE', names, 0, -1)) do
    if redis.call('EXISTS', beginning .. name) == 1 then
      found[#found + 1] = name
    else
      redis.call('ZREM', names, name)
    end
  end
  return found
end
`;

/**
 * Keys: fence, checkpoint, names. Arguments: epoch, retention of the fence, name, TTL or '', data, how many there may be,
 * what the checkpoints' keys begin with.
 * Answers: nothing to another epoch | 'full' | when it was saved.
 */
export const saveCheckpointScript = script(`
${sweep}
${fenced('ARGV[1]', 'ARGV[2]')}
local name, ttl, data, most = ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
if redis.call('EXISTS', KEYS[2]) == 0 and redis.call('ZCARD', KEYS[3]) >= most then
  if #living(KEYS[3], ARGV[7]) >= most then return 'full' end
end
local time = redis.call('TIME')
local nowMs = string.format('%.0f', math.floor(time[1] * 1000 + time[2] / 1000))
if ttl == '' then
  redis.call('SET', KEYS[2], nowMs .. ' ' .. data)
else
  redis.call('SET', KEYS[2], nowMs .. ' ' .. data, 'PX', ttl)
end
redis.call('ZADD', KEYS[3], 0, name)
return nowMs
`);

/** Keys: fence, checkpoint, names. Arguments: epoch, retention of the fence, name. Answers: nothing to another epoch | 1. */
export const deleteCheckpointScript = script(`
${fenced('ARGV[1]', 'ARGV[2]')}
redis.call('DEL', KEYS[2])
redis.call('ZREM', KEYS[3], ARGV[3])
return 1
`);

/** Keys: names. Arguments: what the checkpoints' keys begin with. Answers: the names of those that are there. */
export const listCheckpointsScript = script(`
${sweep}
return living(KEYS[1], ARGV[1])
`);
