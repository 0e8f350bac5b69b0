#!lua flags=no-writes
--[[
  What came to a page after a position: deltas if the log leads from exactly there to the present, else a snapshot.

  KEYS  1 bits · 2 head · 3 log
  ARGV  1 version · 2 tag · 3 deltas at most     (version -1: always a snapshot)
  Reply 'deltas' · {id, {f from-tag, t to-tag, c ops}} …
        'snapshot' · version · tag · bits
]]
local call = redis.call
local bits, head, log = KEYS[1], KEYS[2], KEYS[3]
local version, tag, deltasMax = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])

local at = call('HMGET', head, 'v', 't')
local headVersion, headTag = tonumber(at[1] or 0), at[2] or 'AAAAAAAA'
local missing = headVersion - version

if missing == 0 and tag == headTag then
  return { 'deltas' }
end
if missing > 0 and missing <= deltasMax and version >= 0 then
  local entries = call('XRANGE', log, string.format('%.0f', version + 1), '+', 'COUNT', missing)
  -- A trimmed log begins later; a log after a fork begins on another tag.
  if #entries == missing and entries[1][2][2] == tag then
    return { 'deltas', unpack(entries) }
  end
end
return { 'snapshot', string.format('%.0f', headVersion), headTag, call('GET', bits) or '' }
