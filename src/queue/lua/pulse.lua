-- Put before renew and reap. When nobody was heard for half a lease, Redis was away and so nobody
-- could renew: dead and alive look alike, and one lease passes before anyone is called dead.
-- Returns whether sessions may be given up now.
local function pulse(lease)
  local beat = call('HMGET', base .. 'beat', 'at', 'hold')
  local at, hold = tonumber(beat[1] or 0), tonumber(beat[2] or 0)
  if now - at > lease / 2 then
    hold = now + lease
    call('HSET', base .. 'beat', 'at', now, 'hold', hold)
  elseif now - at > lease / 50 then
    call('HSET', base .. 'beat', 'at', now)
  end
  return now >= hold
end
