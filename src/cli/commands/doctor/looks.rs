//! What each look of the doctor makes of what it was told: pure, and tested as such.

mod disk;
mod redis;

use super::{Finding, Mark};
use app::drift::Drift;
use app::keys::Status;
use app::versions::Named;
use base::Fault;
use domain::time::Timestamp;
use std::collections::BTreeSet;
use std::time::Duration;
use store::facts::{Facts as Postgres, Overdue};
use store::presence::Seen;
use store::unmapped::Unmapped;

// DESIGN 6: due times are compared on either clock, so they may not differ by more.
const CLOCKS_APART_MAX_MS: i64 = 100;
/// The oldest Postgres that the migrations and statements are run on.
const POSTGRES_MIN: i32 = 150_000;
/// A key-encryption key that is older has wrapped for long enough.
const KEY_AGE_MAX_DAYS: u64 = 365;
/// A handler's own end: 30 s of work, one call, 15 s (DESIGN 6).
const HANDLER: Duration = Duration::from_secs(45);
/// What the service units and the chart give a process to end.
const GRACE: Duration = Duration::from_secs(90);
/// A lease of a refresh holds its row for so long, below Postgres's own end of idle transactions.
const LEASE_MIN_MS: u64 = 5_000;
/// Kinds of refusals that are named.
const NAMED_MAX: usize = 3;

pub(super) use disk::{Space, disk};
pub(super) use redis::redis;

/// How far a server's clock is ahead of ours.
pub struct Ahead {
    /// By so much.
    pub ms: i64,
    /// Half of the time that asking took: it can be wrong by so much.
    pub uncertain_ms: i64,
}

/// Postgres's against that of each server of Redis, by its name; the worst is told of.
pub(super) fn clocks(postgres: &Ahead, redis: &[(String, Ahead)]) -> Finding {
    let told = redis.iter().map(|(name, redis)| {
        let apart = (postgres.ms - redis.ms).abs();
        let uncertain = postgres.uncertain_ms + redis.uncertain_ms;
        (apart.saturating_sub(uncertain), apart, uncertain, name)
    });
    let Some((surely, apart, uncertain, name)) = told.max() else {
        return Finding::of("Clocks", false, "no server of Redis tells its time".to_owned());
    };
    let is_good = surely <= CLOCKS_APART_MAX_MS;
    let advice = if is_good { "" } else { "; set both by NTP" };
    let name = if redis.len() > 1 { format!("Redis at {name}") } else { "Redis".to_owned() };
    let words = format!("Postgres and {name} differ by {apart} ms (± {uncertain}){advice}");
    Finding::of("Clocks", is_good, words)
}

/// The clock of this machine alone: nothing is compared with it but deadlines inside a process.
pub(super) fn own_clock(postgres: &Ahead) -> Finding {
    let apart = postgres.ms.abs();
    let is_near = apart.saturating_sub(postgres.uncertain_ms) <= 10 * CLOCKS_APART_MAX_MS;
    let mark = if is_near { Mark::Good } else { Mark::Warning };
    let advice = if is_near { "" } else { "; set it by NTP: logs and signatures carry its time" };
    Finding::marked(mark, "Own clock", format!("differs from Postgres by {apart} ms{advice}"))
}

/// Without the role no request of the API is served.
pub(super) fn wall(asked: &Result<bool, Fault>) -> Finding {
    let (is_good, words) = match asked {
        Ok(true) => (true, "requests are held to their tenant".to_owned()),
        Ok(false) => (
            false,
            "the role postfleet_tenant is missing, or not granted to this login; `postfleet \
             migrate` makes it, or says what an administrator has to run"
                .to_owned(),
        ),
        Err(fault) => (false, fault.to_string()),
    };
    Finding::of("Tenants", is_good, words)
}

/// A version that may end soon is bad: nobody is paged for a platform that stands still.
pub(super) fn version(named: &Named, now: Timestamp) -> Finding {
    let Named { platform, version, ends_at } = named;
    let words = match ends_at {
        None => format!("{platform} {version}; its end is in the platform's changelog"),
        Some(end) if named.is_ageing(now) => {
            format!("{platform} {version} may be gone from {end} on; set a later `api_version`")
        }
        Some(end) => format!("{platform} {version} lives until {end} at least"),
    };
    Finding::of("Version", !named.is_ageing(now), words)
}

pub(super) fn ring(asked: &Result<Status, Fault>, now: Timestamp) -> Finding {
    let name = "Keys";
    let status = match asked {
        Ok(status) => status,
        Err(fault) => return Finding::of(name, false, fault.to_string()),
    };
    if let Some(missing) = status.keys.iter().find(|key| key.is_missing()) {
        let (key, count) = (&missing.key, missing.data_keys);
        let words = format!(
            "the ring lacks {key}, under which {count} data keys are wrapped: bring it, as \
             `postfleet restore` does from a backup"
        );
        return Finding::of(name, false, words);
    }
    let made_at = status.keys.first().and_then(|key| key.made_at);
    let days = made_at.map(|made| now.since(made).as_secs() / 86_400);
    let age = days.map_or_else(|| "of unknown age".to_owned(), |days| format!("{days} days old"));
    let old = match status.on_old {
        0 => "everything is under it".to_owned(),
        n => format!("{n} values are under older data keys; run `postfleet keys rotate`"),
    };
    if status.on_unknown > 0 {
        let n = status.on_unknown;
        let words = format!("the first is {age}; {n} values are under keys that nobody knows");
        return Finding::of(name, false, words);
    }
    let is_aged = days.is_some_and(|days| days > KEY_AGE_MAX_DAYS);
    let advice = if is_aged { "; `postfleet keys new`, then `rotate`, replaces it" } else { "" };
    let mark = if is_aged { Mark::Warning } else { Mark::Good };
    Finding::marked(mark, name, format!("the first is {age}; {old}{advice}"))
}

pub(super) fn postgres(facts: &Postgres) -> Finding {
    let Postgres { version, .. } = facts;
    let size = facts.size_bytes / (1024 * 1024);
    if facts.version_no < POSTGRES_MIN {
        let least = POSTGRES_MIN / 10_000;
        let words = format!("is {version}; take {least} or later");
        return Finding::of("Postgres", false, words);
    }
    match facts.is_durable {
        true => Finding::of("Postgres", true, format!("{version}, {size} MiB")),
        false => Finding::of(
            "Postgres",
            false,
            "acknowledges what is not on disk: set fsync, full_page_writes and synchronous_commit \
             to on"
                .to_owned(),
        ),
    }
}

pub(super) fn schema(facts: &Postgres) -> Finding {
    let known = facts.migration_known;
    let (is_good, words) = match facts.migration {
        None => (false, "there is none; run `postfleet migrate`".to_owned()),
        Some(has) if has < known => {
            (false, format!("is at migration {has} of {known}; run `postfleet migrate`"))
        }
        Some(has) if has > known => (
            false,
            format!("is at migration {has}, this program knows {known}: take the newer program"),
        ),
        Some(has) => (true, format!("is at migration {has}, the last one")),
    };
    Finding::of("Schema", is_good, words)
}

/// A lease against what is done under it.
pub(super) fn lease(lease_ms: u64, renew_every_ms: u64, longest_call: Duration) -> Vec<Finding> {
    let is_long = lease_ms >= LEASE_MIN_MS;
    let advice = if is_long { "" } else { "; a pause of a machine for so long loses its work" };
    let words = format!("{lease_ms} ms, renewed every {renew_every_ms} ms{advice}");
    let mark = if is_long { Mark::Good } else { Mark::Warning };
    let whole = HANDLER + longest_call;
    let fits = whole <= GRACE;
    let told = format!(
        "the longest call may take {} s, its handler {} s{}",
        longest_call.as_secs(),
        whole.as_secs(),
        if fits {
            String::new()
        } else {
            format!("; lower `call_deadline_ms`, or give processes more than {} s", GRACE.as_secs())
        }
    );
    let calls = if fits { Mark::Good } else { Mark::Warning };
    vec![Finding::marked(mark, "Lease", words), Finding::marked(calls, "Deadlines", told)]
}

pub(super) fn overdue(overdue: &Overdue) -> Finding {
    let Overdue { count, oldest_s, queues } = overdue;
    match count {
        0 => Finding::of("Ledger", true, "Redis was told of everything that is due".to_owned()),
        count => Finding::of(
            "Ledger",
            false,
            format!(
                "{count} wake-ups are overdue, the oldest by {oldest_s} s, in {}: look whether \
                 workers live that serve these queues, and what their log says",
                queues.join(", ")
            ),
        ),
    }
}

/// What Redis was not told of, all shards together.
pub(super) fn drift(shards: &[Drift], swept_within: Duration) -> Finding {
    let empty: Vec<String> =
        shards.iter().filter(|one| !one.is_filled).map(|one| one.shard.to_string()).collect();
    if !empty.is_empty() {
        let words = format!(
            "Redis was not filled from this Postgres in shards {}: it lends nothing there until a \
             worker with the role `relay` fills it, within seconds; start one, or read its log",
            empty.join(", ")
        );
        return Finding::of("Drift", false, words);
    }
    let looked: usize = shards.iter().map(|one| one.looked).sum();
    let unknown: usize = shards.iter().map(|one| one.unknown).sum();
    let lacking = || shards.iter().filter(|one| one.unknown > 0);
    let Some(oldest_s) = lacking().map(|one| one.oldest_s).max() else {
        let words = format!("Redis knows each of {looked} jobs that are due by now or soon");
        return Finding::of("Drift", true, words);
    };
    let queues: BTreeSet<&str> =
        lacking().flat_map(|one| one.queues.iter().map(String::as_str)).collect();
    let queues = queues.into_iter().collect::<Vec<_>>().join(", ");
    let named = lacking().map(|one| one.shard.to_string()).collect::<Vec<_>>().join(", ");
    let when = if oldest_s > 0 {
        format!("the oldest is overdue by {oldest_s} s")
    } else {
        format!("the first is due in {} s", -oldest_s)
    };
    let swept_s = swept_within.as_secs();
    let words = format!(
        "Redis does not know {unknown} of {looked} jobs, in {queues} of shards {named}; {when}. A \
         worker with the roles `relay` and `sweep` tells it within {swept_s} s: start \
         one, or give Redis memory if it is nearly full",
    );
    Finding::of("Drift", false, words)
}

/// Roles that no living process has.
pub(super) fn workers(all: &[Seen], roles: &[&str], own_version: &str) -> Vec<Finding> {
    let live = all.iter().filter(|seen| seen.drained_at.is_none());
    let held: Vec<&str> =
        live.flat_map(|seen| seen.worker.roles.iter().map(String::as_str)).collect();
    let lacking: Vec<&str> = roles.iter().copied().filter(|role| !held.contains(role)).collect();
    let mut findings = vec![match (all.len(), lacking.is_empty()) {
        (0, _) => Finding::of("Workers", false, "none lives; start `postfleet work`".to_owned()),
        (count, true) => Finding::of("Workers", true, format!("{count} live, with every role")),
        (count, false) => Finding::of(
            "Workers",
            false,
            format!("{count} live, none with {}: start one that has it", lacking.join(", ")),
        ),
    }];
    let others: Vec<String> = all
        .iter()
        .filter(|seen| seen.worker.version != own_version)
        .map(|seen| format!("{} is {}", seen.worker.host, seen.worker.version))
        .collect();
    if !others.is_empty() {
        let words = format!("this is {own_version}; {}", others.join(", "));
        findings.push(Finding::marked(Mark::Warning, "Versions", words));
    }
    findings
}

pub(super) fn unmapped(kinds: &[Unmapped]) -> Finding {
    let named = kinds.iter().take(NAMED_MAX).map(|one| {
        format!("{} {} {} ({} times)", one.platform, one.endpoint, one.fingerprint, one.count)
    });
    let named: Vec<String> = named.collect();
    match kinds.len() {
        0 => Finding::of("Refusals", true, "every one is known".to_owned()),
        count => Finding::marked(
            Mark::Warning,
            "Refusals",
            format!(
                "{count} kinds are not known to the adapters, so they are taken by their status \
                 alone: {}; each wants a row in `errors.rs`",
                named.join("; ")
            ),
        ),
    }
}

#[cfg(test)]
mod tests;
