-- Which of these jobs this Redis does not know: neither that generation nor a later one of them
-- waits or is held.
-- KEYS  1 the shard's prefix
-- ARGV  (queue id generation lane)*, at most 500 of them
-- Reply the numbers of those, from 1
local function is_held(queue, id, generation, lane)
  local entry = read_entry(call('HGET', busy, lane))
  for at = 2, #entry do
    local hold = entry[at]
    local _, _, held_queue, _, member = parts(hold[1])
    if held_queue == queue and string.sub(member, 1, 16) == id then
      local known = tonumber(hold[2] ~= '' and hold[2] or string.sub(member, 17))
      if known >= tonumber(generation) then return true end
    end
  end
  return false
end

local unknown = {}
for i = 1, #ARGV, 4 do
  local queue, id, generation, lane = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local waits = call('ZSCORE', base .. 'q:' .. queue .. ':lane:' .. lane, id .. generation)
  if not waits and not is_held(queue, id, generation, lane) then
    unknown[#unknown + 1] = (i + 3) / 4
  end
end
return unknown
