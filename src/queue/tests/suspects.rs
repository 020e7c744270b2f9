//! Jobs whose handler may have brought its process down are told from the others.

use crate::support::{Process, Redis, Seen, Worker, wakeup, within};
use queue::{Config, Outcome, Queue, WorkerOptions};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Which jobs were seen, and whether as suspects.
fn told(seen: &[Seen]) -> Vec<(u128, bool)> {
    let mut told: Vec<_> =
        seen.iter().map(|s| (s.claimed.subject.as_u128(), s.claimed.is_suspect)).collect();
    told.sort_unstable();
    told
}

/// A process that claims this many jobs and then dies.
async fn die_with(config: Config, jobs: usize) {
    let claimed = Arc::new(AtomicUsize::new(0));
    let mut process = Process::start();
    let c = claimed.clone();
    process.spawn(async move {
        let queue = Queue::connect(&config).await.unwrap();
        let options = WorkerOptions::new("publish:x", jobs);
        queue::run(queue, options, CancellationToken::new(), move |_| {
            c.fetch_add(1, Ordering::SeqCst);
            std::future::pending()
        })
        .await;
    });
    within(5, async || claimed.load(Ordering::SeqCst) == jobs).await;
    process.kill();
}

#[tokio::test]
async fn what_a_dead_process_held_comes_back_marked_once_and_nothing_else_does() {
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    queue.push(&[wakeup(1, 1, 1), wakeup(2, 1, 2)]).await.unwrap();
    die_with(redis.config(), 2).await;
    queue.push(&[wakeup(3, 1, 3)]).await.unwrap();
    let worker = Worker::done(&queue, 4);
    within(10, async || worker.count() == 3).await;
    // The mark went with the claim; what ended in good order is no suspect the next time.
    queue.push(&[wakeup(1, 2, 1)]).await.unwrap();
    within(5, async || worker.count() == 4).await;
    let seen = worker.stop().await;
    assert_eq!(told(&seen), [(1, false), (1, true), (2, true), (3, false)]);
    let left = redis.command(&["EXISTS", "{pf:s0}:suspects"]).await;
    assert_eq!(left, redis::Value::Int(0), "no claim looks for marks any more");
}

#[tokio::test]
async fn a_handler_that_panics_or_hangs_leaves_its_job_marked() {
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let (s, stop) = (seen.clone(), CancellationToken::new());
    let options = WorkerOptions {
        handler_max: Duration::from_millis(100),
        ..WorkerOptions::new("publish:x", 4)
    };
    let task = tokio::spawn(queue::run(queue.clone(), options, stop.clone(), move |claimed| {
        let (subject, is_suspect) = (claimed.subject.as_u128(), claimed.is_suspect);
        s.lock().unwrap().push((subject, is_suspect));
        async move {
            assert!(subject != 1 || is_suspect, "a test's panic");
            if subject == 2 && !is_suspect {
                std::future::pending::<()>().await;
            }
            Outcome::Done
        }
    }));
    queue.push(&(1..4).map(|n| wakeup(u128::from(n), 1, n)).collect::<Vec<_>>()).await.unwrap();
    within(8, async || seen.lock().unwrap().len() == 5).await;
    stop.cancel();
    task.await.unwrap();
    let mut seen = seen.lock().unwrap().clone();
    seen.sort_unstable();
    assert_eq!(seen, [(1, false), (1, true), (2, false), (2, true), (3, false)]);
}

#[tokio::test]
async fn a_suspect_stays_one_until_its_work_has_ended() {
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    queue.push(&[wakeup(1, 1, 1)]).await.unwrap();
    die_with(redis.config(), 1).await;
    let times = Arc::new(AtomicUsize::new(0));
    let t = times.clone();
    let again = Worker::start(&redis.queue().await, 1, move |_| {
        let first = t.fetch_add(1, Ordering::SeqCst) == 0;
        async move { if first { Outcome::Release } else { std::future::pending().await } }
    });
    within(10, async || again.count() == 2).await;
    assert!(again.seen.lock().unwrap().iter().all(|s| s.claimed.is_suspect));
}
