-- A platform said what is left of its window: beside our own count, and the smaller one holds.
-- KEYS  1 the shard's prefix
-- ARGV  1 the window without prefix 2 calls remaining 3 reset_ms 4 its calls
-- Reply 1
local window, remaining, reset = base .. ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
-- A header of a window that is over says nothing about this one.
if reset <= now then return 1 end
local at = call('HMGET', window, 'reset', 'left', 'until')
local left, til = tonumber(at[2]), tonumber(at[3] or 0)
-- What was told before has been counted down by every permit since, calls still on their way
-- included, which this header may not know of: it only ever lowers, and never shortens the wait.
if til > now then
  if left <= remaining then return 1 end
  reset = math.max(reset, til)
end
call('HSET', window, 'left', remaining, 'until', reset)
call('PEXPIREAT', window, math.max(reset, tonumber(at[1] or 0)) + 1000)
note_filling(ARGV[1], tonumber(ARGV[4]), remaining, reset)
return 1
