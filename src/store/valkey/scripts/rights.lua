#!lua flags=no-writes
--[[
  Finds out which of some commands the user may not run, and changes nothing. Only denied commands
  are run: the server's answer shows whether the command, a key or a channel is the reason.

  ARGV  1 the commands with their arguments, a list of lists in JSON
  Reply for each denied command: its index from 0 · the server's answer, or "unknown" if the server
        does not have the command
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
