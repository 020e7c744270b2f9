-- Opens a gate before its time and brings the lanes back that waited for it.
-- KEYS  1 the shard's prefix
-- ARGV  1 scope_key 2 the most lanes to bring back in one step
-- Reply lanes brought back; call again until it is 0
call('HDEL', base .. 'gates', ARGV[1], 'probe ' .. ARGV[1])
call('PUBLISH', base .. 'wake', 'o 0 ' .. ARGV[1])
local parked = call('SPOP', base .. 'parked:' .. ARGV[1], ARGV[2])
local queues = {}
for _, packed in ipairs(parked) do
  local queue, group, lane = unpack(cmsgpack.unpack(packed))
  local q = queues[queue]
  if not q then
    q = keys_of(queue)
    q.before = earliest(q)
    queues[queue] = q
  end
  offer_head(q, group, lane)
end
for _, q in pairs(queues) do
  write_offers(q)
  ring(q, q.before)
end
return #parked
