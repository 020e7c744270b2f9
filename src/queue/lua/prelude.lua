-- Put before every other script: the clock, the identity of this server, and lanes.
-- Every key begins with KEYS[1], `{pf:sN}:`, whose hash tag keeps a shard in one slot. Names of
-- lanes are data, so their keys are made from that prefix and cannot be listed beforehand. Nothing
-- else is listed either: while its slot moves, a script with several keys would be turned away.
local base, ARGV = KEYS[1], ARGV
local call, pack = redis.call, cmsgpack.pack
local busy = base .. 'busy'
local time = call('TIME')
-- The races of lanes and groups count microseconds, so that turns taken within a millisecond keep
-- their order; whole ones, for Redis reads and writes fractions ten times slower.
local clock = time[1] * 1000000 + time[2]
local now = math.floor(clock / 1000)
local clock_text = string.format('%.0f', clock)

-- The incarnation, when this is still the server and the history it was given to.
local function incarnation()
  local told = call('HMGET', base .. 'identity', 'incarnation', 'run_id', 'replid')
  if not told[1] then return nil end
  local run = string.match(call('INFO', 'server'), 'run_id:(%x+)')
  local replid = string.match(call('INFO', 'replication'), 'master_replid:(%x+)')
  if run ~= told[2] or replid ~= told[3] then return nil end
  return told[1]
end

-- One queue's keys.
local function keys_of(queue)
  local prefix = base .. 'q:' .. queue .. ':'
  return {
    name = queue, prefix = prefix, groups = prefix .. 'groups', depth = prefix .. 'depth',
    wake = prefix .. 'wake:', lane = prefix .. 'lane:', offers = {}, waiting = 0,
  }
end

-- When the queue's next lane wakes, in microseconds, or nil.
local function earliest(q)
  local head = call('ZRANGE', q.groups, 0, 0, 'WITHSCORES')
  return head[2] and tonumber(head[2])
end

-- Puts a lane into the race, at its due time in milliseconds. What is due joins behind those that
-- wait already: a round over lanes.
local function offer(q, group, lane, due, is_fresh)
  local at, text = due * 1000, clock_text
  if at > clock then text = string.format('%.0f', at)
  elseif is_fresh then
    at = clock - 1000000
    text = string.format('%.0f', at)
  else at = clock end
  local list = q.offers[group]
  if not list then
    list = { first = at, text = text }
    q.offers[group] = list
  elseif at < list.first then
    list.first, list.text = at, text
  end
  list[#list + 1] = text
  list[#list + 1] = lane
end

-- Writes the offers of a queue, at most 1,000 lanes a command.
local function write_offers(q)
  local groups = {}
  for group, list in pairs(q.offers) do
    for from = 1, #list, 2000 do
      call('ZADD', q.wake .. group, 'LT', unpack(list, from, math.min(from + 1999, #list)))
    end
    groups[#groups + 1] = list.text
    groups[#groups + 1] = group
  end
  if #groups > 0 then call('ZADD', q.groups, 'LT', unpack(groups)) end
  q.offers = {}
  if q.waiting ~= 0 then call('INCRBY', q.depth, q.waiting) end
  q.waiting = 0
end

-- Offers a lane by its first job, if it has one.
local function offer_head(q, group, lane)
  local head = call('ZRANGE', q.lane .. lane, 0, 0, 'WITHSCORES')
  if head[2] then offer(q, group, lane, tonumber(head[2])) end
end

-- Lets a job wait. The same generation twice is one job.
local function wait(q, lane, id, generation, due)
  q.waiting = q.waiting + call('ZADD', q.lane .. lane, 'NX', due, id .. generation)
end

-- Tells sleeping workers when a queue's next lane wakes earlier than they were told.
local function ring(q, before)
  local after = earliest(q)
  if after and (not before or after < before) then
    -- 0 is now: whose clock runs a moment behind must not wait for it.
    local due = after > clock and string.format('%.0f', math.floor(after / 1000)) or '0'
    call('PUBLISH', base .. 'wake', 'q ' .. due .. ' ' .. q.name)
  end
end

-- Marks a job whose handler may have brought its process down, for the next claim of it. A lost
-- mark only lets one death go uncounted, so marks are bounded and expire.
local function suspect(id)
  local key = base .. 'suspects'
  if call('SCARD', key) < 10000 then call('SADD', key, id) end
  call('PEXPIRE', key, 3600000)
end

-- The entry of a lane in `busy` says until when its account is shut and what of it is lent, in any
-- queue: whoever looks at a lane learns both at once. Mostly it is the receipt of one job, as it is;
-- else, packed, until when the lane is shut (0: it is not), then for each job {receipt, its newer
-- generation or '', that one's due time, the scope it is the probe of or nil}.
--
-- A receipt is `h group\n fence queue\n due member` without the spaces but the second and the last;
-- H for h when the job was claimed late. A fence is `epoch:lease:session`, the session 16 digits; a
-- member is the 16 bytes of an id and a generation.
local function parts(receipt)
  return string.match(receipt, '^.([^\n]*)\n(%S+) ([^\n]*)\n(%S+) (.*)$')
end

local function is_receipt(value)
  local first = string.byte(value)
  return first == 104 or first == 72
end

local function read_entry(value)
  if not value then return { 0 } end
  if is_receipt(value) then return { 0, { value, '', '' } } end
  return cmsgpack.unpack(value)
end

-- The entry as it is kept, or nil when there is nothing to keep.
local function entry_text(entry)
  if entry[1] <= now then
    if #entry == 1 then return nil end
    if #entry == 2 and entry[2][2] == '' and not entry[2][4] then return entry[2][1] end
  end
  return pack(entry)
end

local function write_entry(lane, entry)
  local text = entry_text(entry)
  if text then call('HSET', busy, lane, text) else call('HDEL', busy, lane) end
end

-- Remembers a newer generation of a held job until its acknowledgement. False: it is not held.
local function await(q, lane, entry, id, generation, due)
  for at = 2, #entry do
    local hold = entry[at]
    local _, _, queue, _, member = parts(hold[1])
    if queue == q.name and string.sub(member, 1, 16) == id then
      local known = tonumber(hold[2] ~= '' and hold[2] or string.sub(member, 17))
      if tonumber(generation) > known then
        hold[2], hold[3] = generation, due
        write_entry(lane, entry)
      end
      return true
    end
  end
  return false
end

-- Pushes one wake-up into a queue. One that is due just now goes before what has waited in vain
-- for less than a second: a post of this moment is not behind a backlog, nor always before it.
local function push(q, id, generation, group, lane, due)
  local value = call('HGET', busy, lane)
  if value and await(q, lane, read_entry(value), id, generation, due) then return end
  wait(q, lane, id, generation, due)
  local at = tonumber(due)
  offer(q, group, lane, at, at > now - 1000 and at <= now)
end

-- Pushes ARGV[from…], six fields each: queue, id, generation, group, lane, due.
local function push_all(from)
  local queues = {}
  for i = from, #ARGV, 6 do
    local q = queues[ARGV[i]]
    if not q then
      q = keys_of(ARGV[i])
      q.before = earliest(q)
      queues[ARGV[i]] = q
    end
    push(q, ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5])
  end
  for _, q in pairs(queues) do
    write_offers(q)
    ring(q, q.before)
  end
end
