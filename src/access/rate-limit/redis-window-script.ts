import { createHash } from 'node:crypto';
import type { RedisScript } from '../../shared/redis-client.js';

/**
 * One decision on one caller's window, taken by Redis alone and by its clock. KEYS: the window. ARGV: limit, weight, length of the window in
 * microseconds. Answer: allowed (1 or 0), remaining, reset in microseconds, as `WindowDecision` means them.
 *
 * Up to a limit of 1,000 the window is a sorted set of the times of admission, each its own member: the last one is never repeated, so that a
 * clock that was set back adds to the log and does not overwrite it. Above, it is a hash of counts for each sixtieth of the window. A window
 * that began as a log becomes a hash when its caller's limit is raised above 1,000, and stays one.
 */
const source = `
local key, limit, weight, window = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local parts = 60
local part = window / parts
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local function text(number) return string.format('%.0f', number) end

local function admit(remaining)
  redis.call('PEXPIRE', key, math.ceil((window + 2 * part) / 1000))
  return {1, remaining, window}
end
local function refuse(used, wait)
  return {0, math.max(0, limit - used), math.ceil(math.max(0, weight > limit and window or wait))}
end

local function by_log()
  redis.call('ZREMRANGEBYSCORE', key, '-inf', '(' .. text(now - window))
  local used = redis.call('ZCARD', key)
  local excess = used + weight - limit
  if excess > 0 then
    local leaves = redis.call('ZRANGE', key, math.min(excess, used) - 1, math.min(excess, used) - 1)[1]
    return refuse(used, (leaves or now) + window - now)
  end
  local last = redis.call('ZRANGE', key, -1, -1)[1]
  local first = last and math.max(now, last + 1) or now
  local members = {}
  for i = 0, weight - 1 do
    members[#members + 1] = text(first + i)
    members[#members + 1] = text(first + i)
  end
  redis.call('ZADD', key, unpack(members))
  return admit(limit - used - weight)
end

local function by_parts()
  local current = math.floor(now / part)
  local fields = redis.call('HGETALL', key)
  local used, counts = 0, {}
  for i = 1, #fields, 2 do
    local at, count = tonumber(fields[i]), tonumber(fields[i + 1])
    if at < current - parts then
      redis.call('HDEL', key, fields[i])
    else
      used = used + count
      counts[#counts + 1] = {at, count}
    end
  end
  local excess = used + weight - limit
  if excess <= 0 then
    redis.call('HINCRBY', key, text(current), weight)
    return admit(limit - used - weight)
  end
  table.sort(counts, function(a, b) return a[1] < b[1] end)
  for _, entry in ipairs(counts) do
    excess = excess - entry[2]
    if excess <= 0 then return refuse(used, (entry[1] + parts + 1) * part - now) end
  end
  return refuse(used, window)
end

local function log_to_parts()
  local times = redis.call('ZRANGE', key, 0, -1)
  redis.call('DEL', key)
  for _, at in ipairs(times) do redis.call('HINCRBY', key, text(math.floor(at / part)), 1) end
end

local kind = redis.call('TYPE', key).ok
if kind ~= 'none' and kind ~= 'zset' and kind ~= 'hash' then
  redis.call('DEL', key)
end
if kind ~= 'hash' and limit <= 1000 then return by_log() end
if kind == 'zset' then log_to_parts() end
return by_parts()
`;

export const windowScript: RedisScript = { source, sha1: createHash('sha1').update(source).digest('hex') };
