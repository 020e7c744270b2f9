//! A post that is out is published anew as copies, by its rule, until that is over.

use crate::support::ageing::age_copies;
use crate::support::scene::{Account, deliveries};
use crate::support::{Fleet, Scene, eventually};
use domain::time::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);
const WITHIN: Duration = Duration::from_secs(30);

/// A brand of a tenant that is served by the profile `extended`.
async fn scene(name: &str) -> Scene<'static> {
    let fleet = Fleet::shared().await;
    Scene::of(fleet, fleet.another_tenant("extended").await, name).await
}

/// A post with a rule, once its first copy is owed.
async fn posted(scene: &Scene<'_>, accounts: &[&Account], republish: Value) -> Value {
    let accounts: Vec<&str> = accounts.iter().map(|account| account.id.as_str()).collect();
    let text = format!("First, {}", scene.brand);
    let post = json!({"text": text, "accounts": accounts, "republish": republish});
    let post = scene.post(post).await;
    scene.published(&post).await;
    scene.until(&post, "a copy is owed", |shown| shown["republish"]["nextAt"].is_string()).await
}

fn copies(post: &Value) -> &[Value] {
    post["republish"]["copies"].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn ended(post: &Value) -> &Value {
    &post["republish"]["ended"]["reason"]
}

fn at(value: &Value) -> Timestamp {
    Timestamp::parse(value.as_str().unwrap()).unwrap()
}

/// The origin, once so many copies are out.
async fn out(scene: &Scene<'_>, post: &Value, count: usize) -> Value {
    let is_out = |one: &Value| one["status"] == "published";
    let what = format!("{count} copies are out");
    scene
        .until(post, &what, |shown| copies(shown).iter().filter(|one| is_out(one)).count() == count)
        .await
}

async fn events(scene: &Scene<'_>, post: &Value) -> Vec<String> {
    let told = "SELECT kind FROM events WHERE subject = $1 AND kind LIKE 'cop%' ORDER BY id";
    let told = sqlx::query_scalar(told).bind(post["id"].as_str().unwrap());
    told.fetch_all(&mut scene.fleet.postgres().await).await.unwrap()
}

// case: S-copies-made
#[tokio::test]
async fn copies_go_out_by_their_rule_each_a_post_of_its_own() {
    let scene = scene("copies").await;
    let (x, threads) =
        (scene.connect("copies").await, scene.connect_on(("threads", None), "copies").await);
    let [second, third] = ["Second", "Third"].map(|word| format!("{word}, {}", scene.brand));
    let rule = json!({"every": "P1D", "times": 2, "variations": [
        {"text": second}, {"text": third, "threads": {"text": format!("There, {}", scene.brand)}},
    ]});
    let post = posted(&scene, &[&x, &threads], rule).await;
    let out_at = deliveries(&post).map(|one| at(&one["publishedAt"])).max().unwrap();
    assert_eq!(at(&post["republish"]["nextAt"]), out_at + DAY, "to the millisecond");
    assert!(copies(&post).is_empty() && post["republish"]["ended"].is_null(), "{post}");

    // It is made ahead of its time, as a post with that time.
    age_copies(scene.fleet, &post, DAY - Duration::from_secs(60)).await;
    let made = |shown: &Value| copies(shown).len() == 1;
    let shown = scene.until(&post, "the first is made", made).await;
    assert_eq!(scene.texts(&x).await.len(), 1, "not before its time");
    let path = format!("/v1/posts/{}", copies(&shown)[0]["postId"].as_str().unwrap());
    let copy = scene.api.get(&path).await.data().clone();
    assert_eq!(copy["copyOf"], json!({"postId": post["id"], "number": 1}));
    assert_eq!(
        (&copy["text"], &copy["scheduledAt"]),
        (&json!(second), &copies(&shown)[0]["dueAt"])
    );
    age_copies(scene.fleet, &post, Duration::from_secs(60)).await;
    out(&scene, &post, 1).await;

    age_copies(scene.fleet, &post, DAY).await;
    let over = out(&scene, &post, 2).await;
    assert_eq!(ended(&over), "done", "{over}");
    assert_eq!(over["republish"]["nextAt"], Value::Null);
    let first = format!("First, {}", scene.brand);
    let there = format!("There, {}", scene.brand);
    assert_eq!(scene.texts(&x).await, [first.as_str(), second.as_str(), third.as_str()]);
    assert_eq!(scene.texts(&threads).await, [first, second, there]);
    assert_eq!(events(&scene, &post).await, ["copy.created", "copy.created", "copies.ended"]);
}

// case: S-copies-outage
#[tokio::test]
async fn three_days_are_made_up_for_by_one_copy_and_one_under_way_is_not_piled_upon() {
    let scene = scene("caught").await;
    let account = scene.connect_on(("threads", None), "caught").await;
    let post = posted(&scene, &[&account], json!({"every": "P1D", "times": 9})).await;
    age_copies(scene.fleet, &post, DAY * 3).await;
    let shown = out(&scene, &post, 1).await;
    assert_eq!(copies(&shown).len(), 1, "{shown}");
    assert!(at(&shown["republish"]["nextAt"]) > base::clock::now() + DAY / 2, "{shown}");

    let order = async |what: &str| {
        let path = format!("/v1/accounts/{}/{what}", account.id);
        assert_eq!(scene.api.post(&path, &json!({"reason": "a test"})).await.status, 200);
    };
    order("pause").await;
    age_copies(scene.fleet, &post, DAY).await;
    let waits =
        |shown: &Value| copies(shown).len() == 2 && shown["republish"]["nextAt"].is_string();
    let before = scene.until(&post, "the second waits", waits).await["republish"]["nextAt"].clone();
    age_copies(scene.fleet, &post, DAY).await;
    let passed = |shown: &Value| at(&shown["republish"]["nextAt"]) > at(&before);
    let shown = scene.until(&post, "the third is passed over", passed).await;
    assert_eq!(copies(&shown).len(), 2, "{shown}");
    order("resume").await;
    out(&scene, &post, 2).await;
}

// case: S-copies-end
#[tokio::test]
async fn copies_end_with_their_origin_their_account_their_words_or_by_a_persons_word() {
    let scene = scene("over").await;
    let threads = ("threads", None);
    let over = async |post: &Value, reason: &str| {
        scene.until(post, reason, |shown| ended(shown) == reason).await
    };
    let daily = || json!({"every": "P1D", "times": 9});

    // By a person, with the copy that was made and has not left.
    let account = scene.connect_on(threads, "cancel").await;
    let post = posted(&scene, &[&account], daily()).await;
    age_copies(scene.fleet, &post, DAY - Duration::from_secs(300)).await;
    scene.until(&post, "it is made", |shown| copies(shown).len() == 1).await;
    let cancelled = scene.order(&post, "copies/cancel").await;
    assert_eq!(cancelled.status, 200, "{cancelled:?}");
    assert_eq!(ended(cancelled.data()), "cancelled");
    assert_eq!(copies(cancelled.data())[0]["status"], "cancelled", "{cancelled:?}");
    let again = scene.order(&post, "copies/cancel").await;
    assert_eq!((again.status, &again.body["error"]), (409, &json!("copies_over")), "{again:?}");
    let plain = scene.say(&account, "Plain").await;
    let none = scene.order(&plain, "copies/cancel").await;
    assert_eq!((none.status, &none.body["error"]), (409, &json!("no_copies")), "{none:?}");
    assert_eq!(events(&scene, &post).await, ["copy.created", "copies.ended"]);

    // With the origin.
    let account = scene.connect_on(threads, "origin").await;
    let post = posted(&scene, &[&account], daily()).await;
    assert_eq!(scene.order(&post, "archive").await.status, 200);
    over(&post, "archived").await;
    let post = posted(&scene, &[&account], daily()).await;
    let delivery = deliveries(&post).next().unwrap()["id"].as_str().unwrap().to_owned();
    let removed = scene.api.delete(&format!("/v1/deliveries/{delivery}/remote")).await;
    assert_eq!(removed.status, 202, "{removed:?}");
    over(&post, "removed").await;

    // With the account; the other one goes on.
    let stays = scene.connect_on(threads, "stays").await;
    let both = posted(&scene, &[&account, &stays], daily()).await;
    let alone = posted(&scene, &[&account], daily()).await;
    let gone = scene.api.delete(&format!("/v1/accounts/{}", account.id)).await;
    assert_eq!(gone.status, 200, "{gone:?}");
    over(&alone, "disconnected").await;
    age_copies(scene.fleet, &both, DAY).await;
    out(&scene, &both, 1).await;
    assert_eq!(scene.texts(&stays).await.len(), 2);

    // Without further words, where each copy needs some.
    let x = scene.connect("words").await;
    let until = base::clock::now() + DAY * 30;
    let few = json!({"every": "P1D", "until": until, "variations": [
        {"text": format!("Other, {}", scene.brand)},
    ]});
    let post = posted(&scene, &[&x], few).await;
    age_copies(scene.fleet, &post, DAY).await;
    over(&post, "no_variation").await;
    out(&scene, &post, 1).await;
    assert_eq!(scene.texts(&x).await.len(), 2);
}

// case: S-copies-words
#[tokio::test]
async fn copies_are_opt_in_and_say_something_new_where_the_platform_wants_that() {
    let scene = scene("words").await;
    let x = scene.connect("words").await;
    let refused = async |republish: Value| {
        let post = json!({"text": "We are live!", "accounts": [x.id], "republish": republish});
        let answer = scene.try_post(post).await;
        let told = &answer.details(422)[0];
        assert!(!told["resolution"].as_str().unwrap().is_empty(), "{told}");
        (told["field"].clone(), told["limit"].clone(), told["actual"].clone())
    };
    let told = refused(json!({"after": "P1D"})).await;
    assert_eq!(told, (json!("republish.variations"), json!(1), json!(0)));
    let one = json!([{"text": "Come and see"}]);
    let told = refused(json!({"after": "P1D", "times": 3, "variations": one})).await;
    assert_eq!(told, (json!("republish.times"), json!(1), json!(3)));
    let told = refused(json!({"after": "P1D", "variations": [{"text": "we are LIVE #now"}]})).await;
    assert_eq!((told.0, told.2), (json!("republish.variations[0]"), json!("we are LIVE #now")));
    let long = json!([{"text": "x".repeat(281)}]);
    let told = refused(json!({"after": "P1D", "variations": long})).await;
    assert_eq!(told, (json!("republish.variations[0].x.text"), json!(280), json!(281)));

    let plain = Scene::open("plain").await;
    let account = plain.connect_on(("threads", None), "plain").await;
    let post = json!({"text": "a", "accounts": [account.id], "republish": {"after": "P1D"}});
    let answer = plain.try_post(post).await;
    let told = &answer.details(422)[0];
    assert_eq!((&told["field"], &told["limit"]), (&json!("republish"), &json!("extended")));
    assert_eq!(told["actual"], "spec", "{told}");
}

// case: S-copies-edit
#[tokio::test]
async fn a_rule_can_be_changed_until_the_post_is_out() {
    let scene = scene("edit").await;
    let account = scene.connect_on(("threads", None), "edit").await;
    // Far enough ahead that nothing of it is made ready yet.
    let at = base::clock::now() + Duration::from_secs(7_200);
    let text = format!("First, {}", scene.brand);
    let post = json!({
        "text": text, "accounts": [account.id], "scheduledAt": at,
        "republish": {"every": "P7D", "times": 4},
    });
    let post = scene.post(post).await;
    let post = scene.scheduled(&post).await;
    let patch = json!({
        "revision": post["revision"], "scheduledAt": null,
        "republish": {"times": 2, "every": null, "after": "P2D"},
    });
    let path = format!("/v1/posts/{}", post["id"].as_str().unwrap());
    let patched =
        crate::support::api::send(scene.api.request(reqwest::Method::PATCH, &path).json(&patch));
    patched.await.data();
    let is_owed = |shown: &Value| shown["republish"]["nextAt"].is_string();
    let shown = scene.until(&post, "a copy is owed", is_owed).await;
    let published = self::at(&deliveries(&shown).next().unwrap()["publishedAt"]);
    assert_eq!(self::at(&shown["republish"]["nextAt"]), published + DAY * 2);
    let copy = scene.order(&post, "duplicate").await;
    assert!(copy.data()["republish"].is_object() && copy.data()["copyOf"].is_null(), "{copy:?}");
    eventually("nothing but its job is left", WITHIN, async || {
        let owed = "SELECT count(*) FROM jobs WHERE kind = 'republish' AND subject = $1";
        let id: domain::id::PostId = post["id"].as_str().unwrap().parse().unwrap();
        let owed = sqlx::query_scalar::<_, i64>(owed).bind(id.uuid());
        match owed.fetch_one(&mut scene.fleet.postgres().await).await.unwrap() {
            1 => Ok(()),
            count => Err(count.to_string()),
        }
    })
    .await;
}
