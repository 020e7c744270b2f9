//! The limiter: windows that never grant too much.

use crate::support::{Redis, within};
use domain::time::Timestamp;
use queue::{Counter, Permit, Window};
use std::time::Duration;

fn window(key: &str, calls_max: u32, window_ms: u64) -> Window {
    Window { key: key.to_owned(), calls_max, window_ms }
}

#[tokio::test]
async fn eight_clients_together_get_what_a_window_allows_and_no_more() {
    let redis = Redis::start().await;
    let mut clients = Vec::new();
    for _ in 0..8 {
        let queue = redis.queue().await;
        clients.push(tokio::spawn(async move {
            let mut granted = 0;
            for _ in 0..100 {
                match queue.meter(0, &[window("x:post", 300, 60_000)]).await.unwrap() {
                    Permit::Granted => granted += 1,
                    Permit::Until(at) => assert!(at > queue.time().await.unwrap()),
                }
            }
            granted
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
    let queue = redis.queue().await;
    let one = [window("x:post", 1, 200)];
    let began = queue.time().await.unwrap();
    assert_eq!(queue.meter(0, &one).await.unwrap(), Permit::Granted);
    within(5, async || queue.meter(0, &one).await.unwrap() == Permit::Granted).await;
    assert!(queue.time().await.unwrap().since(began) >= Duration::from_millis(200));
}

#[tokio::test]
async fn several_windows_are_counted_together_or_not_at_all() {
    let redis = Redis::start().await;
    let queue = redis.queue().await;
    let (account, app) = (window("account", 1, 60_000), window("app", 3, 60_000));
    let both = [account.clone(), app.clone()];
    assert_eq!(queue.meter(0, &both).await.unwrap(), Permit::Granted);
    for _ in 0..5 {
        assert!(matches!(queue.meter(0, &both).await.unwrap(), Permit::Until(_)));
    }
    // The refusals took nothing from the app's window.
    for _ in 0..2 {
        let alone = std::slice::from_ref(&app);
        assert_eq!(queue.meter(0, alone).await.unwrap(), Permit::Granted);
    }
    assert!(matches!(queue.meter(0, &[app]).await.unwrap(), Permit::Until(_)));
}

#[tokio::test]
async fn a_header_lowers_what_is_left_and_never_raises_it() {
    let redis = Redis::start().await;
    let queue = redis.queue().await;
    let windows = [window("x:post", 10, 60_000)];
    assert_eq!(queue.meter(0, &windows).await.unwrap(), Permit::Granted);
    let reset = queue.time().await.unwrap() + Duration::from_secs(30);
    queue.correct(0, "x:post", 2, reset).await.unwrap();
    queue.correct(0, "x:post", 9, reset).await.unwrap();
    queue.correct(0, "x:post", 0, Timestamp::from_ms(5)).await.unwrap();
    assert_eq!(queue.meter(0, &windows).await.unwrap(), Permit::Granted);
    assert_eq!(queue.meter(0, &windows).await.unwrap(), Permit::Granted);
    assert_eq!(queue.meter(0, &windows).await.unwrap(), Permit::Until(reset));
}

#[tokio::test]
async fn counters_from_the_ledger_outlive_a_wipe() {
    let redis = Redis::start().await;
    let queue = redis.queue().await;
    let reset_at = queue.time().await.unwrap() + Duration::from_secs(3_600);
    let counter = Counter { key: "youtube:day".to_owned(), used: 99, reset_at };
    queue.adopt(0, 1, &[], &[counter]).await.unwrap();
    let day = [window("youtube:day", 100, 86_400_000)];
    assert_eq!(queue.meter(0, &day).await.unwrap(), Permit::Granted);
    assert_eq!(queue.meter(0, &day).await.unwrap(), Permit::Until(reset_at));
}
