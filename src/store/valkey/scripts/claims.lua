#!lua
--[[
  Returns the claims of one page at its position. If none of them ends, the page may leave the index
  of holds. Its mark then changes, so a commit that relies on the old mark adds the page again.

  KEYS  1 bits · 2 head · 3 claims
  ARGV  1 1 to leave the index if no claim ends
  Error DAMAGED a claim is not valid
  Reply version · tag · 1 if the page left the index · for each claim: offset · owner · ms until its
        end, negative after it, or "" if it has none
]]
local call, bits, head, claims = redis.call, KEYS[1], KEYS[2], KEYS[3]
local CLAIM = '^' .. string.rep('[%w_-]', 16) .. '%d*$'
local at = call('HMGET', head, 'v', 't', 'hi')
local time = call('TIME')
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)

local reply, hasEnds = { at[1] or '0', at[2] or 'AAAAAAAA', 0 }, false
local stored = call('HGETALL', claims)
for i = 1, #stored, 2 do
  if not string.find(stored[i], '^%d%d?%d?%d?%d?$') or not string.find(stored[i + 1], CLAIM) then
    return redis.error_reply('DAMAGED a claim of the page is not valid')
  end
  -- A claim whose cell is unchecked is a rest of a page that lost its bits.
  if call('GETBIT', bits, stored[i]) == 1 then
    local owner, endMs = string.sub(stored[i + 1], 1, 16), tonumber(string.sub(stored[i + 1], 17))
    hasEnds = hasEnds or endMs ~= nil
    reply[#reply + 1], reply[#reply + 2] = stored[i], owner
    reply[#reply + 1] = endMs and string.format('%.0f', endMs - nowMs) or ''
  end
end
if ARGV[1] == '1' and not hasEnds then
  -- From odd to even, and from even to the next even one.
  local mark = tonumber(at[3] or '0') or 0
  call('HSET', head, 'hi', string.format('%.0f', mark + 2 - mark % 2))
  reply[3] = 1
end
return reply
