-- Opens a gate before its time and brings back what waited for it.
-- KEYS  1 the shard's prefix
-- ARGV  1 scope_key 2 the most lanes or groups to bring back in one step
-- Reply how many were brought back; call again until it is 0
local scope = ARGV[1]
local lane = string.match(scope, '^account:(.*)$')
if lane then
  call('ZREM', base .. 'shut', scope)
  local entry = read_entry(call('HGET', busy, lane))
  entry[1] = 0
  write_entry(lane, entry)
else
  call('HDEL', base .. 'doors', scope, 'probe ' .. scope)
end
call('PUBLISH', base .. 'wake', 'o 0 ' .. scope)
local parked = call('SPOP', base .. 'parked:' .. scope, ARGV[2])
local queues = {}
for _, packed in ipairs(parked) do
  local queue, group = unpack(cmsgpack.unpack(packed))
  local q = queues[queue]
  if not q then
    q = keys_of(queue)
    q.before = earliest(q)
    queues[queue] = q
  end
  if lane then offer_head(q, group, lane)
  elseif call('EXISTS', q.wake .. group) == 1 then
    call('ZADD', q.groups, 'LT', clock_text, group)
  end
end
for _, q in pairs(queues) do
  write_offers(q)
  ring(q, q.before)
end
return #parked
