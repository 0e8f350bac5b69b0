#!lua flags=no-writes
--[[
  Which of some commands the user may not run. Nothing is done: what may be run is only looked at, and what may not is tried
  for the server's words, which say whether the command, a key or a channel is the reason.

  ARGV  1 the commands with their arguments, a list of lists in JSON
  Reply for each that may not be run: its index from 0 · what the server says, or "unknown" for a command that it does not know
]]
local denied = {}
for index, command in ipairs(cjson.decode(ARGV[1])) do
  local isKnown, may = pcall(redis.acl_check_cmd, unpack(command))
  if not isKnown then
    denied[#denied + 1], denied[#denied + 2] = index - 1, 'unknown'
  elseif not may then
    local answer = redis.pcall(unpack(command))
    denied[#denied + 1], denied[#denied + 2] = index - 1, type(answer) == 'table' and answer.err or ''
  end
end
return denied
