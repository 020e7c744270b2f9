-- Takes over what a reader has left unsettled for too long. KEYS: inboxes. ARGV: the reader that
-- takes over, after how many milliseconds, and how many entries of an inbox at most.
local found = {}
for _, inbox in ipairs(KEYS) do
  local claimed =
    redis.pcall('XAUTOCLAIM', inbox, 'ingest', ARGV[1], ARGV[2], '0-0', 'COUNT', ARGV[3])
  -- An inbox that was removed has no group; it gets one with the next look.
  if not claimed.err and #claimed[2] > 0 then found[#found + 1] = { inbox, claimed[2] } end
end
return found
