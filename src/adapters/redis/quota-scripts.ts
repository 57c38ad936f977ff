/**
 * A workspace's rate is one string, `<thousandths of messages left> <ms>`, which expires when it would be full again. Its
 * connections are one hash: gateway → `<count> <until ms>`.
 */
import { script } from './script.ts';

/** Keys: rate. Arguments: messages a second, burst, how many. Answers: how many, or 0 and in how many ms there is one. */
export const takeQuotaScript = script(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local rate, most = tonumber(ARGV[1]), tonumber(ARGV[2]) * 1000
local left = most
local before = redis.call('GET', KEYS[1])
if before then
  local had, at = string.match(before, '^(%d+) (%d+)$')
  left = math.min(most, tonumber(had) + math.max(0, now - tonumber(at)) * rate)
end
local granted = math.min(tonumber(ARGV[3]), math.floor(left / 1000))
left = left - granted * 1000
redis.call('SET', KEYS[1], string.format('%.0f %.0f', left, now), 'PX', math.ceil((most - left) / rate) + 1000)
return {granted, granted > 0 and 0 or math.ceil((1000 - left) / rate)}
`);

/**
 * Keys: connections of each workspace. Arguments: gateway, how long it is remembered, then of each workspace the count
 * and the most there may be, or -1. Answers: of each 1 or 0, and how many the others have.
 */
export const noteConnectionsScript = script(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local replies = {}
for i, key in ipairs(KEYS) do
  local count, max = tonumber(ARGV[2 * i + 1]), tonumber(ARGV[2 * i + 2])
  local others = 0
  local noted = redis.call('HGETALL', key)
  for at = 1, #noted, 2 do
    local has, untilMs = string.match(noted[at + 1], '^(%d+) (%d+)$')
    if tonumber(untilMs) <= now then
      redis.call('HDEL', key, noted[at])
    elseif noted[at] ~= ARGV[1] then
      others = others + tonumber(has)
    end
  end
  local admitted = max < 0 or others + count <= max
  if admitted and count > 0 then
    redis.call('HSET', key, ARGV[1], string.format('%d %.0f', count, now + ARGV[2]))
    if redis.call('PTTL', key) < tonumber(ARGV[2]) then redis.call('PEXPIRE', key, ARGV[2]) end
  elseif admitted then
    redis.call('HDEL', key, ARGV[1])
  end
  replies[#replies + 1] = admitted and 1 or 0
  replies[#replies + 1] = others
end
return replies
`);
