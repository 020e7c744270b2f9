//! What may keep a post from going out is told ahead of its time, once, and of healthy posts
//! nothing is told.

use crate::support::ageing::age;
use crate::support::scene::delivery;
use crate::support::{Account, Scene, eventually, files};
use base::clock;
use domain::id::{AccountId, DeliveryId};
use domain::time::Timestamp;
use domain::zone::Zone;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);
const WITHIN: Duration = Duration::from_secs(30);

fn uuid(account: &Account) -> uuid::Uuid {
    account.id.parse::<AccountId>().unwrap().uuid()
}

fn id(delivery: &Value) -> DeliveryId {
    delivery["id"].as_str().unwrap().parse().unwrap()
}

/// When the next look at an account is due, and its generation.
async fn owed(scene: &Scene<'_>, account: &Account) -> Option<(Timestamp, i64)> {
    let asked = sqlx::query_as::<_, (f64, i64)>(
        "SELECT extract(epoch FROM due_at)::float8, generation FROM jobs
         WHERE kind = 'preflight' AND subject = $1",
    );
    let mut db = scene.fleet.postgres().await;
    let row = asked.bind(uuid(account)).fetch_optional(&mut db).await.unwrap();
    row.map(|(at, generation)| (Timestamp::from_ms((at * 1_000.0) as i64), generation))
}

/// Has the look that is owed to an account come now, and waits until it is over.
async fn look(scene: &Scene<'_>, account: &Account) {
    let due = "UPDATE jobs SET due_at = clock_timestamp() - interval '10 seconds',
                   generation = nextval('job_generation')
               WHERE kind = 'preflight' AND subject = $1 RETURNING generation";
    let due = sqlx::query_scalar::<_, i64>(due).bind(uuid(account));
    let mut db = scene.fleet.postgres().await;
    let before = due.fetch_optional(&mut db).await.unwrap().expect("a look is owed");
    eventually("an account is looked at", WITHIN, async || match owed(scene, account).await {
        Some((_, generation)) if generation == before => Err("not yet".to_owned()),
        _ => Ok(()),
    })
    .await;
}

/// The deliveries of an account are due so much sooner.
async fn hasten(scene: &Scene<'_>, account: &Account, by: Duration) {
    let hastened = sqlx::query(
        "UPDATE deliveries SET due_at = due_at - $2 * interval '1 second' WHERE account_id = $1",
    );
    let hastened = hastened.bind(uuid(account)).bind(i64::try_from(by.as_secs()).unwrap());
    hastened.execute(&mut scene.fleet.postgres().await).await.unwrap();
}

/// The problems that were told of a delivery, oldest first.
async fn told(scene: &Scene<'_>, delivery: &Value) -> Vec<String> {
    let asked = sqlx::query_scalar(
        "SELECT data->>'risk' FROM events WHERE kind = 'post.at_risk' AND subject = $1 ORDER BY id",
    );
    let mut db = scene.fleet.postgres().await;
    asked.bind(id(delivery).to_string()).fetch_all(&mut db).await.unwrap()
}

/// A text of an account that is due then.
async fn schedule(scene: &Scene<'_>, account: &Account, at: Timestamp) -> Value {
    let text = format!("At {at}, {}", scene.brand);
    let post = json!({"text": text, "accounts": [account.id], "scheduledAt": at});
    let post = scene.post(post).await;
    scene.scheduled(&post).await
}

async fn order(scene: &Scene<'_>, account: &Account, what: &str) {
    let path = format!("/v1/accounts/{}/{what}", account.id);
    scene.api.post(&path, &json!({"reason": "stocktaking"})).await.data();
}

fn is_close(at: Timestamp, to: Timestamp) -> bool {
    at.ms().abs_diff(to.ms()) < 1_500
}

// case: A-risk
#[tokio::test]
async fn a_problem_is_told_once_over_all_looks_and_anew_when_it_comes_back() {
    let (scene, account) = Scene::with_account("danger").await;
    let due = clock::now() + HOUR * 26;
    // An earlier look is kept when something later is scheduled.
    let post = schedule(&scene, &account, due).await;
    schedule(&scene, &account, due + HOUR * 100).await;
    let danger = delivery(&post, &account).clone();
    let (next, _) = owed(&scene, &account).await.expect("a look is owed");
    assert!(is_close(next, due - HOUR * 24), "{next} for {due}");
    order(&scene, &account, "pause").await;

    hasten(&scene, &account, HOUR * 3).await;
    look(&scene, &account).await;
    assert_eq!(told(&scene, &danger).await, ["paused"]);
    let (next, _) = owed(&scene, &account).await.expect("a look is owed");
    assert!(is_close(next, due - HOUR * 4), "{next}: an hour before {}", due - HOUR * 3);
    let whole = scene.whole(&post).await;
    let [risk] = &whole["risks"].as_array().unwrap()[..] else { panic!("{whole}") };
    assert_eq!((&risk["risk"], risk["since"].is_string()), (&json!("paused"), true));
    assert!(risk["message"].as_str().unwrap().contains("stocktaking"), "{risk}");
    let listed = scene.api.client.delivery(danger["id"].as_str().unwrap()).await.unwrap();
    assert_eq!(listed.risks.len(), 1);

    // An hour ahead nothing is repeated.
    hasten(&scene, &account, HOUR * 22).await;
    look(&scene, &account).await;
    assert_eq!(told(&scene, &danger).await, ["paused"]);

    // What is gone is shown no more, and told anew when it comes back.
    order(&scene, &account, "resume").await;
    eventually("the problem is gone", WITHIN, async || {
        let whole = scene.whole(&post).await;
        // What is over is not shown even before the look that takes it away.
        let left = "SELECT count(*) FROM risks WHERE account_id = $1";
        let left = sqlx::query_scalar::<_, i64>(left).bind(uuid(&account));
        let left = left.fetch_one(&mut scene.fleet.postgres().await).await.unwrap();
        if whole["risks"] == json!([]) && left == 0 { Ok(()) } else { Err(whole.to_string()) }
    })
    .await;
    order(&scene, &account, "pause").await;
    hasten(&scene, &account, Duration::from_secs(51 * 60)).await;
    look(&scene, &account).await;
    assert_eq!(told(&scene, &danger).await, ["paused", "paused"]);
    let why = scene.whole(&post).await["why"].as_str().unwrap().to_owned();
    assert!(why.contains("is paused (stocktaking)"), "{why}");
}

// case: A-risk-healthy
#[tokio::test]
async fn of_fifty_healthy_posts_nothing_is_told_and_those_at_once_owe_no_look() {
    let scene = Scene::open("healthy").await;
    let accounts = scene.connect_all("healthy").await;
    let picture = scene.api.upload(files::jpeg(1_080, 1_080), "a.jpg").await;
    let film = scene.api.upload(files::FILM.to_vec(), "a.mp4").await;
    let ids: Vec<&str> = accounts.iter().map(|account| account.id.as_str()).collect();
    let post = |number: u32, at: Option<Timestamp>| {
        json!({
            "text": format!("Healthy {number}, {}", scene.brand), "accounts": ids,
            "media": [{ "id": picture }], "scheduledAt": at,
            "youtube": { "title": "A film", "media": [{ "id": film }] },
        })
    };
    let now = scene.post(post(0, None)).await;
    scene.published(&now).await;
    for account in &accounts {
        assert!(owed(&scene, account).await.is_none(), "{:?}", account.way);
    }
    let mut posts = Vec::new();
    for number in 1..=9 {
        let at = clock::now() + HOUR * 25 + HOUR * number;
        posts.push(scene.post(post(number, Some(at))).await);
    }
    for post in &mut posts {
        *post = scene.scheduled(post).await;
    }
    let mut seen = 0;
    for account in &accounts {
        hasten(&scene, account, HOUR * 11).await;
        look(&scene, account).await;
        for post in &posts {
            assert_eq!(told(&scene, delivery(post, account)).await, Vec::<String>::new());
            seen += 1;
        }
    }
    assert_eq!(seen, 54);
    assert_eq!(scene.whole(&posts[0]).await["risks"], json!([]));
}

// case: A-risk-token
#[tokio::test]
async fn a_token_that_ends_first_is_told_where_nothing_renews_it() {
    let scene = Scene::open("ends").await;
    let page = scene.connect_on(("instagram", None), "ends").await;
    let renewed = scene.connect("ends").await;
    let picture = scene.api.upload(files::jpeg(1_080, 1_080), "a.jpg").await;
    let due = clock::now() + HOUR * 5;
    let post = json!({"text": format!("Ends, {}", scene.brand), "media": [{"id": picture}],
        "accounts": [page.id, renewed.id], "scheduledAt": due});
    let post = scene.post(post).await;
    for account in [&page, &renewed] {
        age(scene.fleet, account, HOUR * 2).await;
    }
    let post = scene.scheduled(&post).await;
    for account in [&page, &renewed] {
        look(&scene, account).await;
    }
    assert_eq!(told(&scene, delivery(&post, &page)).await, ["token_ends"]);
    assert_eq!(told(&scene, delivery(&post, &renewed)).await, Vec::<String>::new());
}

// case: A-risk-scopes
#[tokio::test]
async fn a_missing_scope_is_named() {
    let (scene, account) = Scene::with_account("scopes").await;
    let post = schedule(&scene, &account, clock::now() + HOUR * 5).await;
    sqlx::query("UPDATE accounts SET scopes = array_remove(scopes, 'tweet.write') WHERE id = $1")
        .bind(uuid(&account))
        .execute(&mut scene.fleet.postgres().await)
        .await
        .unwrap();
    look(&scene, &account).await;
    assert_eq!(told(&scene, delivery(&post, &account)).await, ["scopes_missing"]);
    let why = scene.whole(&post).await["why"].as_str().unwrap().to_owned();
    assert!(why.contains("in danger") && why.contains("without tweet.write"), "{why}");
}

// case: A-risk-media
#[tokio::test]
async fn a_file_that_is_gone_is_named() {
    let (scene, account) = Scene::with_account("files").await;
    let picture = scene.api.upload(files::jpeg(1_080, 1_080), "a.jpg").await;
    let post = json!({"text": format!("Files, {}", scene.brand), "media": [{"id": picture}],
        "accounts": [account.id], "scheduledAt": clock::now() + HOUR * 5});
    let post = scene.post(post).await;
    let post = scene.scheduled(&post).await;
    let file = find(&scene.fleet.data().join("media"), &picture).expect("the file is there");
    std::fs::remove_file(file).unwrap();
    look(&scene, &account).await;
    assert_eq!(told(&scene, delivery(&post, &account)).await, ["media_missing"]);
    assert!(scene.whole(&post).await["risks"].to_string().contains(&picture));
}

/// The file of this name somewhere below a folder.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).find_map(|path| match path
        .is_dir()
    {
        true => find(&path, name),
        false => (path.file_name()?.to_str()? == name).then_some(path),
    })
}

// case: A-forecast
#[tokio::test]
async fn posts_beyond_a_day_are_named_and_the_others_are_not() {
    let (scene, account) = Scene::with_account("forecast").await;
    // All three on one day of UTC, more than ten minutes and less than a day ahead.
    let now = clock::now();
    let midnight = Zone::Utc.next_midnight(now);
    let is_morning = now.since(Zone::Utc.last_midnight(now)) < HOUR * 2;
    let first = if is_morning { now + HOUR } else { midnight + HOUR };
    let path = format!("/v1/accounts/{}/limits", account.id);
    let request = scene.api.request(reqwest::Method::PUT, &path);
    crate::support::api::send(request.json(&json!({"postsPerDay": 2}))).await.data();
    let mut posts = Vec::new();
    for number in 0..3 {
        let at = first + Duration::from_secs(60 * number);
        posts.push(schedule(&scene, &account, at).await);
    }
    look(&scene, &account).await;
    for (post, expected) in posts.iter().zip([&[][..], &[], &["quota"]]) {
        assert_eq!(told(&scene, delivery(post, &account)).await, expected);
    }
    let risks = scene.whole(&posts[2]).await["risks"].clone();
    let message = risks[0]["message"].as_str().unwrap();
    assert!(message.contains("3 posts due, 2 left on that day (UTC)"), "{message}");
}
