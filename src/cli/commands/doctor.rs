//! `postfleet doctor`: is everything there that a fleet needs?

use super::roles::Arguments;
use crate::config::Config;
use crate::dev::programs;
use crate::say::say;
use app::keys::{Field, Keys, Status};
use app::settings::Settings;
use app::versions::Named;
use base::{Fault, clock};
use domain::time::Timestamp;
use queue::Queue;
use std::process::ExitCode;
use store::Store;
use vault::KeyRing;

// DESIGN 6: due times are compared on either clock, so they may not differ by more.
const CLOCKS_APART_MAX_MS: i64 = 100;

/// One look at one thing.
struct Finding {
    name: &'static str,
    is_good: bool,
    words: String,
}

/// How far a server's clock is ahead of ours.
struct Ahead {
    ms: i64,
    /// Half of the time that asking took: it can be wrong by so much.
    uncertain_ms: i64,
}

/// Prints a line for each finding. Exit code 1 when one is bad.
///
/// # Errors
/// The configuration cannot be read.
pub async fn run(arguments: &Arguments) -> Result<ExitCode, Fault> {
    let config = Config::load(arguments.config.as_deref())?;
    let keys = keys(&config).await;
    let postgres = postgres(&config).await;
    let redis = redis(&config).await;
    let findings = [
        Some(local_programs()),
        Some(server("Postgres", &postgres)),
        Some(server("Redis", &redis)),
        Some(wall(&can_hold(&config).await)),
        postgres.ok().zip(redis.ok()).map(|(postgres, redis)| clocks(&postgres, &redis)),
        Some(ring(&keys, clock::now())),
    ];
    let settings = {
        let section = &config.server;
        Settings::read(&section.public_url, &section.return_urls, &config.platforms)?
    };
    let named = app::versions::named(&settings);
    let versions = named.iter().map(|named| Some(version(named, clock::now())));
    let mut all_good = true;
    for finding in findings.into_iter().chain(versions).flatten() {
        all_good &= finding.is_good;
        let mark = if finding.is_good { "good" } else { "BAD " };
        say(format_args!("{mark}  {:<10} {}", finding.name, finding.words));
    }
    Ok(if all_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn local_programs() -> Finding {
    let name = "Programs";
    match programs::find() {
        Ok(_) => Finding { name, is_good: true, words: "`postfleet dev` can start here".into() },
        // A fleet on servers of its own needs none of them.
        Err(fault) => Finding { name, is_good: true, words: format!("only for `dev`: {fault}") },
    }
}

fn server(name: &'static str, asked: &Result<Ahead, Fault>) -> Finding {
    match asked {
        Ok(_) => Finding { name, is_good: true, words: "answers".into() },
        Err(fault) => Finding { name, is_good: false, words: fault.to_string() },
    }
}

fn clocks(postgres: &Ahead, redis: &Ahead) -> Finding {
    let apart = (postgres.ms - redis.ms).abs();
    let uncertain = postgres.uncertain_ms + redis.uncertain_ms;
    let is_good = apart.saturating_sub(uncertain) <= CLOCKS_APART_MAX_MS;
    let advice = if is_good { "" } else { "; set both by NTP" };
    let words = format!("Postgres and Redis differ by {apart} ms (± {uncertain}){advice}");
    Finding { name: "Clocks", is_good, words }
}

/// Without the role no request of the API is served.
fn wall(asked: &Result<bool, Fault>) -> Finding {
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
    Finding { name: "Tenants", is_good, words }
}

/// A version that may end soon is bad: nobody is paged for a platform that stands still.
fn version(named: &Named, now: Timestamp) -> Finding {
    let Named { platform, version, ends_at } = named;
    let words = match ends_at {
        None => format!("{platform} {version}; its end is in the platform's changelog"),
        Some(end) if named.is_ageing(now) => {
            format!("{platform} {version} may be gone from {end} on; set a later `api_version`")
        }
        Some(end) => format!("{platform} {version} lives until {end} at least"),
    };
    Finding { name: "Version", is_good: !named.is_ageing(now), words }
}

/// The values that a look takes no time over.
const COUNTED: [Field; 2] = [Field::Grant, Field::Verifier];

async fn keys(config: &Config) -> Result<Status, Fault> {
    let ring = KeyRing::of(&config.vault)?;
    let keys = Keys::new(Store::connect(&config.store).await?, ring);
    app::keys::status(&keys, &COUNTED).await
}

fn ring(asked: &Result<Status, Fault>, now: Timestamp) -> Finding {
    let name = "Keys";
    let status = match asked {
        Ok(status) => status,
        Err(fault) => return Finding { name, is_good: false, words: fault.to_string() },
    };
    if let Some(missing) = status.keys.iter().find(|key| key.is_missing()) {
        let (key, count) = (&missing.key, missing.data_keys);
        let words = format!("the ring lacks {key}, under which {count} data keys are wrapped");
        return Finding { name, is_good: false, words };
    }
    let first = status.keys.first();
    let age = first.and_then(|key| key.made_at).map_or_else(
        || "of unknown age".to_owned(),
        |made| format!("{} days old", now.since(made).as_secs() / 86_400),
    );
    let old = match status.on_old {
        0 => "everything is under it".to_owned(),
        n => format!("{n} values are under older data keys; run `postfleet keys rotate`"),
    };
    let (is_good, unknown) = match status.on_unknown {
        0 => (true, String::new()),
        n => (false, format!("; {n} values are under keys that nobody knows")),
    };
    Finding { name, is_good, words: format!("the first is {age}; {old}{unknown}") }
}

async fn can_hold(config: &Config) -> Result<bool, Fault> {
    Store::connect(&config.store).await?.can_hold().await
}

async fn postgres(config: &Config) -> Result<Ahead, Fault> {
    let store = Store::connect(&config.store).await?;
    ahead(store.time()).await
}

async fn redis(config: &Config) -> Result<Ahead, Fault> {
    let queue = Queue::connect(&config.queue).await?;
    ahead(queue.time()).await
}

async fn ahead(ask: impl Future<Output = Result<Timestamp, Fault>>) -> Result<Ahead, Fault> {
    let before = clock::now().ms();
    let theirs = ask.await?.ms();
    let after = clock::now().ms();
    let uncertain_ms = (after - before) / 2;
    Ok(Ahead { ms: theirs - (before + uncertain_ms), uncertain_ms })
}

#[cfg(test)]
mod tests {
    use super::*;
    use app::keys::Under;

    #[test]
    fn clocks_are_bad_only_when_they_differ_beyond_what_asking_can_tell() {
        let at = |ms, uncertain_ms| Ahead { ms, uncertain_ms };
        assert!(clocks(&at(0, 0), &at(100, 0)).is_good);
        assert!(!clocks(&at(0, 0), &at(101, 0)).is_good);
        assert!(clocks(&at(-60, 10), &at(60, 10)).is_good);
    }

    #[test]
    fn requests_that_nothing_holds_are_bad() {
        assert!(wall(&Ok(true)).is_good);
        let missing = wall(&Ok(false));
        assert!(!missing.is_good && missing.words.contains("postfleet_tenant"));
        assert!(!wall(&Err(Fault::new("Postgres is away"))).is_good);
    }

    #[test]
    fn keys_are_bad_when_something_lies_under_one_that_nobody_has() {
        let made_at = Timestamp::parse("2026-11-01T00:00:00Z");
        let under = |key: &str, place, data_keys| Under {
            key: key.into(),
            place,
            made_at,
            data_keys,
            values: std::collections::BTreeMap::new(),
        };
        let status = |keys, on_old, on_unknown| {
            Ok(Status { source: "a file".into(), keys, on_current: 7, on_old, on_unknown })
        };
        let now = Timestamp::parse("2026-11-26T00:00:00Z").unwrap();
        let good = ring(&status(vec![under("a", "first", 2)], 0, 0), now);
        assert!(good.is_good && good.words.contains("25 days old"), "{}", good.words);
        let old = ring(&status(vec![under("a", "first", 2)], 3, 0), now);
        assert!(old.is_good && old.words.contains("3 values"), "{}", old.words);
        let missing = vec![under("a", "first", 2), under("b", "missing", 1)];
        assert!(!ring(&status(missing, 0, 0), now).is_good);
        assert!(!ring(&status(vec![under("a", "first", 2)], 0, 1), now).is_good);
        assert!(!ring(&Err(Fault::new("no key file")), now).is_good);
    }
}
