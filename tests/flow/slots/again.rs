//! A slot that was freed is its post's no more once another stands in it: whoever goes on again
//! takes the next one that is free.

use super::{at, later, next, place, put, try_place};
use crate::flow::life::{events, patch, uuid};
use crate::support::{Account, Answer, Scene};
use domain::time::Timestamp;
use futures::join;
use serde_json::{Value, json};

/// Ends every delivery of a post that waits for its slot, and gives it back.
async fn fail(scene: &Scene<'_>, post: &Value) {
    scene.scheduled(post).await;
    let failed = sqlx::query(
        "UPDATE deliveries SET status = 'failed', failed_stage = 'validating',
             failure = '{\"type\": \"PlatformAuthError\", \"message\": \"It was revoked.\"}'
         WHERE post_id = $1",
    );
    failed.bind(uuid(post)).execute(&mut scene.fleet.postgres().await).await.unwrap();
}

/// A post that stood in the first free slot, which another stands in now.
async fn lost(scene: &Scene<'_>, account: &Account, text: &str) -> (Value, Timestamp) {
    let post = try_place(scene, &[account], text).await.data().clone();
    fail(scene, &post).await;
    let taken = place(scene, &[account], &format!("instead of {text}")).await;
    assert_eq!(taken, at(&post));
    (post, taken)
}

/// It goes on in this slot, and says so.
async fn goes_on(scene: &Scene<'_>, post: &Value, slot: Timestamp) {
    let shown = scene.scheduled(post).await;
    assert_eq!((at(&shown), &shown["deliveries"][0]["dueAt"]), (slot, &json!(slot)), "{shown}");
    assert!(events(scene, post).await.contains(&"post.edited".to_owned()));
}

// case: Z-again
#[tokio::test]
async fn a_retry_whose_slot_was_given_away_takes_the_next_free_one_and_says_so() {
    let (scene, account) = Scene::with_account("lost").await;
    let slots = later(&["09:00"]);
    put(&scene, &slots).await;
    let days = next(&slots, 12);

    // Its slot is its own as long as nobody else was given it.
    let kept = try_place(&scene, &[&account], "kept").await.data().clone();
    fail(&scene, &kept).await;
    let retried = scene.order(&kept, "retry").await;
    assert_eq!((at(retried.data()), &retried.data()["scheduledAtNote"]), (days[0], &Value::Null));

    let (post, taken) = lost(&scene, &account, "retried").await;
    let retried = scene.order(&post, "retry").await;
    assert_eq!((taken, at(retried.data())), (days[1], days[2]));
    let note = retried.data()["scheduledAtNote"].as_str().unwrap();
    assert!(note.contains(&days[1].to_string()) && note.contains("next free"), "{note}");
    goes_on(&scene, &post, days[2]).await;

    // With other words.
    let (post, taken) = lost(&scene, &account, "rewritten").await;
    let revision = scene.show(&post).await["revision"].clone();
    let change = json!({"text": format!("Rewritten, {}", scene.brand), "revision": revision});
    let path = format!("/v1/posts/{}/retry", post["id"].as_str().unwrap());
    let retried = scene.api.post(&path, &change).await;
    assert_eq!((taken, at(retried.data())), (days[3], days[4]));
    goes_on(&scene, &post, days[4]).await;

    // Two at once, by their cause.
    let (one, _) = lost(&scene, &account, "one").await;
    let (two, _) = lost(&scene, &account, "two").await;
    let cause = json!({"brandSlug": scene.brand});
    let done: Answer = scene.api.post("/v1/deliveries/retry", &cause).await;
    assert_eq!(done.data()["count"], 2, "{done:?}");
    let mut both = [at(&scene.show(&one).await), at(&scene.show(&two).await)];
    both.sort_unstable();
    assert_eq!(both, [days[7], days[8]]);
    goes_on(&scene, &one, at(&scene.show(&one).await)).await;
    goes_on(&scene, &two, at(&scene.show(&two).await)).await;

    // A retry and somebody who asks for a slot never get the same one.
    for number in 0..5 {
        let post = try_place(&scene, &[&account], &format!("raced {number}")).await.data().clone();
        fail(&scene, &post).await;
        let text = format!("racing {number}");
        let accounts = [&account];
        let (retried, placed) = join!(scene.order(&post, "retry"), place(&scene, &accounts, &text));
        assert_ne!(at(retried.data()), placed, "{retried:?}");
    }
}

// case: Z-again-full
#[tokio::test]
async fn a_retry_for_which_no_slot_is_left_is_refused_and_stays_failed() {
    let (scene, account) = Scene::with_account("placeless").await;
    let slots = later(&["09:00"]);
    put(&scene, &slots).await;
    let [first] = next(&slots, 1)[..] else { panic!("a slot") };
    let body = json!({"text": format!("In time, {}", scene.brand), "accounts": [account.id],
        "schedule": "nextSlot", "notAfter": first});
    let post = scene.post(body).await;
    fail(&scene, &post).await;
    assert_eq!(place(&scene, &[&account], "instead").await, first);
    let refused = scene.order(&post, "retry").await;
    assert_eq!(refused.details(422)[0]["field"], "schedule", "{refused:?}");
    let cause = json!({"brandSlug": scene.brand});
    let done = scene.api.post("/v1/deliveries/retry", &cause).await;
    assert_eq!((&done.data()["count"], &done.data()["remaining"]), (&json!(0), &json!(1)));
    assert_eq!(scene.show(&post).await["status"], "failed");
    // A time of its own is a way out.
    patch(&scene, &post, json!({"notAfter": null})).await.data();
    assert!(at(scene.order(&post, "retry").await.data()) > first);
}
