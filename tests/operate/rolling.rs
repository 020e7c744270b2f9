//! Workers come and go while posts go out: one, four, one, and one after the other anew.

use super::load::{Figures, Load, accounts, plan};
use super::told::{claims_after, stopping_at};
use crate::crash::servers::signal;
use crate::crash::writer::outcomes;
use crate::support::worker::Worker;
use crate::support::{Fleet, Scene, eventually, say, turn};
use base::clock;
use domain::time::Timestamp;
use std::time::{Duration, Instant};

/// Calls are under way whenever a worker is asked to end.
const NETWORK_MS: &str = "100";
/// The grace of a worker, and what it keeps in hand of it.
const GRACE: Duration = Duration::from_secs(30);
const IN_HAND: Duration = Duration::from_secs(5);
const LATENESS_P99_MAX: Duration = Duration::from_secs(2);

/// What a run is like.
struct Run {
    accounts: usize,
    per_second: usize,
    lasts: Duration,
    /// From the end of one worker to that of the next.
    every: Duration,
    /// Workers that are replaced while there are four.
    replaced: usize,
}

/// How the workers that were asked to end did so.
#[derive(Default)]
struct Ends {
    count: usize,
    slowest: Duration,
}

/// The workers at work, the oldest first.
struct Crew<'a> {
    fleet: &'a Fleet,
    at_work: Vec<Worker>,
    hired: usize,
    ends: Ends,
}

impl Crew<'_> {
    fn hire(&mut self) {
        self.hired += 1;
        let name = format!("worker-{}", self.hired);
        let log = [("POSTFLEET_LOG", "info,queue=trace")];
        self.at_work.push(Worker::start_as(self.fleet, &name, &["work"], &log));
    }

    /// Asks the oldest one to end, and looks how it does.
    async fn dismiss(&mut self) {
        let mut worker = self.at_work.remove(0);
        let since = clock::stopwatch();
        signal("TERM", worker.pid());
        let status = eventually("the worker has ended", GRACE, async || {
            worker.ended().ok_or_else(|| "it runs on".to_owned())
        })
        .await;
        let took = since.elapsed();
        assert!(status.success(), "{status}\n{}", worker.log());
        assert!(took <= GRACE - IN_HAND, "it took {took:?}");
        let log = worker.log();
        let after = stopping_at(&log) + Duration::from_millis(100);
        let claims = claims_after(&log, after);
        assert!(claims.is_empty(), "claimed 100 ms after it was asked to end: {claims:?}");
        self.ends.count += 1;
        self.ends.slowest = self.ends.slowest.max(took);
    }
}

async fn until(at: Timestamp) {
    clock::pause(at.since(clock::now())).await;
}

/// One worker, then four, each replaced in its turn, then one again.
async fn roll(run: &Run) -> (Figures, Ends, Duration) {
    let limit = ("POSTFLEET__PLATFORMS__X__LIMIT_FACTOR", "1000");
    let arguments = ["--without-workers", "--delay-ms", NETWORK_MS];
    // An answer that is late on a busy machine is waited for.
    let deadline = ("POSTFLEET__PLATFORMS__X__CALL_DEADLINE_MS", "15000");
    let fleet = Fleet::start(&arguments, &[limit, deadline]).await;
    let scene = Scene::on(&fleet, "rolling").await;
    let connected = accounts(&scene, run.accounts).await;
    let mut crew = Crew { fleet: &fleet, at_work: Vec::new(), hired: 0, ends: Ends::default() };
    crew.hire();
    let ahead = Duration::from_secs(5) + run.lasts / 20;
    let plan = plan(ahead, run.lasts, run.per_second);
    let load = Load::sow(&scene, &connected, plan).await;
    until(plan.first + run.every).await;
    (0..3).for_each(|_| crew.hire());
    let begun: Instant = clock::stopwatch();
    for _ in 0..run.replaced {
        clock::pause(run.every).await;
        crew.hire();
        crew.dismiss().await;
    }
    while crew.at_work.len() > 1 {
        clock::pause(run.every).await;
        crew.dismiss().await;
    }
    let figures = load.judge(&fleet).await;
    let outcomes = outcomes(&fleet).await;
    let answered = ["replied", "withdrawn"];
    assert!(outcomes.keys().all(|one| answered.contains(&one.as_str())), "{outcomes:?}");
    (figures, crew.ends, begun.elapsed())
}

/// Says what a run came to, and how many workers were asked to end.
async fn holds(name: &str, run: Run) -> usize {
    let (figures, ends, took) = roll(&run).await;
    say(format_args!(
        "{name}: {} SIGTERMs in {took:.1?}, the slowest end after {:.2?}; {} deliveries, LOST {}, \
         DUP {}, lateness p99 {:.3?}, max {:.3?}",
        ends.count,
        ends.slowest,
        figures.deliveries,
        figures.lost,
        figures.doubled,
        figures.p99,
        figures.max,
    ));
    assert_eq!((figures.lost, figures.doubled, figures.unpublished), (0, 0, 0), "{figures:?}");
    assert!(figures.p99 <= LATENESS_P99_MAX, "{figures:?}");
    ends.count
}

// case: O-01
// case: O-rolling
#[tokio::test]
async fn workers_that_come_and_go_lose_and_double_nothing_and_are_in_time() {
    let _turn = turn().await;
    let (lasts, every) = (Duration::from_secs(20), Duration::from_millis(800));
    let run = Run { accounts: 10, per_second: 25, lasts, every, replaced: 17 };
    assert_eq!(holds("rolling", run).await, 20);
}

// case: O-rolling-long
#[tokio::test]
#[ignore = "takes minutes"]
async fn a_rolling_restart_under_two_hundred_deliveries_a_second_is_not_noticed() {
    let (lasts, every) = (Duration::from_secs(300), Duration::from_secs(20));
    let run = Run { accounts: 40, per_second: 200, lasts, every, replaced: 10 };
    holds("rolling-long", run).await;
}
