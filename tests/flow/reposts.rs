//! A post on X that its rule shows anew, until its end.

use crate::support::ageing::age_operations;
use crate::support::scene::{Account, deliveries};
use crate::support::{Fleet, Scene, eventually};
use domain::id::DeliveryId;
use domain::time::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

const MINUTES_15: Duration = Duration::from_secs(15 * 60);

/// A post with a rule, once its first repost is owed.
async fn posted(scene: &Scene<'_>, account: &Account, rule: Value) -> Value {
    let text = format!("Again, {}", scene.brand);
    let post = json!({"text": text, "accounts": [account.id], "x": {"autoRepost": rule}});
    let post = scene.post(post).await;
    scene.published(&post).await;
    scene.until(&post, "its first repost is owed", |shown| reposts(shown).len() == 1).await
}

fn only(post: &Value) -> &Value {
    deliveries(post).next().unwrap()
}

fn reposts(post: &Value) -> &[Value] {
    only(post)["reposts"].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn statuses(post: &Value) -> Vec<&str> {
    reposts(post).iter().filter_map(|one| one["status"].as_str()).collect()
}

fn id(post: &Value) -> DeliveryId {
    only(post)["id"].as_str().unwrap().parse().unwrap()
}

fn ended(post: &Value) -> &Value {
    &only(post)["repostsEnded"]["reason"]
}

/// The accepted writes of an account, by route.
async fn writes(scene: &Scene<'_>, account: &Account) -> Vec<String> {
    scene.accepted(account).await.into_iter().map(|accepted| accepted.route).collect()
}

async fn events(scene: &Scene<'_>, post: &Value) -> Vec<String> {
    let told = sqlx::query_scalar(
        "SELECT kind FROM events WHERE subject = $1 AND kind LIKE 'repost.%' ORDER BY id",
    );
    let mut db = scene.fleet.postgres().await;
    told.bind(id(post).to_string()).fetch_all(&mut db).await.unwrap()
}

// case: S-repost
#[tokio::test]
async fn a_post_is_shown_anew_by_its_rule_and_taken_back() {
    let (scene, account) = Scene::with_account("repost").await;
    let rule = json!({"after": "PT15M", "times": 2, "undoAfter": "PT30M"});
    let post = posted(&scene, &account, rule).await;
    let at = |value: &Value| Timestamp::parse(value.as_str().unwrap()).unwrap();
    let due = at(&reposts(&post)[0]["dueAt"]);
    assert_eq!(due, at(&only(&post)["publishedAt"]) + MINUTES_15, "to the millisecond");
    assert_eq!(writes(&scene, &account).await, ["tweets.create"]);

    for number in 1..=2 {
        age_operations(scene.fleet, id(&post), MINUTES_15).await;
        let what = format!("repost {number} is out");
        let shown = scene
            .until(&post, &what, |shown| reposts(shown)[number - 1]["status"] == "published")
            .await;
        let one = &reposts(&shown)[number - 1];
        assert!(at(&one["endedAt"]) >= at(&one["dueAt"]), "never early: {one}");
    }
    let owed = scene.until(&post, "the undo is owed", |p| !reposts(p)[1]["undoAt"].is_null()).await;
    assert!(!reposts(&owed)[0]["undoneAt"].is_null(), "the second took the first back");
    age_operations(scene.fleet, id(&post), 2 * MINUTES_15).await;
    let over = scene.until(&post, "it is over", |shown| *ended(shown) == "done").await;
    assert!(!reposts(&over)[1]["undoneAt"].is_null(), "{over}");
    let told = ["repost.published", "repost.published", "repost.undone", "repost.ended"];
    assert_eq!(events(&scene, &post).await, told);
    let (make, undo) = ("retweets.create", "retweets.delete");
    assert_eq!(writes(&scene, &account).await, ["tweets.create", make, undo, make, undo]);
    let timeline = scene.whole(&post).await["timeline"].to_string();
    assert!(timeline.contains("retweets.create"), "{timeline}");
}

// case: S-repost-cancel
#[tokio::test]
async fn reposts_to_come_can_be_cancelled_and_are_not_made() {
    let (scene, account) = Scene::with_account("norepost").await;
    let post = posted(&scene, &account, json!({"every": "PT15M", "times": 9})).await;
    let path = format!("/v1/deliveries/{}/reposts/cancel", id(&post));
    let cancelled = scene.api.post(&path, &json!({})).await;
    assert_eq!(cancelled.status, 200, "{cancelled:?}");
    assert_eq!(cancelled.data()["reposts"][0]["status"], "cancelled");
    assert_eq!(cancelled.data()["repostsEnded"]["reason"], "cancelled");
    // The wake-up that the cancel owes finds nothing to do, and leaves none behind.
    let mut db = scene.fleet.postgres().await;
    eventually("nothing is owed", Duration::from_secs(20), async || {
        let owed = "SELECT count(*) FROM jobs WHERE kind = 'repost' AND subject = $1";
        let owed = sqlx::query_scalar::<_, i64>(owed).bind(id(&post).uuid());
        match owed.fetch_one(&mut db).await.unwrap() {
            0 => Ok(()),
            count => Err(count.to_string()),
        }
    })
    .await;
    assert_eq!(writes(&scene, &account).await, ["tweets.create"]);
    let again = scene.api.post(&path, &json!({})).await;
    assert_eq!((again.status, &again.body["error"]), (409, &json!("reposts_over")), "{again:?}");
    assert_eq!(events(&scene, &post).await, ["repost.ended"]);

    let plain = scene.say(&account, &format!("Once, {}", scene.brand)).await;
    scene.published(&plain).await;
    let path = format!("/v1/deliveries/{}/reposts/cancel", id(&plain));
    let refused = scene.api.post(&path, &json!({})).await;
    assert_eq!((refused.status, &refused.body["error"]), (409, &json!("no_reposts")));
}

// case: S-repost-gone
#[tokio::test]
async fn a_post_that_its_owner_deleted_is_not_shown_anew() {
    let (scene, account) = Scene::with_account("gone").await;
    let post = posted(&scene, &account, json!({"every": "PT15M", "times": 3})).await;
    let path = format!("/2/tweets/{}", only(&post)["remoteId"].as_str().unwrap());
    scene.sim.act("x", &account.handle, Method::DELETE, &path).await;
    age_operations(scene.fleet, id(&post), MINUTES_15).await;
    let over = scene.until(&post, "it is over", |shown| *ended(shown) == "origin_gone").await;
    assert_eq!(statuses(&over), ["failed"], "{over}");
    assert_eq!(reposts(&over)[0]["error"]["type"], "PlatformContentError");
    assert_eq!(writes(&scene, &account).await, ["tweets.create", "tweets.delete"]);
    assert_eq!(events(&scene, &post).await, ["repost.failed", "repost.ended"]);
}

// case: S-repost-lost
#[tokio::test]
async fn a_repost_whose_answer_was_lost_or_that_met_a_limit_is_made_once() {
    let (scene, account) = Scene::with_account("lost").await;
    let post = posted(&scene, &account, json!({"every": "PT15M", "times": 2})).await;
    let lost = json!({"kind": "acceptThenReset", "route": "retweets.create"});
    scene.fault(&account, lost).await;
    age_operations(scene.fleet, id(&post), MINUTES_15).await;
    let is_out =
        |number: usize| move |shown: &Value| statuses(shown).get(number) == Some(&"published");
    scene.until(&post, "the first is out", is_out(0)).await;
    assert_eq!(writes(&scene, &account).await, ["tweets.create", "retweets.create"]);

    let limit = json!({"kind": "limit", "route": "retweets.create", "resetInS": 2});
    scene.fault(&account, limit).await;
    age_operations(scene.fleet, id(&post), MINUTES_15).await;
    let shown = scene.until(&post, "the second is out", is_out(1)).await;
    assert_eq!(statuses(&shown), ["published", "published"]);
    let (make, undo) = ("retweets.create", "retweets.delete");
    assert_eq!(writes(&scene, &account).await, ["tweets.create", make, undo, make]);
}

// case: S-repost-paused
#[tokio::test]
async fn a_paused_account_reposts_nothing_and_makes_up_for_it_once() {
    let (scene, account) = Scene::with_account("pausing").await;
    let post = posted(&scene, &account, json!({"every": "PT15M", "times": 9})).await;
    let order = async |what: &str| {
        let path = format!("/v1/accounts/{}/{what}", account.id);
        let answer = scene.api.post(&path, &json!({"reason": "a test"})).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    };
    order("pause").await;
    // A day passes, and with it 96 of its times.
    age_operations(scene.fleet, id(&post), Duration::from_secs(86_400)).await;
    // What another account is due later goes out meanwhile.
    let other = scene.connect("awake").await;
    let beside = scene.say(&other, &format!("Beside, {}", scene.brand)).await;
    scene.published(&beside).await;
    assert_eq!(writes(&scene, &account).await, ["tweets.create"]);
    order("resume").await;
    let shown = scene.until(&post, "the next one is owed", |shown| reposts(shown).len() == 2).await;
    assert_eq!(statuses(&shown), ["published", "scheduled"]);
    assert_eq!(writes(&scene, &account).await, ["tweets.create", "retweets.create"]);
}

// case: S-repost-disconnect
#[tokio::test]
async fn an_account_that_is_taken_away_between_two_reposts_ends_them() {
    let (scene, account) = Scene::with_account("leaving").await;
    let post = posted(&scene, &account, json!({"every": "PT15M", "times": 9})).await;
    age_operations(scene.fleet, id(&post), MINUTES_15).await;
    let next = |shown: &Value| statuses(shown) == ["published", "scheduled"];
    scene.until(&post, "one is out, and the next is owed", next).await;
    let gone = scene.api.delete(&format!("/v1/accounts/{}", account.id)).await;
    assert_eq!(gone.status, 200, "{gone:?}");
    let over = scene.until(&post, "it is over", |shown| *ended(shown) == "disconnected").await;
    assert_eq!(statuses(&over), ["published", "missed"], "{over}");
    // Its time comes, and nothing of it.
    age_operations(scene.fleet, id(&post), MINUTES_15).await;
    assert_eq!(writes(&scene, &account).await, ["tweets.create", "retweets.create"]);
    assert_eq!(events(&scene, &post).await, ["repost.published", "repost.ended"]);
    let left = "SELECT count(*) FROM jobs WHERE kind = 'repost' AND subject = $1";
    let left = sqlx::query_scalar::<_, i64>(left).bind(id(&post).uuid());
    assert_eq!(left.fetch_one(&mut scene.fleet.postgres().await).await.unwrap(), 0);
}

// case: S-repost-files
#[tokio::test]
async fn a_post_whose_files_are_gone_here_is_shown_anew_all_the_same() {
    let (scene, account) = Scene::with_account("erased").await;
    let image = scene.api.upload(crate::support::files::jpeg(640, 640), "a.jpg").await;
    let rule = json!({"every": "PT15M", "times": 2});
    let post = json!({
        "text": format!("Erased, {}", scene.brand), "accounts": [account.id],
        "media": [{"id": image}], "x": {"autoRepost": rule},
    });
    let post = scene.post(post).await;
    scene.published(&post).await;
    scene.until(&post, "its first repost is owed", |shown| reposts(shown).len() == 1).await;
    let asset: domain::id::AssetId = image.parse().unwrap();
    let erase = sqlx::query("DELETE FROM assets WHERE id = $1").bind(asset.uuid());
    let erased = erase.execute(&mut scene.fleet.postgres().await).await.unwrap();
    assert_eq!(erased.rows_affected(), 1);
    age_operations(scene.fleet, id(&post), MINUTES_15).await;
    scene.until(&post, "it is out", |shown| statuses(shown).first() == Some(&"published")).await;
    let removed = scene.api.delete(&format!("/v1/deliveries/{}/remote", id(&post))).await;
    assert_eq!(removed.status, 202, "{removed:?}");
    scene.until(&post, "it is gone", |shown| only(shown)["remoteDeletedAt"].is_string()).await;
}

// case: S-repost-own
#[tokio::test]
async fn a_repost_is_one_of_the_posts_that_an_owner_allows_a_day() {
    // Its Redis is wiped, which nobody beside it is to be late for.
    let fleet = Fleet::start(&[], &[]).await;
    let scene = Scene::on(&fleet, "counted").await;
    let account = scene.connect("counted").await;
    let path = format!("/v1/accounts/{}/limits", account.id);
    let limits = json!({"postsPerDay": 2, "minGapS": null});
    let set = scene.api.put(&path, &limits).await;
    assert_eq!(set.status, 200, "{set:?}");
    let post = posted(&scene, &account, json!({"every": "PT15M", "times": 9})).await;
    age_operations(scene.fleet, id(&post), MINUTES_15).await;
    let next = |shown: &Value| statuses(shown) == ["published", "scheduled"];
    scene.until(&post, "one is out, and the next is owed", next).await;
    // Two are out today. The next repost and the next post wait, and so they do when Redis has
    // forgotten all of it; what shows the post is not taken back meanwhile.
    redis::cmd("FLUSHALL").exec_async(&mut scene.fleet.redis().await).await.unwrap();
    let third = scene.say(&account, &format!("Third, {}", scene.brand)).await;
    age_operations(scene.fleet, id(&post), MINUTES_15).await;
    let midnight = domain::zone::Zone::Utc.next_midnight(base::clock::now());
    let mut db = scene.fleet.postgres().await;
    for (kind, subject) in [("publish", id(&third)), ("repost", id(&post))] {
        eventually("it waits for a new day", Duration::from_secs(40), async || {
            let due = "SELECT to_char(due_at AT TIME ZONE 'UTC',
                'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') FROM jobs WHERE kind = $1 AND subject = $2";
            let due = sqlx::query_scalar::<_, String>(due).bind(kind).bind(subject.uuid());
            let due = due.fetch_optional(&mut db).await.unwrap();
            let at = Timestamp::parse(&due.ok_or_else(|| format!("no job {kind}"))?).unwrap();
            if at >= midnight { Ok(()) } else { Err(format!("{kind}: {at}")) }
        })
        .await;
    }
    assert_eq!(writes(&scene, &account).await, ["tweets.create", "retweets.create"]);
}
