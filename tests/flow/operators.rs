//! What the people who run a fleet do from its command line: pause, look, drain, be mailed.

use super::drill::{ordered, renewed, run};
use crate::support::api::send;
use crate::support::scene::delivery;
use crate::support::smtp::Smtp;
use crate::support::worker::{Worker, configuration};
use crate::support::{Account, Fleet, Scene, eventually};
use base::clock;
use reqwest::Method;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use store::Store;
use store::mailings::Matter;
use uuid::Uuid;

/// The token of an operator.
const ADA: &str = "a token of twenty characters and more";
const SOON: Duration = Duration::from_secs(20);

fn told(what: &str, config: &Path) -> Value {
    serde_json::from_str(&run(ordered(what, config).arg("--json"))).unwrap()
}

/// A platform that is paused is called by nobody, the others go on, and everybody is told why.
async fn a_platform_is_paused(scene: &Scene<'_>, accounts: &[Account; 2], config: &Path) {
    let why = "X answers everybody alike";
    run(ordered("pause platform x", config).args(["--reason", why]));
    let ids: Vec<&str> = accounts.iter().map(|account| account.id.as_str()).collect();
    let post = scene.post(json!({"text": "While X is paused", "accounts": ids})).await;
    let is_out = |shown: &Value| delivery(shown, &accounts[1])["status"] == "published";
    let shown = scene.until(&post, "the other platform goes on", is_out).await;
    let waiting = delivery(&shown, &accounts[0]);
    assert_ne!(waiting["status"], "published");
    let path = format!("/v1/deliveries/{}", waiting["id"].as_str().unwrap());
    eventually("its owner reads why", SOON, async || {
        let shown = scene.api.get(&path).await.body.to_string();
        if shown.contains(why) { Ok(()) } else { Err(shown) }
    })
    .await;
    assert!(scene.accepted(&accounts[0]).await.is_empty());
    let shut = told("limits --all", config);
    let of_x = shut.as_array().unwrap().iter().find(|one| one["scope"] == "platform:x");
    let of_x = of_x.unwrap_or_else(|| panic!("{shut}"));
    assert_eq!((&of_x["reason"], &of_x["isPause"]), (&json!(why), &json!(true)));
    run(&mut ordered("resume platform x", config));
    scene.published(&post).await;
    let audit = scene.api.get("/v1/audit").await.body.to_string();
    assert!(audit.contains("platform.pause") && audit.contains("platform.resume"), "{audit}");
}

/// The same over the port of the operators, by a token of one's own.
async fn an_operator_says_it_over_the_private_port(scene: &Scene<'_>, account: &Account) {
    let ask = async |method: Method, what: &str, token: &str, body: Option<Value>| {
        let request = scene.api.ordered(method, &format!("/pauses{what}"), token);
        let answer = send(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await;
        (answer.status, answer.body)
    };
    let (put, why) = (Method::PUT, Some(json!({"reason": "its keys have leaked"})));
    for token in ["", "a key of nobody, but long", scene.api.key()] {
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let what = if method == Method::GET { "" } else { "/app:x:default" };
            let (status, body) = ask(method, what, token, why.clone()).await;
            assert_eq!(status, 401, "{body}");
        }
    }
    let (status, body) = ask(put.clone(), "/app:x:other", ADA, why.clone()).await;
    assert!(status == 404 && body["message"].as_str().unwrap().contains("default"), "{body}");
    let (status, body) = ask(put.clone(), "/app:x:default", ADA, Some(json!({}))).await;
    assert_eq!((status, &body["details"][0]["field"]), (422, &json!("reason")));
    for has_changed in [true, false] {
        let (_, body) = ask(put.clone(), "/app:x:default", ADA, why.clone()).await;
        assert_eq!(body["data"]["hasChanged"], has_changed, "{body}");
    }
    let (_, all) = ask(Method::GET, "", ADA, None).await;
    let shown = &all["data"][0];
    let told = [&shown["subject"], &shown["by"], &shown["reason"]];
    assert_eq!(told, ["app:x:default", "operator:ada", "its keys have leaked"], "{all}");
    // Whom it holds up reads of it, and nobody else.
    let own = scene.api.get("/v1/pauses").await.data().clone();
    let told = [&own[0]["kind"], &own[0]["name"], &own[0]["platform"], &own[0]["by"]];
    assert_eq!(told, ["app", "default", "x", "operator:ada"], "{own}");
    let stranger = scene.fleet.another_tenant("spec").await;
    assert_eq!(stranger.get("/v1/pauses").await.data(), &json!([]));
    let post = scene.say(account, "While the app is paused").await;
    let is_parked = |shown: &Value| delivery(shown, account)["status"] == "parked";
    scene.until(&post, "it is parked", is_parked).await;
    for has_changed in [true, false] {
        let (_, body) = ask(Method::DELETE, "/app:x:default", ADA, None).await;
        assert_eq!(body["data"]["hasChanged"], has_changed, "{body}");
    }
    scene.published(&post).await;
    let audit = scene.api.get("/v1/audit").await.data().clone();
    let is_ada = |one: &&Value| one["actor"] == "operator:ada";
    let deeds: Vec<_> =
        audit.as_array().unwrap().iter().filter(is_ada).map(|one| &one["action"]).collect();
    assert_eq!(deeds, ["app.resume", "app.pause"]);
}

/// Nobody claims from a queue that is paused, and all others are worked on.
async fn a_queue_is_paused(scene: &Scene<'_>, account: &Account, config: &Path) {
    run(ordered("pause queue fan_out", config).args(["--reason", "a bad release"]));
    let is_told = |log: &str| log.contains("an operator pauses these queues alone");
    eventually("the workers are told", SOON, async || {
        if is_told(&scene.fleet.log()) { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
    let post = scene.say(account, "While fan-out is paused").await;
    renewed(scene.fleet, account).await;
    assert_eq!(delivery(&scene.show(&post).await, account)["status"], "validating");
    run(&mut ordered("resume queue fan_out", config));
    scene.published(&post).await;
}

/// A worker that is drained by its name finishes and ends well, and the others stay.
async fn a_worker_is_drained(fleet: &Fleet, config: &Path) {
    let mut worker = Worker::start(fleet, "second");
    let pid = i64::from(worker.pid());
    let id = eventually("both are listed", SOON, async || {
        let all = told("workers", config);
        let mine = all.as_array().unwrap().iter().find(|one| one["pid"] == pid).cloned();
        match (all.as_array().unwrap().len(), mine) {
            (2, Some(mine)) => Ok(mine["id"].as_str().unwrap().to_owned()),
            _ => Err(all.to_string()),
        }
    })
    .await;
    run(ordered("workers drain", config).arg(&id[..12]).args(["--reason", "a new machine"]));
    let ended = eventually("it ends", SOON, async || {
        worker.ended().ok_or_else(|| "it works on".to_owned())
    })
    .await;
    assert!(ended.success(), "{ended}: {}", worker.log());
    assert!(worker.log().contains("a new machine"));
    assert_eq!(told("workers", config).as_array().unwrap().len(), 1);
}

/// An account that was lost a minute ago.
async fn lose(fleet: &Fleet, account: &Account) {
    let id = Uuid::try_parse(account.id.trim_start_matches("acc_")).unwrap();
    let sql = "UPDATE accounts SET status = 'needs_reconnect', status_reason = 'its owner left',
                   status_at = clock_timestamp() - interval '1 minute' WHERE id = $1";
    sqlx::query(sql).bind(id).execute(&mut fleet.postgres().await).await.unwrap();
}

/// What waits for a person is mailed: one mail of a kind, with all that is open.
async fn operators_are_mailed(
    scene: &Scene<'_>,
    (smtp, config): (&Smtp, &Path),
    accounts: &[Account; 2],
) {
    let fleet = scene.fleet;
    let far = (clock::now() + Duration::from_secs(86_400)).to_string();
    let post = json!({"text": "A secret plan", "accounts": [accounts[0].id], "scheduledAt": far});
    let post = scene.post(post).await;
    let is_planned = |shown: &Value| delivery(shown, &accounts[0])["status"] == "scheduled";
    let post = scene.until(&post, "the post is planned", is_planned).await;
    let id = delivery(&post, &accounts[0])["id"].as_str().unwrap().to_owned();
    let sql = "UPDATE deliveries SET status = 'review',
                   updated_at = clock_timestamp() - interval '1 minute' WHERE id = $1";
    let uuid = Uuid::try_parse(id.trim_start_matches("dlv_")).unwrap();
    sqlx::query(sql).bind(uuid).execute(&mut fleet.postgres().await).await.unwrap();
    // The list of reviews has a time of its own, and what is younger than 15 s is mailed later.
    let listed = "UPDATE open_reviews SET since = since - interval '1 minute'
                  WHERE delivery_id = $1";
    sqlx::query(listed).bind(uuid).execute(&mut fleet.postgres().await).await.unwrap();
    lose(fleet, &accounts[0]).await;
    let mails = |count: usize| {
        eventually("mails came", SOON, async move || {
            let got = smtp.got();
            if got.len() == count { Ok(got) } else { Err(format!("{got:?}")) }
        })
    };
    let got = mails(2).await;
    let all: Vec<&str> = got.iter().map(|mail| mail.text.as_str()).collect();
    let of = |words: &str| all.iter().find(|text| text.contains(words)).copied().unwrap_or("");
    let (review, lost) = (of("1 delivery waits for a person"), of("1 account needs its owner"));
    assert!(review.contains(&id) && review.contains("postfleet review"), "{all:?}");
    assert!(lost.contains(&accounts[0].id) && lost.contains("its owner left"), "{all:?}");
    assert!(all.iter().all(|text| !text.contains("secret plan")), "{all:?}");
    let open = told("reviews", config);
    let first = &open["reviews"][0];
    assert_eq!((&open["count"], &first["id"]), (&json!(1), &json!(id)), "{open}");
    assert!(first["wayOut"].as_str().unwrap().contains(&id), "{open}");
    assert_eq!(got[0].to, ["ops@example.com", "night@example.com"]);

    // Another one within the hour is mailed when that is over, beside the first.
    lose(fleet, &accounts[1]).await;
    let url = fleet.place().postgres_url.clone();
    let store = Store::connect(&store::Config { url, ..store::Config::default() }).await.unwrap();
    let hour = Duration::from_secs(3_600);
    assert_eq!(store.take_mailing(Matter::Reconnect, hour, 9).await.unwrap(), None);
    // An hour later, as far as the database can tell.
    let first = Uuid::try_parse(accounts[0].id.trim_start_matches("acc_")).unwrap();
    let later = "WITH a AS (UPDATE accounts SET status_at = status_at - interval '1 hour'
                     WHERE id = $1)
                 UPDATE mailings SET mailed_at = mailed_at - interval '1 hour',
                     told_until = told_until - interval '1 hour'
                 WHERE kind = 'needs_reconnect'";
    sqlx::query(later).bind(first).execute(&mut fleet.postgres().await).await.unwrap();
    let got = mails(3).await;
    let both = &got[2].text;
    assert!(accounts.iter().all(|account| both.contains(&account.id)), "{both}");
}

/// The doctor finds nothing in a fleet that is well, and names what was set wrong.
async fn the_doctor_looks(fleet: &Fleet, config: &Path) {
    let all = told("doctor", config);
    let bad: Vec<&Value> =
        all.as_array().unwrap().iter().filter(|one| one["mark"] == "bad").collect();
    assert!(bad.is_empty(), "{bad:?}");
    let mut redis = fleet.redis().await;
    let set = async |redis: &mut redis::aio::MultiplexedConnection, policy: &str| {
        let mut set = redis::cmd("CONFIG");
        set.arg("SET").arg("maxmemory-policy").arg(policy);
        set.query_async::<()>(redis).await.unwrap();
    };
    set(&mut redis, "allkeys-lru").await;
    let ended = ordered("doctor", config).output().unwrap();
    set(&mut redis, "noeviction").await;
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(!ended.status.success() && said.contains("noeviction"), "{said}");
}

// case: O-operators
#[tokio::test]
async fn an_operator_pauses_looks_drains_and_is_mailed() {
    let smtp = Smtp::start().await;
    let mail = [
        ("POSTFLEET__MAIL__URL", smtp.url.as_str()),
        ("POSTFLEET__MAIL__TO", "ops@example.com night@example.com"),
        ("POSTFLEET__SERVER__OPERATORS__ADA", ADA),
    ];
    let fleet = Fleet::start(&[], &mail).await;
    let config = configuration(&fleet, "operator");
    let scene = Scene::on(&fleet, "operators").await;
    let accounts =
        [scene.connect("operators").await, scene.connect_on(("threads", None), "operators").await];
    a_platform_is_paused(&scene, &accounts, &config).await;
    an_operator_says_it_over_the_private_port(&scene, &accounts[0]).await;
    a_queue_is_paused(&scene, &accounts[0], &config).await;
    the_doctor_looks(&fleet, &config).await;
    a_worker_is_drained(&fleet, &config).await;
    operators_are_mailed(&scene, (&smtp, &config), &accounts).await;
}
