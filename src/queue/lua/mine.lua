-- What Redis believes a session holds of a queue, to find claims whose reply was lost.
-- KEYS  1 the shard's prefix
-- ARGV  1 session 2 queue
-- Reply (lane id fence)*, bounded by what one process claims
local q = keys_of(ARGV[2])
local found = {}
for _, member in ipairs(call('SMEMBERS', base .. 'held:' .. ARGV[1])) do
  local queue, lane = string.match(member, '^(%Z*)%z(.*)$')
  if queue == ARGV[2] then
    for _, hold in ipairs(holds(call('HGET', q.busy, lane))) do
      if session_of(hold) == ARGV[1] then
        for _, field in ipairs({ lane, hold[1], hold[2] }) do found[#found + 1] = field end
      end
    end
  end
end
return found
