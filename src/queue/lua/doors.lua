-- Put before the turn: what a gate does to a lane.
--
-- A gate whose time has come opens half: one job goes first, as a probe, and the others look again
-- in a moment. Any end of the probe that did not close the gate anew opens it. An account is one
-- lane, so it needs no probe.

-- How long a probe may take before the next comer takes its place: a call, and what is around it.
local PROBE_MS = 20000
-- When those behind a probe look again.
local LOOK_MS = 250

-- The apps and platforms that were looked at in this turn, and until when each is closed.
local doors = {}

local function door(scope)
  if doors[scope] then return doors[scope] end
  local known = call('HMGET', base .. 'gates', scope, 'probe ' .. scope)
  local at, probe = tonumber(known[1] or 0), tonumber(known[2] or 0)
  local found = { at = at }
  if at > 0 and at <= now then
    if probe > now then found.at = now + LOOK_MS else found.is_half = true end
  end
  doors[scope] = found
  return found
end

-- The scopes above an account, by the `platform:app` of its lane.
local scopes = {}

-- The scopes of each lane, false for one that obeys no gate, and until when each account is closed,
-- false if it is open. All accounts are looked up at once: that is most of what gates cost.
local function look_up(lanes)
  local above, accounts = {}, {}
  for i, lane in ipairs(lanes) do
    local way, account = string.match(lane, '^([^:]+:[^:]+):(.+)$')
    if way and not scopes[way] then
      scopes[way] = { 'app:' .. way, 'platform:' .. string.match(way, '^[^:]+') }
    end
    above[i], accounts[i] = way and scopes[way] or false, 'account:' .. (account or '')
  end
  local shut = call('HMGET', base .. 'gates', unpack(accounts))
  for i, at in ipairs(shut) do
    if at and tonumber(at) <= now then
      call('HDEL', base .. 'gates', accounts[i])
      call('UNLINK', base .. 'parked:' .. accounts[i])
      shut[i] = false
    end
  end
  return above, shut, accounts
end

-- Until when a lane has to wait, for which scope, and the scope that it may be the probe of.
local function closed(above, shut, account)
  local until_at, scope, probe = 0, nil, nil
  if shut then until_at, scope = tonumber(shut), account end
  for _, key in ipairs(above or {}) do
    local found = door(key)
    if found.is_half then probe = key
    elseif found.at > until_at then until_at, scope = found.at, key end
  end
  return until_at, scope, probe
end

-- A job goes through a half-open gate: nobody else does for a while.
local function probing(scope)
  call('HSET', base .. 'gates', 'probe ' .. scope, now + PROBE_MS)
  doors[scope] = { at = now + LOOK_MS }
end

-- The probe has ended. Was the gate not closed anew, it opens, and those who wait are woken by
-- their own time.
local function tried(scope)
  local at = tonumber(call('HGET', base .. 'gates', scope) or 0)
  if at <= now then
    call('HDEL', base .. 'gates', scope)
    call('UNLINK', base .. 'parked:' .. scope)
    call('PUBLISH', base .. 'wake', 'o 0 ' .. scope)
  end
  call('HDEL', base .. 'gates', 'probe ' .. scope)
end

local function park(q, group, lane, until_at, scope)
  call('ZADD', q.wake .. group, string.format('%.0f', until_at * 1000), lane)
  call('SADD', base .. 'parked:' .. scope, pack({ q.name, group, lane }))
  call('PEXPIREAT', base .. 'parked:' .. scope, until_at + 60000)
end
