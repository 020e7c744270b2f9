-- Returns the jobs of one dead session to their lanes, generation and due time unchanged. Whose
-- handler had begun nobody here knows, so each is marked. Also forgets accounts' gates whose time
-- has come.
-- KEYS  1 the shard's prefix
-- ARGV  1 lease_ms 2 about how many lanes to look at in one step
-- Reply {jobs returned, 1 when there is more to do}

for _, scope in ipairs(call('ZRANGEBYSCORE', base .. 'shut', '-inf', now, 'LIMIT', 0, 50)) do
  local lane = string.sub(scope, 9)
  local entry = read_entry(call('HGET', busy, lane))
  if entry[1] <= now then write_entry(lane, entry) end
  call('ZREM', base .. 'shut', scope)
end

if not pulse(tonumber(ARGV[1])) then return { 0, 0 } end
local reaping = base .. 'reaping'
local session, cursor = unpack(call('HRANDFIELD', reaping, 1, 'WITHVALUES'))
if not session then
  session = call('ZRANGEBYSCORE', base .. 'sessions', '-inf', now, 'LIMIT', 0, 1)[1]
  if not session then return { 0, 0 } end
  cursor = '0'
  -- From here on it cannot be renewed, even when its jobs go back in several steps.
  call('ZREM', base .. 'sessions', session)
end
local queues, jobs = {}, 0

-- Gives one job back.
local function give_back(lane, hold)
  local group, _, queue, due, member = parts(hold[1])
  local q = queues[queue]
  if not q then
    q = keys_of(queue)
    q.before = earliest(q)
    queues[queue] = q
  end
  local id = string.sub(member, 1, 16)
  jobs = jobs + 1
  suspect(id)
  if hold[2] ~= '' then wait(q, lane, id, hold[2], hold[3])
  else wait(q, lane, id, string.sub(member, 17), due) end
  return q, group
end

local step = call('HSCAN', busy, cursor, 'COUNT', ARGV[2])
for i = 1, #step[2], 2 do
  local lane, value = step[2][i], step[2][i + 1]
  if string.find(value, session, 1, true) then
    local entry = read_entry(value)
    local kept, back = { entry[1] }, {}
    for at = 2, #entry do
      local _, fence = parts(entry[at][1])
      local list = string.sub(fence, -16) == session and back or kept
      list[#list + 1] = entry[at]
    end
    write_entry(lane, kept)
    for _, hold in ipairs(back) do
      local q, group = give_back(lane, hold)
      offer_head(q, group, lane)
    end
  end
end
for _, q in pairs(queues) do
  write_offers(q)
  ring(q, q.before)
end
if step[1] == '0' then call('HDEL', reaping, session)
else call('HSET', reaping, session, step[1]) end
return { jobs, 1 }
