-- A worker's turn: acknowledges what ended, then claims what is due.
-- KEYS  1 the shard's prefix
-- ARGV  1 session 2 queue 3 jobs to claim (0: none) 4 jobs of a lane at once 5 lease nonce
--       6 the most lanes to look at 7 acknowledgements, at most 512 8 hints, see `hinted`
--       then (lane id fence op a b)* with op d done, a again (generation, due_ms), r released
--       (delay_ms), t released until (due_ms), h handed back, m moved (its push's number); of r,
--       t and h, a is 1 for a suspect; then
--       the pushes of moves as in push.lua. A fence is `epoch:lease:session`
-- Reply {status, server_ms, ms to the next lane or -1, epoch, incarnation, (1|0 per ack)*,
--       (lane id generation group)* per job, (id per suspect among them)*}

-- Jobs that a group gets in its turn.
local QUANTUM = 8
local session, name, n, lane_max = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local q = keys_of(name)
local before = earliest(q)
local acks = tonumber(ARGV[7])
local moves = 9 + acks * 6

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
  for i = 9, moves - 1, 6 do lanes[#lanes + 1] = ARGV[i] end
  for at, packed in ipairs(call('HMGET', q.busy, unpack(lanes))) do
    if not lists[lanes[at]] then lists[lanes[at]] = holds(packed) end
  end
end
-- First every list is made shorter and written, then what follows waits: a move may look at them.
local after = {}
for i = 9, moves - 1, 6 do
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
  if hold[8] then tried(hold[8]) end
end
for owner, members in pairs(idle) do
  call('SREM', base .. 'held:' .. owner, unpack(members))
end
for lane, group in pairs(groups) do offer_head(q, group, lane) end
write_offers(q)

local gated = n > 0 and call('EXISTS', base .. 'gates') == 1
local marked, suspects = n > 0 and call('EXISTS', base .. 'suspects') == 1, {}

local epoch, fence, jobs, marks, busy = nil, nil, {}, {}, {}
local count, looked, scan_max = 0, 0, tonumber(ARGV[6])

-- Claims the first job of a lane that was taken out of the race, and puts the lane back if more
-- may run beside it. Nothing of it may be younger than the clock: never early.
local function claim(group, lane, list, probe)
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
  list[#list + 1] = { id, fence, generation, group, first[2], '', '', probe }
  if probe then probing(probe) end
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
    local lanes = call('ZRANGEBYSCORE', wake, '-inf', clock_text, 'LIMIT', 0, goal - count)
    if #lanes == 0 then break end
    looked = looked + #lanes
    call('ZREM', wake, unpack(lanes))
    local packed = call('HMGET', q.busy, unpack(lanes))
    local above, shut, accounts
    if gated then above, shut, accounts = look_up(lanes) end
    for i, lane in ipairs(lanes) do
      local until_at, scope, probe = 0, nil, nil
      if gated then until_at, scope, probe = closed(above[i], shut[i], accounts[i]) end
      if until_at > now then park(q, group, lane, until_at, scope)
      else claim(group, lane, holds(packed[i]), probe) end
    end
    if #busy > 0 then call('HSET', q.busy, unpack(busy)) end
    busy = {}
  end
  local back = q.offers[group]
  if back then
    call('ZADD', wake, 'LT', unpack(back))
    q.offers[group] = nil
  end
end

-- Where a group stands after its turn: behind the others that wait.
local function stand(group)
  local first = call('ZRANGE', q.wake .. group, 0, 0, 'WITHSCORES')[2]
  if not first then
    call('ZREM', q.groups, group)
  else
    call('ZADD', q.groups, tonumber(first) > clock and first or clock_text, group)
  end
end

-- What the worker knows: `s HALF` of its slots, `w TENANT WEIGHT` for tenants of another weight
-- than 1, and `h GROUP COUNT` for groups that hold many of its slots already.
local half, weights, held_by, fulls = n, {}, {}, 0
for verb, what, number in string.gmatch(ARGV[8], '(%l) (%S+) ?(%d*)\n') do
  if verb == 's' then half = tonumber(what)
  elseif verb == 'w' then weights[what] = tonumber(number)
  else
    held_by[what] = tonumber(number)
    if held_by[what] >= half then fulls = fulls + 1 end
  end
end

-- A group gets at most half of the slots, unless nobody else wants any.
local function room_of(group, is_alone)
  if is_alone then return n - count end
  return math.min(n - count, half - (held_by[group] or 0))
end

-- Divides the room by weights. What is left of a share, less than a job, is kept for the next turn.
local function divide(names)
  local all, keep = 0, {}
  for _, group in ipairs(names) do all = all + (weights[string.match(group, '^[^:]*')] or 1) end
  local kept = call('HMGET', q.prefix .. 'shares', unpack(names))
  for i, group in ipairs(names) do
    local weight = weights[string.match(group, '^[^:]*')] or 1
    local want = n * weight / all + tonumber(kept[i] or 0)
    local share = math.min(math.floor(want), room_of(group, #names == 1))
    local before_count = count
    if share > 0 and looked < scan_max then
      serve(group, share)
      stand(group)
    end
    -- A group without enough lanes saves nothing up; nor does one for longer than a round.
    local is_short = count - before_count < share
    keep[#keep + 1] = group
    keep[#keep + 1] = is_short and 0 or math.min(want - share, weight)
  end
  call('HSET', q.prefix .. 'shares', unpack(keep))
  call('PEXPIRE', q.prefix .. 'shares', 10000)
end

-- A round over groups, the one that waits longest first. Each gets a handful of lanes, so that what
-- a group costs is shared by several jobs.
local function round()
  local is_weighted = next(weights) ~= nil
  local most = is_weighted and 64 or math.max(2, math.ceil(n / QUANTUM)) + fulls
  local names = call('ZRANGEBYSCORE', q.groups, '-inf', clock_text, 'LIMIT', 0, most)
  if is_weighted and #names > 1 then return divide(names) end
  for _, group in ipairs(names) do
    if count >= n or looked >= scan_max then break end
    local room = room_of(group, #names == 1)
    if room > 0 then
      serve(group, #names == 1 and room or math.min(QUANTUM, room))
      stand(group)
    end
  end
end

local status, mine = 'ok', ''
if n > 0 then
  mine = incarnation()
  if not mine then status, mine = 'unknown', ''
  elseif not call('ZSCORE', base .. 'sessions', session) then status = 'lost'
  else
    round()
    write_offers(q)
    if #marks > 0 then call('SADD', base .. 'held:' .. session, unpack(marks)) end
  end
end
ring(q, before)
local first = earliest(q)
local ahead = first and math.max(0, math.ceil((first - clock) / 1000)) or -1
return { status, now, ahead, epoch or '0', mine, results, jobs, suspects }
