-- What this shard was told.
-- KEYS  1 the shard's prefix
-- Reply {'known', incarnation, due_ms, subject} | {'unknown'}
local mine = incarnation()
if not mine then return { 'unknown' } end
local at = call('HMGET', base .. 'identity', 'due', 'subject')
return { 'known', mine, at[1], at[2] }
