#!lua
--[[
  Counts one request in its window, which begins with the first request and then expires.

  KEYS  1 the counter, a number
  ARGV  1 length of a window in ms
  Reply requests in this window · ms until it ends
]]
local call, counter, windowMs = redis.call, KEYS[1], ARGV[1]

local leftMs = call('PTTL', counter)
if leftMs > 0 then return { call('INCR', counter), leftMs } end
call('SET', counter, 1, 'PX', windowMs)
return { 1, tonumber(windowMs) }
