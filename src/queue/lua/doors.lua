-- Put before the turn: what gates do. That of an account stands in its lane's entry; those of apps
-- and platforms are `doors`, and stop whole groups.
--
-- A door whose time has come opens half: one job goes first, as a probe, and the others look again
-- in a moment. Any end of the probe that did not close the door anew opens it. An account is one
-- lane, so it needs no probe.

-- How long a probe may take before the next comer takes its place: a call, and what is around it.
local PROBE_MS = 20000
-- When those behind a probe look again.
local LOOK_MS = 250

-- The doors that were looked at in this turn, and until when each is closed.
local doors = {}

local function door(scope)
  if doors[scope] then return doors[scope] end
  local known = call('HMGET', base .. 'doors', scope, 'probe ' .. scope)
  local at, probe = tonumber(known[1] or 0), tonumber(known[2] or 0)
  local found = { at = at }
  if at > 0 and at <= now then
    if probe > now then found.at = now + LOOK_MS else found.is_half = true end
  end
  doors[scope] = found
  return found
end

-- Until when a group `<tenant>:<platform>:<app>` has to wait, for which scope, and the scope that
-- its first job may be the probe of. Other groups have no doors.
local function closed(group)
  local platform, app = string.match(group, '^[^:]*:([^:]+):([^:]+)$')
  if not platform then return 0 end
  local until_at, scope, probe = 0, nil, nil
  for _, key in ipairs({ 'app:' .. platform .. ':' .. app, 'platform:' .. platform }) do
    local found = door(key)
    if found.is_half then probe = key
    elseif found.at > until_at then until_at, scope = found.at, key end
  end
  return until_at, scope, probe
end

-- A job goes through a half-open door: nobody else does for a while.
local function probing(scope)
  call('HSET', base .. 'doors', 'probe ' .. scope, now + PROBE_MS)
  doors[scope] = { at = now + LOOK_MS }
end

-- The probe has ended. Was the door not closed anew, it opens, and those who wait are woken by
-- their own time; who opens it by hand meanwhile still finds them.
local function tried(scope)
  local at = tonumber(call('HGET', base .. 'doors', scope) or 0)
  if at <= now then
    call('HDEL', base .. 'doors', scope)
    call('PUBLISH', base .. 'wake', 'o 0 ' .. scope)
  end
  call('HDEL', base .. 'doors', 'probe ' .. scope)
end

-- Remembers what waits for a scope, should it open before its time.
local function park(q, group, until_at, scope)
  call('SADD', base .. 'parked:' .. scope, pack({ q.name, group }))
  call('PEXPIREAT', base .. 'parked:' .. scope, until_at + 60000)
end
