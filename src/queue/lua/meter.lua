-- Counts one call in every quota, or in none.
-- KEYS  1 the shard's prefix
-- ARGV  eight for each quota, at most 16 of them, its name without prefix and either
--       'window' calls_max window_ms how waiting ends_ms cost: how is '' | 'lane' | 'queue',
--       waiting the name without prefix, ends_ms the end of a calendar's window or 0
--       'rate' calls per_ms burst '' '' ''
-- Reply {0, what is left of each, -1 for a rate…} when granted, else {when to ask again}
--
-- A window is a hash: `used` calls until `reset`; what a header told, `left` calls until `until`;
-- `next`, when it is stretched. A rate is a string: when its last call would have been evenly due.

-- Nobody knows what was used before this Redis forgot, until it has been filled.
if not incarnation() then return { now + 1000 } end

-- A permit's second, less for short windows. The platform's window begins when the first call
-- arrives, up to a lag after its permit: so ours ends a lag later, and for the last two lags it
-- is closed, or a call permitted in it could arrive in the platform's next one, uncounted.
local function lag_of(length)
  return math.min(1000, math.floor(length / 30))
end

-- Jobs that will ask for this window; each asks at least once.
local function waiting(how, name)
  if how == 'lane' then return call('ZCARD', base .. name) end
  if how == 'queue' then return tonumber(call('GET', base .. name) or 0) end
  return 0
end

-- Less than a tenth is left, and a larger part of the time than of the calls: what is left is
-- spread evenly over the rest, so that whoever comes late need not wait for the whole window.
-- But only once more jobs wait than fit, and from then on to the window's end: a window in which
-- all that is asked fits is never stretched. Fifty videos under 100 a day go at once, for half is
-- left; so do 25 segments under 100 per 15 min, and the last five of 95 posts when no more wait.
local function stretch(w, at, first)
  local rest = w.close - now
  if w.left * 10 >= w.most or w.left * w.length >= rest * w.most then return end
  local next = not w.is_new and tonumber(at[5]) or nil
  local asked = w.cost * (1 + waiting(ARGV[first + 3], ARGV[first + 4]))
  if not next and asked <= w.left then return end
  if next and now < next then w.later = math.ceil(next)
  else w.next = now + w.cost * rest / w.left end
end

local function window(key, first)
  local most, length = tonumber(ARGV[first + 1]), tonumber(ARGV[first + 2])
  local at = call('HMGET', key, 'used', 'reset', 'left', 'until', 'next')
  local used, reset, lag = tonumber(at[1] or 0), tonumber(at[2] or 0), lag_of(length)
  local ends, cost = tonumber(ARGV[first + 5]), tonumber(ARGV[first + 6])
  local w = { key = key, most = most, length = length, is_new = reset <= now, later = 0 }
  -- A calendar's end is known to the millisecond; whoever names one that is over has a clock
  -- behind ours, and asks again.
  if w.is_new then used, reset = 0, (ends > 0 and ends or now + length) + lag end
  w.left, w.reset, w.close, w.cost = most - used, reset, reset - 2 * lag, cost
  if w.left < cost or now >= w.close then w.later = math.max(reset, now + 1) end
  local told, til = tonumber(at[3]), tonumber(at[4] or 0)
  w.is_told, w.til = told and til > now, til
  if w.is_told then
    if told < cost then w.later = math.max(w.later, til) end
    if told < w.left then w.left, w.close = told, til end
  end
  if w.later == 0 then stretch(w, at, first) end
  return w
end

-- Milliseconds with their fraction: a rate may let several calls go within one.
local moment = clock / 1000

local function rate(key, first)
  local gap = tonumber(ARGV[first + 2]) / tonumber(ARGV[first + 1])
  local due = math.max(tonumber(call('GET', key) or 0), moment) + gap
  local from = due - tonumber(ARGV[first + 3]) * gap
  return { key = key, due = due, later = from > moment and math.ceil(from) or 0 }
end

local asked, later = {}, 0
for first = 2, #ARGV, 8 do
  local quota = ARGV[first] == 'rate' and rate or window
  local one = quota(base .. ARGV[first - 1], first)
  one.name = ARGV[first - 1]
  asked[#asked + 1] = one
  later = math.max(later, one.later)
end

if later > 0 then
  for _, q in ipairs(asked) do
    if q.most and q.later > 0 then note('refusing', q.later, q.name) end
  end
  return { later }
end

local reply = { 0 }
for i, q in ipairs(asked) do
  if q.due then
    call('SET', q.key, string.format('%.3f', q.due), 'PX', math.ceil(q.due - moment) + 1000)
    reply[i + 1] = -1
  else
    if q.is_new then
      call('HDEL', q.key, 'next')
      call('HSET', q.key, 'used', q.cost, 'reset', q.reset)
    else
      call('HINCRBY', q.key, 'used', q.cost)
    end
    if q.is_told then call('HINCRBY', q.key, 'left', -q.cost) end
    if q.next then call('HSET', q.key, 'next', string.format('%.3f', q.next)) end
    if q.is_new then call('PEXPIREAT', q.key, math.max(q.reset, q.til) + 1000) end
    reply[i + 1] = q.left - q.cost
    note_filling(q.name, q.most, reply[i + 1], math.max(q.reset, q.is_told and q.til or 0))
  end
end
return reply
