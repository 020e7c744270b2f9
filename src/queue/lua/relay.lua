-- The relay's push: moves the cursor and pushes, both or nothing.
-- KEYS  1 the shard's prefix
-- ARGV  1 incarnation 2 due_ms 3 subject (from) 4 due_ms 5 subject (to), then as push.lua, ≤ 500
-- Reply {'advanced'} | {'moved', incarnation, due_ms, subject} | {'unknown'}
local mine = incarnation()
if not mine then return { 'unknown' } end
local at = call('HMGET', base .. 'identity', 'due', 'subject')
if mine ~= ARGV[1] or at[1] ~= ARGV[2] or at[2] ~= ARGV[3] then
  return { 'moved', mine, at[1], at[2] }
end
call('HSET', base .. 'identity', 'due', ARGV[4], 'subject', ARGV[5])
push_all(6)
return { 'advanced' }
