//! What `postfleet doctor` finds in a fleet that is not well.

use crate::support::fleet::program;
use crate::support::worker::configuration;
use crate::support::{Fleet, Scene};
use queue::Queue;
use serde_json::Value;
use std::path::Path;

/// What it says of all that goes by this name: how that is, and the words.
fn found(config: &Path, environment: &[(&str, &str)], name: &str) -> Vec<(String, String)> {
    let mut doctor = program();
    doctor.args(["doctor", "--json", "--config"]).arg(config).envs(environment.iter().copied());
    let ended = doctor.output().unwrap();
    let all: Value = serde_json::from_slice(&ended.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&ended.stderr)));
    let named = all.as_array().unwrap().iter().filter(|one| one["name"] == name);
    let text = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
    named.map(|one| (text(one, "mark"), text(one, "words"))).collect()
}

fn one(found: Vec<(String, String)>) -> (String, String) {
    let [one] = found.try_into().unwrap();
    one
}

// case: O-doctor-disk
// case: O-doctor-drift
#[tokio::test]
async fn the_doctor_finds_a_disk_without_room_and_what_redis_does_not_know() {
    let fleet = Fleet::start(&["--without-workers"], &[]).await;
    let config = configuration(&fleet, "doctor");
    // The folder of processes has no room for files at all.
    let full = [("POSTFLEET__MEDIA__DIR", "/proc")];
    let disks = found(&config, &full, "Disk");
    let is_bad = |(mark, words): &&(String, String)| {
        mark == "bad" && words.contains("of the files of posts: 0 MiB") && words.contains("/proc")
    };
    assert_eq!(disks.iter().filter(is_bad).count(), 1, "{disks:?}");
    for what in ["of Postgres: ", "of Redis: "] {
        assert!(disks.iter().any(|(_, words)| words.starts_with(what)), "{what}: {disks:?}");
    }

    let (mark, words) = one(found(&config, &[], "Drift"));
    assert!(mark == "bad" && words.contains("was not filled"), "{words}");
    let url = fleet.place().redis_url.clone();
    let queue = Queue::connect(&queue::Config { url, ..queue::Config::default() }).await.unwrap();
    queue.adopt(0, 1, &[], &[]).await.unwrap();
    let scene = Scene::on(&fleet, "drift").await;
    let account = scene.connect("drift").await;
    scene.say(&account, "Nobody works on it yet").await;
    let (mark, words) = one(found(&config, &[], "Drift"));
    assert!(mark == "good" && !words.contains("each of 0"), "{words}");

    let mut redis = fleet.redis().await;
    let lanes = "{pf:s0}:q:fan_out:lane:*";
    let lanes: Vec<String> = redis::cmd("KEYS").arg(lanes).query_async(&mut redis).await.unwrap();
    assert_eq!(lanes.len(), 1);
    redis::cmd("DEL").arg(&lanes).exec_async(&mut redis).await.unwrap();
    let swift = [("POSTFLEET__WORKERS__SWEEP_EVERY_MS", "200")];
    let (mark, words) = one(found(&config, &swift, "Drift"));
    let told = "in fan_out of shards 0; the oldest is overdue by";
    assert!(mark == "bad" && words.contains(told) && words.contains("`sweep`"), "{words}");
}
