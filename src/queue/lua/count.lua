-- Loads a window from the ledger after Redis was emptied; a larger count stays.
-- KEYS  1 the shard's prefix
-- ARGV  (window used reset_ms)*, at most 500 of them, the window without prefix
-- Reply 1
for i = 1, #ARGV, 3 do
  local window, used, reset = base .. ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  local at = call('HMGET', window, 'used', 'reset', 'until')
  if reset > now and (tonumber(at[2] or 0) <= now or tonumber(at[1] or 0) < used) then
    call('HSET', window, 'used', used, 'reset', reset)
    call('PEXPIREAT', window, math.max(reset, tonumber(at[3] or 0)) + 1000)
  end
end
return 1
