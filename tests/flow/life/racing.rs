//! A change and an intent meet at the due time, many times: one of them wins.

use super::{hold, patch};
use crate::support::{Account, Answer, Fleet, Scene, eventually, say};
use base::{clock, rng};
use futures::future::join_all;
use serde_json::{Value, json};
use std::time::Duration;

/// Meetings of each kind.
const RACES: usize = 60;
/// Accounts, so that posts do not wait for each other.
const ACCOUNTS: usize = 6;
/// A change is sent at an instant of this window around the due time: a busy machine is slow with
/// intents and with changes.
const BEFORE_MS: u64 = 700;
const WINDOW_MS: u64 = 1_400;

/// Enqueues posts that fall due soon, and has `change` meet each at its time.
async fn meet<'s>(
    scene: &'s Scene<'s>,
    accounts: &[Account],
    change: impl AsyncFn(&Value) -> Answer,
) -> Vec<(Value, usize, Answer)> {
    let first = clock::now() + Duration::from_secs(4);
    let races = (0..RACES).map(|race| {
        let change = &change;
        async move {
            let due = first + Duration::from_millis(20 * u64::try_from(race).unwrap());
            let account = race % ACCOUNTS;
            let text = format!("old {race} {}", scene.brand);
            let to = &accounts[account].id;
            let body = json!({"text": text, "accounts": [to], "scheduledAt": due});
            let post = scene.post(body).await;
            let around = rng::nonce().unsigned_abs() % WINDOW_MS;
            let at = due - Duration::from_millis(BEFORE_MS) + Duration::from_millis(around);
            clock::pause(at.since(clock::now())).await;
            let answer = change(&post).await;
            (post, account, answer)
        }
    });
    join_all(races).await
}

async fn stage(name: &str) -> (Scene<'static>, Vec<Account>) {
    let scene = Scene::on(Fleet::shared().await, name).await;
    let accounts = join_all((0..ACCOUNTS).map(|_| scene.connect(name))).await;
    (scene, accounts)
}

// case: T-edit-race
#[tokio::test]
async fn a_post_whose_change_was_taken_never_goes_out_as_it_was() {
    let (scene, accounts) = stage("met").await;
    let change = async |post: &Value| {
        let text = post["text"].as_str().unwrap().replacen("old", "new", 1);
        patch(&scene, post, json!({"text": text, "revision": 1})).await
    };
    let met = meet(&scene, &accounts, change).await;
    let mut taken = 0;
    for (post, account, answer) in met {
        scene.published(&post).await;
        let old = post["text"].as_str().unwrap();
        let new = old.replacen("old", "new", 1);
        let texts = scene.texts(&accounts[account]).await;
        let count = |text: &str| texts.iter().filter(|one| *one == text).count();
        match answer.status {
            200 => {
                assert_eq!((count(old), count(&new)), (0, 1), "{answer:?}");
                taken += 1;
            }
            409 => {
                assert_eq!(answer.body["error"], "too_late", "{answer:?}");
                assert_eq!((count(old), count(&new)), (1, 0), "{answer:?}");
            }
            _ => panic!("{answer:?}"),
        }
    }
    assert!((1..RACES).contains(&taken), "no race: {taken} of {RACES} changes were taken");
    say(format_args!("{taken} of {RACES} changes came before their intent"));
}

// case: T-hold-race
#[tokio::test]
async fn a_post_whose_hold_was_taken_stays_until_it_is_released() {
    let (scene, accounts) = stage("kept").await;
    let change = async |post: &Value| hold(&scene, post, "approval").await;
    let met = meet(&scene, &accounts, change).await;
    let mut held = Vec::new();
    for (post, account, answer) in met {
        let is_held = answer.status == 200;
        assert!(is_held || answer.body["error"] == "too_late", "{answer:?}");
        match is_held {
            true => held.push((post, account)),
            false => drop(scene.published(&post).await),
        }
    }
    assert!((1..RACES).contains(&held.len()), "no race: {} of {RACES} were held", held.len());
    // Whatever was in flight when they were held has come to its end by now.
    let later = scene.say(&accounts[0], &format!("later {}", scene.brand)).await;
    scene.published(&later).await;
    for (post, account) in &held {
        let text = post["text"].as_str().unwrap();
        let texts = scene.texts(&accounts[*account]).await;
        assert!(!texts.iter().any(|one| one == text), "it is out: {text}");
    }
    for (post, _) in &held {
        scene.order(post, "release").await.data();
    }
    for (post, account) in &held {
        scene.published(post).await;
        let text = post["text"].as_str().unwrap();
        eventually("it is out once", Duration::from_secs(5), async || {
            let texts = scene.texts(&accounts[*account]).await;
            let count = texts.iter().filter(|one| *one == text).count();
            if count == 1 { Ok(()) } else { Err(format!("{count} times: {text}")) }
        })
        .await;
    }
    say(format_args!("{} of {RACES} holds came before their intent", held.len()));
}
