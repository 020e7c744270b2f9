-- Everything that gates say at the moment, for a process that has missed messages.
-- KEYS  1 the shard's prefix
-- Reply (scope_key until_ms)*
local found = {}
local all = call('HGETALL', base .. 'gates')
for i = 1, #all, 2 do
  if string.sub(all[i], 1, 6) ~= 'probe ' then
    found[#found + 1], found[#found + 2] = all[i], all[i + 1]
  end
end
return found
