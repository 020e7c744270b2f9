-- Put before what counts calls: notes a window for operators, who read it by fullest.lua. `refusing`
-- has those that refuse, until when; `filling` those that are half used or more, with their calls,
-- until they begin anew.
local function note(list, until_at, name)
  call('ZREMRANGEBYSCORE', base .. list, '-inf', now)
  call('ZADD', base .. list, until_at, name)
end

local function note_filling(name, most, left, until_at)
  if left * 2 <= most then note('filling', until_at, most .. ' ' .. name) end
end
