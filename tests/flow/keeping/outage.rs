//! Two hours in which a platform answers 401 to everything.

use super::{MINUTE, status};
use crate::support::ageing::{let_pass, open_forgotten};
use crate::support::scene::{Account, deliveries, delivery};
use crate::support::{Fleet, Scene, eventually, files, say};
use base::clock;
use serde_json::{Value, json};
use std::time::Duration;

/// Of each kind: enough to tell an outage by.
const EACH: usize = 3;
const ROUNDS: u32 = 24;
const PLATFORMS: [&str; 5] = ["x", "linkedin", "instagram", "threads", "youtube"];
const HELD_WITHIN: Duration = Duration::from_secs(60);
const FOR_GOOD_S: u64 = 1_000_000;

async fn draft(scene: &Scene<'_>, account: &Account, number: usize) -> Value {
    let text = format!("Outage {number}, {:?}, {}", account.way, scene.brand);
    let mut post = json!({"text": text, "accounts": [account.id]});
    match account.way.0 {
        "youtube" => {
            let film = scene.api.upload(files::FILM.to_vec(), "a.mp4").await;
            post["youtube"] = json!({"title": "A film", "media": [{"id": film}]});
        }
        "instagram" => {
            let picture = scene.api.upload(files::jpeg(1_080, 1_080), "a.jpg").await;
            post["media"] = json!([{"id": picture}]);
        }
        _ => {}
    }
    post
}

/// Every platform refuses every token, at its token endpoint too.
async fn begin(scene: &Scene<'_>) {
    for platform in PLATFORMS {
        let tokens = |route: &str| {
            json!({"kind": "serverError", "status": 401, "route": route, "count": 1_000_000,
                "body": "Unauthorized"})
        };
        let all = json!({"kind": "unauthorizedAll", "s": FOR_GOOD_S});
        let faults = json!([all, tokens("oauth.token"), tokens("oauth.refresh")]);
        scene.sim.faults_on(platform, faults).await;
    }
}

async fn end(scene: &Scene<'_>) {
    for platform in PLATFORMS {
        scene.sim.forgive(platform).await;
        scene.sim.faults_on(platform, json!([{"kind": "unauthorizedAll", "s": 0}])).await;
    }
}

/// Nothing is due that no gate holds, and nothing is under way.
async fn held(fleet: &Fleet) {
    let mut db = fleet.postgres().await;
    let mut looks = 0;
    eventually("everything rests", HELD_WITHIN, async || {
        let open: Vec<(String, String, String)> = sqlx::query_as(
            "SELECT d.platform, d.status, coalesce(d.failure->>'message', '')
             FROM deliveries d JOIN accounts a ON a.id = d.account_id
             LEFT JOIN jobs j ON j.subject = d.id
             WHERE d.status NOT IN ('published', 'failed') AND (j.due_at IS NULL
                 OR j.due_at <= clock_timestamp() AND NOT EXISTS (
                     SELECT FROM gates g WHERE g.until_at > clock_timestamp()
                         AND g.scope_key IN ('platform:' || d.platform,
                             'account:' || d.platform || ':' || a.app || ':' || a.id)))",
        )
        .fetch_all(&mut db)
        .await
        .unwrap();
        looks += 1;
        if !open.is_empty() && looks % 100 == 0 {
            open_forgotten(fleet).await;
        }
        if open.is_empty() { Ok(()) } else { Err(format!("{} open: {:?}", open.len(), open[0])) }
    })
    .await;
}

// case: K-outage
#[tokio::test]
async fn two_hours_of_401_disconnect_nobody_and_every_post_goes_out_after_them() {
    let fleet = Fleet::start(&[], &[]).await;
    let scene = Scene::on(&fleet, "outage").await;
    let mut accounts = Vec::new();
    for _ in 0..EACH {
        accounts.extend(scene.connect_all("outage").await);
    }
    begin(&scene).await;
    let since = clock::stopwatch();
    let mut posts = Vec::new();
    for (number, account) in accounts.iter().enumerate() {
        posts.push(scene.post(draft(&scene, account, number).await).await);
    }
    let mut rests = 0_i64;
    for _ in 0..ROUNDS {
        held(&fleet).await;
        rests += sqlx::query_scalar::<_, i64>(
            "SELECT count(*) FROM gates WHERE until_at > clock_timestamp()
                 AND scope_key LIKE 'platform:%'",
        )
        .fetch_one(&mut fleet.postgres().await)
        .await
        .unwrap();
        let_pass(&fleet, MINUTE * 5).await;
    }
    held(&fleet).await;
    for account in &accounts {
        assert_eq!(status(&fleet, account).await, "connected", "{:?}", account.way);
    }
    assert!(rests > 0, "a platform as a whole rested");
    end(&scene).await;
    // The last rests, of the platforms and of the accounts.
    for _ in 0..4 {
        held(&fleet).await;
        let_pass(&fleet, MINUTE * 5).await;
    }
    for (post, account) in posts.iter().zip(&accounts) {
        let shown = scene.settled(post).await;
        assert_eq!(delivery(&shown, account)["status"], "published", "{shown}");
        assert_eq!(deliveries(&shown).count(), 1);
        assert_eq!(status(&fleet, account).await, "connected");
    }
    let lost = "SELECT count(*) FROM events WHERE kind = 'account.needs_reconnect'";
    let lost: i64 = sqlx::query_scalar(lost).fetch_one(&mut fleet.postgres().await).await.unwrap();
    assert_eq!(lost, 0);
    say(format_args!(
        "outage: {} accounts, {ROUNDS} rounds of five minutes, {rests} rests of platforms, {:?}",
        accounts.len(),
        since.elapsed(),
    ));
}
