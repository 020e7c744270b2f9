-- Loads a window from the ledger after Redis was emptied; a larger count stays.
-- KEYS  1 the shard's prefix 2… the windows, at most 500
-- ARGV  (used reset_ms)* in the same order
-- Reply 1
for i = 2, #KEYS do
  local used, reset = tonumber(ARGV[i * 2 - 3]), tonumber(ARGV[i * 2 - 2])
  local at = call('HMGET', KEYS[i], 'used', 'reset', 'until')
  if reset > now and (tonumber(at[2] or 0) <= now or tonumber(at[1] or 0) < used) then
    call('HSET', KEYS[i], 'used', used, 'reset', reset)
    call('PEXPIREAT', KEYS[i], math.max(reset, tonumber(at[3] or 0)) + 1000)
  end
end
return 1
