/**
 * A receipt is one string, `<rank>|<epoch>|<ms>|<state>[@<its message expires, ms>]|<reason>`, whose expiry is the end of
 * it. Keys of one script are of one bucket.
 */
import { script } from './script.ts';

/**
 * Keys: receipts. Arguments: epoch, retention, now, rank of accepted, rank of durable.
 * Answers for each: `n` new, `u` accepted before, `s` claimed by a newer session, or the receipt that is there.
 */
export const claimReceiptsScript = script(`
local answers = {}
for i, key in ipairs(KEYS) do
  local found = redis.call('GET', key)
  local rank, epoch
  if found then rank, epoch = string.match(found, '^(%d+)|(%d+)|') end
  if rank and tonumber(rank) >= tonumber(ARGV[5]) then
    answers[i] = found
  elseif rank and tonumber(epoch) > tonumber(ARGV[1]) then
    answers[i] = 's'
  else
    redis.call('SET', key, ARGV[4] .. '|' .. ARGV[1] .. '|' .. ARGV[3] .. '|accepted|', 'PX', ARGV[2])
    answers[i] = (rank and tonumber(rank) == tonumber(ARGV[4])) and 'u' or 'n'
  end
end
return answers
`);

/** Keys: receipts. Arguments: retention, then of each its new rank and the rest of its text from the time on. */
export const advanceReceiptsScript = script(`
for i, key in ipairs(KEYS) do
  local found = redis.call('GET', key)
  local rank, epoch
  if found then rank, epoch = string.match(found, '^(%d+)|(%d+)|') end
  if not rank or tonumber(rank) < tonumber(ARGV[2 * i]) then
    redis.call('SET', key, ARGV[2 * i] .. '|' .. (epoch or '0') .. '|' .. ARGV[2 * i + 1], 'PX', ARGV[1])
  end
end
return 0
`);

/**
 * Keys: receipts. Arguments: retention, rank of expired, then of each the rest of its text from the time on. Answers with
 * 1 for each that was there and not as far, and 0 for the others.
 */
export const expireReceiptsScript = script(`
local answers = {}
for i, key in ipairs(KEYS) do
  local found = redis.call('GET', key)
  local rank, epoch
  if found then rank, epoch = string.match(found, '^(%d+)|(%d+)|') end
  answers[i] = 0
  if rank and tonumber(rank) < tonumber(ARGV[2]) then
    redis.call('SET', key, ARGV[2] .. '|' .. epoch .. '|' .. ARGV[i + 2], 'PX', ARGV[1])
    answers[i] = 1
  end
end
return answers
`);
