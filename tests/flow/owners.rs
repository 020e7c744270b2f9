//! At every instant, what has not ended is in somebody's hands.

use crate::support::scene::{deliveries, is_settled};
use crate::support::{Account, Fleet, Scene, eventually, files};
use base::clock;
use domain::delivery::{Owner, Status};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection};
use std::collections::BTreeSet;
use std::time::Duration;

/// Posts of the busy run, each on every account.
const POSTS: usize = 12;
const SETTLED_WITHIN: Duration = Duration::from_secs(120);

/// The deliveries that nobody would ever touch again, with their status.
fn orphans() -> String {
    let mut owed = Vec::new();
    for status in Status::ALL {
        let Some(care) = status.care() else { continue };
        let Some(job) = care.owner.job() else { continue };
        let subject = if care.owner == Owner::FanOut { "d.post_id" } else { "d.id" };
        owed.push(format!("('{status}', '{job}', {subject})"));
    }
    // What is a draft or held belongs to whoever releases it.
    format!(
        "SELECT d.status FROM deliveries d JOIN posts p ON p.id = d.post_id
         CROSS JOIN LATERAL (VALUES {}) AS o (status, job, subject)
         WHERE p.stage = 'live' AND o.status = d.status AND NOT EXISTS (
             SELECT FROM jobs j WHERE j.kind = o.job AND j.subject = o.subject)",
        owed.join(", ")
    )
}

async fn found(db: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar(AssertSqlSafe(orphans())).fetch_all(db).await.unwrap()
}

async fn check(db: &mut PgConnection) {
    let found = found(db).await;
    assert!(found.is_empty(), "nobody is woken for {found:?}");
}

/// Misfortunes of every class: limits, lost answers, server errors, odd refusals.
async fn trouble(scene: &Scene<'_>) {
    for platform in platforms::names() {
        let faults = json!([
            { "kind": "resetBeforeAccept", "after": 4 },
            { "kind": "serverError", "status": 503, "after": 7 },
            { "kind": "acceptThenReset", "after": 9 },
            { "kind": "serverError", "status": 500, "accept": true, "after": 12 },
            { "kind": "serverError", "status": 400, "body": { "odd": true }, "after": 15 },
        ]);
        scene.sim.faults_on(platform, faults).await;
    }
    let limit = json!({ "kind": "limit", "route": "tweets.create", "resetInS": 3, "after": 5 });
    scene.sim.faults(json!([limit])).await;
}

/// A post on all accounts, with a picture, and a film where a film is wanted.
async fn post(scene: &Scene<'_>, accounts: &[Account], number: usize) -> Value {
    let picture = scene.api.upload(files::jpeg(1_080, 1_080), "a.jpg").await;
    let film = scene.api.upload(files::FILM.to_vec(), "a.mp4").await;
    let ids: Vec<&str> = accounts.iter().map(|account| account.id.as_str()).collect();
    let post = json!({
        "text": format!("Busy {number}, {}", scene.brand), "accounts": ids,
        "media": [{ "id": picture }],
        "youtube": { "title": "A film", "media": [{ "id": film }] },
    });
    scene.post(post).await
}

// case: D-owner
#[tokio::test]
async fn in_a_busy_run_every_open_delivery_has_the_job_of_its_owner() {
    let fleet = Fleet::start(&[], &[]).await;
    let scene = Scene::on(&fleet, "owners").await;
    let accounts = scene.connect_all("owners").await;
    trouble(&scene).await;
    let mut db = fleet.postgres().await;
    let mut posts = Vec::new();
    for number in 0..POSTS {
        posts.push(post(&scene, &accounts, number).await);
        check(&mut db).await;
    }
    let mut seen = BTreeSet::new();
    eventually("everything has ended or waits for a person", SETTLED_WITHIN, async || {
        check(&mut db).await;
        let mut open = Vec::new();
        for post in &posts {
            let shown = scene.show(post).await;
            open.extend(deliveries(&shown).filter(|one| !is_settled(one)).cloned());
            seen.extend(deliveries(&shown).map(|one| one["status"].as_str().unwrap().to_owned()));
        }
        if open.is_empty() { Ok(()) } else { Err(format!("{open:?}")) }
    })
    .await;
    check(&mut db).await;
    println!("statuses that were seen: {seen:?}");
    assert!(["published", "failed"].iter().all(|status| seen.contains(*status)), "{seen:?}");

    // The query can fail: a wake-up that is taken away is missed.
    let at = clock::now() + SETTLED_WITHIN;
    let later = json!({ "text": "Later", "accounts": [accounts[0].id], "scheduledAt": at });
    let later = scene.post(later).await;
    scene.scheduled(&later).await;
    sqlx::query("DELETE FROM jobs WHERE kind = 'publish'").execute(&mut db).await.unwrap();
    assert_eq!(found(&mut db).await, ["scheduled"]);
}
