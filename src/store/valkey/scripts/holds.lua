#!lua
--[[
  The index of pages that may have holds: a sorted set, each page with the time to look at it next.
  Puts back the pages that were looked at, and hands out those that are due. If an instance does not
  put a page back, it is due again soon. So is one whose time is too far ahead, as after a clock was
  set back.

  KEYS  1 the index
  ARGV  1 most pages to hand out · 2 ms until a page that is not put back is due again
        3 longest ms to the next look
        then for each page that was looked at: page · the time it was handed out with
        · ms until the next look, or "" to remove it. Nothing is done if its time has changed since
  Reply for each page: page · the time it is handed out with
]]
local call, index, LOOKED = redis.call, KEYS[1], 4
local time = call('TIME')
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)
local function whole(number) return string.format('%.0f', number) end

for i = LOOKED, #ARGV, 3 do
  local page, handedOut, pauseMs = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local score = call('ZSCORE', index, page)
  if score and tonumber(score) == tonumber(handedOut) then
    if pauseMs == '' then
      call('ZREM', index, page)
    else
      call('ZADD', index, whole(nowMs + tonumber(pauseMs)), page)
    end
  end
end

local reply, again = {}, whole(nowMs + tonumber(ARGV[2]))
local function handOut(first, last)
  for _, page in ipairs(call('ZRANGEBYSCORE', index, first, last, 'LIMIT', 0, ARGV[1] - #reply / 2)) do
    call('ZADD', index, again, page)
    reply[#reply + 1], reply[#reply + 2] = page, again
  end
end
handOut('-inf', nowMs)
handOut('(' .. whole(nowMs + tonumber(ARGV[3])), '+inf')
return reply
