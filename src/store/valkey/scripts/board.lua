#!lua
--[[
  Changes the record of one board, if it is still the one that the caller knows, and publishes that.

  KEYS  1 the records of all boards (hash); the field '' is there once any record was written
  ARGV  1 channel · 2 PUBLISH or SPUBLISH · 3 the board's name · 4 its record before, '' for none
        5 its record after, '' for none
  Reply 1, or 0 if the record is another one; then nothing is changed
]]
local call, records = redis.call, KEYS[1]
local channel, publish, name, before, after = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]

-- Checked first, because nothing may be written without being published.
local may = redis.acl_check_cmd
if not (may(publish, channel, '') and may('HSET', records, name, after) and may('HDEL', records, name)) then
  return redis.error_reply('NOPERM the user lacks a right that a write needs')
end

if (call('HGET', records, name) or '') ~= before then return 0 end
-- Written even if nothing changes, so that WAIT has something to wait for.
call('HSET', records, '', '1')
if after == before then return 1 end
if after == '' then call('HDEL', records, name) else call('HSET', records, name, after) end
call(publish, channel, name)
return 1
