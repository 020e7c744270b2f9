//! Many jobs, two processes, each job once.

use crate::support::{Redis, wakeup, within};
use base::clock;
use queue::{Outcome, Queue, WorkerOptions};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const JOBS: usize = 20_000;
const LANES: u32 = 2_000;

struct Runs {
    each: Vec<AtomicU8>,
    all: AtomicUsize,
}

fn work(queue: Queue, runs: &Arc<Runs>, stop: &CancellationToken) -> JoinHandle<()> {
    let runs = runs.clone();
    let options = WorkerOptions::new("publish:x", 64);
    tokio::spawn(queue::run(queue, options, stop.clone(), move |claimed| {
        runs.each[usize::try_from(claimed.subject.as_u128()).unwrap()]
            .fetch_add(1, Ordering::SeqCst);
        runs.all.fetch_add(1, Ordering::SeqCst);
        async { Outcome::Done }
    }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_thousand_jobs_of_two_thousand_lanes_run_once_each() {
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    let lanes = (0..LANES).cycle();
    let wakeups: Vec<_> =
        (0_u128..).zip(lanes).take(JOBS).map(|(n, lane)| wakeup(n, 1, lane)).collect();
    let began = clock::stopwatch();
    queue.push(&wakeups).await.unwrap();
    let pushed = began.elapsed();
    assert_eq!(queue.depth("publish:x").await.unwrap(), 20_000);

    let each = (0..JOBS).map(|_| AtomicU8::new(0)).collect();
    let runs = Arc::new(Runs { each, all: AtomicUsize::new(0) });
    let stop = CancellationToken::new();
    redis.command(&["CONFIG", "RESETSTAT"]).await;
    let began = clock::stopwatch();
    let workers = [work(queue.clone(), &runs, &stop), work(redis.queue().await, &runs, &stop)];
    within(25, async || runs.all.load(Ordering::SeqCst) >= JOBS).await;
    let drained = began.elapsed();
    stop.cancel();
    for worker in workers {
        worker.await.unwrap();
    }
    println!("pushed in {pushed:?}, drained in {drained:?}");
    if std::env::var_os("POSTFLEET_STATS").is_some() {
        let stats = redis.command(&["INFO", "commandstats"]).await;
        println!("{}", redis::from_redis_value::<String>(stats).unwrap());
    }
    assert!(runs.each.iter().all(|times| times.load(Ordering::SeqCst) == 1));
    assert_eq!(queue.depth("publish:x").await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_job_of_a_lane_follows_its_acknowledgement_at_once() {
    const CHAIN: usize = 500;
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    let chain: Vec<_> = (0..500).map(|n| wakeup(n, 1, 1)).collect();
    queue.push(&chain).await.unwrap();
    let each = (0..CHAIN).map(|_| AtomicU8::new(0)).collect();
    let runs = Arc::new(Runs { each, all: AtomicUsize::new(0) });
    let stop = CancellationToken::new();
    let began = clock::stopwatch();
    let worker = work(queue, &runs, &stop);
    within(20, async || runs.all.load(Ordering::SeqCst) >= CHAIN).await;
    let each = began.elapsed() / 500;
    println!("from job to job of one lane: {each:?}");
    // Far below the fallback poll; about 0.3 ms where nothing else runs.
    assert!(each.as_millis() < 10, "{each:?}");
    stop.cancel();
    worker.await.unwrap();
}
