-- What Redis believes a session holds of a queue, to find claims whose reply was lost.
-- KEYS  1 the shard's prefix
-- ARGV  1 session 2 queue 3 where to go on, 0 at first 4 about how many lanes to look at
-- Reply {where to go on or '0', (lane receipt)*}
local step = call('HSCAN', busy, ARGV[3], 'COUNT', ARGV[4])
local found = { step[1] }
for i = 1, #step[2], 2 do
  local entry = read_entry(step[2][i + 1])
  for at = 2, #entry do
    local _, fence, queue = parts(entry[at][1])
    if queue == ARGV[2] and string.sub(fence, -16) == ARGV[1] then
      found[#found + 1] = step[2][i]
      found[#found + 1] = entry[at][1]
    end
  end
end
return found
