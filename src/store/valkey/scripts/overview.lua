#!lua
--[[
  Takes reports of page counts into the board's list, by the rule of judgeReport in overview.ts.

  KEYS  1 the list, a hash: page -> version:checked
  ARGV  1 channel · 2 PUBLISH or SPUBLISH
        then for each report: page · version · checked
        · the entry that it corrects, 0:0 for none, or "" if it is not a correction
  Reply nothing
  Published page:version:checked, joined by commas, of each entry that changed or differs from
        its report
]]
local call, FIRST = redis.call, 3
local list = KEYS[1]

-- Checked first, as in commit.lua, because nothing may be written without being published.
local may = redis.acl_check_cmd
if not (may(ARGV[2], ARGV[1], '') and may('HDEL', list, '0')) then
  return redis.error_reply('NOPERM the user lacks a right that a report needs')
end

local pages, changed, gone, news = {}, {}, {}, {}
for i = FIRST, #ARGV, 4 do pages[#pages + 1] = ARGV[i] end
if #pages == 0 then return false end
local entries = call('HMGET', list, unpack(pages))

for at, page in ipairs(pages) do
  local i = FIRST + (at - 1) * 4
  local version, checked, instead = ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local before, entry = entries[at] or '0:0', version .. ':' .. checked
  local taken
  if instead == '' then
    taken = tonumber(version) >= tonumber(string.match(before, '^%d+'))
  else
    taken = before == instead
  end
  if taken and before ~= entry then
    if entry == '0:0' then
      gone[#gone + 1] = page
    else
      changed[#changed + 1], changed[#changed + 2] = page, entry
    end
    news[#news + 1] = page .. ':' .. entry
  elseif not taken or instead ~= '' then
    news[#news + 1] = page .. ':' .. before
  end
end

if #changed > 0 then call('HSET', list, unpack(changed)) end
if #gone > 0 then call('HDEL', list, unpack(gone)) end
if #news > 0 then call(ARGV[2], ARGV[1], table.concat(news, ',')) end
return false
