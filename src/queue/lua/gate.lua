-- Closes gates. A gate that is closed is only prolonged; opening is another script.
-- KEYS  1 the shard's prefix
-- ARGV  (scope_key until_ms)*, at most 500 of them
-- Reply 1
for i = 1, #ARGV, 2 do
  local known = call('HGET', base .. 'gates', ARGV[i])
  if not known or tonumber(known) < tonumber(ARGV[i + 1]) then
    call('HSET', base .. 'gates', ARGV[i], ARGV[i + 1])
    call('HDEL', base .. 'gates', 'probe ' .. ARGV[i])
    call('PUBLISH', base .. 'wake', 'g ' .. ARGV[i + 1] .. ' ' .. ARGV[i])
  end
end
return 1
