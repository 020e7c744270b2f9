-- What meter.lua has noted of windows that go on.
-- KEYS  1 the shard's prefix
-- ARGV  1 the most windows to look at, of either kind
-- Reply {names that refuse, names that are half used, calls of each, what is left of each}
local function noted(list)
  return call('ZRANGEBYSCORE', base .. list, '(' .. now, '+inf', 'LIMIT', 0, ARGV[1])
end

local names, most, left = {}, {}, {}
for i, note in ipairs(noted('filling')) do
  local calls, name = string.match(note, '^(%d+) (.*)$')
  local at = call('HMGET', base .. name, 'used', 'reset', 'left', 'until')
  local rest = tonumber(calls)
  if tonumber(at[2] or 0) > now then rest = rest - tonumber(at[1] or 0) end
  if tonumber(at[4] or 0) > now then rest = math.min(rest, tonumber(at[3])) end
  names[i], most[i], left[i] = name, tonumber(calls), math.max(rest, 0)
end
return { noted('refusing'), names, most, left }
