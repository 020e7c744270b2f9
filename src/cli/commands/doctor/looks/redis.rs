//! What the doctor makes of the servers of Redis: the worst of each kind is told of, with its address.

use super::super::{Finding, Mark};
use queue::{Facts, Server};

/// The oldest major version of Redis and Valkey that the scripts are run on.
const REDIS_MIN: u32 = 7;
/// Relays stop telling Redis anything at 80 %.
const FULLNESS_MAX: f64 = 0.7;

/// A server, and what it says of itself or why it does not.
pub type Told = (Server, Result<Facts, String>);

pub fn redis(servers: &[Told]) -> Vec<Finding> {
    let there = |(server, told): &'_ Told| Some((server.clone(), told.as_ref().ok()?.clone()));
    let there: Vec<(Server, Facts)> = servers.iter().filter_map(there).collect();
    let mut findings = vec![present(servers)];
    let looks: [fn(&Facts) -> Finding; 4] = [eviction, log, snapshot, memory];
    for look in looks {
        findings.extend(worst(&there, look));
    }
    findings
}

/// The worst that a look comes to, with the server's name where there are several.
fn worst(servers: &[(Server, Facts)], look: fn(&Facts) -> Finding) -> Option<Finding> {
    let all = servers.iter().map(|(server, facts)| (server, look(facts)));
    let (server, mut finding) =
        all.reduce(|worst, next| if next.1.mark > worst.1.mark { next } else { worst })?;
    if servers.len() > 1 && finding.mark != Mark::Good {
        finding.words = format!("{}: {}", server.named(), finding.words);
    }
    Some(finding)
}

/// Servers that are away, else the oldest version.
fn present(servers: &[Told]) -> Finding {
    let name = "Redis";
    let away: Vec<String> = servers
        .iter()
        .filter_map(|(server, told)| Some(format!("{}: {}", server.named(), told.as_ref().err()?)))
        .collect();
    if !away.is_empty() {
        let words = format!(
            "{}; start it, or let a replica take its place: what is due there waits in Postgres",
            away.join("; ")
        );
        return Finding::of(name, false, words);
    }
    let facts: Vec<(Server, Facts)> = servers
        .iter()
        .filter_map(|(server, told)| Some((server.clone(), told.as_ref().ok()?.clone())))
        .collect();
    let count = facts.len();
    let found = worst(&facts, version);
    let mut finding = found.unwrap_or_else(|| Finding::of(name, false, "nobody answers".into()));
    if count > 1 && finding.mark == Mark::Good {
        finding.words = format!("{}, {count} servers with shards", finding.words);
    }
    finding
}

fn version(facts: &Facts) -> Finding {
    let Facts { name, version, .. } = facts;
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    let is_new = major.is_some_and(|major| major >= REDIS_MIN);
    let advice = if is_new { String::new() } else { format!("; take {REDIS_MIN} or later") };
    Finding::of("Redis", is_new, format!("{name} {version}{advice}"))
}

fn eviction(facts: &Facts) -> Finding {
    let policy = &facts.policy;
    let is_kept = policy.is_empty() || policy == "noeviction";
    let words = match (is_kept, policy.is_empty()) {
        (true, true) => "the policy is not told; make sure that it is noeviction".to_owned(),
        (true, false) => "drops nothing when it is full".to_owned(),
        (false, _) => format!("maxmemory-policy is {policy}: set it to noeviction"),
    };
    Finding::of("Eviction", is_kept, words)
}

fn log(facts: &Facts) -> Finding {
    let (mark, words) = match (facts.has_log, facts.is_log_good) {
        (true, true) => (Mark::Good, "keeps an append-only file"),
        (true, false) => (Mark::Bad, "cannot write its append-only file: look at its disk"),
        (false, _) => (
            Mark::Warning,
            "keeps no append-only file: set `appendonly yes`, or each restart is filled again from \
             Postgres, and what waits in inboxes is lost",
        ),
    };
    Finding::marked(mark, "Log", words.to_owned())
}

/// A server whose snapshots fail refuses every write, unless it was told not to.
fn snapshot(facts: &Facts) -> Finding {
    match facts.is_snapshot_good {
        true => Finding::of("Snapshot", true, "none has failed last".to_owned()),
        false => Finding::of(
            "Snapshot",
            false,
            "the last one could not be written, and Redis may refuse every write until one can: \
             look at its disk and its memory, then run `redis-cli BGSAVE`"
                .to_owned(),
        ),
    }
}

fn memory(facts: &Facts) -> Finding {
    let percent = facts.fullness * 100.0;
    let is_roomy = facts.fullness <= FULLNESS_MAX;
    let (mark, words) = match (is_roomy, facts.has_bound) {
        (true, true) => (Mark::Good, format!("{percent:.0} % in use")),
        (true, false) => (Mark::Good, format!("{percent:.0} % of its machine's in use")),
        (false, true) => (
            Mark::Bad,
            format!("{percent:.0} % in use; give it more: at 80 % jobs stay in Postgres"),
        ),
        (false, false) => (
            Mark::Warning,
            format!(
                "{percent:.0} % of its machine's in use, and no bound: set `maxmemory`, or the \
                 machine ends it"
            ),
        ),
    };
    Finding::marked(mark, "Memory", words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(port: u16, shard: u16) -> Server {
        let address = Some(format!("10.0.0.1:{port}"));
        Server { address, shards: vec![shard], trouble: None }
    }

    fn good() -> Facts {
        Facts {
            name: "Redis",
            version: "7.0.15".into(),
            policy: "noeviction".into(),
            has_log: true,
            is_log_good: true,
            is_snapshot_good: true,
            fullness: 0.1,
            has_bound: true,
            log_bytes: 1,
            pid: 1,
        }
    }

    fn found(all: &[Told], name: &str) -> Finding {
        redis(all).into_iter().find(|one| one.name == name).unwrap()
    }

    // case: O-doctor
    #[test]
    fn each_look_at_redis_says_what_to_do_about_what_it_finds() {
        let one = |facts: Facts| [(server(1, 0), Ok(facts))];
        assert!(redis(&one(good())).iter().all(|one| one.mark == Mark::Good));
        let old = Facts { version: "6.2.1".into(), ..good() };
        assert!(found(&one(old), "Redis").words.contains("7 or later"));
        let evicting = Facts { policy: "allkeys-lru".into(), ..good() };
        assert!(found(&one(evicting), "Eviction").words.contains("noeviction"));
        let forgetful = Facts { has_log: false, ..good() };
        assert_eq!(found(&one(forgetful), "Log").mark, Mark::Warning);
        let full_disk = Facts { is_log_good: false, ..good() };
        assert_eq!(found(&one(full_disk), "Log").mark, Mark::Bad);
        let unsaved = found(&one(Facts { is_snapshot_good: false, ..good() }), "Snapshot");
        assert!(unsaved.mark == Mark::Bad && unsaved.words.contains("BGSAVE"));
        let full = Facts { fullness: 0.75, ..good() };
        assert_eq!(found(&one(full.clone()), "Memory").mark, Mark::Bad);
        let unbounded = found(&one(Facts { has_bound: false, ..full }), "Memory");
        assert!(unbounded.mark == Mark::Warning && unbounded.words.contains("`maxmemory`"));
    }

    // case: O-doctor-parts
    #[test]
    fn of_several_servers_the_worst_is_told_of_with_its_address() {
        let bad = Facts { policy: "allkeys-lru".into(), ..good() };
        let all = [(server(1, 0), Ok(good())), (server(2, 1), Ok(bad)), (server(3, 2), Ok(good()))];
        let eviction = found(&all, "Eviction");
        assert_eq!(eviction.mark, Mark::Bad);
        let address = "10.0.0.1:2 with the shard 1: ";
        assert!(eviction.words.starts_with(address), "{}", eviction.words);
        assert_eq!(found(&all, "Redis").words, "Redis 7.0.15, 3 servers with shards");
        let away = [(server(1, 0), Ok(good())), (server(2, 1), Err("refused".to_owned()))];
        let away = found(&away, "Redis");
        let told = "10.0.0.1:2 with the shard 1: refused; start it";
        assert!(away.mark == Mark::Bad && away.words.starts_with(told), "{}", away.words);
    }
}
