//! Redis and Postgres die, and the process is asked to end, while posts go out.

use super::faults::resumes;
use super::writer::{Writer, outcomes};
use crate::support::{Fleet, eventually};
use base::clock;
use std::process::Command;
use std::time::Duration;

const POSTS: usize = 60;
const ACCOUNTS: usize = 3;
const NETWORK_MS: &str = "40";

/// Sends a signal to a process of this fleet.
pub fn signal(name: &str, pid: u32) {
    let status = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status();
    assert!(status.unwrap().success());
}

/// The posts are on their way: some are out, most are not.
pub(super) async fn under_way(fleet: &Fleet) {
    eventually("posts are under way", Duration::from_secs(20), async || {
        let count = fleet.sim().accepted("x").await.len();
        if count >= 5 { Ok(()) } else { Err(count.to_string()) }
    })
    .await;
}

// case: R-07
#[tokio::test]
async fn a_redis_that_dies_comes_back_and_nothing_is_lost_or_doubled() {
    let mut fleet = Fleet::start(&["--delay-ms", NETWORK_MS], &[]).await;
    let mut writer = Writer::new(&fleet, "redis", POSTS, ACCOUNTS).await;
    writer.ask(&fleet, POSTS).await;
    under_way(&fleet).await;
    signal("KILL", fleet.servers().1);
    writer.ask_all(&fleet).await;
    let ended = writer.judge(&fleet).await;
    assert!(ended.iter().all(|one| one.status == "published"), "{ended:?}");
    assert!(fleet.ended().is_none(), "the process lives on");
}

// case: R-12
#[tokio::test]
async fn a_postgres_that_dies_comes_back_and_nothing_is_lost_or_doubled() {
    let mut fleet = Fleet::start(&["--delay-ms", NETWORK_MS], &[]).await;
    let mut writer = Writer::new(&fleet, "postgres", POSTS + 5, ACCOUNTS).await;
    writer.ask(&fleet, POSTS).await;
    under_way(&fleet).await;
    signal("KILL", fleet.servers().0);
    eventually("the database is back", Duration::from_secs(60), async || {
        let answer = fleet.api().get("/v1/posts").await;
        if answer.status == 200 { Ok(()) } else { Err(format!("{answer:?}")) }
    })
    .await;
    resumes(&fleet, &mut writer, "a Postgres that died answered").await;
    writer.ask_all(&fleet).await;
    let ended = writer.judge(&fleet).await;
    assert!(ended.iter().all(|one| one.status == "published"), "{ended:?}");
    assert!(fleet.ended().is_none(), "the process lives on");
}

// case: S-drain
#[tokio::test]
async fn a_process_that_is_asked_to_end_leaves_no_call_without_an_answer() {
    let mut fleet = Fleet::start_kept(&["--delay-ms", "150"]).await;
    // An answer that is late on a busy machine is waited for.
    let patient = [("POSTFLEET__PLATFORMS__X__CALL_DEADLINE_MS", "15000")];
    assert!(fleet.stop().await.success());
    fleet.restart(&patient).await;
    let mut writer = Writer::new(&fleet, "drain", POSTS, ACCOUNTS).await;
    writer.ask(&fleet, POSTS).await;
    under_way(&fleet).await;
    let since = clock::stopwatch();
    let status = fleet.stop().await;
    assert!(status.success(), "{status}");
    assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());

    fleet.restart(&patient).await;
    writer.ask_all(&fleet).await;
    writer.judge(&fleet).await;
    let outcomes = outcomes(&fleet).await;
    assert_eq!(outcomes.get("replied"), Some(&(POSTS as i64)), "{outcomes:?}");
    let answered = ["replied", "withdrawn"];
    assert!(outcomes.keys().all(|outcome| answered.contains(&outcome.as_str())), "{outcomes:?}");
}
