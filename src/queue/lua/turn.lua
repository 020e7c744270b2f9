-- A worker's turn: acknowledges what ended, then claims what is due.
-- KEYS  1 the shard's prefix
-- ARGV  1 session 2 queue 3 jobs to claim (0: none) 4 jobs of a lane at once 5 lease nonce
--       6 the most lanes to look at 7 acknowledgements, at most 512
--       then (lane id fence op a b)* with op d done, a again (generation, due_ms), r released
--       (delay_ms), t released until (due_ms), h handed back, m moved (its push's number); of r,
--       t and h, a is 1 for a suspect; then
--       the pushes of moves as in push.lua. A fence is `epoch:lease:session`
-- Reply {status, server_ms, ms to the next lane or -1, epoch, incarnation, (1|0 per ack)*,
--       (lane id generation group)* per job, (id per suspect among them)*}
local session, name, n, lane_max = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local q = keys_of(name)
local before = earliest(q)
local acks = tonumber(ARGV[7])
local moves = 8 + acks * 6

-- Takes the held job out of its lane's list, when its fence is that of the claim.
local function take(list, id, fence)
  for at = 1, #list do
    local hold = list[at]
    if hold[1] == id and hold[2] == fence then return table.remove(list, at) end
  end
end

-- What is to wait in the lane after the acknowledgement: generation and due, or nil.
local function rest(hold, i)
  local op, generation, due = ARGV[i + 3], nil, nil
  if op == 'd' then
    if hold[6] == '' then return end
  elseif op == 'a' then generation, due = ARGV[i + 4], ARGV[i + 5]
  elseif op == 'r' then generation, due = hold[3], now + tonumber(ARGV[i + 5])
  elseif op == 't' then generation, due = hold[3], ARGV[i + 5]
  elseif op == 'h' then generation, due = hold[3], hold[5] end
  if op ~= 'a' and op ~= 'm' and ARGV[i + 4] == '1' then suspect(hold[1]) end
  if hold[6] ~= '' and tonumber(hold[6]) > tonumber(generation or hold[3]) then
    return hold[6], hold[7]
  end
  return generation, due
end

local function moved(number)
  local i = moves + number * 6
  local to = ARGV[i] == name and q or keys_of(ARGV[i])
  local first = to ~= q and earliest(to)
  push(to, ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5])
  if to ~= q then
    write_offers(to)
    ring(to, first)
  end
end

local results, lists, groups = {}, {}, {}
if acks > 0 then
  local lanes = {}
  for i = 8, moves - 1, 6 do lanes[#lanes + 1] = ARGV[i] end
  for at, packed in ipairs(call('HMGET', q.busy, unpack(lanes))) do
    if not lists[lanes[at]] then lists[lanes[at]] = holds(packed) end
  end
end
-- First every list is made shorter and written, then what follows waits: a move may look at them.
local after = {}
for i = 8, moves - 1, 6 do
  local lane = ARGV[i]
  local hold = take(lists[lane], ARGV[i + 1], ARGV[i + 2])
  results[#results + 1] = hold and 1 or 0
  if hold then
    groups[lane] = hold[4]
    after[#after + 1] = i
    after[#after + 1] = hold
  end
end
local free, idle = {}, {}
for lane in pairs(groups) do
  if #lists[lane] == 0 then free[#free + 1] = lane
  else call('HSET', q.busy, lane, pack(lists[lane])) end
end
if #free > 0 then call('HDEL', q.busy, unpack(free)) end
for at = 1, #after, 2 do
  local i, hold = after[at], after[at + 1]
  local lane, owner = ARGV[i], session_of(hold)
  local more = false
  for _, other in ipairs(lists[lane]) do more = more or session_of(other) == owner end
  if not more then
    idle[owner] = idle[owner] or {}
    table.insert(idle[owner], name .. '\0' .. lane)
  end
  local generation, due = rest(hold, i)
  if generation then wait(q, lane, hold[1], generation, due) end
  if ARGV[i + 3] == 'm' then moved(tonumber(ARGV[i + 4])) end
end
for owner, members in pairs(idle) do
  call('SREM', base .. 'held:' .. owner, unpack(members))
end
for lane, group in pairs(groups) do offer_head(q, group, lane) end
write_offers(q)

-- The instant at which every gate of a lane is open, or 0; expired gates are taken away.
local gated = n > 0 and call('EXISTS', base .. 'gates') == 1
local marked, suspects = n > 0 and call('EXISTS', base .. 'suspects') == 1, {}
local seen = {}
local function gate_of(scope)
  if seen[scope] == nil then
    local at = tonumber(call('HGET', base .. 'gates', scope) or 0)
    if at > 0 and at <= now then
      call('HDEL', base .. 'gates', scope)
      call('UNLINK', base .. 'parked:' .. scope)
      at = 0
    end
    seen[scope] = at
  end
  return seen[scope]
end
local function closed(lane)
  local platform, app, account = string.match(lane, '^([^:]+):([^:]+):(.+)$')
  if not platform then return 0 end
  local until_at, scope = 0, nil
  for _, key in ipairs({ 'account:' .. account, 'app:' .. platform .. ':' .. app,
    'platform:' .. platform }) do
    local at = gate_of(key)
    if at > until_at then until_at, scope = at, key end
  end
  return until_at, scope
end
local function park(group, lane, until_at, scope)
  call('ZADD', q.wake .. group, until_at, lane)
  call('SADD', base .. 'parked:' .. scope, pack({ name, group, lane }))
  call('PEXPIREAT', base .. 'parked:' .. scope, until_at + 60000)
end

local epoch, fence, jobs, marks, busy = nil, nil, {}, {}, {}
local count, looked, scan_max = 0, 0, tonumber(ARGV[6])

-- Claims the first job of a lane that was taken out of the race, and puts the lane back if more
-- may run beside it. Nothing of it may be younger than the clock: never early.
local function claim(group, lane, list)
  if #list >= lane_max then return end
  -- A further job of a lane only beside the first: its process keeps their steps apart. Whoever
  -- acknowledges offers the lane again.
  if #list > 0 and session_of(list[1]) ~= session then return end
  local first = call('ZPOPMIN', q.lane .. lane)
  if not first[1] then return end
  if tonumber(first[2]) > now then
    call('ZADD', q.lane .. lane, first[2], first[1])
    return offer(q, group, lane, tonumber(first[2]))
  end
  q.waiting = q.waiting - 1
  local id, generation = string.sub(first[1], 1, 16), string.sub(first[1], 17)
  if await(q, lane, list, id, generation, first[2]) then return offer_head(q, group, lane) end
  if not epoch then
    epoch = string.format('%.0f', call('INCR', base .. 'epoch'))
    fence = epoch .. ':' .. ARGV[5] .. ':' .. session
  end
  list[#list + 1] = { id, fence, generation, group, first[2], '', '' }
  busy[#busy + 1] = lane
  busy[#busy + 1] = pack(list)
  marks[#marks + 1] = name .. '\0' .. lane
  if marked and call('SREM', base .. 'suspects', id) == 1 then suspects[#suspects + 1] = id end
  count = count + 1
  jobs[count * 4 - 3], jobs[count * 4 - 2] = lane, id
  jobs[count * 4 - 1], jobs[count * 4] = generation, group
  if #list < lane_max then offer_head(q, group, lane) end
end

-- Claims up to `share` jobs of one group, one of each lane.
local function serve(group, share)
  local wake, goal = q.wake .. group, count + share
  while count < goal and looked < scan_max do
    local lanes = call('ZRANGEBYSCORE', wake, '-inf', clock, 'LIMIT', 0, goal - count)
    if #lanes == 0 then break end
    looked = looked + #lanes
    call('ZREM', wake, unpack(lanes))
    local packed = call('HMGET', q.busy, unpack(lanes))
    for i, lane in ipairs(lanes) do
      local until_at, scope = 0, nil
      if gated then until_at, scope = closed(lane) end
      if until_at > now then park(group, lane, until_at, scope)
      else claim(group, lane, holds(packed[i])) end
    end
    if #busy > 0 then call('HSET', q.busy, unpack(busy)) end
    busy = {}
  end
  local back = q.offers[group]
  if back then
    call('ZADD', wake, 'LT', unpack(back))
    q.offers[group] = nil
  end
  -- Behind the groups that wait: a round over groups.
  local head = call('ZRANGE', wake, 0, 0, 'WITHSCORES')
  if not head[2] then call('ZREM', q.groups, group)
  else call('ZADD', q.groups, math.max(tonumber(head[2]), clock), group) end
end

local status, mine = 'ok', ''
if n > 0 then
  mine = incarnation()
  if not mine then status, mine = 'unknown', ''
  elseif not call('ZSCORE', base .. 'sessions', session) then status = 'lost'
  else
    local due = call('ZRANGEBYSCORE', q.groups, '-inf', clock, 'LIMIT', 0, 64)
    for i, group in ipairs(due) do
      if count >= n or looked >= scan_max then break end
      serve(group, math.ceil((n - count) / (#due - i + 1)))
    end
    write_offers(q)
    if #marks > 0 then call('SADD', base .. 'held:' .. session, unpack(marks)) end
  end
end
ring(q, before)
local first = earliest(q)
local ahead = first and math.max(0, math.ceil(first - clock)) or -1
return { status, now, ahead, epoch or '0', mine, results, jobs, suspects }
