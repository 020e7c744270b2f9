-- A platform said what is left of its window: it only lowers what we grant.
-- KEYS  1 the shard's prefix 2 the window
-- ARGV  1 calls remaining 2 reset_ms
-- Reply 1
local reset = tonumber(ARGV[2])
-- A header of a window that is over says nothing about this one.
if reset <= now then return 1 end
local at = call('HMGET', KEYS[2], 'used', 'reset', 'cap')
local used, known, cap = tonumber(at[1] or 0), tonumber(at[2] or 0), nil
if known <= now then
  call('DEL', KEYS[2])
  used = 0
else
  cap = tonumber(at[3])
end
local said = used + tonumber(ARGV[1])
if not cap or said < cap then cap = said end
call('HSET', KEYS[2], 'used', used, 'reset', reset, 'cap', cap)
call('PEXPIREAT', KEYS[2], reset + 1000)
return 1
