#!lua
--[[
  Repairs a page whose parts are inconsistent, because a key was evicted or deleted. The page keeps
  the remaining bits, at a new position. No delta leads there, so every follower takes a snapshot.
  A consistent page is left alone.

  KEYS  1 bits · 2 head · 3 log
  ARGV  1 channel · 2 PUBLISH or SPUBLISH · 3 tag of the new position · 4 a tag of no position
  Reply version · cells checked before, according to the head · cells checked now
        nothing if the page is consistent
]]
local call, try = redis.call, redis.pcall
local bits, head, log = KEYS[1], KEYS[2], KEYS[3]

-- Checked first, as in commit.lua, because nothing may be written without being published.
local may = redis.acl_check_cmd
if not (may(ARGV[2], ARGV[1], '') and may('HSET', head, 'v', '1') and may('DEL', bits) and may('DEL', log)
  and may('BITCOUNT', bits)) then
  return redis.error_reply('NOPERM the user lacks a right that a repair needs')
end

local at = call('HMGET', head, 'v', 'n')
local version, checked, used = tonumber(at[1] or 0) or 0, tonumber(at[2] or 0) or 0, call('STRLEN', bits)
-- The same rule as in commit.lua and since.lua.
if (checked > 0) == (used > 0) and (at[1] or call('EXISTS', log) == 0) then return false end

-- The new version is higher than any known one, because versions only tell which state is newer.
local newest = try('XREVRANGE', log, '+', '-', 'COUNT', 1)
local logged = not newest.err and newest[1] and tonumber(string.match(newest[1][1], '^%d+')) or 0
version = math.max(version, logged) + 1
local now = call('BITCOUNT', bits)
if now == 0 then call('DEL', bits) end
local number = string.format('%.0f', version)
call('HSET', head, 'v', number, 't', ARGV[3], 'n', now)
call('DEL', log)
call(ARGV[2], ARGV[1], number .. ':' .. ARGV[4] .. ':' .. ARGV[3] .. ':')
return { number, string.format('%.0f', checked), string.format('%.0f', now) }
