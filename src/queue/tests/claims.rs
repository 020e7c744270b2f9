//! Who gets which job, and when.

use crate::support::{Redis, Worker, wakeup, within};
use domain::time::Timestamp;
use queue::{Gate, Outcome, Queue, WorkerOptions};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn a_job_is_never_early_and_soon_after_its_time() {
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    let worker = Worker::done(&queue, 8);
    let now = queue.time().await.unwrap();
    let wakeups: Vec<_> = (0..40)
        .map(|n| {
            let mut wakeup = wakeup(u128::from(n), 1, n);
            wakeup.due_at = now + Duration::from_millis(u64::from(n) * 17);
            wakeup
        })
        .collect();
    queue.push(&wakeups).await.unwrap();
    within(5, async || worker.count() == 40).await;
    let mut late = Vec::new();
    for seen in worker.stop().await {
        let due = wakeups.iter().find(|w| w.subject == seen.claimed.subject).unwrap().due_at;
        assert!(seen.at >= due, "early: due {due}, begun {}", seen.at);
        late.push(seen.at.since(due));
    }
    late.sort();
    assert!(late[20] < Duration::from_millis(500), "{late:?}");
}

#[tokio::test]
async fn a_sleeping_worker_hears_of_a_job_at_once() {
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    let worker = Worker::done(&queue, 4);
    let pusher = redis.queue().await;
    let mut waits = Vec::new();
    for n in 0..20 {
        let began = base::clock::stopwatch();
        pusher.push(&[wakeup(n, 1, 1)]).await.unwrap();
        within(5, async || worker.count() == usize::try_from(n).unwrap() + 1).await;
        waits.push(began.elapsed());
    }
    waits.sort();
    // The fallback poll comes once a second: half of the waits would be longer than this.
    assert!(waits[10] < Duration::from_millis(100), "{waits:?}");
    worker.stop().await;
}

#[tokio::test]
async fn one_job_of_a_lane_runs_at_a_time_and_other_lanes_beside_it() {
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    let running = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let both = Arc::new(AtomicUsize::new(0));
    let (r, m, b) = (running.clone(), most.clone(), both.clone());
    let worker = Worker::start(&queue, 16, move |claimed| {
        let (running, most, both) = (r.clone(), m.clone(), b.clone());
        async move {
            let mine = usize::from(&*claimed.lane == "x:default:1");
            both.fetch_add(1, Ordering::SeqCst);
            let now = running.fetch_add(mine, Ordering::SeqCst) + mine;
            most.fetch_max(now, Ordering::SeqCst);
            tokio::task::yield_now().await;
            running.fetch_sub(mine, Ordering::SeqCst);
            Outcome::Done
        }
    });
    let mut wakeups: Vec<_> = (0..50).map(|n| wakeup(n, 1, 1)).collect();
    wakeups.extend((0..50).map(|n| wakeup(100 + u128::from(n), 1, n + 2)));
    queue.push(&wakeups).await.unwrap();
    within(10, async || worker.count() == 100).await;
    worker.stop().await;
    assert_eq!(most.load(Ordering::SeqCst), 1);
    assert_eq!(both.load(Ordering::SeqCst), 100);
    within(2, async || queue.depth("publish:x").await.unwrap() == 0).await;
}

#[tokio::test]
async fn a_lane_may_run_more_when_its_queue_says_so() {
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    let inside = Arc::new(AtomicUsize::new(0));
    let gate = Arc::new(Semaphore::new(0));
    let stop = CancellationToken::new();
    let (i, g) = (inside.clone(), gate.clone());
    let options = WorkerOptions { lane_in_flight: 3, ..WorkerOptions::new("publish:x", 16) };
    let task = tokio::spawn(queue::run(queue.clone(), options, stop.clone(), move |_| {
        let (inside, gate) = (i.clone(), g.clone());
        async move {
            inside.fetch_add(1, Ordering::SeqCst);
            gate.acquire().await.unwrap().forget();
            Outcome::Done
        }
    }));
    queue.push(&(0..9).map(|n| wakeup(n, 1, 1)).collect::<Vec<_>>()).await.unwrap();
    within(5, async || inside.load(Ordering::SeqCst) == 3).await;
    assert_eq!(queue.depth("publish:x").await.unwrap(), 6);
    gate.add_permits(9);
    within(5, async || inside.load(Ordering::SeqCst) == 9).await;
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn a_large_group_does_not_hold_up_a_small_one() {
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    let group = |mut wakeup: queue::Wakeup, group: &str| {
        wakeup.group = group.to_owned();
        wakeup
    };
    let large: Vec<_> = (0..400).map(|n| group(wakeup(u128::from(n), 1, n), "large")).collect();
    queue.push(&large).await.unwrap();
    queue.push(&[group(wakeup(1_000, 1, 1_000), "small")]).await.unwrap();
    let worker = Worker::done(&queue, 1);
    within(10, async || worker.count() == 401).await;
    let seen = worker.stop().await;
    let place = seen.iter().position(|s| &*s.claimed.group == "small").unwrap();
    assert!(place < 80, "the small group came {place}th");
}

#[tokio::test]
async fn a_closed_gate_parks_its_lanes_and_the_others_go_on() {
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    let until = queue.time().await.unwrap() + Duration::from_secs(2);
    queue.close_gate(&Gate { scope_key: "account:x:default:1".to_owned(), until }).await.unwrap();
    let far = until + Duration::from_secs(3_600);
    queue
        .close_gate(&Gate { scope_key: "account:x:default:2".to_owned(), until: far })
        .await
        .unwrap();
    let wakeups: Vec<_> = (0..30).map(|n| wakeup(u128::from(n), 1, n % 3)).collect();
    queue.push(&wakeups).await.unwrap();
    let worker = Worker::done(&queue, 8);
    within(5, async || worker.count() == 10).await;
    assert!(worker.seen.lock().unwrap().iter().all(|s| &*s.claimed.lane == "x:default:0"));
    within(5, async || worker.count() == 20).await;
    queue.open_gate("account:x:default:2").await.unwrap();
    within(5, async || worker.count() == 30).await;
    for seen in worker.stop().await {
        let early = &*seen.claimed.lane == "x:default:1" && seen.at < until;
        assert!(!early, "begun behind a closed gate");
    }
}

#[tokio::test]
async fn a_newer_generation_of_a_held_job_waits_for_its_acknowledgement() {
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    let pass = Arc::new(Semaphore::new(0));
    let p = pass.clone();
    let worker = Worker::start(&queue, 4, move |_| {
        let pass = p.clone();
        async move {
            pass.acquire().await.unwrap().forget();
            Outcome::Done
        }
    });
    queue.push(&[wakeup(1, 5, 1)]).await.unwrap();
    within(5, async || worker.count() == 1).await;
    // Older, equal and newer while it is held: the newest alone comes, and after the first.
    queue.push(&[wakeup(1, 4, 1), wakeup(1, 5, 1)]).await.unwrap();
    queue.push(&[wakeup(1, 7, 1), wakeup(1, 6, 1)]).await.unwrap();
    assert_eq!(queue.depth("publish:x").await.unwrap(), 0);
    pass.add_permits(10);
    within(5, async || worker.count() == 2).await;
    queue.push(&[wakeup(2, 1, 1)]).await.unwrap();
    within(5, async || worker.count() == 3).await;
    assert_eq!(worker.generations(), [5, 7, 1]);
    worker.stop().await;
}

#[tokio::test]
async fn a_job_is_timed_anew_moved_and_released_with_its_acknowledgement() {
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    let worker = Worker::start(&queue, 4, move |claimed| async move {
        match (claimed.subject.as_u128(), claimed.generation) {
            (1, 1) => Outcome::Again { generation: 2, due_at: Timestamp::from_ms(1) },
            (2, 1) => {
                let mut wakeup = wakeup(2, 9, 2);
                wakeup.queue = "reconcile".to_owned();
                Outcome::Moved { wakeup }
            }
            (3, 1) => Outcome::ReleaseFor(Duration::from_secs(3_600)),
            _ => Outcome::Done,
        }
    });
    queue.push(&[wakeup(1, 1, 1), wakeup(2, 1, 2), wakeup(3, 1, 3)]).await.unwrap();
    within(5, async || worker.count() == 4).await;
    within(5, async || queue.depth("reconcile").await.unwrap() == 1).await;
    within(5, async || queue.depth("publish:x").await.unwrap() == 1).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_released_job_comes_again_with_its_generation() {
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    let first = Arc::new(AtomicBool::new(true));
    let worker = Worker::start(&queue, 4, move |_| {
        let again = first.swap(false, Ordering::SeqCst);
        async move { if again { Outcome::Release } else { Outcome::Done } }
    });
    queue.push(&[wakeup(1, 3, 1)]).await.unwrap();
    within(5, async || worker.count() == 2).await;
    assert_eq!(worker.generations(), [3, 3]);
    let seen = worker.stop().await;
    assert!(seen[1].claimed.epoch > seen[0].claimed.epoch);
    assert_ne!(seen[1].claimed.lease, seen[0].claimed.lease);
}

/// How many of the first `first` jobs each tenant got, by its name.
async fn shares(weights: &[(&str, u32)], concurrency: usize, first: usize) -> Vec<usize> {
    let redis = Redis::start().await;
    let mut config = redis.config();
    config.weights = weights.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect();
    let queue = Queue::connect(&config).await.unwrap();
    queue.adopt(0, 1, &[], &[]).await.unwrap();
    // Each tenant has 200 lanes with four jobs each, all overdue.
    let mut wakeups = Vec::new();
    for (tenant, (name, _)) in (0_u32..).zip(weights) {
        for number in 0..800_u32 {
            let subject = u128::from(tenant * 10_000 + number);
            let mut wakeup = wakeup(subject, 1, tenant * 1_000 + number % 200);
            wakeup.group = format!("{name}:x:default");
            wakeups.push(wakeup);
        }
    }
    queue.push(&wakeups).await.unwrap();
    let worker = Worker::done(&queue, concurrency);
    within(10, async || worker.count() >= first).await;
    let seen = worker.stop().await;
    let of = |name: &str| {
        let is_its = |group: &str| group.split(':').next() == Some(name);
        seen.iter().take(first).filter(|seen| is_its(&seen.claimed.group)).count()
    };
    weights.iter().map(|(name, _)| of(name)).collect()
}

// case: Q-weights
#[tokio::test]
async fn groups_share_by_their_weights() {
    for concurrency in [10, 64] {
        let shares = shares(&[("a", 3), ("b", 2), ("c", 1)], concurrency, 900).await;
        for (got, right) in shares.iter().zip([450_usize, 300, 150]) {
            let is_near = got.abs_diff(right) * 5 <= right;
            assert!(is_near, "{got} instead of {right} with {concurrency} slots: {shares:?}");
        }
    }
}

// case: Q-fair
#[tokio::test]
async fn a_single_job_does_not_wait_behind_another_tenants_thousands() {
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    let job = |subject: u32, group: &str| {
        let lane = if group == "flood" { subject % 2_000 } else { subject };
        let mut wakeup = wakeup(u128::from(subject), 1, lane);
        wakeup.group = group.to_owned();
        wakeup
    };
    let flood: Vec<_> = (0..100_000).map(|number| job(number, "flood")).collect();
    queue.push(&flood).await.unwrap();
    let worker = Worker::done(&queue, 64);
    within(5, async || worker.count() > 200).await;
    let singles: Vec<_> = (0..25).map(|n| job(200_000 + n, &format!("single{n}"))).collect();
    queue.push(&singles).await.unwrap();
    let began = base::clock::stopwatch();
    let seen = worker.seen.clone();
    let is_in = |number: u32| {
        let subject = uuid::Uuid::from_u128(u128::from(number));
        seen.lock().unwrap().iter().any(|one| one.claimed.subject == subject)
    };
    within(5, async || (200_000..200_025).all(is_in)).await;
    println!("25 single jobs beside 100,000 of one tenant began within {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    worker.stop().await;
}

// case: Q-probe
#[tokio::test]
async fn a_gate_of_an_app_opens_half_and_one_job_goes_first() {
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    let gate = |queue: &Queue, until: Timestamp| {
        let (queue, scope_key) = (queue.clone(), "app:x:default".to_owned());
        async move { queue.close_gate(&Gate { scope_key, until }).await.unwrap() }
    };
    let now = queue.time().await.unwrap();
    gate(&queue, now + Duration::from_millis(300)).await;
    queue
        .push(&(0..50).map(|n| wakeup(n, 1, n.try_into().unwrap())).collect::<Vec<_>>())
        .await
        .unwrap();
    // The first one that goes through finds the limit still there; the second one does not.
    let (tries, reopen) = (Arc::new(AtomicUsize::new(0)), gate);
    let (count, handle) = (tries.clone(), queue.clone());
    let worker = Worker::start(&queue, 32, move |_| {
        let (count, handle) = (count.clone(), handle.clone());
        async move {
            if count.fetch_add(1, Ordering::SeqCst) > 0 {
                return Outcome::Done;
            }
            let until = handle.time().await.unwrap() + Duration::from_millis(400);
            reopen(&handle, until).await;
            Outcome::ReleaseFor(Duration::from_millis(400))
        }
    });
    within(2, async || tries.load(Ordering::SeqCst) == 1).await;
    let second = queue.time().await.unwrap();
    assert!(second >= now + Duration::from_millis(300), "not before its time");
    within(5, async || tries.load(Ordering::SeqCst) == 51).await;
    let seen = worker.stop().await;
    let first_at = seen[0].at;
    let between = seen.iter().skip(1).filter(|one| one.at < first_at + Duration::from_millis(350));
    assert_eq!(between.count(), 0, "only the probe went through the half-open gate");
}
