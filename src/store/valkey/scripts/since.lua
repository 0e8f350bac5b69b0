#!lua flags=no-writes
--[[
  Tells whether the log leads from exactly this position to the present in few bytes. If not,
  returns the snapshot. Only one entry of the log is read. Its tag shows whether the position is
  part of this history, and its byte count shows how much was logged since. The caller then reads
  the log by XRANGE, at a tenth of what reading it in a script costs Valkey.

  KEYS  1 bits · 2 head · 3 log
  ARGV  1 version (-1: always a snapshot) · 2 tag · 3 most bytes of deltas
  Reply 'log' · version and tag of the head, to which the log leads
        'snapshot' · version · tag · bits
  Error DAMAGED the stored data is not valid · MISFIT the page lacks a part
]]
local call, try = redis.call, redis.pcall
local bits, head, log = KEYS[1], KEYS[2], KEYS[3]
local version, tag, bytesMax = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])

-- l: the version logged last, and the bytes logged up to it.
local at = call('HMGET', head, 'v', 't', 'l', 'n')
local headVersion, headTag, checked = tonumber(at[1] or 0), at[2] or 'AAAAAAAA', tonumber(at[4] or 0)
if not headVersion or not checked or not at[1] ~= not at[2] then return redis.error_reply('DAMAGED the head of the page is not valid') end
-- The same rule as in commit.lua and repair.lua.
if (checked > 0) ~= (call('STRLEN', bits) > 0) or not at[1] and call('EXISTS', log) == 1 then
  return redis.error_reply('MISFIT the parts of the page do not fit each other')
end

local function leadsHere()
  if version < 0 or version > headVersion then return false end
  if version == headVersion then return tag == headTag end
  local loggedVersion, loggedBytes = string.match(at[3] or '', '^(%d+) (%d+)$')
  if tonumber(loggedVersion or -1) ~= headVersion then return false end
  local id = string.format('%.0f-0', version + 1)
  -- An unreadable log counts as missing. A trimmed one begins later, a forked one at another tag.
  local entries = try('XRANGE', log, id, id)
  local fields = not entries.err and entries[1] and entries[1][2] or {}
  local bytesBefore = tonumber(fields[8] or '')
  return fields[2] == tag and bytesBefore ~= nil and tonumber(loggedBytes) - bytesBefore <= bytesMax
end

if leadsHere() then return { 'log', string.format('%.0f', headVersion), headTag } end
return { 'snapshot', string.format('%.0f', headVersion), headTag, call('GET', bits) or '' }
