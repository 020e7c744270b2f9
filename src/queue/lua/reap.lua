-- Returns the jobs of one dead session to their lanes, generation and due time unchanged. Whose
-- handler had begun nobody here knows, so each is marked.
-- KEYS  1 the shard's prefix
-- ARGV  1 lease_ms 2 the most lanes in one step
-- Reply {jobs returned, 1 when there is more to do}
if not pulse(tonumber(ARGV[1])) then return { 0, 0 } end
local session = call('SRANDMEMBER', base .. 'dying')
if not session then
  session = call('ZRANGEBYSCORE', base .. 'sessions', '-inf', now, 'LIMIT', 0, 1)[1]
  if not session then return { 0, 0 } end
  -- From here on it cannot be renewed, even when its jobs go back in several steps.
  call('ZREM', base .. 'sessions', session)
  call('SADD', base .. 'dying', session)
end
local held = base .. 'held:' .. session
local queues, jobs = {}, 0
for _, member in ipairs(call('SPOP', held, ARGV[2])) do
  local queue, lane = string.match(member, '^(%Z*)%z(.*)$')
  local q = queues[queue]
  if not q then
    q = keys_of(queue)
    q.before = earliest(q)
    queues[queue] = q
  end
  local kept, group = {}, nil
  for _, hold in ipairs(holds(call('HGET', q.busy, lane))) do
    if session_of(hold) ~= session then
      kept[#kept + 1] = hold
    else
      jobs, group = jobs + 1, hold[4]
      suspect(hold[1])
      if hold[6] ~= '' then wait(q, lane, hold[1], hold[6], hold[7])
      else wait(q, lane, hold[1], hold[3], hold[5]) end
    end
  end
  if #kept == 0 then call('HDEL', q.busy, lane)
  else call('HSET', q.busy, lane, pack(kept)) end
  if group then offer_head(q, group, lane) end
end
for _, q in pairs(queues) do
  write_offers(q)
  ring(q, q.before)
end
if call('EXISTS', held) == 0 then call('SREM', base .. 'dying', session) end
return { jobs, 1 }
