-- Everything that gates say at the moment, for a process that has missed messages.
-- KEYS  1 the shard's prefix
-- Reply (scope_key until_ms)*
local found = call('ZRANGEBYSCORE', base .. 'shut', '(' .. now, '+inf', 'WITHSCORES')
local doors = call('HGETALL', base .. 'doors')
for i = 1, #doors, 2 do
  if string.sub(doors[i], 1, 6) ~= 'probe ' then
    found[#found + 1], found[#found + 2] = doors[i], doors[i + 1]
  end
end
return found
