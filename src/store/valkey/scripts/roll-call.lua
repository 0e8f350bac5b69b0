#!lua
--[[
  Stores the record of one instance, removes instances that were silent for too long, and returns
  all records.

  KEYS  1 when each announced itself last (sorted set) · 2 the record of each (hash)
  ARGV  1 the instance's id · 2 its record, or '' to remove it · 3 ms of silence before removal
        4 most instances
  Reply for each instance: id · record · ms since it announced itself
]]
local call, heard, records = redis.call, KEYS[1], KEYS[2]
local id, record, goneMs, instancesMax = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
-- Only the server's clock counts, because instances' clocks differ.
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function forget(gone)
  if gone == id then return end
  call('ZREM', heard, gone)
  call('HDEL', records, gone)
end
if record == '' then
  call('ZREM', heard, id)
  call('HDEL', records, id)
else
  call('ZADD', heard, now, id)
  call('HSET', records, id, record)
end
for _, gone in ipairs(call('ZRANGEBYSCORE', heard, '-inf', now - goneMs)) do forget(gone) end
for _, gone in ipairs(call('ZRANGE', heard, 0, -instancesMax - 1)) do forget(gone) end
call('PEXPIRE', heard, goneMs)
call('PEXPIRE', records, goneMs)

local reply = {}
local all = call('ZRANGE', heard, 0, -1, 'WITHSCORES')
for i = 1, #all, 2 do
  reply[#reply + 1] = all[i]
  reply[#reply + 1] = call('HGET', records, all[i]) or ''
  reply[#reply + 1] = string.format('%.0f', math.max(0, now - tonumber(all[i + 1])))
end
return reply
