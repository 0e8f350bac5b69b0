#!lua
--[[
  Freezes or thaws a part of one page. commit.lua checks writes against the frozen ranges.

  KEYS  1 head
  ARGV  1 first offset · 2 offset after the last · 3 1 to freeze, 0 to thaw · 4 most ranges
  Reply 1, or 0 if there would be too many ranges; then nothing is changed
]]
local call, head = redis.call, KEYS[1]
local from, to, freezes, rangesMax = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3] == '1', tonumber(ARGV[4])

-- Ranges ascend and do not touch, so the new one can only merge with later ones.
local kept = {}
for first, last in string.gmatch(call('HGET', head, 'fz') or '', '(%d+)-(%d+)') do
  local s, e = tonumber(first), tonumber(last)
  if freezes and e >= from and s <= to then
    from, to = math.min(s, from), math.max(e, to)
  elseif freezes or e <= from or s >= to then
    kept[#kept + 1] = { s, e }
  else
    if s < from then kept[#kept + 1] = { s, from } end
    if e > to then kept[#kept + 1] = { to, e } end
  end
end
if freezes then kept[#kept + 1] = { from, to } end
if #kept > rangesMax then return 0 end

table.sort(kept, function(a, b) return a[1] < b[1] end)
local texts = {}
for i, range in ipairs(kept) do texts[i] = string.format('%d-%d', range[1], range[2]) end
-- Written even if nothing changes, so that WAIT has something to wait for.
call('HSET', head, 'fz', table.concat(texts, ','))
return 1
