//! Redis is away for a while, in every way it can be, while posts go out.

use super::servers::signal;
use super::writer::Writer;
use crate::support::{Fleet, eventually, say};
use base::clock;
use std::time::Duration;

const POSTS: usize = 200;
const ACCOUNTS: usize = 5;
const NETWORK_MS: &str = "100";
/// Posts that are asked for before each absence.
const EACH: usize = 40;
/// Claims go on at most 5 s after Redis is back; a machine that is busy building gets more.
const RESUMED_WITHIN: Duration = Duration::from_secs(10);

/// How many publish jobs the process has claimed since it began.
async fn claims(fleet: &Fleet) -> f64 {
    let metrics = fleet.api().metrics().await;
    let is_it = |line: &&str| {
        line.starts_with("postfleet_queue_claimed_total{") && line.contains("\"publish:x\"")
    };
    let line = metrics.lines().find(is_it).and_then(|line| line.rsplit_once(' '));
    line.map_or(0.0, |(_, count)| count.parse().unwrap())
}

/// Waits until claims are more than `known`.
async fn more_claims(fleet: &Fleet, known: f64, within: Duration) {
    eventually("claims go on", within, async || {
        let count = claims(fleet).await;
        if count > known { Ok(()) } else { Err(count.to_string()) }
    })
    .await;
}

/// Redis answers a stranger.
async fn redis_answers(fleet: &Fleet) {
    let client = redis::Client::open(fleet.place().redis_url.as_str()).unwrap();
    eventually("Redis is back", Duration::from_secs(30), async || {
        let mut connection =
            client.get_multiplexed_async_connection().await.map_err(|error| error.to_string())?;
        let pong = redis::cmd("PING").query_async::<String>(&mut connection).await;
        pong.map(|_| ()).map_err(|error| error.to_string())
    })
    .await;
}

#[derive(Debug, Clone, Copy)]
enum Absence {
    /// It stands still.
    Paused(Duration),
    /// It dies, and another one comes up with what its file holds.
    Killed,
    /// Its connections are cut, again and again.
    Cut,
}

async fn be_away(fleet: &Fleet, absence: Absence) {
    let redis = fleet.servers().1;
    match absence {
        Absence::Paused(time) => {
            signal("STOP", redis);
            // The length of the absence is the subject here, not something to wait for.
            clock::pause(time).await;
            signal("CONT", redis);
        }
        Absence::Killed => {
            signal("KILL", redis);
            redis_answers(fleet).await;
        }
        Absence::Cut => {
            let mut connection = fleet.redis().await;
            for _ in 0..5 {
                let mut cut = redis::cmd("CLIENT");
                cut.arg("KILL").arg("TYPE").arg("normal");
                let cut: i64 = cut.query_async(&mut connection).await.unwrap();
                assert!(cut > 0, "somebody was connected");
                clock::pause(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn survive(name: &str, absences: &[Absence]) {
    let mut fleet = Fleet::start(&["--delay-ms", NETWORK_MS], &[]).await;
    let mut writer = Writer::new(&fleet, name, POSTS, ACCOUNTS).await;
    for absence in absences {
        let known = claims(&fleet).await;
        writer.ask(&fleet, EACH).await;
        more_claims(&fleet, known, RESUMED_WITHIN).await;
        be_away(&fleet, *absence).await;
        let (back, known) = (clock::stopwatch(), claims(&fleet).await);
        // New work, so that there is something to claim however much went out before.
        let asking = writer.ask(&fleet, 5);
        let resumed = async {
            more_claims(&fleet, known, RESUMED_WITHIN).await;
            back.elapsed()
        };
        let ((), resumed) = futures::join!(asking, resumed);
        say(format_args!("{name}: claims went on {resumed:?} after {absence:?}"));
        assert!(fleet.ended().is_none(), "the process lives on");
    }
    writer.ask_all(&fleet).await;
    let ended = writer.judge(&fleet).await;
    assert!(ended.iter().all(|one| one.status == "published"), "{ended:?}");
    assert!(fleet.ended().is_none(), "the process lives on");
}

// case: R-away
#[tokio::test]
async fn a_redis_that_is_away_loses_and_doubles_nothing_and_claims_go_on() {
    let pause = Absence::Paused(Duration::from_secs(10));
    survive("away", &[pause, Absence::Killed, Absence::Cut]).await;
}

// case: R-away-long
#[tokio::test]
#[ignore = "takes minutes"]
async fn a_redis_that_is_away_for_half_a_minute_loses_and_doubles_nothing() {
    let pause = Absence::Paused(Duration::from_secs(30));
    survive("away-long", &[pause, Absence::Cut, pause, Absence::Killed]).await;
}
