-- Forgets readers that hold nothing: the one that leaves, and those silent for too long. KEYS:
-- inboxes. ARGV: who leaves, and after how many milliseconds silence is an end. A reader that holds
-- entries stays, for they would be lost with it.
local left = 0
for _, inbox in ipairs(KEYS) do
  local readers = redis.pcall('XINFO', 'CONSUMERS', inbox, 'ingest')
  for at = 1, readers.err and 0 or #readers do
    local reader = {}
    for field = 1, #readers[at], 2 do reader[readers[at][field]] = readers[at][field + 1] end
    local is_gone = reader.name == ARGV[1] or reader.idle > tonumber(ARGV[2])
    if reader.pending == 0 and is_gone then
      redis.call('XGROUP', 'DELCONSUMER', inbox, 'ingest', reader.name)
      left = left + 1
    end
  end
end
return left
