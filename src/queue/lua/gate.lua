-- Closes gates. A gate that is closed is only prolonged; opening is another script.
-- KEYS  1 the shard's prefix
-- ARGV  (scope_key until_ms)*, at most 500 of them
-- Reply 1
for i = 1, #ARGV, 2 do
  local scope, until_at = ARGV[i], tonumber(ARGV[i + 1])
  local lane = string.match(scope, '^account:(.*)$')
  local known
  if lane then known = call('ZSCORE', base .. 'shut', scope)
  else known = call('HGET', base .. 'doors', scope) end
  if not known or tonumber(known) < until_at then
    if lane then
      call('ZADD', base .. 'shut', ARGV[i + 1], scope)
      local entry = read_entry(call('HGET', busy, lane))
      entry[1] = math.max(entry[1], until_at)
      write_entry(lane, entry)
    else
      call('HSET', base .. 'doors', scope, ARGV[i + 1])
      call('HDEL', base .. 'doors', 'probe ' .. scope)
    end
    call('PUBLISH', base .. 'wake', 'g ' .. ARGV[i + 1] .. ' ' .. scope)
  end
end
return 1
