-- Prolongs a session: one write, however many jobs it holds.
-- KEYS  1 the shard's prefix
-- ARGV  1 session 2 lease_ms 3 '1' to begin it
-- Reply 1, or 0 when the session was given up and its jobs lent to others
local lease = tonumber(ARGV[2])
pulse(lease)
if ARGV[3] ~= '1' and not call('ZSCORE', base .. 'sessions', ARGV[1]) then return 0 end
call('ZADD', base .. 'sessions', now + lease, ARGV[1])
return 1
