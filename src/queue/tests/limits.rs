//! The limiter: quotas that never grant too much, and hardly too little.

use crate::support::{Redis, wakeup, within};
use base::{clock, rng};
use domain::limit::Rate;
use domain::time::Timestamp;
use queue::{Behind, Counter, Permit, Queue, Quota};
use std::time::Duration;

fn window(key: &str, calls_max: u32, window_ms: u64) -> Quota {
    windowed(key, calls_max, window_ms, Behind::Nobody)
}

fn windowed(key: &str, calls_max: u32, window_ms: u64, behind: Behind) -> Quota {
    Quota::Window { key: key.to_owned(), calls_max, window_ms, ends_at: None, cost: 1, behind }
}

/// The window of an account whose jobs wait in the lane of [`wakeup`].
fn crowded(calls_max: u32, window_ms: u64) -> Quota {
    let behind = Behind::Lane { queue: "publish:x".to_owned(), lane: "x:default:1".to_owned() };
    windowed("x:post", calls_max, window_ms, behind)
}

async fn is_granted(queue: &Queue, quotas: &[Quota]) -> bool {
    matches!(queue.meter(0, quotas).await.unwrap(), Permit::Granted { .. })
}

/// Asks `calls` times; how many were granted.
async fn grants(queue: &Queue, quota: &Quota, calls: u32) -> u32 {
    let mut granted = 0;
    for _ in 0..calls {
        granted += u32::from(is_granted(queue, std::slice::from_ref(quota)).await);
    }
    granted
}

/// `jobs` jobs wait in the lane.
async fn wait(queue: &Queue, jobs: u128) {
    let waiting: Vec<_> = (1..=jobs).map(|subject| wakeup(subject, 1, 1)).collect();
    queue.push(&waiting).await.unwrap();
}

/// Pauses until an instant of Redis's clock.
async fn until(queue: &Queue, at: Timestamp) {
    let now = queue.time().await.unwrap();
    clock::pause(at.since(now)).await;
}

/// Calls as they arrive at a platform whose window begins with the first of them: the fullest.
fn fullest(mut arrivals: Vec<i64>, window_ms: i64) -> usize {
    arrivals.sort_unstable();
    let (mut most, mut rest) = (0, arrivals.as_slice());
    while let Some(first) = rest.first() {
        let inside = rest.partition_point(|at| at - first < window_ms);
        most = most.max(inside);
        rest = &rest[inside..];
    }
    most
}

// case: L-window
#[tokio::test]
async fn eight_workers_fill_every_window_and_overfill_none() {
    eight_workers_fill_windows(60, 3_000, 4).await;
}

// case: L-window
#[tokio::test]
#[ignore = "takes over a minute"]
async fn eight_workers_fill_every_window_of_an_app_and_overfill_none() {
    eight_workers_fill_windows(300, 15_000, 4).await;
}

async fn eight_workers_fill_windows(calls: u32, length_ms: u64, windows: u32) {
    /// A permit of a window of three seconds is good for a thirtieth of it: the call's way, and
    /// the asking.
    const WAY_MS: u64 = 60;
    const ASKING: Duration = Duration::from_millis(40);
    let seed = rng::nonce().unsigned_abs();
    println!("seed {seed}");
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    let began = queue.time().await.unwrap();
    let end = began + Duration::from_millis(length_ms) * (windows + 1);
    let mut workers = Vec::new();
    for worker in 0..8 {
        let queue = redis.queue().await;
        let mut random = seed ^ worker;
        workers.push(tokio::spawn(async move {
            let (mut arrivals, mut spent) = (Vec::new(), Vec::new());
            loop {
                let asked = clock::stopwatch();
                let permit = queue.meter(0, &[window("x:post", calls, length_ms)]).await.unwrap();
                let now = queue.time().await.unwrap();
                if now >= end {
                    return (arrivals, spent);
                }
                if matches!(permit, Permit::Granted { .. }) {
                    spent.push(now.ms());
                }
                match permit {
                    // The worker was held up, and the permit has run out.
                    Permit::Granted { .. } if asked.elapsed() > ASKING => {}
                    Permit::Granted { .. } => {
                        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                        let way = i64::try_from((random >> 33) % WAY_MS).unwrap();
                        arrivals.push(now.ms() + way);
                    }
                    Permit::Until(at) => until(&queue, at.min(end)).await,
                }
            }
        }));
    }
    let (mut arrivals, mut spent) = (Vec::new(), Vec::new());
    for worker in workers {
        let (arrived, permitted) = worker.await.unwrap();
        arrivals.extend(arrived);
        spent.extend(permitted);
    }
    let window_ms = i64::try_from(length_ms).unwrap();
    let most = fullest(arrivals, window_ms);
    assert!(most <= calls as usize, "{most} in one window, seed {seed}");
    // So many windows' worth within the time that they take at 95 %.
    let first = *spent.iter().min().unwrap();
    let time_ms = window_ms * i64::from(windows) * 100 / 95;
    let used = spent.iter().filter(|at| **at <= first + time_ms).count();
    println!("{used} calls of {} in {time_ms} ms, at most {most} in a window", calls * windows);
    assert!(used >= (calls * windows) as usize, "{used} in {time_ms} ms, seed {seed}");
}

// case: L-window
#[tokio::test]
async fn a_window_is_closed_before_a_call_could_arrive_in_the_next() {
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    let quota = [window("x:post", 1_000_000, 900)];
    let began = queue.time().await.unwrap();
    let opens = loop {
        match queue.meter(0, &quota).await.unwrap() {
            Permit::Granted { .. } => {
                let now = queue.time().await.unwrap();
                assert!(now.since(began) < Duration::from_secs(3), "it never closed");
            }
            Permit::Until(at) => break at,
        }
    };
    // Closed with calls left; it opens a lag, 30 ms, after it would by its length.
    assert!(opens.since(began) >= Duration::from_millis(930));
    until(&queue, opens).await;
    within(5, async || is_granted(&queue, &quota).await).await;
}

#[tokio::test]
async fn eight_clients_together_get_what_a_window_allows_and_no_more() {
    let redis = Redis::start().await;
    let _adopted = redis.adopted().await;
    let mut clients = Vec::new();
    for _ in 0..8 {
        let queue = redis.queue().await;
        clients.push(tokio::spawn(async move {
            grants(&queue, &window("x:post", 300, 60_000), 100).await
        }));
    }
    let mut granted = 0;
    for client in clients {
        granted += client.await.unwrap();
    }
    assert_eq!(granted, 300);
}

#[tokio::test]
async fn a_window_begins_anew_after_its_length() {
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    let one = [window("x:post", 1, 200)];
    let began = queue.time().await.unwrap();
    assert!(is_granted(&queue, &one).await);
    within(5, async || is_granted(&queue, &one).await).await;
    assert!(queue.time().await.unwrap().since(began) >= Duration::from_millis(200));
}

// case: L-keys
#[tokio::test]
async fn several_quotas_are_counted_together_or_not_at_all() {
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    let (account, app) = (window("account", 1, 60_000), window("app", 3, 60_000));
    let rate = Rate { calls: 1, per: Duration::from_secs(60), burst: 3 };
    let rate = Quota::Rate { key: "app".to_owned(), rate };
    let all = [account.clone(), app.clone(), rate.clone()];
    let left = vec![Some(0), Some(2), None];
    assert_eq!(queue.meter(0, &all).await.unwrap(), Permit::Granted { left });
    for _ in 0..5 {
        assert!(!is_granted(&queue, &all).await);
    }
    // The refusals took nothing from the app's window, and nothing from its rate.
    for _ in 0..2 {
        assert!(is_granted(&queue, &[app.clone(), rate.clone()]).await);
    }
    assert!(!is_granted(&queue, &[app]).await);
    assert!(!is_granted(&queue, &[rate]).await);
}

// case: L-rate
#[tokio::test]
async fn a_rate_gives_a_burst_and_then_an_even_flow() {
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    // One each 100 ms.
    let rate = Rate { calls: 10, per: Duration::from_secs(1), burst: 5 };
    let quota = [Quota::Rate { key: "app:x".to_owned(), rate }];
    let began = queue.time().await.unwrap();
    let mut at = Vec::new();
    while at.len() < 15 {
        match queue.meter(0, &quota).await.unwrap() {
            Permit::Granted { .. } => at.push(queue.time().await.unwrap()),
            Permit::Until(next) => {
                assert!(at.len() >= 5, "the burst comes at once");
                until(&queue, next).await;
            }
        }
    }
    // Whatever the first five took, the ten behind them are due at their own times, never early.
    for (number, at) in at.iter().enumerate().skip(5) {
        let due = Duration::from_millis(100) * u32::try_from(number - 4).unwrap();
        assert!(at.since(began) >= due, "call {number} after {:?}", at.since(began));
    }
    assert!(at[14].since(began) < Duration::from_secs(3), "and hardly later");
}

// case: L-stretch
#[tokio::test]
async fn what_fits_is_never_stretched() {
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    // Fifty videos at 09:00 under 100 a day.
    wait(&queue, 50).await;
    let day = windowed("videos", 100, 86_400_000, Behind::Queue("publish:x".to_owned()));
    assert_eq!(grants(&queue, &day, 50).await, 50);
    // A thread of 25 segments under 100 per 15 min, also where 70 went before it.
    let quarter = window("x:post", 100, 900_000);
    assert_eq!(grants(&queue, &quarter, 25).await, 25);
    assert_eq!(grants(&queue, &quarter, 70).await, 70);
}

// case: L-stretch
#[tokio::test]
async fn the_last_tenth_is_spread_over_the_rest_when_more_waits_than_fits() {
    const WINDOW_MS: u64 = 8_000;
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    wait(&queue, 200).await;
    let quota = crowded(100, WINDOW_MS);
    let began = queue.time().await.unwrap();
    assert_eq!(grants(&queue, &quota, 91).await, 91, "nine tenths at once");
    let mut at = Vec::new();
    loop {
        match queue.meter(0, std::slice::from_ref(&quota)).await.unwrap() {
            Permit::Granted { .. } => at.push(queue.time().await.unwrap()),
            Permit::Until(next) if next.since(began) >= Duration::from_millis(WINDOW_MS) => break,
            Permit::Until(next) => until(&queue, next).await,
        }
    }
    assert_eq!(at.len(), 9, "all of it is used");
    // A ninth of some 7.7 s each; a slow machine takes from the first gaps and not from the last.
    let gaps: Vec<Duration> = at.windows(2).map(|pair| pair[1].since(pair[0])).collect();
    assert!(gaps.iter().all(|gap| *gap >= Duration::from_millis(200)), "{gaps:?}");
    assert!(at[8].since(began) >= Duration::from_millis(WINDOW_MS * 3 / 4), "{gaps:?}");
}

// case: L-header
#[tokio::test]
async fn a_header_lowers_what_is_left_and_never_raises_it() {
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    let quota = [window("x:post", 10, 60_000)];
    assert!(is_granted(&queue, &quota).await);
    let reset = queue.time().await.unwrap() + Duration::from_secs(30);
    queue.correct(0, ("x:post", 10), 2, reset).await.unwrap();
    queue.correct(0, ("x:post", 10), 9, reset).await.unwrap();
    // Neither does one that promises an earlier end.
    queue.correct(0, ("x:post", 10), 2, reset - Duration::from_secs(20)).await.unwrap();
    assert_eq!(queue.meter(0, &quota).await.unwrap(), Permit::Granted { left: vec![Some(1)] });
    // It was sent before that permit, and has not seen its call.
    queue.correct(0, ("x:post", 10), 2, reset).await.unwrap();
    assert!(is_granted(&queue, &quota).await);
    assert_eq!(queue.meter(0, &quota).await.unwrap(), Permit::Until(reset));
}

// case: L-header
#[tokio::test]
async fn a_header_does_not_give_back_what_we_have_counted() {
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    let quota = window("x:post", 10, 60_000);
    assert_eq!(grants(&queue, &quota, 8).await, 8);
    let soon = queue.time().await.unwrap() + Duration::from_millis(100);
    queue.correct(0, ("x:post", 10), 100, soon).await.unwrap();
    assert_eq!(grants(&queue, &quota, 1).await, 1);
    // Its instant passes, and our own window runs on.
    until(&queue, soon + Duration::from_millis(1)).await;
    assert_eq!(grants(&queue, &quota, 5).await, 1);
}

// case: L-header
#[tokio::test]
async fn a_header_of_a_window_that_is_over_is_not_heard() {
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    let quota = window("x:post", 10, 60_000);
    assert_eq!(grants(&queue, &quota, 1).await, 1);
    let past = queue.time().await.unwrap() - Duration::from_millis(1);
    queue.correct(0, ("x:post", 10), 0, past).await.unwrap();
    assert_eq!(grants(&queue, &quota, 10).await, 9);
}

// case: L-ledger
#[tokio::test]
async fn counters_from_the_ledger_outlive_a_wipe() {
    let redis = Redis::start().await;
    let queue = redis.queue().await;
    let reset_at = queue.time().await.unwrap() + Duration::from_secs(3_600);
    let counter = Counter { key: "youtube:day".to_owned(), used: 99, reset_at };
    queue.adopt(0, 1, &[], &[counter]).await.unwrap();
    let day = [window("youtube:day", 100, 86_400_000)];
    assert!(is_granted(&queue, &day).await);
    assert_eq!(queue.meter(0, &day).await.unwrap(), Permit::Until(reset_at));
}

// case: L-ledger
#[tokio::test]
async fn a_redis_that_forgot_grants_nothing_until_it_is_filled() {
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    let day = [window("youtube:day", 100, 86_400_000)];
    assert!(is_granted(&queue, &day).await);
    redis.command(&["FLUSHALL"]).await;
    let now = queue.time().await.unwrap();
    match queue.meter(0, &day).await.unwrap() {
        Permit::Until(at) => assert!(at > now),
        Permit::Granted { .. } => panic!("nobody knows what was used before"),
    }
    queue.adopt(0, 2, &[], &[]).await.unwrap();
    assert!(is_granted(&queue, &day).await);
}

/// The window of a calendar that ends then; each call counts as so many.
fn dated(ends_at: Timestamp, cost: u32) -> [Quota; 1] {
    let (key, calls_max) = ("project:day".to_owned(), 100);
    let (window_ms, ends_at, behind) = (86_400_000, Some(ends_at), Behind::Nobody);
    [Quota::Window { key, calls_max, window_ms, ends_at, cost, behind }]
}

// case: L-calendar
#[tokio::test]
async fn the_window_of_a_calendar_ends_with_its_day_and_not_with_its_first_call() {
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    let ends_at = queue.time().await.unwrap() + Duration::from_millis(2_500);
    assert!(is_granted(&queue, &dated(ends_at, 100)).await);
    let over = ends_at + Duration::from_secs(1);
    assert_eq!(queue.meter(0, &dated(ends_at, 1)).await.unwrap(), Permit::Until(over));
    until(&queue, over + Duration::from_millis(1)).await;
    // Who still names the day that is over has a clock that is behind, and asks again.
    assert!(!is_granted(&queue, &dated(ends_at, 1)).await);
    let tomorrow = ends_at + Duration::from_secs(86_400);
    assert!(is_granted(&queue, &dated(tomorrow, 1)).await);
}

// case: L-calendar
#[tokio::test]
async fn no_call_is_permitted_that_could_arrive_in_the_next_day() {
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    let ends_at = queue.time().await.unwrap() + Duration::from_millis(900);
    assert!(!is_granted(&queue, &dated(ends_at, 1)).await);
}

// case: L-units
#[tokio::test]
async fn calls_that_cost_more_take_more_of_a_shared_limit() {
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    let ends_at = queue.time().await.unwrap() + Duration::from_secs(3_600);
    let left = async |cost| match queue.meter(0, &dated(ends_at, cost)).await.unwrap() {
        Permit::Granted { left } => left[0],
        Permit::Until(_) => None,
    };
    assert_eq!(left(50).await, Some(50));
    assert_eq!(left(1).await, Some(49));
    assert_eq!(left(50).await, None, "it does not fit, and is counted in nothing");
    assert_eq!(left(49).await, Some(0));
    assert_eq!(left(1).await, None);
}
