//! Accounts are kept connected: renewed in time, once, and not given up for what is no fault of
//! theirs.

mod census;
mod outage;
mod window;

use crate::support::ageing::{age, let_pass, rest_over, version};
use crate::support::scene::{Account, Way, delivery};
use crate::support::worker::Worker;
use crate::support::{Fleet, Scene, eventually, say, turn};
use base::clock;
use domain::id::AccountId;
use futures::future::join_all;
use serde_json::{Value, json};
use std::time::Duration;

/// A renewal, its wake-up and a busy machine.
const RENEWED_WITHIN: Duration = Duration::from_secs(40);
const DAY: Duration = Duration::from_secs(86_400);
const MINUTE: Duration = Duration::from_secs(60);

async fn events(fleet: &Fleet, account: &Account, kind: &str) -> Vec<Value> {
    let asked = "SELECT data FROM events WHERE subject = $1 AND kind = $2 ORDER BY id";
    let asked = sqlx::query_scalar(asked).bind(&account.id).bind(kind);
    asked.fetch_all(&mut fleet.postgres().await).await.unwrap()
}

async fn status(fleet: &Fleet, account: &Account) -> String {
    let id: AccountId = account.id.parse().unwrap();
    let asked = sqlx::query_scalar("SELECT status FROM accounts WHERE id = $1").bind(id.uuid());
    asked.fetch_one(&mut fleet.postgres().await).await.unwrap()
}

/// How long before the end of the token its renewal is owed.
async fn owed_ahead(fleet: &Fleet, account: &Account) -> Option<f64> {
    let id: AccountId = account.id.parse().unwrap();
    sqlx::query_scalar(
        "SELECT extract(epoch FROM c.expires_at - j.due_at)::float8
         FROM jobs j JOIN credentials c ON c.account_id = j.subject
         WHERE j.kind = 'refresh' AND j.subject = $1",
    )
    .bind(id.uuid())
    .fetch_optional(&mut fleet.postgres().await)
    .await
    .unwrap()
}

/// The renewal is due now.
async fn hurry(fleet: &Fleet, account: &Account) {
    let id: AccountId = account.id.parse().unwrap();
    sqlx::query(
        "UPDATE jobs SET due_at = clock_timestamp(), armed_at = clock_timestamp(),
             generation = nextval('job_generation')
         WHERE kind = 'refresh' AND subject = $1",
    )
    .bind(id.uuid())
    .execute(&mut fleet.postgres().await)
    .await
    .unwrap();
}

async fn renewed(fleet: &Fleet, account: &Account, times: i64) {
    eventually("the token is renewed", RENEWED_WITHIN, async || {
        let version = version(fleet, account).await;
        if version == times + 1 { Ok(()) } else { Err(version.to_string()) }
    })
    .await;
}

// case: K-flight
#[tokio::test]
async fn two_hundred_posts_of_five_processes_ask_for_one_new_token() {
    let _turn = turn().await;
    let wide = [
        ("POSTFLEET__PLATFORMS__X__LIMIT_FACTOR", "10"),
        ("POSTFLEET__WORKERS__PUBLISH_CONCURRENCY", "10"),
    ];
    let fleet = Fleet::start(&["--delay-ms", "20"], &wide).await;
    let scene = Scene::on(&fleet, "flight").await;
    let wide = json!({"account": {"tweets.create": {"callsMax": 1_000, "windowS": 900}}});
    scene.sim.limits("x", &wide).await;
    let _workers: Vec<Worker> =
        (0..4).map(|number| Worker::start(&fleet, &format!("flight-{number}"))).collect();
    let account = scene.connect("flight").await;
    // Nothing of it serves any more, and it is renewed by whoever comes first.
    age(&fleet, &account, Duration::ZERO).await;
    scene.sim.fault(&account.handle, json!({"kind": "expireToken"})).await;
    let due = (clock::now() + Duration::from_secs(8)).to_string();
    let mut posts = Vec::new();
    for at in (0..200).step_by(20) {
        posts.extend(
            join_all((at..at + 20).map(|number| {
                let text = format!("Flight {number}, {}", scene.brand);
                scene.post(json!({"text": text, "accounts": [account.id], "scheduledAt": due}))
            }))
            .await,
        );
    }
    let since = clock::stopwatch();
    eventually("all posts are out", Duration::from_secs(120), async || {
        let out = scene.accepted(&account).await.len();
        if out == 200 { Ok(()) } else { Err(out.to_string()) }
    })
    .await;
    for post in &posts {
        scene.published(post).await;
    }
    assert_eq!(scene.accepted(&account).await.len(), 200, "and each of them once");
    assert_eq!(scene.sim.renewals("x").len(), 1, "one token call");
    assert_eq!(version(&fleet, &account).await, 2);
    say(format_args!(
        "flight: 200 posts, one token call, out {:?} after the last",
        since.elapsed()
    ));
}

// case: K-lost
#[tokio::test]
async fn a_dead_grant_serves_while_it_can_and_is_lost_once() {
    let fleet = Fleet::start(&[], &[]).await;
    let scene = Scene::on(&fleet, "lost").await;
    let account = scene.connect("lost").await;
    // Its end is near, and the token endpoint says that its renewal is dead.
    age(&fleet, &account, MINUTE * 9).await;
    let body = json!({"error": "invalid_request", "error_description": "The token was invalid."});
    let route = "oauth.token";
    let dead = json!({"kind": "serverError", "route": route, "status": 400, "body": body,
        "count": 1_000});
    scene.sim.faults(json!([dead])).await;
    hurry(&fleet, &account).await;
    eventually("the refusal is known", RENEWED_WITHIN, async || {
        match owed_ahead(&fleet, &account).await {
            Some(ahead) if ahead < 0.0 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    assert_eq!(status(&fleet, &account).await, "connected");
    let post = scene.say(&account, &format!("With the old token, {}", scene.brand)).await;
    scene.published(&post).await;

    // A post that falls due after its end is told why. Ten minutes later, the second refusal.
    let text = format!("Too late, {}", scene.brand);
    let due = clock::now() + MINUTE * 15;
    let post = json!({"text": text, "accounts": [account.id], "scheduledAt": due});
    let late = scene.post(post).await;
    scene.scheduled(&late).await;
    let_pass(&fleet, MINUTE * 11).await;
    eventually("the account is lost", RENEWED_WITHIN, async || {
        let status = status(&fleet, &account).await;
        if status == "needs_reconnect" { Ok(()) } else { Err(status) }
    })
    .await;
    let told = events(&fleet, &account, "account.needs_reconnect").await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0]["reason"].as_str().unwrap().contains("The token was invalid"), "{told:?}");
    assert_eq!(owed_ahead(&fleet, &account).await, None, "nothing is owed to it");
    let refused = scene.try_post(json!({"text": "More", "accounts": [account.id]})).await;
    assert_eq!(refused.details(422)[0]["type"], "PlatformAuthError", "{refused:?}");
    let_pass(&fleet, MINUTE * 6).await;
    let shown = scene.settled(&late).await;
    let failed = delivery(&shown, &account);
    assert_eq!(
        (&failed["status"], &failed["error"]["stage"]),
        (&json!("failed"), &json!("validating"))
    );
    assert!(failed["error"]["resolution"].as_str().unwrap().contains("Reconnect"), "{failed}");

    // Its owner comes back, and nothing is left of it.
    scene.sim.forgive("x").await;
    let again = scene.connect_as(account.way, &account.handle).await;
    assert_eq!(again.id, account.id);
    let known: i64 = sqlx::query_scalar("SELECT count(*) FROM refusals")
        .fetch_one(&mut fleet.postgres().await)
        .await
        .unwrap();
    assert_eq!(known, 0);
    let ahead = owed_ahead(&fleet, &account).await.expect("its renewal is owed");
    assert!((599.0..=651.0).contains(&ahead), "{ahead}");
    scene.order(&late, "retry").await.data();
    scene.published(&late).await;
    assert_eq!(events(&fleet, &account, "account.needs_reconnect").await.len(), 1);
}

// case: K-network
#[tokio::test]
async fn no_silence_and_no_error_of_the_token_endpoint_loses_an_account() {
    let fleet = Fleet::start(&[], &[]).await;
    let scene = Scene::on(&fleet, "network").await;
    let ways: [Way; 4] =
        [("linkedin", Some("personal")), ("youtube", None), ("threads", None), ("x", None)];
    let mut accounts = Vec::new();
    for way in ways {
        let account = scene.connect_on(way, "network").await;
        age(&fleet, &account, DAY / 2).await;
        accounts.push(account);
    }
    scene.sim.limits("threads", &json!({"refreshAgeS": 0})).await;
    let misfortunes = [
        json!({"kind": "resetBeforeAccept"}),
        json!({"kind": "serverError", "status": 503}),
        json!({"kind": "serverError", "status": 429}),
        json!({"kind": "serverError", "status": 401, "body": "no"}),
        json!({"kind": "delay", "ms": 60_000, "count": 1}),
    ];
    join_all(accounts.iter().map(async |account| {
        let route = if account.way.0 == "threads" { "oauth.refresh" } else { "oauth.token" };
        // Where tokens rotate, the second silence would be one too many: nobody knows then what the
        // platform took.
        let is_silent = |at: usize| [1, 4].contains(&at);
        for (at, misfortune) in misfortunes.iter().enumerate() {
            if account.way.0 == "x" && is_silent(at) {
                continue;
            }
            let mut fault = misfortune.clone();
            fault["route"] = route.into();
            // Nothing is due from when one misfortune ends until the next one stands.
            scene.sim.forgive(account.way.0).await;
            scene.sim.faults_on(account.way.0, json!([fault])).await;
            rest_over(&fleet, account, MINUTE * 11).await;
            hurry(&fleet, account).await;
            tried(&scene, account).await;
        }
        scene.sim.forgive(account.way.0).await;
        rest_over(&fleet, account, MINUTE * 11).await;
        hurry(&fleet, account).await;
        renewed(&fleet, account, 1).await;
        assert_eq!(status(&fleet, account).await, "connected");
        assert!(events(&fleet, account, "account.needs_reconnect").await.is_empty());
    }))
    .await;
}

/// The renewal was tried, and is owed later.
async fn tried(scene: &Scene<'_>, account: &Account) {
    let id: AccountId = account.id.parse().unwrap();
    let mut db = scene.fleet.postgres().await;
    eventually("the renewal was tried", RENEWED_WITHIN, async || {
        let (version, ahead): (i64, f64) = sqlx::query_as(
            "SELECT c.version, extract(epoch FROM j.due_at - clock_timestamp())::float8
             FROM jobs j JOIN credentials c ON c.account_id = j.subject
             WHERE j.kind = 'refresh' AND j.subject = $1",
        )
        .bind(id.uuid())
        .fetch_one(&mut db)
        .await
        .unwrap();
        assert_eq!(version, 1, "{}: it was to fail", account.way.0);
        if ahead > 1.0 { Ok(()) } else { Err(format!("due in {ahead} s")) }
    })
    .await;
}

// case: K-notice
#[tokio::test]
async fn an_owner_whom_nothing_replaces_is_told_ahead_and_then_asked() {
    let fleet = Fleet::start(&[], &[]).await;
    let scene = Scene::on(&fleet, "notice").await;
    let account = scene.connect_on(("instagram", None), "notice").await;
    let told = async |count: usize| {
        eventually("the owner is told", RENEWED_WITHIN, async || {
            let told = events(&fleet, &account, "account.expiring").await;
            let ahead = owed_ahead(&fleet, &account).await;
            if told.len() == count { Ok((told, ahead)) } else { Err(format!("{told:?}")) }
        })
        .await
    };
    // A Page's token ends ninety days after its consent.
    let (_, ahead) = told(0).await;
    let week = DAY.as_secs_f64() * 7.0;
    assert!((ahead.unwrap() - week).abs() < 5.0, "a week ahead: {ahead:?}");
    let_pass(&fleet, DAY * 83 + MINUTE).await;
    told(1).await;
    eventually("the next one is owed", RENEWED_WITHIN, async || {
        match owed_ahead(&fleet, &account).await {
            Some(ahead) if (ahead - DAY.as_secs_f64()).abs() < 5.0 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    let_pass(&fleet, DAY * 6).await;
    let (told, _) = told(2).await;
    assert!(told[1]["expiresAt"].is_string() && told[1]["handle"].is_string(), "{told:?}");
    assert_eq!(status(&fleet, &account).await, "connected");
    let_pass(&fleet, DAY).await;
    eventually("it is over", RENEWED_WITHIN, async || {
        let status = status(&fleet, &account).await;
        if status == "needs_reconnect" { Ok(()) } else { Err(status) }
    })
    .await;
    assert_eq!(events(&fleet, &account, "account.expiring").await.len(), 2);
    assert_eq!(events(&fleet, &account, "account.needs_reconnect").await.len(), 1);
}
