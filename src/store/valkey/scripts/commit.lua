#!lua
--[[
  Commits one batch to one page: all of it, or, on an error before the first write, nothing.

  KEYS  1 bits · 2 head · 3 log · 4 seen:0 · 5 seen:1 · 6 history
  ARGV  1 channel · 2 PUBLISH or SPUBLISH · 3 the batch's tag · 4 log length · 5 log ms · 6 seen ms · 7 seen sessions
        8 1 to write a mark even if the batch writes nothing, so that WAIT has something to wait for
        9 ms that the history is kept, 0 for not at all · 10 its length · 11 1 to write to frozen cells too
        then for each write: session ("" is not remembered) · seq · ops, 3 characters each (ops.ts)
  Error DAMAGED what is stored is not valid · MISFIT it lacks a part
  Reply version · tag · for each write a letter: t taken, d duplicate, f frozen, s stale (the rule of seen.ts) · cells checked
        and, if a letter is f, the frozen ranges
]]
local call, byte, sub, pack, unpackBytes = redis.call, string.byte, string.sub, struct.pack, struct.unpack
local bits, head, log, seen, history = KEYS[1], KEYS[2], KEYS[3], { [0] = KEYS[4], [1] = KEYS[5] }, KEYS[6]
local seenMs, FIRST, WINDOW, KEYFRAME_BYTES = tonumber(ARGV[6]), 12, 32, 16384

-- A script that is stopped halfway leaves what it wrote, and nobody would hear of it. What comes
-- first needs no look.
local may = redis.acl_check_cmd
if not (may(ARGV[2], ARGV[1], '') and may('HSET', head, 'v', '1') and may('XADD', log, '*', 'f', '')
  and may('DEL', bits) and may('BITPOS', bits, '1')
  and (ARGV[9] == '0' or (may('XTRIM', history, 'MAXLEN', '1') and may('PEXPIRE', history, '1')))) then
  return redis.error_reply('NOPERM the user lacks a right that a write needs')
end

-- g and gs: the current generation of remembered sessions and when it began; x: when expiry was last put off; m: a mark; fz: what is
-- frozen; l: the version that was logged last, and the bytes logged up to there; c: the clock when it was looked at last;
-- hb: bytes of the history since its last keyframe.
local at = call('HMGET', head, 'v', 't', 'n', 'g', 'gs', 'x', 'fz', 'l', 'c', 'hb')
local version, tag, checked = tonumber(at[1] or 0), at[2] or 'AAAAAAAA', tonumber(at[3] or 0)
local gen, genStart, putOff = tonumber(at[4] or 0), tonumber(at[5] or 0) or 0, tonumber(at[6] or 0) or 0

-- An error after the first write would leave half a commit, so all that could fail is looked at first.
local function isWhole(number, max) return number ~= nil and number >= 0 and number <= max and number % 1 == 0 end
if not isWhole(version, 2 ^ 53 - 2) or not isWhole(checked, 65536) or not isWhole(gen, 1) or not at[1] ~= not at[2]
    or #tag ~= 8 or string.find(tag, '[^%w_-]') or #(at[7] or '') > 511 or string.find(at[7] or '', '[^%d,-]') then
  return redis.error_reply('DAMAGED the head of the page is not valid')
end
local used = call('STRLEN', bits)
if used > 8192 then return redis.error_reply('DAMAGED the page has too many bits') end
-- A missing head would make a page with bits new, and missing bits one with a head empty: neither would be noticed.
if (checked > 0) ~= (used > 0) or not at[1] and call('EXISTS', log) == 1 then
  return redis.error_reply('MISFIT the parts of the page do not fit each other')
end
-- The server's clock decides when memory goes: instances' clocks differ.
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- A clock that jumps makes no generation older, so its start is moved along; nor does a pause in which nobody wrote, much.
local elapsed = now - (tonumber(at[9]) or now)
genStart = math.min(now, genStart + elapsed - math.max(0, math.min(elapsed, seenMs / 60)))

local frozen = {}
for first, last in string.gmatch(ARGV[11] == '0' and at[7] or '', '(%d+)-(%d+)') do
  frozen[#frozen + 1] = { tonumber(first), tonumber(last) }
end

local sessions, known, isNew = {}, {}, false
for i = FIRST, #ARGV, 3 do
  local session = ARGV[i]
  if session ~= '' and not known[session] then sessions[#sessions + 1], known[session] = session, {} end
end
if #sessions > 0 then
  local newer, older = call('HMGET', seen[gen], unpack(sessions)), nil
  for i, session in ipairs(sessions) do
    local record = newer[i]
    if not record then
      older, isNew = older or call('HMGET', seen[1 - gen], unpack(sessions)), true
      record = older[i]
    end
    local highest, window = 0, 0
    if record and #record ~= 12 then return redis.error_reply('DAMAGED a remembered session is not valid') end
    if record then highest, window = unpackBytes('>dI4', record) end
    known[session] = { highest = highest, window = window }
  end
end
if now - genStart > seenMs or (isNew and call('HLEN', seen[gen]) > tonumber(ARGV[7])) then
  gen, putOff, genStart = 1 - gen, 0, now
  call('DEL', seen[gen])
  call('HSET', head, 'g', gen, 'gs', string.format('%.0f', now))
end
if not at[9] or math.abs(elapsed) >= 1000 then
  call('HSET', head, 'c', string.format('%.0f', now), 'gs', string.format('%.0f', genStart))
end

local function isFrozen(ops)
  for j = 1, #frozen > 0 and #ops or 0, 3 do
    local high, middle, low = byte(ops, j, j + 2)
    local cell = math.floor(((high - 48) * 4096 + (middle - 48) * 64 + low - 48) / 2)
    for _, range in ipairs(frozen) do
      if cell >= range[1] and cell < range[2] then return true end
    end
  end
  return false
end

-- A write that was taken before the freeze is a duplicate still: it has had its effect.
local function take(s, seq, ops)
  if not s then return isFrozen(ops) and 'f' or 't' end
  local ahead = seq - s.highest
  if ahead == 0 then return 'd' end
  if ahead > 0 then
    if isFrozen(ops) then return 'f' end
    local shifted = ahead < WINDOW and bit.lshift(s.window, ahead) or 0
    local highestBit = (s.highest > 0 and ahead <= WINDOW) and bit.lshift(1, ahead - 1) or 0
    s.highest, s.window, s.changed = seq, bit.bor(shifted, highestBit), true
    return 't'
  end
  if -ahead > WINDOW then return 's' end
  local mask = bit.lshift(1, -ahead - 1)
  if bit.band(s.window, mask) ~= 0 then return 'd' end
  if isFrozen(ops) then return 'f' end
  s.window, s.changed = bit.bor(s.window, mask), true
  return 't'
end

-- A stream that takes no entry is of another type, or is ahead of the page: what it holds leads nowhere.
local function append(stream, ...)
  if type(redis.pcall('XADD', stream, ...)) == 'table' then
    call('DEL', stream)
    call('XADD', stream, ...)
  end
end

local outcomes, effects, remember = {}, {}, {}
for i = FIRST, #ARGV, 3 do
  local ops = ARGV[i + 2]
  local outcome = take(known[ARGV[i]], tonumber(ARGV[i + 1]), ops)
  outcomes[#outcomes + 1] = outcome
  for j = 1, outcome == 't' and #ops or 0, 3 do
    local high, middle, low = byte(ops, j, j + 2)
    local change = (high - 48) * 4096 + (middle - 48) * 64 + low - 48
    local value = change % 2
    -- Where nothing is checked there is nothing to clear; SETBIT would make the bitmap all the same.
    if (value == 1 or checked > 0) and call('SETBIT', bits, (change - value) / 2, value) ~= value then
      checked = checked + value * 2 - 1
      effects[#effects + 1] = sub(ops, j, j + 2)
    end
  end
end
for session, s in pairs(known) do
  if s.changed then
    remember[#remember + 1] = session
    remember[#remember + 1] = pack('>dI4', s.highest, s.window % 4294967296)
  end
end
if #remember > 0 then call('HSET', seen[gen], unpack(remember)) end

if #effects > 0 then
  local before, changes = tag, table.concat(effects)
  version, tag = version + 1, ARGV[3]
  local number = string.format('%.0f', version)
  -- So since.lua can weigh a part of the log without reading it. A version that was not counted weighs more than any answer.
  local loggedVersion, loggedBytes = string.match(at[8] or '', '^(%d+) (%d+)$')
  loggedBytes = tonumber(loggedBytes or 0) + (tonumber(loggedVersion or 0) == version - 1 and 0 or 1048576)
  local bytesBefore = string.format('%.0f', loggedBytes)
  local logged = number .. ' ' .. string.format('%.0f', loggedBytes + 24 + #changes)
  call('HSET', head, 'v', number, 't', tag, 'n', checked, 'l', logged)
  if checked == 0 and call('BITPOS', bits, 1) == -1 then call('DEL', bits) end
  append(log, 'MAXLEN', '~', ARGV[4], number .. '-0', 'f', before, 't', tag, 'c', changes, 'b', bytesBefore)
  if ARGV[9] ~= '0' then
    -- By the server's clock, which may be another's after a failover; a stream's own numbering never goes back.
    local record = { 'v', number, 'f', before, 't', tag, 'c', changes }
    local bytes = (tonumber(at[10]) or KEYFRAME_BYTES) + 24 + #changes
    -- A keyframe holds the bits too, so that the past is found from near by.
    if bytes > KEYFRAME_BYTES then
      record[9], record[10], bytes = 'b', call('GET', bits) or '', 0
    end
    call('HSET', head, 'hb', string.format('%.0f', bytes))
    append(history, 'MAXLEN', '~', ARGV[10], '*', unpack(record))
    call('XTRIM', history, 'MINID', '~', string.format('%.0f', now - tonumber(ARGV[9])))
    call('PEXPIRE', history, ARGV[9])
  end
  call(ARGV[2], ARGV[1], number .. ':' .. before .. ':' .. tag .. ':' .. changes)
end
if ARGV[8] == '1' and #effects == 0 and #remember == 0 then call('HSET', head, 'm', '1') end
-- Not at every commit, as expiry has time to spare; but again and again until there is a log to expire.
if now - putOff > seenMs / 4 or now < putOff then
  call('PEXPIRE', seen[gen], seenMs * 3)
  if call('PEXPIRE', log, ARGV[5] + seenMs) == 1 then call('HSET', head, 'x', string.format('%.0f', now)) end
end
local letters = table.concat(outcomes)
return { string.format('%.0f', version), tag, letters, checked, string.find(letters, 'f', 1, true) and at[7] or nil }
