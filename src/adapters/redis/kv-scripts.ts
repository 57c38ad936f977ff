/**
 * The rules of `model/kv-rules.ts` in Lua, for many commands in one step; each succeeds or fails for itself. A value is a
 * string key, a set a set key, a counter a string of decimal digits. Redis counts in 64 bits and Lua in 53, so counters
 * stay text in here.
 *
 * The names of a space's keys are kept in order beside them. They change in the same step, so no key can be missing
 * among them; one that has expired leaves its name, which a listing or a later write takes out.
 */
import { script } from './script.ts';

/**
 * Of each command:
 *   keys: value; of those that write, names of the space; under an epoch, fence and spaces of the owner
 *   arguments: words, which take one argument, since each costs; then, as there are, the name of the space under an epoch,
 *     value or member, value to be equal. The words, '-' for none:
 *     `get`
 *     | bytes of the key's name, `put`, epoch, TTL, most keys, condition (`any` | `absent` | `equal`)
 *     | bytes of the key's name, `delete`, epoch, -, -, condition
 *     | bytes of the key's name, `add`, epoch, TTL, most keys, amount, least, most
 *     | bytes of the key's name, `add_member`, epoch, TTL, most keys
 * The first argument is how many commands there are, the second how long a fence is kept.
 * Answers: of each, a refusal | `failed` and why | applied, count or nothing, value or nothing.
 */
export const kvScript = script(`
local usedKeys, usedArguments = 0, 2
local function key() usedKeys = usedKeys + 1; return KEYS[usedKeys] end
local function argument() usedArguments = usedArguments + 1; return ARGV[usedArguments] end

local function isFenced(c)
  if c.epoch == '' then return false end
  if redis.call('GET', c.fence) ~= c.epoch then return true end
  redis.call('PEXPIRE', c.fence, ARGV[2])
  return false
end

-- The value, or nothing; and whether it is a set.
local function read(c)
  local before = redis.pcall('GET', c.at)
  if type(before) ~= 'table' then return before, false end
  if string.sub(before.err, 1, 9) == 'WRONGTYPE' then return false, true end
  error(before)
end

-- Names whose key has expired are found by chance: of 16 names at every eighth that will expire. Never worth failing for.
local function sweep(c)
  if c.ttl == '' or redis.call('TIME')[2] % 8 ~= 0 then return end
  local beginning = string.sub(c.at, 1, -1 - string.len(c.name))
  for _, name in ipairs(redis.call('ZRANDMEMBER', c.names, 16)) do
    if redis.pcall('EXISTS', beginning .. name) == 0 then redis.call('ZREM', c.names, name) end
  end
end

-- Whether there is no room for a key that is not there yet. Names whose key has expired count until they are found: of
-- a space that seems full 100 names are looked at.
local function isFull(c)
  if c.room == '' or redis.call('ZCARD', c.names) < tonumber(c.room) then return false end
  if redis.call('ZSCORE', c.names, c.name) then return false end
  local beginning = string.sub(c.at, 1, -1 - string.len(c.name))
  for _, name in ipairs(redis.call('ZRANDMEMBER', c.names, 100)) do
    if redis.call('EXISTS', beginning .. name) == 0 then redis.call('ZREM', c.names, name) end
  end
  return redis.call('ZCARD', c.names) >= tonumber(c.room)
end

local function created(c)
  redis.call('ZADD', c.names, 0, c.name)
  if c.epoch ~= '' then redis.call('SADD', c.spaces, c.space) end
  sweep(c)
end

local function write(c)
  if c.ttl == '' then redis.call('SET', c.at, c.value) else redis.call('SET', c.at, c.value, 'PX', c.ttl) end
end

local function get(c)
  local value, isSet = read(c)
  if isSet then return {1, tostring(redis.call('SCARD', c.at)), false} end
  return {value and 1 or 0, false, value}
end

local function put(c)
  if c.condition == 'any' then
    local existed = redis.call('EXISTS', c.at) == 1
    if not existed and isFull(c) then return 'full' end
    write(c)
    if not existed then created(c) end
    return {1, false, false}
  end
  local value, isSet = read(c)
  if c.condition == 'absent' then
    if isSet or value then return {0, false, value} end
    if isFull(c) then return 'full' end
    write(c)
    created(c)
    return {1, false, false}
  end
  if isSet then return 'wrong_type' end
  if value ~= c.expected then return {0, false, value} end
  write(c)
  return {1, false, false}
end

local function delete(c)
  if c.condition == 'equal' then
    local value, isSet = read(c)
    if isSet then return 'wrong_type' end
    if value ~= c.expected then return {0, false, value} end
  end
  local count = redis.call('DEL', c.at)
  redis.call('ZREM', c.names, c.name)
  return {count, false, false}
end

local function isLess(one, other)
  local isNegative = string.sub(one, 1, 1) == '-'
  if isNegative ~= (string.sub(other, 1, 1) == '-') then return isNegative end
  if isNegative then one, other = string.sub(other, 2), string.sub(one, 2) end
  if #one ~= #other then return #one < #other end
  return one < other
end

local function overflow(c, before)
  local isUp = string.sub(c.amount, 1, 1) ~= '-'
  if (isUp and c.most ~= '') or (not isUp and c.least ~= '') then return {0, before, false} end
  return 'out_of_range'
end

local function add(c)
  local before, isSet = read(c)
  if isSet then return 'wrong_type' end
  local result = redis.pcall('INCRBY', c.at, c.amount)
  if type(result) == 'table' then
    if string.find(result.err, 'not an integer', 1, true) then return 'wrong_type' end
    if string.find(result.err, 'overflow', 1, true) then return overflow(c, before) end
    error(result)
  end
  local after = redis.call('GET', c.at)
  if (c.most ~= '' and isLess(c.most, after)) or (c.least ~= '' and isLess(after, c.least)) then
    if before then redis.call('SET', c.at, before, 'KEEPTTL') else redis.call('DEL', c.at) end
    return {0, before or '0', false}
  end
  if not before then
    if isFull(c) then
      redis.call('DEL', c.at)
      return 'full'
    end
    if c.ttl ~= '' then redis.call('PEXPIRE', c.at, c.ttl) end
    created(c)
  end
  return {1, after, false}
end

local function add_member(c)
  local added = redis.pcall('SADD', c.at, c.member)
  if type(added) == 'table' then
    if string.sub(added.err, 1, 9) == 'WRONGTYPE' then return 'wrong_type' end
    error(added)
  end
  local members = redis.call('SCARD', c.at)
  if added == 1 and members == 1 and isFull(c) then
    redis.call('DEL', c.at)
    return 'full'
  end
  if added == 1 then
    if c.ttl ~= '' then redis.call('PEXPIRE', c.at, c.ttl) end
    if members == 1 then created(c) end
  end
  return {added, tostring(members), false}
end

local commands = {get = get, put = put, delete = delete, add = add, add_member = add_member}

local function readCommand()
  local words, at = argument(), key()
  if words == 'get' then return {kind = 'get', at = at, epoch = ''} end
  local length, kind, epoch, ttl, room, first, least, most =
    string.match(words, '^(%d+) (%S+) (%S+) (%S+) (%S+) ?(%S*) ?(%S*) ?(%S*)$')
  local c = {kind = kind, at = at, names = key(), epoch = '', ttl = ttl == '-' and '' or ttl}
  c.room = room == '-' and '' or room
  c.name = string.sub(at, -tonumber(length))
  if epoch ~= '-' then c.epoch, c.fence, c.spaces, c.space = epoch, key(), key(), argument() end
  if kind == 'add' then
    c.amount, c.least, c.most = first, least == '-' and '' or least, most == '-' and '' or most
    return c
  end
  if kind == 'put' then c.value = argument() end
  if kind == 'add_member' then c.member = argument() end
  c.condition = first
  if first == 'equal' then c.expected = argument() end
  return c
end

local function run(c)
  if isFenced(c) then return 'fenced' end
  return commands[c.kind](c)
end

local replies = {}
for i = 1, tonumber(ARGV[1]) do
  local c = readCommand()
  local isDone, reply = pcall(run, c)
  if isDone then
    replies[i] = reply
  else
    replies[i] = {'failed', type(reply) == 'table' and reply.err or tostring(reply)}
  end
end
return replies
`);

/**
 * Keys: names of the space.
 * Arguments: what the space's keys begin with, least name, beginning of the names, how many, how many bytes.
 * Answers: last name looked at where there may be more, and nothing otherwise; 1 if the page is cut there; then name and
 * value, or 0 for a set, of each.
 */
export const listKvScript = script(`
local names, beginning, least, prefix = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local limit, bytesMax = tonumber(ARGV[4]), tonumber(ARGV[5])
local most = '+'
if prefix ~= '' then
  -- No byte of UTF-8 is 255, so the last one can grow.
  most = '(' .. string.sub(prefix, 1, -2) .. string.char(string.byte(prefix, -1) + 1)
end
local found = redis.call('ZRANGEBYLEX', names, least, most, 'LIMIT', 0, limit + 1)
local answer, bytes, last = {false, 0}, 0, false
for _, name in ipairs(found) do
  local value = redis.pcall('GET', beginning .. name)
  if type(value) == 'table' then
    if string.sub(value.err, 1, 9) ~= 'WRONGTYPE' then return value end
    value = 0
  end
  if value == false then
    redis.call('ZREM', names, name)
  else
    bytes = bytes + 2 * #name + (value ~= 0 and #value or 0)
    if #answer == 2 * limit + 2 or (#answer > 2 and bytes > bytesMax) then
      answer[1], answer[2] = last, 1
      return answer
    end
    answer[#answer + 1] = name
    answer[#answer + 1] = value
  end
  last = name
end
if #found == limit + 1 then answer[1] = last end
return answer
`);

/**
 * Keys: spaces of the owner, its fence.
 * Arguments: what the names of its spaces' keys begin with, what its keys begin with, how many to delete at most; the epoch
 * or nothing, how long a fence is kept.
 * Answers: how many were there, 1 where there may be more; or nothing to an epoch that is not the newest.
 */
export const purgeKvScript = script(`
if ARGV[4] ~= '' then
  if redis.call('GET', KEYS[2]) ~= ARGV[4] then return false end
  redis.call('PEXPIRE', KEYS[2], ARGV[5])
end
local count, left = 0, tonumber(ARGV[3])
for _, space in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local names = ARGV[1] .. space
  local found = redis.call('ZRANGE', names, 0, left - 1)
  for _, name in ipairs(found) do
    count = count + redis.call('DEL', ARGV[2] .. space .. '\\n' .. name)
    redis.call('ZREM', names, name)
  end
  left = left - #found
  if left <= 0 then return {count, 1} end
  redis.call('SREM', KEYS[1], space)
end
return {count, 0}
`);
