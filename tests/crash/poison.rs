//! Jobs that end the process each time they are worked on, beside a hundred that do not.

use crate::support::scene::deliveries;
use crate::support::{Account, Fleet, Scene, api, eventually, say};
use base::clock;
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use uuid::Uuid;

const GOOD: usize = 100;
const ACCOUNTS: usize = 5;
const NETWORK_MS: &str = "40";
/// Time to accept everything, so that poison and good posts fall due together.
const AHEAD: Duration = Duration::from_secs(25);
/// Deaths after which it is given up (DESIGN section 6).
const DEATHS: usize = 3;
/// An intent's deadline, a lease, a start and a place alone, several times over.
const NEXT_WITHIN: Duration = Duration::from_secs(60);

/// Posts that fall due together, one after the other over the accounts, the poison first.
async fn ask(scene: &Scene<'_>, accounts: &[Account]) -> Vec<Value> {
    let at = (clock::now() + AHEAD).to_string();
    let posts = join_all((0..=GOOD).map(|number| {
        let account = &accounts[number % accounts.len()];
        let text = format!("Post {}-{number}", scene.brand);
        scene.post(json!({"text": text, "accounts": [account.id], "scheduledAt": at}))
    }))
    .await;
    let is_planned = |post: &Value| deliveries(post).all(|one| one["status"] != "validating");
    for post in &posts {
        scene.until(post, "the post is planned", is_planned).await;
    }
    posts
}

/// How many deliveries stand in which status, and how many deaths are counted for them.
async fn counted(fleet: &Fleet) -> Vec<(String, i32, i64)> {
    sqlx::query_as("SELECT status, crashes, count(*) FROM deliveries GROUP BY 1, 2 ORDER BY 1, 2")
        .fetch_all(&mut fleet.postgres().await)
        .await
        .unwrap()
}

/// Starts the fleet again after each death, until everything has settled. How often it died.
async fn die_until_settled(fleet: &mut Fleet, order: &str) -> usize {
    let since = clock::stopwatch();
    let armed = [("POSTFLEET_CRASH_AT", order)];
    let mut deaths = 0;
    loop {
        let has_died = fleet.try_restart(&armed).await.is_err()
            || eventually("it dies, or all is settled", NEXT_WITHIN, async || {
                if fleet.ended().is_some() {
                    return Ok(true);
                }
                let counted = counted(fleet).await;
                let is_end = |status: &str| ["published", "failed", "review"].contains(&status);
                let are_settled = counted.iter().all(|(status, ..)| is_end(status));
                if are_settled { Ok(false) } else { Err(format!("{counted:?}")) }
            })
            .await;
        if !has_died {
            return deaths;
        }
        deaths += 1;
        let counted = counted(fleet).await;
        say(format_args!(
            "poison: {order}, death {deaths} after {:.1} s, {counted:?}",
            since.elapsed().as_secs_f64(),
        ));
        assert!(deaths <= DEATHS, "it is worked on for ever");
        let twice: i64 = counted.iter().filter(|(_, crashes, _)| *crashes > 1).map(|c| c.2).sum();
        assert!(twice <= 1, "neighbours are counted once at most: {counted:?}");
    }
}

/// A bare UUID, as a crash point is armed for it, of an id with its prefix.
fn bare(id: &Value) -> &str {
    id.as_str().and_then(|id| id.split_once('_')).expect("a prefix and a UUID").1
}

async fn poison(point: &str, end: &str) {
    let since = clock::stopwatch();
    let swift = [("POSTFLEET__PLATFORMS__X__CALL_DEADLINE_MS", "1000")];
    let mut fleet = Fleet::start(&["--delay-ms", NETWORK_MS], &swift).await;
    let (accounts, posts) = {
        let scene = Scene::on(&fleet, "poison").await;
        let mut accounts = Vec::new();
        for _ in 0..ACCOUNTS {
            accounts.push(scene.connect("poison").await);
        }
        let posts = ask(&scene, &accounts).await;
        (accounts, posts)
    };
    let (poison, good) = posts.split_first().unwrap();
    let culprit = deliveries(poison).next().unwrap()["id"].clone();
    fleet.kill();
    let deaths = die_until_settled(&mut fleet, &format!("{point}@{}", bare(&culprit))).await;
    assert_eq!(deaths, DEATHS);

    let scene = Scene::on(&fleet, "poison").await;
    let shown = scene.show(poison).await;
    let delivery = deliveries(&shown).next().unwrap();
    assert_eq!(delivery["status"], end, "{shown}");
    assert!(delivery["error"].to_string().contains("ended our process 3 times"), "{shown}");
    for post in good {
        scene.published(post).await;
    }
    let mut texts = Vec::new();
    for account in &accounts {
        texts.extend(scene.texts(account).await);
    }
    let once: BTreeSet<&String> = texts.iter().collect();
    assert_eq!((texts.len(), once.len()), (GOOD, GOOD), "each good post is out once");
    say(format_args!("poison: {point}, {:.1} s", since.elapsed().as_secs_f64()));
}

// case: R-poison
#[tokio::test]
async fn a_poison_post_is_given_up_after_three_deaths_and_no_neighbour_with_it() {
    poison("publish.after_load", "failed").await;
}

// case: R-poison-sent
#[tokio::test]
async fn a_poison_post_whose_call_may_be_out_goes_to_a_person() {
    poison("courier.after_intent", "review").await;
}

// case: R-poison-plan
#[tokio::test]
async fn a_post_that_cannot_be_planned_fails_after_three_deaths() {
    let mut fleet = Fleet::start(&[], &[]).await;
    let (account, brand) = {
        let scene = Scene::on(&fleet, "plan").await;
        (scene.connect("plan").await, scene.brand)
    };
    fleet.kill();
    // It dies with the post in its hands, so that the point can be armed before anyone plans it.
    fleet.restart(&[("POSTFLEET_CRASH_AT", "accept.after_commit")]).await;
    let body = json!({"text": "Nobody plans me", "brandSlug": brand, "accounts": [account.id]});
    let request = fleet.api().request(Method::POST, "/v1/posts").json(&body);
    assert!(api::try_send(request).await.is_err());
    eventually("it has died", Duration::from_secs(5), async || {
        fleet.ended().ok_or_else(|| "it runs on".to_owned())
    })
    .await;
    let asked = sqlx::query_scalar("SELECT id FROM posts");
    let id: Uuid = asked.fetch_one(&mut fleet.postgres().await).await.unwrap();
    let deaths = die_until_settled(&mut fleet, &format!("fan_out.before_commit@{id}")).await;
    assert_eq!(deaths, DEATHS);
    let scene = Scene::on(&fleet, "plan").await;
    let shown = scene.show(&json!({"id": format!("pst_{}", id.simple())})).await;
    let delivery = deliveries(&shown).next().unwrap();
    assert_eq!(delivery["status"], "failed", "{shown}");
    assert_eq!(delivery["error"]["type"], "PlatformOperatorError", "{shown}");
    assert!(scene.texts(&account).await.is_empty());
}
