#!lua
--[[
  Sets all bits of a page, for a restore, at a new position. No delta leads there, so every follower
  takes a snapshot. A page that already has these bits is left alone.

  KEYS  1 bits · 2 head · 3 log · 4 history · 5 claims
  ARGV  1 channel · 2 PUBLISH or SPUBLISH · 3 tag of the new position · 4 a tag of no position
        5 the bits, without trailing zero bytes
        6 1 to write a mark if nothing else is written, so that WAIT has something to wait for
        7 ms to keep history, 0 for no history · 8 history length
  Reply version · tag · cells checked · 1 if the bits were different before
]]
local call, byte, sub, find = redis.call, string.byte, string.sub, string.find
local CLAIM = '^' .. string.rep('[%w_-]', 16) .. '%d*$'
local bits, head, log, after = KEYS[1], KEYS[2], KEYS[3], ARGV[5]

-- Checked first, as in commit.lua, because nothing may be written without being published.
local may = redis.acl_check_cmd
if not (may(ARGV[2], ARGV[1], '') and may('HSET', head, 'v', '1') and may('DEL', log) and may('BITCOUNT', bits)
  and may('HDEL', KEYS[5], '0') and may('DEL', KEYS[5])
  and (ARGV[7] == '0' or (may('XADD', KEYS[4], '*', 'f', '') and may('PEXPIRE', KEYS[4], '1')))) then
  return redis.error_reply('NOPERM the user lacks a right that a write needs')
end

local at = call('HMGET', head, 'v', 't', 'n')
-- A damaged page is replaced as well, so a restore repairs it.
local version, tag, checked = tonumber(at[1] or 0) or 0, at[2] or 'AAAAAAAA', tonumber(at[3] or 0)
local before, claims = call('GET', bits) or '', redis.pcall('HGETALL', KEYS[5])
if claims.err and not string.find(claims.err, 'WRONGTYPE', 1, true) then return claims end
-- Cells that are unchecked now belong to nobody. Claims that are not valid go as well.
local function clean()
  if claims.err then call('DEL', KEYS[5]) end
  for i = 1, #claims, 2 do
    local isValid = find(claims[i], '^%d%d?%d?%d?%d?$') and find(claims[i + 1], CLAIM)
    if not isValid or call('GETBIT', bits, claims[i]) == 0 then call('HDEL', KEYS[5], claims[i]) end
  end
end
local length = #before
while length > 0 and byte(before, length) == 0 do length = length - 1 end

local isValid = #tag == 8 and not find(tag, '[^%w_-]') and checked and (checked > 0) == (length > 0)
if isValid and sub(before, 1, length) == after then
  clean()
  if ARGV[6] == '1' and version > 0 then call('HSET', head, 'm', '1') end
  return { string.format('%.0f', version), tag, checked, 0 }
end

local from = tag
version, tag = version + 1, ARGV[3]
if after == '' then call('DEL', bits) else call('SET', bits, after) end
checked = call('BITCOUNT', bits)
local number = string.format('%.0f', version)
if ARGV[7] ~= '0' then
  -- History is undone backwards, so it records the cells that differ, in the format of ops.ts.
  local ops = {}
  for i = 1, math.max(length, #after) do
    local old, new = byte(before, i) or 0, byte(after, i) or 0
    local different = bit.bxor(old, new)
    for j = 7, different == 0 and 8 or 0, -1 do
      if bit.band(different, bit.lshift(1, j)) ~= 0 then
        local op = ((i - 1) * 8 + 7 - j) * 2 + bit.band(bit.rshift(new, j), 1)
        ops[#ops + 1] = string.char(48 + bit.rshift(op, 12), 48 + bit.band(bit.rshift(op, 6), 63), 48 + bit.band(op, 63))
      end
    end
  end
  local changes = table.concat(ops)
  call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[8], '*', 'v', number, 'f', from, 't', tag, 'c', changes, 'b', after)
  call('HSET', head, 'hb', '0')
  call('PEXPIRE', KEYS[4], ARGV[7])
end
call('HSET', head, 'v', number, 't', tag, 'n', checked)
clean()
call('DEL', log)
-- This delta builds on a position that no follower has, so followers ask and get the snapshot.
call(ARGV[2], ARGV[1], number .. ':' .. ARGV[4] .. ':' .. tag .. ':')
return { number, tag, checked, 1 }
