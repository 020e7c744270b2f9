//! The product's own scripts, with a clock and a server identity that the test sets.

/// What may be switched off to show that the histories need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Safeguard {
    /// An acknowledgement is compared with the fence of the claim.
    Fence,
    /// A shard is compared with the server that it was filled on.
    Incarnation,
    /// A push of a held job is compared with the generation that is known.
    PushedGeneration,
    /// A worker compares what woke with the generation in Postgres.
    LoadedGeneration,
    /// A write in Postgres is compared with the last writer's epoch and lease.
    Epoch,
}

#[derive(Clone, Copy)]
pub enum Script {
    Push,
    Relay,
    Cursor,
    Adopt,
    Epoch,
    Gate,
    Open,
    Turn,
    Mine,
    Renew,
    Reap,
    Unknown,
    Dump,
    Save,
}

const PRELUDE: &str = include_str!("../../lua/prelude.lua");
const PULSE: &str = include_str!("../../lua/pulse.lua");
/// By the number of their `Script`, each with what is put before it besides the prelude.
const BODIES: [(&str, &str); 12] = [
    ("", include_str!("../../lua/push.lua")),
    ("", include_str!("../../lua/relay.lua")),
    ("", include_str!("../../lua/cursor.lua")),
    ("", include_str!("../../lua/adopt.lua")),
    ("", include_str!("../../lua/epoch.lua")),
    ("", include_str!("../../lua/gate.lua")),
    ("", include_str!("../../lua/open.lua")),
    (include_str!("../../lua/doors.lua"), include_str!("../../lua/turn.lua")),
    ("", include_str!("../../lua/mine.lua")),
    (PULSE, include_str!("../../lua/renew.lua")),
    (PULSE, include_str!("../../lua/reap.lua")),
    ("", include_str!("../../lua/unknown.lua")),
];

/// What stands in the scripts, how often at least, and what stands there in the test.
const REPLACED: [(&str, usize, &str); 3] = [
    ("call('TIME')", 1, "call('HMGET', base .. 'test', 's', 'us')"),
    (
        "string.match(call('INFO', 'server'), 'run_id:(%x+)')",
        2,
        "call('HGET', base .. 'test', 'run_id')",
    ),
    (
        "string.match(call('INFO', 'replication'), 'master_replid:(%x+)')",
        2,
        "call('HGET', base .. 'test', 'replid')",
    ),
];

/// Everything in the database; `busy` is made readable, without the lanes that are only shut.
const DUMP: &str = "local found = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  local kind, words = redis.call('TYPE', key).ok, {}
  if kind == 'zset' then words = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  elseif kind == 'hash' then words = redis.call('HGETALL', key)
  elseif kind == 'set' then words = redis.call('SMEMBERS', key)
  else words = { redis.call('GET', key) } end
  if key == KEYS[1] .. 'busy' then
    local lent = {}
    for i = 2, #words, 2 do
      local entry, holds = { 0, { words[i], '', '' } }, {}
      if not string.match(words[i], '^[hH]') then entry = cmsgpack.unpack(words[i]) end
      for at = 2, #entry do
        local pattern = '^(.[^\\n]*)\\n([^\\n]*)\\n(%S+) (.*)$'
        local head, fence, due, member = string.match(entry[at][1], pattern)
        local id, generation = string.byte(member, 16), string.sub(member, 17)
        local said = { head, fence, due, id, generation, entry[at][2], entry[at][3] }
        holds[#holds + 1] = table.concat(said, ' ')
      end
      table.sort(holds)
      if #holds > 0 then lent[#lent + 1] = words[i - 1] end
      if #holds > 0 then lent[#lent + 1] = table.concat(holds, ', ') end
    end
    words = lent
  end
  found[#found + 1] = { string.sub(key, #KEYS[1] + 1), redis.call('PTTL', key), words }
end
return found";

const SAVE: &str = "local found = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  found[#found + 1] = { key, math.max(0, redis.call('PEXPIRETIME', key)), redis.call('DUMP', key) }
end
return found";

/// The sources by the number of their `Script`, with one safeguard off.
pub fn sources(off: Option<Safeguard>) -> Vec<String> {
    let mut prelude = PRELUDE.to_owned();
    let mut bodies: Vec<String> = BODIES.iter().map(|(_, body)| (*body).to_owned()).collect();
    for (piece, times, instead) in REPLACED {
        let all = bodies.iter_mut().chain([&mut prelude]);
        let found: usize = all.map(|source| take(source, piece, instead)).sum();
        assert_eq!(found, times, "the scripts no longer say `{piece}` where the test sets it");
    }
    let taken = match off {
        Some(Safeguard::Fence) => {
            let turn = &mut bodies[Script::Turn as usize];
            let any = "select(5, parts(entry[at][1])) == select(5, parts(receipt))";
            take(turn, "entry[at][1] == receipt", any)
        }
        Some(Safeguard::Incarnation) => {
            take(&mut prelude, "if run ~= told[2] or replid ~= told[3] then return nil end", "")
        }
        Some(Safeguard::PushedGeneration) => {
            take(&mut prelude, "if tonumber(generation) > known then", "if true then")
        }
        Some(Safeguard::LoadedGeneration | Safeguard::Epoch) | None => 1,
    };
    assert_eq!(taken, 1, "{off:?} is no longer where the test takes it out");
    let mut sources: Vec<String> = BODIES
        .iter()
        .zip(&bodies)
        .map(|((pulse, _), body)| format!("#!lua\n{prelude}{pulse}{body}"))
        .collect();
    for source in &sources {
        let is_virtual = !source.contains("'TIME'") && !source.contains("'INFO'");
        assert!(is_virtual, "a script asks the real server for its time or its identity");
    }
    sources.extend([DUMP.to_owned(), SAVE.to_owned()]);
    sources
}

/// Replaces a piece of a source; how often it stood there.
fn take(source: &mut String, piece: &str, instead: &str) -> usize {
    let times = source.matches(piece).count();
    *source = source.replace(piece, instead);
    times
}
