-- Which jobs nothing here would ever wake: they are not lent, and wait in no lane that is in the
-- race. Of a lane of which something is lent, whoever acknowledges that offers the rest again.
-- KEYS  1 the shard's prefix
-- ARGV  as push.lua, at most 250 jobs
-- Reply (number of a job, from 1)*

-- Is a job of the queue's lane lent, and is it this one?
local function lent(q, lane, id, generation)
  local is_any, is_it = false, false
  local entry = read_entry(call('HGET', busy, lane))
  for at = 2, #entry do
    local _, _, queue, _, member = parts(entry[at][1])
    if queue == q.name then
      is_any = true
      is_it = is_it or member == id .. generation
        or string.sub(member, 1, 16) == id and entry[at][2] == generation
    end
  end
  return is_any, is_it
end

local function is_racing(q, group, lane)
  return call('ZSCORE', q.wake .. group, lane) and call('ZSCORE', q.groups, group)
end

local found = {}
for i = 1, #ARGV, 6 do
  local q, id, generation = keys_of(ARGV[i]), ARGV[i + 1], ARGV[i + 2]
  local group, lane = ARGV[i + 3], ARGV[i + 4]
  local is_any, is_it = lent(q, lane, id, generation)
  local waits = call('ZSCORE', q.lane .. lane, id .. generation)
  local is_known = is_it or waits and (is_any or is_racing(q, group, lane))
  if not is_known then found[#found + 1] = (i + 5) / 6 end
end
return found
