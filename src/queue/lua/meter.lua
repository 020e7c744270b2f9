-- Counts one call in every window, or in none.
-- KEYS  1 the shard's prefix 2… the windows, at most 16
-- ARGV  (calls_max window_ms)* in the same order
-- Reply 0 when granted, else the instant at which the last full window begins anew
local later = 0
local open = {}
for i = 2, #KEYS do
  local most = tonumber(ARGV[i * 2 - 3])
  local at = call('HMGET', KEYS[i], 'used', 'reset', 'cap')
  local used, reset = tonumber(at[1] or 0), tonumber(at[2] or 0)
  if reset <= now then
    used, open[i] = 0, true
  elseif at[3] then
    most = math.min(most, tonumber(at[3]))
  end
  if used >= most then later = math.max(later, reset > now and reset or now + 1000) end
end
if later > 0 then return later end
for i = 2, #KEYS do
  if open[i] then
    local length = tonumber(ARGV[i * 2 - 2])
    -- The platform's window begins when the call arrives, up to a permit's second after this.
    local reset = now + length + math.min(1000, math.floor(length / 20))
    call('DEL', KEYS[i])
    call('HSET', KEYS[i], 'used', 1, 'reset', reset)
    call('PEXPIREAT', KEYS[i], reset + 1000)
  else
    call('HINCRBY', KEYS[i], 'used', 1)
  end
end
return 0
