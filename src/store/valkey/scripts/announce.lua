#!lua
--[[
  Says that an instance is there, until some time from now, and gives what all that are there have said.

  KEYS  1 the instances, a hash: instance -> until when, in ms of the server's clock, a space, and its text
  ARGV  1 instance · 2 its text, or "" to take it out · 3 ms that it holds
  Reply the texts of all that are there
]]
local call = redis.call
local instances, instance, text, ms = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])

-- The server's clock: instances' clocks differ.
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if text == '' then
  call('HDEL', instances, instance)
else
  call('HSET', instances, instance, string.format('%.0f', now + ms) .. ' ' .. text)
  call('PEXPIRE', instances, ms)
end

local all, texts = call('HGETALL', instances), {}
for i = 1, #all, 2 do
  local untilMs, said = string.match(all[i + 1], '^(%d+) (.*)$')
  -- A clock that was set back must not keep the dead for long.
  if untilMs and tonumber(untilMs) >= now and tonumber(untilMs) <= now + ms then
    texts[#texts + 1] = said
  else
    call('HDEL', instances, all[i])
  end
end
return texts
