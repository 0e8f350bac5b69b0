#!lua
--[[
  Commits one batch to one page. After an error before the first write, nothing was changed.

  KEYS   1 bits · 2 head · 3 log · 4 seen:0 · 5 seen:1 · 6 history · 7 claims
  ARGV   1 channel · 2 PUBLISH or SPUBLISH · 3 the batch's tag · 4 log length · 5 log ms
         6 seen ms · 7 seen sessions
         8 1 to write a mark if the batch writes nothing, so that WAIT has something to wait for
         9 ms to keep history, 0 for no history · 10 history length · 11 1 to override freezes
         12 on a board with claims, ms that a claim lasts, 0 for no end; otherwise ""
         13 1 if claims are leases · 14 the mark of the index of holds that the page is added to
         then for each write: session ("" is not remembered) · seq · ops, 3 characters each (ops.ts)
           and on a board with claims the author: an owner, "" to override, or an act
           !x expire · !c confirm · !e and ms extend · !g and ms grant; all but !x end in ":" and
           an owner or ""
  Reply  version · tag · one letter per write: a accepted, d duplicate, f frozen, s stale, k taken
         cells checked · the server's clock in ms · the frozen ranges, if any letter is f, or ""
         for each letter k the cells that are taken, "," between them and ";" between letters
         or only the mark of the page, if it must be added to the index of holds first
  Error  DAMAGED the stored data is not valid · MISFIT the page lacks a part
         NOPERM the user lacks a right

  The head is a hash:
    v, t, n  version, tag, cells checked
    fz       frozen ranges
    g, gs    current generation of remembered sessions, and its start
    c        the server's clock when generations last aged
    l        version logged last, and the bytes logged up to it
    hb       history bytes since the last keyframe
    x        when the expiry was last extended
    m        the mark
    hi       the mark for the index of holds: odd while the page is in it (claims.lua)

  Claims are a hash: offset -> owner, 16 characters, and the end in ms unless there is none. They
  follow claims.ts.
]]
local call, may, byte, find, format = redis.call, redis.acl_check_cmd, string.byte, string.find, string.format
local bits, head, log, seen, history = KEYS[1], KEYS[2], KEYS[3], { [0] = KEYS[4], [1] = KEYS[5] }, KEYS[6]
local channel, publish, batchTag, logLength, logMs = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local seenMs, sessionsMax, isMarked = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8] == '1'
local historyMs, historyLength, keepsHistory, overridesFreeze = ARGV[9], ARGV[10], ARGV[9] ~= '0', ARGV[11] == '1'
local hasClaims, holdMs, isLease, holdMark = ARGV[12] ~= '', tonumber(ARGV[12]) or 0, ARGV[13] == '1', ARGV[14]
local FIRST_WRITE, STRIDE, WINDOW, KEYFRAME_BYTES, UNCOUNTED_BYTES = 15, hasClaims and 4 or 3, 32, 16384, 1048576

-- ── Everything that can fail comes first: an error after a write would leave half a commit. ──

-- Commands that run before the first write need no check: if one is denied, nothing was changed.
if not (may(publish, channel, '') and may('HSET', head, 'v', '1') and may('XADD', log, '*', 'f', '')
  and may('DEL', bits) and may('BITPOS', bits, '1') and (not hasClaims or may('HDEL', KEYS[7], '0'))
  and (not keepsHistory or (may('XTRIM', history, 'MAXLEN', '1') and may('PEXPIRE', history, '1')))) then
  return redis.error_reply('NOPERM the user lacks a right that a write needs')
end

local storedVersion, storedTag, n, g, gs, x, fz, logged, clock, historyBytes =
  unpack(call('HMGET', head, 'v', 't', 'n', 'g', 'gs', 'x', 'fz', 'l', 'c', 'hb'))
local version, tag, checked = tonumber(storedVersion or 0), storedTag or 'AAAAAAAA', tonumber(n or 0)
local generation, startMs, putOffMs, ranges = tonumber(g or 0), tonumber(gs or 0) or 0, tonumber(x or 0) or 0, fz or ''
local function isWhole(number, max) return number ~= nil and number >= 0 and number <= max and number % 1 == 0 end
if not isWhole(version, 2 ^ 53 - 2) or not isWhole(checked, 65536) or not isWhole(generation, 1)
    or not storedVersion ~= not storedTag or #tag ~= 8 or find(tag, '[^%w_-]')
    or #ranges > 511 or find(ranges, '[^%d,-]') then
  return redis.error_reply('DAMAGED the head of the page is not valid')
end
local usedBytes = call('STRLEN', bits)
if usedBytes > 8192 then return redis.error_reply('DAMAGED the page has too many bits') end
-- Without this check, a page without its head would count as new, and one without bits as empty.
if (checked > 0) ~= (usedBytes > 0) or not storedVersion and call('EXISTS', log) == 1 then
  return redis.error_reply('MISFIT the parts of the page do not fit each other')
end

local remembered, sessions, isAnyNew, NO_RECORD = {}, {}, false, string.rep('\0', 12)
for i = FIRST_WRITE, #ARGV, STRIDE do
  local session = ARGV[i]
  if session ~= '' and not remembered[session] then sessions[#sessions + 1], remembered[session] = session, {} end
end
if #sessions > 0 then
  local newer, older = call('HMGET', seen[generation], unpack(sessions)), nil
  for i, session in ipairs(sessions) do
    local record = newer[i]
    if not record then
      older, isAnyNew = older or call('HMGET', seen[1 - generation], unpack(sessions)), true
      record = older[i]
    end
    record = record or NO_RECORD
    if #record ~= 12 then return redis.error_reply('DAMAGED a remembered session is not valid') end
    local highest, window = struct.unpack('>dI4', record)
    remembered[session] = { highest = highest, window = window }
  end
end

-- offset * 2 + value of the op at character `at`.
local function changeAt(ops, at)
  local high, middle, low = byte(ops, at, at + 2)
  return (high - 48) * 4096 + (middle - 48) * 64 + low - 48
end

-- A page may get holds only while it is in the index of holds. A restored hold may end on any
-- board.
local mayEnd = hasClaims and holdMs > 0
for i = FIRST_WRITE, hasClaims and #ARGV or 0, STRIDE do mayEnd = mayEnd or find(ARGV[i + 3], '^!g[1-9]') end
local mark = mayEnd and (tonumber(call('HGET', head, 'hi') or '0') or 0)
local isUnindexed = mark and mark % 2 == 0
if isUnindexed and format('%.0f', mark) ~= holdMark then return { format('%.0f', mark) } end

-- Offset -> { owner, end }, false if there is none. `told` are changes that people should hear of.
local claims, changed, told = {}, {}, {}
if hasClaims then
  local offsets = {}
  for i = FIRST_WRITE, #ARGV, STRIDE do
    for at = 1, #ARGV[i + 2], 3 do
      local offset = math.floor(changeAt(ARGV[i + 2], at) / 2)
      if claims[offset] == nil then offsets[#offsets + 1], claims[offset] = offset, false end
    end
  end
  for i = 1, #offsets, 4000 do
    local last = math.min(i + 3999, #offsets)
    for at, stored in ipairs(call('HMGET', KEYS[7], unpack(offsets, i, last))) do
      claims[offsets[i + at - 1]] = stored and { string.sub(stored, 1, 16), tonumber(string.sub(stored, 17)) or 0 }
    end
  end
end

if isUnindexed then call('HSET', head, 'hi', format('%.0f', mark + 1)) end

-- ── Remembered sessions age by the server's clock, because instances' clocks differ. ──

local function whole(number) return format('%.0f', number) end
local time = call('TIME')
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)
-- A jump of the clock does not age a generation, and a pause hardly does: its start moves along.
local elapsedMs = nowMs - (tonumber(clock) or nowMs)
startMs = math.min(nowMs, startMs + elapsedMs - math.max(0, math.min(elapsedMs, seenMs / 60)))
if nowMs - startMs > seenMs or (isAnyNew and call('HLEN', seen[generation]) > sessionsMax) then
  generation, putOffMs, startMs = 1 - generation, 0, nowMs
  call('DEL', seen[generation])
  call('HSET', head, 'g', generation, 'gs', whole(nowMs))
end
if not clock or math.abs(elapsedMs) >= 1000 then call('HSET', head, 'c', whole(nowMs), 'gs', whole(startMs)) end

-- include claim-rules

-- ── The writes. ──

local frozen = {}
for first, last in string.gmatch(overridesFreeze and '' or ranges, '(%d+)-(%d+)') do
  frozen[#frozen + 1] = { tonumber(first), tonumber(last) }
end
local function isFrozen(ops)
  if #frozen == 0 then return false end
  for at = 1, #ops, 3 do
    local cell = math.floor(changeAt(ops, at) / 2)
    for _, range in ipairs(frozen) do
      if cell >= range[1] and cell < range[2] then return true end
    end
  end
  return false
end

-- Follows the rule of seen.ts. A write that was accepted before a freeze is still a duplicate.
local taken = {}
local function judge(known, seq, ops, who)
  local behind = known and known.highest - seq or -1
  if behind > WINDOW then return 's' end
  local isSeen = behind == 0 or behind > 0 and bit.band(known.window, bit.lshift(1, behind - 1)) ~= 0
  if not isSeen and isFrozen(ops) then return 'f' end
  local refused = refusedBy(who, ops, isSeen)
  if refused then
    taken[#taken + 1] = refused
    return 'k', isSeen
  end
  return isSeen and 'd' or 'a', isSeen
end
local function remember(known, seq)
  local ahead, window = seq - known.highest, known.window
  if ahead < 0 then
    window = bit.bor(window, bit.lshift(1, -ahead - 1))
  else
    window = ahead < WINDOW and bit.lshift(window, ahead) or 0
    if known.highest > 0 and ahead <= WINDOW then window = bit.bor(window, bit.lshift(1, ahead - 1)) end
  end
  known.highest, known.window, known.isChanged = math.max(seq, known.highest), window, true
end

-- `effects` are changed bits; `mentions` also has the cells of which only the claim has changed.
local letters, effects, mentions = {}, {}, {}
if not hasClaims then mentions = effects end
local function apply(ops, who)
  for at = 1, #ops, 3 do
    local change = changeAt(ops, at)
    local value = change % 2
    local effect = hasClaims and claimEffect(who, (change - value) / 2, value) or 's'
    -- If nothing is checked there is nothing to clear, and SETBIT would create the bitmap.
    if effect == 's' and (value == 1 or checked > 0) and call('SETBIT', bits, (change - value) / 2, value) ~= value then
      checked = checked + value * 2 - 1
      effects[#effects + 1] = string.sub(ops, at, at + 2)
      effect = hasClaims and 'm'
    end
    if effect == 'm' then mentions[#mentions + 1] = string.sub(ops, at, at + 2) end
  end
end
for i = FIRST_WRITE, #ARGV, STRIDE do
  local known, seq, ops, who = remembered[ARGV[i]], tonumber(ARGV[i + 1]), ARGV[i + 2], hasClaims and ARGV[i + 3]
  local letter, isSeen = judge(known, seq, ops, who)
  letters[#letters + 1] = letter
  -- A refused claim uses up its number, so that a late copy cannot win what its user knows is lost.
  if known and not isSeen and (letter == 'a' or letter == 'k') then remember(known, seq) end
  if letter == 'a' then apply(ops, who) end
end
local news = {}
for offset in pairs(changed) do
  local now = claims[offset]
  if now then
    call('HSET', KEYS[7], offset, now[1] .. (now[2] == 0 and '' or whole(now[2])))
  else
    call('HDEL', KEYS[7], offset)
  end
  if told[offset] then
    news[#news + 1] = offset .. (now and '.' .. now[1] .. '.' .. (now[2] == 0 and '' or whole(now[2] - nowMs)) or '')
  end
end
local records = {}
for session, known in pairs(remembered) do
  if known.isChanged then
    records[#records + 1], records[#records + 2] = session, struct.pack('>dI4', known.highest, known.window % 2 ^ 32)
  end
end
if #records > 0 then call('HSET', seen[generation], unpack(records)) end

-- ── The delta goes to the head, the log, the history and the channel. ──

-- A stream that rejects the entry has another type or is ahead of the page. Its entries are
-- useless.
local function append(stream, ...)
  if type(redis.pcall('XADD', stream, ...)) == 'table' then
    call('DEL', stream)
    call('XADD', stream, ...)
  end
end

if #mentions > 0 then
  local fromTag, changes = tag, table.concat(mentions)
  version, tag = version + 1, batchTag
  local number, bytes = whole(version), 24 + #changes
  -- Lets since.lua know the log's size without reading it. An uncounted version exceeds any answer.
  local loggedVersion, loggedBytes = string.match(logged or '', '^(%d+) (%d+)$')
  local isCounted = tonumber(loggedVersion or 0) == version - 1
  local bytesBefore = tonumber(loggedBytes or 0) + (isCounted and 0 or UNCOUNTED_BYTES)
  call('HSET', head, 'v', number, 't', tag, 'n', checked, 'l', number .. ' ' .. whole(bytesBefore + bytes))
  if checked == 0 and call('BITPOS', bits, 1) == -1 then call('DEL', bits) end
  append(log, 'MAXLEN', '~', logLength, number .. '-0', 'f', fromTag, 't', tag, 'c', changes, 'b', whole(bytesBefore))
  if keepsHistory then
    -- The stream's ids follow the server's clock and never go back, even after a failover.
    local record = { 'v', number, 'f', fromTag, 't', tag, 'c', table.concat(effects) }
    local sinceKeyframe = (tonumber(historyBytes) or KEYFRAME_BYTES) + bytes
    -- A keyframe also holds the bits, so that few deltas must be undone to find a past state.
    if sinceKeyframe > KEYFRAME_BYTES then
      record[9], record[10], sinceKeyframe = 'b', call('GET', bits) or '', 0
    end
    call('HSET', head, 'hb', whole(sinceKeyframe))
    append(history, 'MAXLEN', '~', historyLength, '*', unpack(record))
    call('XTRIM', history, 'MINID', '~', whole(nowMs - tonumber(historyMs)))
    call('PEXPIRE', history, historyMs)
  end
  -- Ops may contain a colon.
  local owners = #news > 0 and '|' .. table.concat(news, ',') or ''
  call(publish, channel, number .. ':' .. fromTag .. ':' .. tag .. ':' .. changes .. owners)
end
if isMarked and #mentions == 0 and #records == 0 then call('HSET', head, 'm', '1') end
-- Expiry has time to spare, so not every commit extends it. Until there is a log, each one tries.
if nowMs - putOffMs > seenMs / 4 or nowMs < putOffMs then
  call('PEXPIRE', seen[generation], seenMs * 3)
  if call('PEXPIRE', log, logMs + seenMs) == 1 then call('HSET', head, 'x', whole(nowMs)) end
end

local outcomes = table.concat(letters)
local refusedFor = find(outcomes, 'f', 1, true) and fz or ''
return { whole(version), tag, outcomes, checked, whole(nowMs), refusedFor, table.concat(taken, ';') }
