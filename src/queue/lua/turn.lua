-- A worker's turn: acknowledges what ended, then claims what is due.
-- KEYS  1 the shard's prefix
-- ARGV  1 session 2 queue 3 jobs to claim (0: none) 4 jobs of a lane at once 5 lease nonce
--       6 the most lanes to look at 7 acknowledgements of finished jobs 8 other acknowledgements,
--       both at most 512 9 hints, see below
--       then (lane receipt)* of the finished
--       then (lane receipt op a b)* with op d done, a again (generation, due_ms), r released
--       (delay_ms), t released until (due_ms), h handed back, m moved (its push's number); of r,
--       t and h, a is 1 for a suspect
--       then the pushes of moves as in push.lua
-- Reply {status, server_ms, ms to the next lane or -1, incarnation, (1|0 per ack)*,
--       (lane receipt)* per job, (id per suspect among them)*}

-- Jobs that a group gets in its turn.
local QUANTUM = 8
-- A job that is claimed later than this after its due time tells of a backlog.
local LATE_MS = 100
local session, name, n, lane_max = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local q = keys_of(name)
local before = earliest(q)
local done, others = tonumber(ARGV[7]), tonumber(ARGV[8])
local first_other = 10 + done * 2
local moves = first_other + others * 5

-- Takes the job that a receipt is of out of an entry, or nothing when its time is over.
local function take(entry, receipt)
  for at = 2, #entry do
    if entry[at][1] == receipt then return table.remove(entry, at) end
  end
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

-- What follows an acknowledgement: the job may wait again, its lane is looked at.
local function follow(lane, hold, op, a, b)
  local group, _, _, due, member = parts(hold[1])
  local id, known = string.sub(member, 1, 16), string.sub(member, 17)
  local generation
  if op == 'a' then generation, due = a, b
  elseif op == 'r' then generation, due = known, now + tonumber(b)
  elseif op == 't' then generation, due = known, b
  elseif op == 'h' then generation = known end
  if (op == 'r' or op == 't' or op == 'h') and a == '1' then suspect(id) end
  if hold[2] ~= '' and tonumber(hold[2]) > tonumber(generation or known) then
    generation, due = hold[2], hold[3]
  end
  if generation then wait(q, lane, id, generation, due) end
  if op == 'm' then moved(tonumber(a)) end
  if hold[4] then tried(hold[4]) end
  offer_head(q, group, lane)
end

-- First every entry is made shorter and written, then comes what follows: a move may look at them.
local results, entries, free, after = {}, {}, {}, {}
local NOTHING = { 0 }

-- Acknowledges one job whose lane's entry may hold more than it.
local function acknowledge(lane, value, receipt, op, a, b)
  local entry = entries[lane]
  if not entry then
    entry = read_entry(value)
    entries[lane] = entry
  end
  local hold = take(entry, receipt)
  results[#results + 1] = hold and 1 or 0
  if hold then after[#after + 1] = { lane, hold, op, a, b } end
end

if done + others > 0 then
  local lanes = {}
  for i = 10, first_other - 1, 2 do lanes[#lanes + 1] = ARGV[i] end
  for i = first_other, moves - 1, 5 do lanes[#lanes + 1] = ARGV[i] end
  local found = call('HMGET', busy, unpack(lanes))
  for at = 1, done do
    local lane, receipt = lanes[at], ARGV[9 + at * 2]
    if found[at] == receipt and not entries[lane] then
      -- The usual case: the lane has this one job and nothing else.
      entries[lane] = NOTHING
      free[#free + 1] = lane
      results[at] = 1
      local group = string.sub(receipt, 2, string.find(receipt, '\n', 2, true) - 1)
      -- In a backlog the lane's next job is most likely due as well.
      if string.byte(receipt) == 72 then offer(q, group, lane, now) else offer_head(q, group, lane) end
    else
      acknowledge(lane, found[at], receipt, 'd')
    end
  end
  for at = 1, others do
    local i = first_other + (at - 1) * 5
    acknowledge(ARGV[i], found[done + at], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4])
  end
  if #free > 0 then call('HDEL', busy, unpack(free)) end
  for _, one in ipairs(after) do write_entry(one[1], entries[one[1]]) end
  for _, one in ipairs(after) do follow(unpack(one, 1, 5)) end
  write_offers(q)
end

local has_doors = n > 0 and call('EXISTS', base .. 'doors') == 1
local marked, suspects = n > 0 and call('EXISTS', base .. 'suspects') == 1, {}

local fence, jobs, held, written = nil, {}, {}, {}
local count, looked, scan_max = 0, 0, tonumber(ARGV[6])

-- May a further job of a lane run in this queue? Only beside the first one: its process keeps their
-- steps apart. Whoever acknowledges offers the lane again.
local function has_room(entry)
  local mine = 0
  for at = 2, #entry do
    local _, fence_of, queue = parts(entry[at][1])
    if queue == name then
      mine = mine + 1
      if string.sub(fence_of, -16) ~= session then return false end
    end
  end
  return mine < lane_max
end

-- Claims the first job of a lane that was taken out of the race, and puts the lane back if more
-- may run beside it. Nothing of it may be younger than the clock: never early.
local function claim(group, lane, value, probe)
  local entry = value and read_entry(value)
  if entry then
    if entry[1] > now then
      park(q, group, entry[1], 'account:' .. lane)
      return offer(q, group, lane, entry[1])
    end
    if not has_room(entry) then return end
  end
  local first = call('ZPOPMIN', q.lane .. lane)
  local member, due = first[1], first[2]
  if not member then return end
  local at = tonumber(due)
  if at > now then
    call('ZADD', q.lane .. lane, due, member)
    return offer(q, group, lane, at)
  end
  q.waiting = q.waiting - 1
  if entry and await(q, lane, entry, string.sub(member, 1, 16), string.sub(member, 17), due) then
    held[lane] = entry_text(entry)
    written[#written + 1] = lane
    written[#written + 1] = held[lane]
    return offer_head(q, group, lane)
  end
  if not fence then
    local epoch = string.format('%.0f', call('INCR', base .. 'epoch'))
    fence = '\n' .. epoch .. ':' .. ARGV[5] .. ':' .. session .. ' ' .. name .. '\n'
  end
  local receipt = (at < now - LATE_MS and 'H' or 'h') .. group .. fence .. due .. ' ' .. member
  value = receipt
  if entry or probe then
    entry = entry or { 0 }
    entry[#entry + 1] = { receipt, '', '', probe }
    value = entry_text(entry)
    if probe then probing(probe) end
  end
  held[lane] = value
  written[#written + 1] = lane
  written[#written + 1] = value
  if marked then
    local id = string.sub(member, 1, 16)
    if call('SREM', base .. 'suspects', id) == 1 then suspects[#suspects + 1] = id end
  end
  count = count + 1
  jobs[#jobs + 1] = lane
  jobs[#jobs + 1] = receipt
  if lane_max > 1 then offer_head(q, group, lane) end
end

-- Where the groups stand after their turns, written at the end.
local standing = {}
local function stand(group, at_text)
  standing[#standing + 1] = at_text
  standing[#standing + 1] = group
end

-- Claims up to `share` jobs of one group, one of each lane.
local function take_from(group, share, probe)
  local wake, goal, all = q.wake .. group, count + share, true
  while all and count < goal and looked < scan_max do
    local lanes = call('ZRANGEBYSCORE', wake, '-inf', clock_text, 'LIMIT', 0, goal - count)
    all = #lanes == goal - count
    if #lanes == 0 then break end
    looked = looked + #lanes
    call('ZREMRANGEBYRANK', wake, 0, #lanes - 1)
    local found = call('HMGET', busy, unpack(lanes))
    for i, lane in ipairs(lanes) do claim(group, lane, held[lane] or found[i], probe) end
  end
  local back = q.offers[group]
  if back then
    call('ZADD', wake, 'LT', unpack(back))
    q.offers[group] = nil
  end
  -- Behind the others that wait, as long as somebody in it most likely waits.
  if all then return stand(group, clock_text) end
  local first = call('ZRANGE', wake, 0, 0, 'WITHSCORES')[2]
  if not first then call('ZREM', q.groups, group)
  else stand(group, tonumber(first) > clock and first or clock_text) end
end

-- A group's turn, if no door stops it.
local function serve(group, share)
  if not has_doors then return take_from(group, share) end
  local until_at, scope, probe = closed(group)
  if until_at > now then
    park(q, group, until_at, scope)
    return stand(group, string.format('%.0f', until_at * 1000))
  end
  take_from(group, probe and 1 or share, probe)
end

-- What the worker knows: `s HALF` of its slots, `w TENANT WEIGHT` for tenants of another weight
-- than 1, and `h GROUP COUNT` for groups that hold many of its slots already.
local half, weights, held_by, fulls = n, {}, {}, 0
for verb, what, number in string.gmatch(ARGV[9], '(%l) (%S+) ?(%d*)\n') do
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
    if share > 0 and looked < scan_max then serve(group, share) end
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
    if room > 0 then serve(group, #names == 1 and room or math.min(QUANTUM, room)) end
  end
end

local status, mine = 'ok', ''
if n > 0 then
  mine = incarnation()
  if not mine then status, mine = 'unknown', ''
  elseif not call('ZSCORE', base .. 'sessions', session) then status = 'lost'
  else
    round()
    if #written > 0 then call('HSET', busy, unpack(written)) end
    if #standing > 0 then call('ZADD', q.groups, unpack(standing)) end
    write_offers(q)
  end
end
ring(q, before)
local first = earliest(q)
local ahead = first and math.max(0, math.ceil((first - clock) / 1000)) or -1
return { status, now, ahead, mine, results, jobs, suspects }
