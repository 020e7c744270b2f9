-- Raises the epoch counter above what Postgres has seen.
-- KEYS  1 the shard's prefix
-- ARGV  1 the least value
-- Reply 1
local key = base .. 'epoch'
if tonumber(call('GET', key) or 0) < tonumber(ARGV[1]) then
  call('SET', key, ARGV[1])
end
return 1
