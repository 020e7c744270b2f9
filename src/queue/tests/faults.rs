//! Processes die, Redis is wiped and restarted: jobs come back, and late words count for nothing.

use crate::support::{Process, Redis, Worker, is_known, tally, wakeup, within};
use domain::time::Timestamp;
use queue::{Config, Cursor, CursorState, Outcome, Queue, Relayed, WorkerOptions};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// A process whose worker claims and then never ends anything.
fn hang(config: Config, claimed: Arc<AtomicUsize>) -> Process {
    let process = Process::start();
    process.spawn(async move {
        let queue = Queue::connect(&config).await.unwrap();
        let options = WorkerOptions::new("publish:x", 8);
        queue::run(queue, options, CancellationToken::new(), move |_| {
            claimed.fetch_add(1, Ordering::SeqCst);
            std::future::pending()
        })
        .await;
    });
    process
}

#[tokio::test]
async fn the_jobs_of_a_killed_process_come_back_within_its_lease() {
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    queue.push(&(0..20).map(|n| wakeup(u128::from(n), 1, n)).collect::<Vec<_>>()).await.unwrap();
    let claimed = Arc::new(AtomicUsize::new(0));
    let mut victim = hang(redis.config(), claimed.clone());
    within(5, async || claimed.load(Ordering::SeqCst) == 8).await;
    let worker = Worker::done(&queue, 8);
    within(5, async || worker.count() == 12).await;
    // While it lives, its lease is prolonged past its first length.
    let began = base::clock::stopwatch();
    within(5, async || began.elapsed() > Duration::from_millis(2_300)).await;
    assert_eq!(worker.count(), 12);
    victim.kill();
    let killed = base::clock::stopwatch();
    within(10, async || worker.count() == 20).await;
    assert!(killed.elapsed() < Duration::from_millis(6_000), "{:?}", killed.elapsed());
    let seen = worker.stop().await;
    assert!(tally(seen.iter()).values().all(|times| *times == 1));
    assert!(seen.iter().all(|s| s.claimed.generation == 1));
}

#[tokio::test]
async fn a_word_of_a_session_that_was_given_up_counts_for_nothing() {
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    queue.push(&[wakeup(1, 1, 1)]).await.unwrap();
    let pass = Arc::new(Semaphore::new(0));
    let p = pass.clone();
    let late = Worker::start(&redis.queue().await, 1, move |_| {
        let pass = p.clone();
        async move {
            pass.acquire().await.unwrap().forget();
            Outcome::Again { generation: 99, due_at: Timestamp::from_ms(1) }
        }
    });
    within(5, async || late.count() == 1).await;
    let mine = late.seen.lock().unwrap()[0].claimed.clone();
    assert!(mine.is_alive());
    // As if it had been silent for a lease: Redis gives the session up.
    redis.command(&["EVAL", GIVE_UP, "0"]).await;
    within(5, async || !mine.is_alive()).await;
    let second = Worker::start(&queue, 1, |_| std::future::pending());
    within(5, async || second.count() + late.count() == 2).await;
    assert_eq!(queue.depth("publish:x").await.unwrap(), 0);
    pass.add_permits(1);
    late.stop().await;
    // Its Again was refused: nobody waits, the second still holds the job.
    assert_eq!(queue.depth("publish:x").await.unwrap(), 0);
    assert_eq!(second.generations(), [1]);
}

const GIVE_UP: &str = "local s = redis.call('ZRANGE', '{pf:s0}:sessions', 0, -1)
    for _, name in ipairs(s) do
      redis.call('ZREM', '{pf:s0}:sessions', name)
      redis.call('HSET', '{pf:s0}:reaping', name, '0')
    end
    return #s";

#[tokio::test]
async fn a_wiped_redis_is_unknown_until_it_is_adopted_and_filled_again() {
    let redis = Redis::start().await;
    let queue = redis.queue().await;
    assert_eq!(queue.cursor(0).await.unwrap(), CursorState::Unknown);
    queue.adopt(0, 7, &[], &[]).await.unwrap();
    let from = Cursor::beginning(7);
    assert_eq!(queue.cursor(0).await.unwrap(), CursorState::Known(from));
    let to = Cursor { due_at: Timestamp::from_ms(50), subject: Uuid::from_u128(3), ..from };
    let jobs: Vec<_> = (0..3).map(|n| wakeup(n, 1, 1)).collect();
    assert_eq!(queue.relay_push(0, &from, &to, &jobs).await.unwrap(), Relayed::Advanced);
    assert_eq!(queue.relay_push(0, &from, &to, &jobs).await.unwrap(), Relayed::Moved(to));
    assert_eq!(queue.depth("publish:x").await.unwrap(), 3);

    redis.command(&["FLUSHALL"]).await;
    assert_eq!(queue.cursor(0).await.unwrap(), CursorState::Unknown);
    assert_eq!(queue.relay_push(0, &to, &to, &[]).await.unwrap(), Relayed::Unknown);
    // A wake-up that a writer pushes meanwhile waits for the adoption.
    queue.push(&[wakeup(9, 1, 9)]).await.unwrap();
    let worker = Worker::done(&queue, 4);
    let polls = base::clock::stopwatch();
    within(5, async || polls.elapsed() > Duration::from_millis(300)).await;
    assert_eq!(worker.count(), 0);
    queue.adopt(0, 8, &[], &[]).await.unwrap();
    let from = Cursor::beginning(8);
    let to = Cursor { incarnation: 8, ..to };
    assert_eq!(queue.relay_push(0, &from, &to, &jobs).await.unwrap(), Relayed::Advanced);
    within(5, async || worker.count() == 4).await;
    worker.stop().await;
}

#[tokio::test]
async fn an_older_incarnation_does_not_take_a_younger_ones_place() {
    let redis = Redis::start().await;
    let queue = redis.queue().await;
    queue.adopt(0, 8, &[], &[]).await.unwrap();
    queue.adopt(0, 7, &[], &[]).await.unwrap();
    assert_eq!(queue.cursor(0).await.unwrap(), CursorState::Known(Cursor::beginning(8)));
}

#[tokio::test]
async fn a_worker_outlives_a_restart_of_redis() {
    let mut redis = Redis::start().await;
    let queue = redis.adopted().await;
    let worker = Worker::done(&queue, 4);
    queue.push(&[wakeup(1, 1, 1)]).await.unwrap();
    within(5, async || worker.count() == 1).await;
    redis.restart().await;
    within(10, async || queue.ping().await.is_ok()).await;
    within(5, async || queue.cursor(0).await.is_ok()).await;
    assert!(!is_known(&queue).await);
    queue.adopt(0, 2, &[], &[]).await.unwrap();
    queue.push(&[wakeup(2, 1, 2)]).await.unwrap();
    within(10, async || worker.count() == 2).await;
    within(5, async || queue.health().silence() < Duration::from_secs(1)).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_stopping_worker_hands_back_what_has_not_begun_and_ends_what_has() {
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    let pass = Arc::new(Semaphore::new(0));
    let p = pass.clone();
    let stopping = Worker::start(&redis.queue().await, 4, move |_| {
        let pass = p.clone();
        async move {
            pass.acquire().await.unwrap().forget();
            Outcome::Done
        }
    });
    queue.push(&(0..12).map(|n| wakeup(u128::from(n), 1, n)).collect::<Vec<_>>()).await.unwrap();
    within(5, async || stopping.count() == 4).await;
    stopping.ask_to_stop();
    let other = Worker::done(&queue, 4);
    within(5, async || other.count() == 8).await;
    pass.add_permits(4);
    let mut seen = stopping.stop().await;
    seen.extend(other.stop().await);
    assert_eq!(tally(seen.iter()).len(), 12);
    assert_eq!(seen.len(), 12);
}

#[tokio::test]
async fn a_panic_costs_only_its_own_job_a_rest() {
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    let tries = Arc::new(AtomicUsize::new(0));
    let t = tries.clone();
    let worker = Worker::start(&queue, 4, move |claimed| {
        let tries = t.clone();
        async move {
            let broken = claimed.subject.as_u128() == 1;
            assert!(!broken || tries.fetch_add(1, Ordering::SeqCst) > 0, "a test's panic");
            Outcome::Done
        }
    });
    queue.push(&(0..8).map(|n| wakeup(u128::from(n), 1, n)).collect::<Vec<_>>()).await.unwrap();
    within(8, async || worker.count() == 9).await;
    assert_eq!(tries.load(Ordering::SeqCst), 2);
    worker.stop().await;
}

#[tokio::test]
async fn a_handler_that_hangs_is_dropped_at_its_hard_end() {
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    let began = Arc::new(AtomicUsize::new(0));
    let (b, stop) = (began.clone(), CancellationToken::new());
    let options = WorkerOptions {
        handler_max: Duration::from_millis(50),
        ..WorkerOptions::new("publish:x", 2)
    };
    let task = tokio::spawn(queue::run(queue.clone(), options, stop.clone(), move |_| {
        let first = b.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            if first {
                std::future::pending::<()>().await;
            }
            Outcome::Done
        }
    }));
    queue.push(&[wakeup(1, 1, 1)]).await.unwrap();
    within(5, async || began.load(Ordering::SeqCst) == 2).await;
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn a_claim_whose_reply_was_lost_is_handed_back_and_claimed_again() {
    let redis = Redis::start().await;
    let adopted = redis.adopted().await;
    let impatient = Config { response_timeout_ms: 200, lease_ms: 20_000, ..redis.config() };
    let queue = Queue::connect(&impatient).await.unwrap();
    let worker = Worker::done(&queue, 2);
    adopted.push(&[wakeup(1, 1, 1)]).await.unwrap();
    within(5, async || worker.count() == 1).await;
    // The claim reaches a Redis that stands still, and is carried out after nobody waits for it.
    let mut job = wakeup(2, 1, 2);
    job.due_at = adopted.time().await.unwrap() + Duration::from_millis(100);
    adopted.push(&[job]).await.unwrap();
    redis.command(&["CLIENT", "PAUSE", "800", "ALL"]).await;
    // Its lease lives on with the process, so without the question it would never come back.
    within(8, async || worker.count() == 2).await;
    assert!(tally(worker.stop().await.iter()).values().all(|times| *times == 1));
}

#[tokio::test]
async fn a_worker_with_no_free_slot_still_shows_its_pulse() {
    let redis = Redis::start().await;
    let adopted = redis.adopted().await;
    let queue = Queue::connect(&Config { poll_every_ms: 50, ..redis.config() }).await.unwrap();
    let worker = Worker::start(&queue, 1, |_| std::future::pending());
    adopted.push(&[wakeup(1, 1, 1)]).await.unwrap();
    within(5, async || worker.count() == 1).await;
    let began = base::clock::stopwatch();
    within(5, async || began.elapsed() > Duration::from_millis(1_000)).await;
    let pumps = || queue.health().loops().into_iter().filter(|(name, _)| name.contains("pump"));
    assert_eq!(pumps().count(), 1);
    assert!(pumps().all(|(_, silence)| silence < Duration::from_millis(800)));
}

#[tokio::test]
async fn an_epoch_is_raised_and_claims_go_on_above_it() {
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    let high = i64::MAX >> 11;
    queue.raise_epoch(0, high).await.unwrap();
    queue.raise_epoch(0, 5).await.unwrap();
    let worker = Worker::done(&queue, 1);
    queue.push(&[wakeup(1, 1, 1)]).await.unwrap();
    within(5, async || worker.count() == 1).await;
    assert_eq!(worker.stop().await[0].claimed.epoch, high + 1);
}

#[tokio::test]
async fn a_full_redis_refuses_pushes_and_takes_what_makes_room() {
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    queue.push(&[wakeup(1, 1, 1)]).await.unwrap();
    redis.command(&["CONFIG", "SET", "maxmemory", "1"]).await;
    assert!(queue.fullness(0).await.unwrap() > 1.0);
    assert!(queue.push(&[wakeup(2, 1, 2)]).await.is_err());
    let worker = Worker::done(&queue, 1);
    within(5, async || worker.count() == 1).await;
    worker.stop().await;
    assert_eq!(queue.depth("publish:x").await.unwrap(), 0);
}

#[tokio::test]
async fn a_redis_that_evicts_is_refused() {
    let redis = Redis::start().await;
    redis.command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]).await;
    let refused = Queue::connect(&redis.config()).await.err().unwrap().to_string();
    assert!(refused.contains("noeviction"), "{refused}");
}
