//! What the doctor says of what it was told, look by look.

use super::*;
use app::keys::Under;
use store::presence::Worker;

fn is_good(finding: &Finding) -> bool {
    finding.mark == Mark::Good
}

#[test]
fn clocks_are_bad_only_when_they_differ_beyond_what_asking_can_tell() {
    let at = |ms, uncertain_ms| Ahead { ms, uncertain_ms };
    let clocks = |postgres, redis| clocks(&postgres, &[("one".to_owned(), redis)]);
    assert!(is_good(&clocks(at(0, 0), at(100, 0))));
    assert_eq!(clocks(at(0, 0), at(101, 0)).mark, Mark::Bad);
    assert!(is_good(&clocks(at(-60, 10), at(60, 10))));
    assert_eq!(own_clock(&at(2_000, 0)).mark, Mark::Warning);
}

#[test]
fn requests_that_nothing_holds_are_bad() {
    assert!(is_good(&wall(&Ok(true))));
    let missing = wall(&Ok(false));
    assert!(missing.mark == Mark::Bad && missing.words.contains("postfleet_tenant"));
    assert_eq!(wall(&Err(Fault::new("Postgres is away"))).mark, Mark::Bad);
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
    assert!(is_good(&good) && good.words.contains("25 days old"), "{}", good.words);
    let old = ring(&status(vec![under("a", "first", 2)], 3, 0), now);
    assert!(is_good(&old) && old.words.contains("3 values"), "{}", old.words);
    let missing = vec![under("a", "first", 2), under("b", "missing", 1)];
    assert_eq!(ring(&status(missing, 0, 0), now).mark, Mark::Bad);
    assert_eq!(ring(&status(vec![under("a", "first", 2)], 0, 1), now).mark, Mark::Bad);
    assert_eq!(ring(&Err(Fault::new("no key file")), now).mark, Mark::Bad);
    let later = Timestamp::parse("2027-12-01T00:00:00Z").unwrap();
    let aged = ring(&status(vec![under("a", "first", 2)], 0, 0), later);
    assert!(aged.mark == Mark::Warning && aged.words.contains("keys new"), "{}", aged.words);
}

// case: O-doctor
#[test]
fn each_look_says_what_to_do_about_what_it_finds() {
    let facts = Postgres {
        version_no: 150_018,
        version: "15.18".into(),
        is_durable: true,
        migration: Some(60),
        migration_known: 60,
        size_bytes: 1,
        folder: None,
    };
    assert!(is_good(&postgres(&facts)) && is_good(&schema(&facts)));
    assert_eq!(postgres(&Postgres { version_no: 140_000, ..facts.clone() }).mark, Mark::Bad);
    let hasty = postgres(&Postgres { is_durable: false, ..facts.clone() });
    assert!(hasty.mark == Mark::Bad && hasty.words.contains("fsync"));
    for migration in [None, Some(59)] {
        let behind = schema(&Postgres { migration, ..facts.clone() });
        assert!(behind.mark == Mark::Bad && behind.words.contains("migrate"), "{}", behind.words);
    }
    let ahead = schema(&Postgres { migration: Some(61), ..facts });
    assert!(ahead.mark == Mark::Bad && ahead.words.contains("newer program"));

    assert!(lease(10_000, 3_000, Duration::from_secs(30)).iter().all(is_good));
    let long = lease(3_000, 1_000, Duration::from_secs(120));
    assert!(long.iter().all(|one| one.mark == Mark::Warning));

    assert!(is_good(&overdue(&Overdue::default())));
    let late = Overdue { count: 7, oldest_s: 90, queues: vec!["webhook".into()] };
    assert!(overdue(&late).mark == Mark::Bad && overdue(&late).words.contains("webhook"));
    let kind = Unmapped {
        platform: "x".into(),
        endpoint: "create".into(),
        fingerprint: "403".into(),
        count: 2,
        first_at: Timestamp::from_ms(0),
        last_at: Timestamp::from_ms(0),
    };
    assert!(unmapped(&[kind]).words.contains("x create 403 (2 times)"));
}

// case: O-doctor
#[test]
fn a_role_that_nobody_has_is_named() {
    let seen = |roles: &[&str], version: &str, drained_at| Seen {
        worker: Worker {
            id: "wrk_1".into(),
            host: "one".into(),
            pid: 1,
            version: version.into(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            platforms: Vec::new(),
            slots: 1,
        },
        started_at: Timestamp::from_ms(0),
        seen_at: Timestamp::from_ms(0),
        drained_at,
        drain_reason: None,
    };
    let roles = ["relay", "sweep"];
    assert_eq!(workers(&[], &roles, "1")[0].mark, Mark::Bad);
    let both = [seen(&["relay"], "1", None), seen(&["sweep"], "1", None)];
    assert!(workers(&both, &roles, "1").iter().all(is_good));
    let ending = [seen(&["relay"], "1", None), seen(&["sweep"], "1", Some(Timestamp::from_ms(1)))];
    let lacking = workers(&ending, &roles, "1");
    assert!(lacking[0].mark == Mark::Bad && lacking[0].words.contains("sweep"));
    assert_eq!(workers(&both, &roles, "2")[1].mark, Mark::Warning);
}

// case: O-doctor-parts
#[test]
fn the_clock_that_is_furthest_off_is_named() {
    let at = |ms| Ahead { ms, uncertain_ms: 0 };
    let all = [("a:1".to_owned(), at(5)), ("b:2".to_owned(), at(-300)), ("c:3".to_owned(), at(0))];
    let found = clocks(&at(0), &all);
    assert!(found.mark == Mark::Bad && found.words.contains("b:2 differ by 300 ms"));
    assert_eq!(clocks(&at(0), &[]).mark, Mark::Bad);
}

// case: O-doctor-drift
#[test]
fn what_redis_does_not_know_is_told_with_shard_and_queue() {
    let drift = |shards: &[Drift]| drift(shards, Duration::from_secs(20));
    let shard = |shard, unknown, oldest_s| Drift {
        shard,
        is_filled: true,
        looked: 10,
        unknown,
        queues: [format!("queue-{shard}")].into(),
        oldest_s,
    };
    assert!(is_good(&drift(&[shard(0, 0, 0), shard(1, 0, 0)])));
    let found = drift(&[shard(0, 0, 0), shard(1, 2, 7), shard(2, 1, -20)]);
    let told = "does not know 3 of 30 jobs, in queue-1, queue-2 of shards 1, 2; the oldest is \
                overdue by 7 s";
    assert!(found.mark == Mark::Bad && found.words.contains(told), "{}", found.words);
    assert!(drift(&[shard(2, 1, -20)]).words.contains("due in 20 s"));
    let empty = drift(&[shard(0, 0, 0), Drift { is_filled: false, ..shard(1, 0, 0) }]);
    assert!(empty.mark == Mark::Bad && empty.words.contains("shards 1:"), "{}", empty.words);
}
