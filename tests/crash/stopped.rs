//! A worker stands still for longer than its lease, and another one takes over.

use super::servers::{signal, under_way};
use super::writer::{Writer, outcomes};
use crate::support::worker::Worker;
use crate::support::{Fleet, eventually, say};
use base::clock;
use std::time::Duration;

const POSTS: usize = 80;
const ACCOUNTS: usize = 4;
/// Calls are under way whenever the worker is stopped.
const NETWORK_MS: &str = "300";

/// A fan-out holds locks, and a process that stands still would keep them for a minute.
async fn all_planned(fleet: &Fleet) {
    eventually("all is planned", Duration::from_secs(20), async || {
        let asked = "SELECT count(*) FROM deliveries WHERE status = 'validating'";
        let asked = sqlx::query_scalar::<_, i64>(asked);
        let left = asked.fetch_one(&mut fleet.postgres().await).await.unwrap();
        if left == 0 { Ok(()) } else { Err(left.to_string()) }
    })
    .await;
}

// case: R-stopped
#[tokio::test]
async fn a_worker_that_stood_still_past_its_lease_is_refused_and_doubles_nothing() {
    let since = clock::stopwatch();
    let mut fleet = Fleet::start(&["--delay-ms", NETWORK_MS, "--without-workers"], &[]).await;
    let mut writer = Writer::new(&fleet, "stopped", POSTS, ACCOUNTS).await;
    let mut first = Worker::start(&fleet, "first");
    writer.ask_all(&fleet).await;
    all_planned(&fleet).await;
    under_way(&fleet).await;
    signal("STOP", first.pid());
    let mut second = Worker::start(&fleet, "second");
    writer.judge(&fleet).await;
    let taken_over = since.elapsed();

    signal("CONT", first.pid());
    for word in ["a late settle was refused", "acknowledgements came too late and were refused"] {
        eventually(word, Duration::from_secs(15), async || {
            let log = first.log();
            if log.contains(word) { Ok(()) } else { Err("not a word of it".to_owned()) }
        })
        .await;
    }
    let ended = writer.judge(&fleet).await;
    let in_review = ended.iter().filter(|one| one.status == "review").count();
    say(format_args!(
        "stopped: taken over after {:.1} s, done after {:.1} s, {in_review} in review; {:?}",
        taken_over.as_secs_f64(),
        since.elapsed().as_secs_f64(),
        outcomes(&fleet).await,
    ));
    assert!(fleet.ended().is_none() && first.ended().is_none() && second.ended().is_none());
}
