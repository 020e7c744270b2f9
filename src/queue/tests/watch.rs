//! What operators see of Redis: jobs that it would never wake, and windows that are nearly full.

use crate::support::{Redis, Worker, wakeup, within};
use queue::{Behind, Filling, Outcome, Permit, Queue, Quota, Wakeup};
use std::sync::Arc;
use tokio::sync::Semaphore;

async fn unknown(queue: &Queue, wakeups: &[Wakeup]) -> Vec<usize> {
    queue.unknown(0, wakeups).await.unwrap()
}

// case: Q-unknown
#[tokio::test]
async fn a_job_that_nothing_would_wake_is_named() {
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    let jobs: Vec<Wakeup> = (1..=600_u32).map(|n| wakeup(n.into(), 1, n)).collect();
    let (told, untold) = jobs.split_at(597);
    queue.push(told).await.unwrap();
    assert_eq!(unknown(&queue, &jobs).await, [597, 598, 599], "never told");
    queue.push(untold).await.unwrap();
    assert_eq!(unknown(&queue, &jobs).await, Vec::<usize>::new());
    let newer = Wakeup { generation: 2, ..jobs[0].clone() };
    assert_eq!(unknown(&queue, &[newer]).await, [0], "of another generation");

    // Somebody takes away the job, its lane or its group.
    let prefix = "{pf:s0}:q:publish:x:";
    redis.command(&["DEL", &format!("{prefix}lane:{}", jobs[20].lane)]).await;
    let wake = format!("{prefix}wake:{}", jobs[300].group);
    redis.command(&["ZREM", &wake, &jobs[300].lane]).await;
    assert_eq!(unknown(&queue, &jobs).await, [20, 300]);
    redis.command(&["ZREM", &format!("{prefix}groups"), &jobs[5].group]).await;
    let lost = unknown(&queue, &jobs).await;
    assert!(lost.contains(&5) && lost.contains(&12) && !lost.contains(&6), "{lost:?}");
    // Whoever tells it again mends it.
    queue.push(&jobs).await.unwrap();
    assert_eq!(unknown(&queue, &jobs).await, Vec::<usize>::new());
}

// case: Q-unknown
#[tokio::test]
async fn a_job_that_is_lent_is_known_and_so_is_what_waits_behind_it() {
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    let (first, second) = (wakeup(1, 1, 1), wakeup(2, 1, 1));
    queue.push(&[first.clone(), second.clone()]).await.unwrap();
    let gate = Arc::new(Semaphore::new(0));
    let held = gate.clone();
    let worker = Worker::start(&queue, 4, move |_| {
        let held = held.clone();
        async move {
            held.acquire().await.unwrap().forget();
            Outcome::Done
        }
    });
    within(5, async || worker.count() == 1).await;
    let newer = Wakeup { generation: 2, ..first.clone() };
    assert_eq!(unknown(&queue, &[first.clone(), second.clone(), newer.clone()]).await, [2]);
    queue.push(std::slice::from_ref(&newer)).await.unwrap();
    assert_eq!(unknown(&queue, &[first.clone(), newer.clone()]).await, Vec::<usize>::new());
    gate.add_permits(3);
    within(5, async || {
        unknown(&queue, &[first.clone(), second.clone(), newer.clone()]).await.len() == 3
    })
    .await;
    worker.stop().await;
}

fn window(key: &str, calls_max: u32, cost: u32) -> Quota {
    let key = key.to_owned();
    Quota::Window { key, calls_max, window_ms: 60_000, ends_at: None, cost, behind: Behind::Nobody }
}

// case: Q-fullest
#[tokio::test]
async fn windows_are_named_from_the_half_on_until_they_begin_anew() {
    let redis = Redis::start().await;
    let queue = redis.adopted().await;
    let (full, half) = ("app:x:default:post:60", "account:x:default:1:post:60");
    let quotas = [window(full, 10, 5), window(half, 11, 3)];
    let ask = async || queue.meter(0, &quotas).await.unwrap();
    let filling = |key: &str, calls_max, left| Filling { key: key.to_owned(), calls_max, left };

    assert!(matches!(ask().await, Permit::Granted { .. }));
    let seen = queue.fullest(0).await.unwrap();
    assert_eq!((seen.filling, seen.refusing), (vec![filling(full, 10, 5)], vec![]));

    assert!(matches!(ask().await, Permit::Granted { .. }));
    let Permit::Until(until) = ask().await else { panic!("granted beyond ten") };
    let seen = queue.fullest(0).await.unwrap();
    assert_eq!(seen.refusing, [full]);
    let mut named = seen.filling;
    named.sort_by_key(|window| window.calls_max);
    assert_eq!(named, [filling(full, 10, 0), filling(half, 11, 5)]);

    // The platform's word counts where it is the stricter one.
    queue.correct(0, (half, 11), 2, until).await.unwrap();
    let seen = queue.fullest(0).await.unwrap();
    assert!(seen.filling.contains(&filling(half, 11, 2)), "{seen:?}");

    // What has begun anew is named no more.
    for list in ["filling", "refusing"] {
        let list = format!("{{pf:s0}}:{list}");
        for name in [format!("window:{full}"), format!("10 window:{full}")] {
            redis.command(&["ZADD", &list, "XX", "1", &name]).await;
        }
    }
    let seen = queue.fullest(0).await.unwrap();
    assert_eq!(seen.refusing, Vec::<String>::new());
    assert!(seen.filling.iter().all(|window| window.key == half), "{seen:?}");
}
