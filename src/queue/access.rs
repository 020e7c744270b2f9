//! What a user of Redis has to be allowed for a fleet to work, and nothing else: read from the
//! scripts themselves, so that the list is never behind them.

use crate::config::Config;
use crate::place::Kind;
use base::Fault;
use std::collections::BTreeSet;

/// Every script, as `src/queue/lua/` has them; a test compares.
const SCRIPTS: [&str; 25] = [
    include_str!("lua/adopt.lua"),
    include_str!("lua/correct.lua"),
    include_str!("lua/count.lua"),
    include_str!("lua/cursor.lua"),
    include_str!("lua/doors.lua"),
    include_str!("lua/epoch.lua"),
    include_str!("lua/fullest.lua"),
    include_str!("lua/gate.lua"),
    include_str!("lua/gates.lua"),
    include_str!("lua/inbox_leave.lua"),
    include_str!("lua/inbox_open.lua"),
    include_str!("lua/inbox_reclaim.lua"),
    include_str!("lua/inbox_settle.lua"),
    include_str!("lua/meter.lua"),
    include_str!("lua/mine.lua"),
    include_str!("lua/note.lua"),
    include_str!("lua/open.lua"),
    include_str!("lua/prelude.lua"),
    include_str!("lua/pulse.lua"),
    include_str!("lua/push.lua"),
    include_str!("lua/reap.lua"),
    include_str!("lua/relay.lua"),
    include_str!("lua/renew.lua"),
    include_str!("lua/turn.lua"),
    include_str!("lua/unknown.lua"),
];

/// What is sent besides the scripts; a test compares it with the code.
const SENT: [&str; 17] = [
    "evalsha",
    "exec",
    "get",
    "hmget",
    "incr",
    "info",
    "multi",
    "ping",
    "pttl",
    "script|load",
    "set",
    "subscribe",
    "time",
    "unlink",
    "xlen",
    "xreadgroup",
    // Whoever connects to a database by its number.
    "select",
];
/// What is sent to find who leads.
const SENT_IN_CLUSTER: [&str; 3] = ["asking", "cluster|keyslot", "cluster|slots"];
const SENT_BEHIND_SENTINELS: [&str; 1] = ["role"];

/// The commands of an operator that make `user` able to run a fleet, and to do nothing else: one
/// for each server with data and, where there are any, one for each Sentinel. `secret` is how Redis is
/// told the password: `>` and the password, or `#` and its SHA-256.
///
/// # Errors
/// When the URL of the queue or the inboxes cannot be read.
pub fn rules(config: &Config, user: &str, secret: &str) -> Result<Vec<String>, Fault> {
    let kind = config.place()?.kind;
    let further: &[&str] = match kind {
        Kind::Single => &[],
        Kind::Sentinel(_) => &SENT_BEHIND_SENTINELS,
        Kind::Cluster => &SENT_IN_CLUSTER,
    };
    let inbox = crate::inbox::Keys::new(kind == Kind::Cluster).inbox("*");
    let keys = format!("~{{pf:s*}}:* ~{inbox} &{{pf:s*}}:wake");
    let mut commands = of_scripts();
    commands.extend(SENT.iter().chain(further).map(|name| (*name).to_owned()));
    let commands: Vec<String> = commands.iter().map(|name| format!("+{name}")).collect();
    let head = format!("ACL SETUSER {user} reset on {secret}");
    let mut rules = vec![format!("{head} {keys} {}", commands.join(" "))];
    if matches!(kind, Kind::Sentinel(_)) {
        rules.push(format!("{head} +sentinel|get-master-addr-by-name"));
    }
    Ok(rules)
}

/// The commands of the scripts, each as a rule of access names it.
fn of_scripts() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for script in SCRIPTS {
        for call in script.split("call('").skip(1) {
            let mut words = call.split('\'');
            let name = words.next().unwrap_or_default().to_lowercase();
            // A command of several words is allowed word by word, as `xgroup|create`.
            let is_of_two =
                words.next() == Some(", ") && matches!(name.as_str(), "xgroup" | "xinfo");
            let second = words.next().filter(|_| is_of_two);
            found.insert(
                second.map_or(name.clone(), |second| format!("{name}|{}", second.to_lowercase())),
            );
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let all = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let wanted = all.filter(|path| path.extension().is_some_and(|found| found == ending));
        let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
        wanted.map(|path| (name(&path), std::fs::read_to_string(&path).unwrap())).collect()
    }

    // case: H-redis-acl
    #[test]
    fn the_list_has_every_script_and_every_command_that_is_sent() {
        let scripts: BTreeSet<String> = files("lua", "lua").into_iter().map(|one| one.1).collect();
        assert_eq!(SCRIPTS.iter().map(|one| (*one).to_owned()).collect::<BTreeSet<_>>(), scripts);
        let calls = scripts.iter().flat_map(|script| script.split("call(").skip(1));
        let unread: Vec<&str> = calls.filter(|call| !call.starts_with('\'')).collect();
        assert!(unread.is_empty(), "commands are named in a way that is not read: {unread:.80?}");

        let known: BTreeSet<&str> = SENT
            .iter()
            .chain(&SENT_IN_CLUSTER)
            .chain(&SENT_BEHIND_SENTINELS)
            .map(|name| name.split('|').next().unwrap())
            .collect();
        // What the library sends by itself, or for a method of another name.
        let unwritten = ["evalsha", "exec", "multi", "ping", "script", "select", "subscribe"];
        let mut sent: BTreeSet<String> = unwritten.map(str::to_owned).into();
        // Benches have a Redis of their own, and Sentinels users of their own.
        for (_, source) in files(".", "rs").iter().filter(|(name, _)| name != "measure.rs") {
            let source = source.split("#[cfg(test)]").next().unwrap();
            for name in source.split("cmd(\"").skip(1) {
                sent.insert(name.split('"').next().unwrap().to_lowercase());
            }
        }
        sent.remove("sentinel");
        assert_eq!(sent.iter().map(String::as_str).collect::<BTreeSet<_>>(), known);
    }

    #[test]
    fn a_rule_opens_our_keys_and_no_command_that_is_not_sent() {
        let config = Config { url: "redis+sentinel://a,b/main".into(), ..Config::default() };
        let rules = rules(&config, "fleet", ">word").unwrap();
        let [data, sentinel] = rules.as_slice() else { panic!("{rules:?}") };
        assert!(
            data.starts_with("ACL SETUSER fleet reset on >word ~{pf:s*}:* ~postfleet:inbox:* &")
        );
        assert!(data.contains(" +role") && data.contains(" +xgroup|delconsumer"), "{data}");
        for word in ["@", "keys", "flushall", "config", "allkeys", "+eval ", "cluster", "client"] {
            assert!(!data.contains(word), "{word} in {data}");
        }
        assert!(sentinel.ends_with(">word +sentinel|get-master-addr-by-name"), "{sentinel}");
        let config = Config { url: "redis+cluster://a,b".into(), ..Config::default() };
        let rules = super::rules(&config, "fleet", ">word").unwrap();
        assert!(rules.len() == 1 && rules[0].contains(" ~{postfleet:inbox}:* "), "{rules:?}");
    }
}
