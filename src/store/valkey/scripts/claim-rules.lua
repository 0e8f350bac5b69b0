--[[
  The part of commit.lua that judges claims, by the rules of claims.ts. It uses `bits`, `nowMs`,
  `hasClaims`, `holdMs`, `isLease`, `changeAt`, and the tables `claims`, `changed` and `told`.
]]
local function isChecked(offset) return call('GETBIT', bits, offset) == 1 end
local function holderOf(offset)
  local claim = claims[offset]
  return claim and (claim[2] == 0 or claim[2] > nowMs) and isChecked(offset) and claim or nil
end
local function claim(offset, owner, endMs)
  claims[offset], changed[offset], told[offset] = owner and { owner, endMs }, true, true
end
local function refuses(who, offset, value, isDuplicate)
  local holder = holderOf(offset)
  local act, owner = string.match(who, '^!([xceg])%d*:?(.*)$')
  if act == 'x' then return holder or not claims[offset] end
  if act then return act ~= 'g' and (not holder or owner ~= '' and owner ~= holder[1]) end
  if who == '' then return false end
  if isDuplicate and value == 0 then return isChecked(offset) end
  if holder then return holder[1] ~= who end
  return isDuplicate
end
local function refusedBy(who, ops, isDuplicate)
  local offsets = {}
  for at = 1, hasClaims and #ops or 0, 3 do
    local change = changeAt(ops, at)
    local value = change % 2
    if refuses(who, (change - value) / 2, value, isDuplicate) then offsets[#offsets + 1] = (change - value) / 2 end
  end
  return #offsets > 0 and table.concat(offsets, ',')
end

-- The effect of a change on a board with claims: 's' sets the bit, 'm' only mentions the cell, 'n'
-- does neither.
local function claimEffect(who, offset, value)
  local holder, endMs = holderOf(offset), holdMs == 0 and 0 or nowMs + holdMs
  local act, ms, owner = string.match(who, '^!([xceg])(%d*):?(.*)$')
  if act == 'x' then
    claim(offset, false)
    return 's'
  elseif act == 'g' then
    claim(offset, owner ~= '' and owner, ms == '0' and 0 or nowMs + tonumber(ms))
    return isChecked(offset) and 'm' or 's'
  elseif act then
    if holder[2] == 0 then return 'n' end
    claim(offset, holder[1], act == 'c' and 0 or math.max(holder[2], nowMs + tonumber(ms)))
    return 'm'
  elseif value == 0 then
    if claims[offset] then claim(offset, false) end
    return 's'
  elseif holder then
    -- Not reported, because only its end has moved, and its owner knows by how much.
    if holder[1] == who and isLease and holder[2] > 0 then
      -- The app may have extended it.
      claims[offset], changed[offset] = { who, math.max(holder[2], endMs) }, true
    end
    return 'n'
  end
  if who ~= '' or claims[offset] then claim(offset, who ~= '' and who, endMs) end
  return isChecked(offset) and 'm' or 's'
end
