//! Posts that name no time stand in the slots of their brand or account, one in each.

mod again;

use crate::support::api::Answer;
use crate::support::{Account, Scene};
use base::clock;
use domain::id::PostId;
use domain::local::TimeZone;
use domain::slots::{Slot, Week};
use domain::time::Timestamp;
use futures::future::join_all;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// The times on all days but those that today and tomorrow are somewhere: no slot passes by while
/// a test looks at it.
fn later(times: &[&str]) -> Vec<Value> {
    let zone = TimeZone::UTC;
    let week = Week::of(DAYS.iter().map(|day| Slot::read(day, "12:00").unwrap()));
    let now = clock::now();
    let near = week.upcoming(&zone, now - DAY, now + DAY * 2).map(|one| one.at.ms());
    let near: Vec<i64> = near.collect();
    let is_near = |day: &str| {
        let one = Week::of([Slot::read(day, "12:00").unwrap()]);
        one.upcoming(&zone, now - DAY, now + DAY * 2).any(|one| near.contains(&one.at.ms()))
    };
    let days = DAYS.iter().filter(|day| !is_near(day));
    days.flat_map(|day| times.iter().map(move |time| json!({"day": day, "time": time}))).collect()
}

fn week(slots: &[Value]) -> Week {
    serde_json::from_value(json!(slots)).unwrap()
}

/// The next instants of some slots in universal time.
fn next(slots: &[Value], count: usize) -> Vec<Timestamp> {
    let now = clock::now();
    let week = week(slots);
    week.upcoming(&TimeZone::UTC, now, now + DAY * 400).take(count).map(|one| one.at).collect()
}

async fn put(scene: &Scene<'_>, slots: &[Value]) -> Value {
    let path = format!("/v1/brands/{}/slots", scene.brand);
    scene.api.put(&path, &json!({ "slots": slots })).await.data().clone()
}

async fn try_place(scene: &Scene<'_>, accounts: &[&Account], text: &str) -> Answer {
    let ids: Vec<&str> = accounts.iter().map(|account| account.id.as_str()).collect();
    let text = format!("{text}, {}", scene.brand);
    scene.try_post(json!({"text": text, "accounts": ids, "schedule": "nextSlot"})).await
}

/// The instant of the slot that a post was placed into.
async fn place(scene: &Scene<'_>, accounts: &[&Account], text: &str) -> Timestamp {
    at(try_place(scene, accounts, text).await.data())
}

fn at(post: &Value) -> Timestamp {
    serde_json::from_value(post["scheduledAt"].clone()).unwrap()
}

// case: Z-race
#[tokio::test]
async fn a_hundred_who_ask_at_once_get_a_hundred_slots_without_a_gap() {
    let (scene, account) = Scene::with_account("crowd").await;
    let slots = later(&["08:00", "09:30", "11:00:15", "14:00", "17:45", "20:00"]);
    put(&scene, &slots).await;
    let texts: Vec<String> = (0..100).map(|number| format!("{number}")).collect();
    let accounts = [&account];
    let placed = join_all(texts.iter().map(|text| place(&scene, &accounts, text))).await;
    let placed: BTreeSet<Timestamp> = placed.into_iter().collect();
    assert_eq!(placed, next(&slots, 100).into_iter().collect());
}

// case: Z-due
#[tokio::test]
async fn a_post_goes_out_at_the_second_of_its_slot_by_the_clocks_of_its_brand() {
    let (scene, account) = Scene::with_account("queued").await;
    let zone = TimeZone::named("Asia/Kolkata").unwrap();
    let brand = json!({"slug": scene.brand, "name": "Queued", "timeZone": zone.name()});
    let set = scene.api.post("/v1/brands", &brand).await.data().clone();
    assert_eq!(set["timeZone"], zone.name());
    // Once more changes nothing, so nobody is noted for it.
    scene.api.post("/v1/brands", &brand).await.data();
    assert_eq!(audit(&scene, &set).await, ["brand.time_zone"]);
    let soon = Timestamp::from_seconds(clock::now().ms() / 1_000 + 10);
    let local = zone.wall(soon).unwrap().to_string();
    let (_, time) = local.split_once('T').unwrap();
    let slots: Vec<Value> = DAYS.iter().map(|day| json!({"day": day, "time": time})).collect();
    put(&scene, &slots).await;
    let post = try_place(&scene, &[&account], "In time").await.data().clone();
    assert_eq!(at(&post), soon);
    assert_eq!((&post["scheduledLocal"], &post["timeZone"]), (&json!(local), &json!(zone.name())));
    scene.published(&post).await;
    let [accepted] = &scene.accepted(&account).await[..] else { panic!("one remote post") };
    let late_ms = accepted.at.ms() - soon.ms();
    assert!((0..=5_000).contains(&late_ms), "{late_ms} ms after its slot");
}

// case: Z-free
#[tokio::test]
async fn a_slot_is_free_again_when_its_post_is_taken_back_moved_or_has_failed() {
    let (scene, account) = Scene::with_account("freed").await;
    let slots = later(&["09:00"]);
    put(&scene, &slots).await;
    let days = next(&slots, 8);
    let accounts = [&account];
    let first = try_place(&scene, &accounts, "first").await.data().clone();
    let second = try_place(&scene, &accounts, "second").await.data().clone();
    assert_eq!([at(&first), at(&second)], days[..2]);

    assert_eq!(scene.order(&first, "cancel").await.data()["status"], "cancelled");
    assert_eq!(place(&scene, &accounts, "instead of the first").await, days[0]);

    // What is planned for the time of a slot fills it, however it got there.
    let planned = json!({"text": "planned", "accounts": [account.id], "scheduledAt": days[2]});
    scene.post(planned).await;
    assert_eq!(place(&scene, &accounts, "behind it").await, days[3]);

    let id: PostId = second["id"].as_str().unwrap().parse().unwrap();
    scene.scheduled(&second).await;
    let mut db = scene.fleet.postgres().await;
    for (sql, text) in [
        (
            "UPDATE deliveries SET status = 'failed',
                 failure = '{\"type\": \"ValidationError\", \"message\": \"By hand.\"}'
             WHERE post_id = $1",
            "instead of the failed one",
        ),
        (
            "WITH p AS (UPDATE posts SET scheduled_at = scheduled_at + interval '1 minute'
                 WHERE scheduled_at = (SELECT scheduled_at FROM posts WHERE id = $1)
                     AND brand_id = (SELECT brand_id FROM posts WHERE id = $1) AND id <> $1
                 RETURNING id, scheduled_at)
             UPDATE deliveries d SET due_at = scheduled_at FROM p WHERE post_id = p.id",
            "instead of the one that was moved",
        ),
    ] {
        let changed = sqlx::query(sql).bind(id.uuid()).execute(&mut db).await.unwrap();
        assert_eq!(changed.rows_affected(), 1);
        assert_eq!(place(&scene, &accounts, text).await, days[1], "{text}");
    }

    // The same request once more takes no second slot.
    let draft = scene.draft(json!({"text": "once", "accounts": [account.id],
        "schedule": "nextSlot"}));
    let key = format!("slot-{}", scene.brand);
    let once = scene.api.post_once("/v1/posts", &draft, &key).await;
    let again = scene.api.post_once("/v1/posts", &draft, &key).await;
    assert_eq!((at(once.data()), at(again.data())), (days[4], days[4]));
    assert_eq!((once.status, again.status), (201, 200));
    let checked = scene.api.post("/v1/posts/validate", &draft).await;
    assert_eq!(at(checked.data()), days[5], "a look at the next one takes nothing");
    assert_eq!(place(&scene, &accounts, "the next one").await, days[5]);
}

// case: Z-limits
#[tokio::test]
async fn slots_that_would_break_an_owners_limits_are_passed_over() {
    let (scene, account) = Scene::with_account("spaced").await;
    let other = scene.connect("spaced").await;
    let slots = later(&["09:00", "10:00", "11:00"]);
    put(&scene, &slots).await;
    let days = next(&slots, 20);
    let limit = async |limits: Value| {
        let path = format!("/v1/accounts/{}/limits", account.id);
        scene.api.put(&path, &limits).await.data().clone()
    };
    limit(json!({"minGapS": 7_200})).await;
    let accounts = [&account];
    assert_eq!(place(&scene, &accounts, "1").await, days[0]);
    assert_eq!(place(&scene, &accounts, "2").await, days[2], "two hours are allowed");
    // Whom no limit holds takes what was passed over.
    assert_eq!(place(&scene, &[&other], "3").await, days[1]);

    limit(json!({"postsPerDay": 2})).await;
    assert_eq!(place(&scene, &accounts, "4").await, days[3]);
    assert_eq!(place(&scene, &accounts, "5").await, days[4]);
    assert_eq!(place(&scene, &accounts, "6").await, days[6], "two are out on that day");
    assert_eq!(place(&scene, &[&account, &other], "7").await, days[7], "both have room");
}

// case: Z-owners
#[tokio::test]
async fn an_account_has_slots_of_its_own_where_it_goes_alone() {
    let (scene, account) = Scene::with_account("own").await;
    let other = scene.connect("own").await;
    let brand = later(&["09:00"]);
    let own = later(&["09:00", "18:00"]);
    let path = format!("/v1/accounts/{}/slots", account.id);
    assert_eq!(scene.api.get(&path).await.data()["revision"], 0);
    let set = scene.api.put(&path, &json!({"slots": own, "revision": 0})).await.data().clone();
    assert_eq!((&set["revision"], &set["accountId"]), (&json!(1), &json!(account.id)));
    assert_eq!(set["slots"].as_array().unwrap().len(), own.len());
    let stale = scene.api.put(&path, &json!({"slots": [], "revision": 0})).await;
    assert_eq!((stale.status, &stale.body["error"]), (409, &json!("revision_conflict")));

    let none = try_place(&scene, &[&other], "nowhere").await;
    let [detail] = none.details(422) else { panic!("{none:?}") };
    assert_eq!((&detail["field"], &detail["rule"]), (&json!("schedule"), &json!("not_found")));
    put(&scene, &brand).await;
    let (brand, own) = (next(&brand, 4), next(&own, 4));
    assert_eq!(place(&scene, &[&account], "alone").await, own[0]);
    assert_eq!(place(&scene, &[&account], "alone again").await, own[1]);
    // The brand's slot is another one, but the account is busy then.
    assert_eq!(place(&scene, &[&other], "the brand's").await, brand[0]);
    assert_eq!(place(&scene, &[&account, &other], "both").await, brand[1]);
    assert_eq!(place(&scene, &[&account], "behind both").await, own[3]);

    let shown = scene.api.get(&format!("/v1/brands/{}/slots", scene.brand)).await;
    assert_eq!(shown.data()["next"][0]["at"], json!(brand[2]));
    assert_eq!(scene.api.get("/v1/brands/nobody/slots").await.status, 404);
    assert_eq!(audit(&scene, &json!({"id": account.id})).await, ["account.slots"]);
}

async fn audit(scene: &Scene<'_>, subject: &Value) -> Vec<String> {
    let asked = sqlx::query_scalar("SELECT action FROM audit WHERE subject = $1 ORDER BY id");
    asked
        .bind(subject["id"].as_str().unwrap())
        .fetch_all(&mut scene.fleet.postgres().await)
        .await
        .unwrap()
}

// case: Z-horizon
#[tokio::test]
async fn where_no_slot_is_free_in_time_the_post_is_refused_and_nothing_is_taken() {
    let (scene, account) = Scene::with_account("full").await;
    let slots = later(&["09:00"]);
    put(&scene, &slots).await;
    let days = next(&slots, 2);
    let body = |end: Timestamp| {
        json!({"text": "In time or never", "accounts": [account.id], "schedule": "nextSlot",
            "notAfter": end})
    };
    let placed = scene.post(body(days[0])).await;
    assert_eq!(at(&placed), days[0]);
    let refused = scene.try_post(body(days[0])).await;
    let [detail] = refused.details(422) else { panic!("{refused:?}") };
    assert_eq!((&detail["field"], &detail["actual"]), (&json!("schedule"), &json!(1)));
    assert_eq!(detail["limit"], json!(days[0]));
    let both = json!({"text": "Both", "accounts": [account.id], "schedule": "nextSlot",
        "scheduledAt": days[1]});
    assert_eq!(scene.try_post(both).await.details(422)[0]["field"], "schedule");
    assert_eq!(place(&scene, &[&account], "next").await, days[1]);
}
