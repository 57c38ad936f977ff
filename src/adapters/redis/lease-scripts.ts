/**
 * The steps of a lease, each atomic on its bucket. How a lease is written down: `lease-record.ts`.
 *
 * A bucket's index of names changes in the same step as its leases, so no held lease can be missing from it: a grant
 * adds its name in the step that makes the lease, and a name is only ever taken out in a step that sees no lease under
 * it. The reverse is allowed: a lease that runs out leaves its name, which a listing or a later grant takes out.
 *
 * Epochs are numbers below 2^53 (microseconds since 1970 reach it in 2255) and travel as text.
 */
import { script } from './script.ts';

/** Redis' clock, and the refusal of what came too late (see `store-time.ts`). */
const inTime = (deadline: string): string => `
local time = redis.call('TIME')
local nowUs = time[1] * 1000000 + time[2]
local nowMs = string.format('%.0f', math.floor(nowUs / 1000))
if tonumber(${deadline}) > 0 and tonumber(nowMs) > tonumber(${deadline}) then return {'late', nowMs} end
`;

/**
 * Keys: lease, highest epoch of the bucket, names of the bucket.
 * Arguments: deadline, name, TTL, words, holder to resume, epoch to take over, prefix of loss channels.
 * Answers: late | held, lease | granted, epoch, first granted at, resumes, resumed.
 */
export const acquireScript = script(`
local lease, highest, names = KEYS[1], KEYS[2], KEYS[3]
local deadline, name, ttl, words, resume, over, losses = unpack(ARGV)
${inTime('deadline')}
local resumed, firstGrantedAt, resumes = false, nowMs, 0
local lastEpoch, loser = 0, nil
local before = redis.call('GET', lease)
if before then
  local state, epoch, first, count, tail = string.match(before, '^(%a)(%d+) (%d+) (%d+) (.*)$')
  local holder, keeper = unpack(cjson.decode(tail))
  resumed = resume ~= '' and resume == holder
  if state == 'h' and not resumed and over ~= epoch then return {'held', nowMs, before} end
  if resumed then firstGrantedAt, resumes = first, count + 1 end
  if state == 'h' then loser = {losses .. keeper, epoch .. ' ' .. name} end
  lastEpoch = tonumber(epoch)
end

local epoch = nowUs
local highestBefore = redis.call('SET', highest, string.format('%.0f', epoch), 'GET')
lastEpoch = math.max(lastEpoch, tonumber(highestBefore or '0'))
if lastEpoch >= epoch then
  -- Two grants in one microsecond, or Redis' clock has gone back.
  epoch = lastEpoch + 1
  redis.call('SET', highest, string.format('%.0f', epoch))
end

local granted = string.format('%.0f', epoch)
redis.call('SET', lease, 'h' .. granted .. ' ' .. firstGrantedAt .. ' ' .. resumes .. ' ' .. words, 'PX', ttl)
local isNew = redis.call('ZADD', names, 0, name) == 1
if loser then redis.call('PUBLISH', loser[1], loser[2]) end

-- Names whose lease has run out are found by chance: of 16 names at every eighth new one, so they stay fewer than the
-- living even where nobody lists. Never worth failing for: while a slot moves, EXISTS may be refused.
if isNew and time[2] % 8 == 0 then
  local prefix = string.sub(lease, 1, -1 - string.len(name))
  local sample = redis.call('ZRANDMEMBER', names, 16)
  local leases = {}
  for i, one in ipairs(sample) do leases[i] = prefix .. one end
  local count = redis.pcall('EXISTS', unpack(leases))
  if type(count) == 'number' and count < #leases then
    for i, one in ipairs(sample) do
      if redis.pcall('EXISTS', leases[i]) == 0 then redis.call('ZREM', names, one) end
    end
  end
end

return {'granted', nowMs, granted, firstGrantedAt, tostring(resumes), resumed and 1 or 0}
`);

/**
 * Keys: leases.
 * Arguments: deadline, TTL, epoch of each.
 * Answers: late | renewed, the places in the list of those that are not.
 */
export const renewScript = script(`
${inTime('ARGV[1]')}
local answer = {'renewed', nowMs}
local leases = redis.call('MGET', unpack(KEYS))
for i, lease in ipairs(KEYS) do
  local held = 'h' .. ARGV[i + 2] .. ' '
  if leases[i] and string.sub(leases[i], 1, #held) == held then
    redis.call('PEXPIRE', lease, ARGV[2])
  else
    answer[#answer + 1] = i
  end
end
return answer
`);

/**
 * Keys: lease, names of the bucket.
 * Arguments: name, epoch, time to linger, prefix of loss channels.
 * Answers: 1 | 0. Needs no deadline: nobody but the asker can want this epoch's lease.
 */
export const releaseScript = script(`
local lease, names = KEYS[1], KEYS[2]
local name, epoch, linger, losses = unpack(ARGV)
local held = 'h' .. epoch .. ' '
local before = redis.call('GET', lease)
if not before or string.sub(before, 1, #held) ~= held then return 0 end
if tonumber(linger) > 0 then
  redis.call('SET', lease, 'l' .. string.sub(before, 2), 'PX', linger)
else
  redis.call('DEL', lease)
  redis.call('ZREM', names, name)
end
local words = cjson.decode(string.match(before, '^%a%d+ %d+ %d+ (.*)$'))
redis.call('PUBLISH', losses .. words[2], epoch .. ' ' .. name)
return 1
`);

/**
 * Keys: names of each bucket.
 * Arguments: least name, beginning of the names wanted, how many to look at, what the keys of each bucket's leases
 * begin with.
 * Answers: for each bucket the last name looked at where there may be more and '' otherwise, then name, lease of each
 * that is held.
 */
export const listScript = script(`
local least, beginning, limit = ARGV[1], ARGV[2], tonumber(ARGV[3])
local most = '+'
if beginning ~= '' then
  -- No byte of UTF-8 is 255, so the last one can grow.
  most = '(' .. string.sub(beginning, 1, -2) .. string.char(string.byte(beginning, -1) + 1)
end

local function list(index, prefix)
  local names = redis.call('ZRANGEBYLEX', index, least, most, 'LIMIT', 0, limit)
  if #names == 0 then return {''} end
  local answer = {#names == limit and names[#names] or ''}
  local keys = {}
  for i, name in ipairs(names) do keys[i] = prefix .. name end
  local leases = redis.call('MGET', unpack(keys))
  for i, name in ipairs(names) do
    if not leases[i] then
      redis.call('ZREM', index, name)
    elseif string.sub(leases[i], 1, 1) == 'h' then
      answer[#answer + 1] = name
      answer[#answer + 1] = leases[i]
    end
  end
  return answer
end

local answers = {}
for i, index in ipairs(KEYS) do answers[i] = list(index, ARGV[i + 3]) end
return answers
`);

/**
 * Keys: since when Redis keeps what it is given.
 * Arguments: when that was if nothing is written down; empty for now.
 * Answers: for how many milliseconds.
 */
export const ageScript = script(`
local time = redis.call('TIME')
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', KEYS[1], ARGV[1] ~= '' and ARGV[1] or string.format('%.0f', nowMs), 'NX')
return math.max(0, nowMs - tonumber(redis.call('GET', KEYS[1])))
`);
