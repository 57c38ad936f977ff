/**
 * Cursors of an owner are one hash: `epoch`, and `t:<topic>` → `<offset> <index>` for each topic. The epoch is compared
 * inside the step that writes (I3).
 */
import { script } from './script.ts';

/** Keys: cursors. Arguments: epoch, retention. Answers: nothing to an older epoch | field, value of each topic. */
export const openCursorsScript = script(`
local newest = redis.call('HGET', KEYS[1], 'epoch')
if newest and tonumber(newest) > tonumber(ARGV[1]) then return false end
local cursors = redis.call('HGETALL', KEYS[1])
redis.call('HSET', KEYS[1], 'epoch', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return cursors
`);

/**
 * Keys: cursors of each owner.
 * Arguments: retention, then of each owner epoch, number of topics, field and value of each.
 * Answers: the places in the list of the owners who were refused.
 */
export const commitCursorsScript = script(`
local refused = {}
local at = 2
for i, cursors in ipairs(KEYS) do
  local last = at + 1 + 2 * ARGV[at + 1]
  if redis.call('HGET', cursors, 'epoch') == ARGV[at] then
    -- Lua hands over at most some thousand arguments at once.
    for from = at + 2, last, 1000 do
      redis.call('HSET', cursors, unpack(ARGV, from, math.min(from + 999, last)))
    end
    redis.call('PEXPIRE', cursors, ARGV[1])
  else
    refused[#refused + 1] = i
  end
  at = last + 1
end
return refused
`);
