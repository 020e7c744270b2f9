//! What a tenant may use up: never more, however many ask at once.

use crate::support::api::Answer;
use crate::support::{Fleet, Scene, eventually, files};
use base::{clock, rng};
use futures::future::{join, join_all};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection};
use std::time::Duration;

const FAR: &str = "2099-01-01T00:00:00Z";

async fn limit(scene: &Scene<'_>, limits: Value) -> Value {
    let answer = scene.api.put("/v1/limits", &limits).await;
    answer.data().clone()
}

async fn tenant_of(scene: &Scene<'_>) -> Value {
    scene.api.get("/v1/limits").await.data()["tenant"].clone()
}

fn split(answers: &[Answer]) -> (Vec<&Answer>, Vec<&Answer>) {
    answers.iter().partition(|answer| answer.status == 201)
}

// case: Q-day
#[tokio::test]
async fn a_day_takes_so_many_posts_and_not_one_more() {
    let fleet = Fleet::shared().await;
    let scene = Scene::of(fleet, fleet.another_tenant("spec").await, "days").await;
    let account = scene.connect("days").await;
    limit(&scene, json!({"postsPerDay": 7})).await;
    let body = |n: u32| {
        json!({"text": format!("Post {n}"), "accounts": [account.id],
        "scheduledAt": FAR, "clientRef": format!("r-{n}")})
    };
    let answers = join_all((0..40).map(|n| scene.try_post(body(n)))).await;
    let (made, refused) = split(&answers);
    assert_eq!(made.len(), 7, "{answers:?}");
    for answer in &refused {
        let detail = &answer.details(429)[0];
        assert_eq!((&detail["field"], &detail["limit"]), (&json!("postsPerDay"), &json!(7)));
        assert_eq!(
            (&detail["actual"], &answer.body["error"]),
            (&json!(8), &json!("posts_per_day"))
        );
    }
    let tenant = tenant_of(&scene).await;
    let midnight = domain::zone::Zone::Utc.next_midnight(clock::now());
    assert_eq!(
        (&tenant["postsPerDay"]["used"], &tenant["postsPerDay"]["left"]),
        (&json!(7), &json!(0))
    );
    assert_eq!(tenant["postsPerDay"]["resetAt"], json!(midnight));

    // What was accepted is still answered so, and what was refused is free to come again.
    let known = (0..40).find(|n| answers[*n as usize].status == 201).unwrap();
    assert_eq!(scene.try_post(body(known)).await.status, 200);
    let free = (0..40).find(|n| answers[*n as usize].status != 201).unwrap();
    let rows: Vec<String> = (40..45).map(|n| scene.draft(body(n)).to_string()).collect();
    let send = || {
        let request = scene.api.request(reqwest::Method::POST, "/v1/posts/bulk");
        let request = request.header("content-type", "application/x-ndjson");
        crate::support::api::send(request.body(rows.join("\n")))
    };
    limit(&scene, json!({"postsPerDay": 11})).await;
    let all = send().await;
    assert_eq!(all.details(422)[0]["line"], 5, "four of five fit, so none is accepted: {all:?}");
    assert_eq!(scene.try_post(body(free)).await.status, 201);
    limit(&scene, json!({})).await;
    assert_eq!(send().await.status, 201);
    let audit = scene.api.get("/v1/audit?limit=100").await;
    let rows = audit.data().as_array().unwrap().iter();
    assert_eq!(rows.filter(|row| row["action"] == "tenant.limits").count(), 3);
}

// case: Q-lock
#[tokio::test]
async fn whoever_adds_to_a_limit_waits_for_the_one_before_and_counts_behind_it() {
    let fleet = Fleet::shared().await;
    let scene = Scene::of(fleet, fleet.another_tenant("spec").await, "behind").await;
    let account = scene.connect("behind").await;
    limit(&scene, json!({"postsPerDay": 1})).await;
    let (mut first, mut onlooker) = (fleet.postgres().await, fleet.postgres().await);
    let mut tx = first.begin().await.unwrap();
    let of = "(SELECT tenant_id FROM brands WHERE slug = $1)";
    let lock = format!("SELECT 1 FROM tenant_limits WHERE tenant_id = {of} FOR UPDATE");
    let lock = sqlx::query(AssertSqlSafe(lock)).bind(&scene.brand);
    lock.execute(&mut *tx).await.unwrap();
    let body = json!({"text": "Second", "accounts": [account.id], "scheduledAt": FAR});
    let story = async {
        eventually("the second waits", Duration::from_secs(10), async || {
            let waiting: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM pg_stat_activity
                 WHERE wait_event_type = 'Lock' AND query LIKE '%tenant_limits%'",
            )
            .fetch_one(&mut onlooker)
            .await
            .unwrap();
            if waiting > 0 { Ok(()) } else { Err("nobody waits".to_owned()) }
        })
        .await;
        let made = sqlx::query(
            "INSERT INTO posts (id, tenant_id, brand_id, stage, draft)
             SELECT $2, tenant_id, id, 'draft', '{}' FROM brands WHERE slug = $1",
        );
        let made = made.bind(&scene.brand).bind(rng::id::<domain::id::kind::Post>().uuid());
        made.execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    };
    let (answer, ()) = join(scene.try_post(body), story).await;
    assert_eq!(answer.status, 429, "{answer:?}");
}

// case: Q-spend
#[tokio::test]
async fn a_month_takes_so_much_money_and_what_is_taken_back_is_free_again() {
    let fleet = Fleet::shared().await;
    let scene = Scene::of(fleet, fleet.another_tenant("spec").await, "money").await;
    let account = scene.connect("money").await;
    // Three posts without a link at one and a half cents each are four and a half.
    limit(&scene, json!({"spendCentsPerMonth": {"x": 5}})).await;
    let body =
        |text: String, at: &str| json!({"text": text, "accounts": [account.id], "scheduledAt": at});
    let posts = (0..12).map(|n| scene.try_post(body(format!("Post {n}"), FAR)));
    let answers = join_all(posts).await;
    let (made, refused) = split(&answers);
    assert_eq!(made.len(), 3, "{answers:?}");
    let detail = &refused[0].details(429)[0];
    assert_eq!((&detail["limit"], &detail["actual"]), (&json!(5), &json!(6)), "{detail}");
    assert!(detail["message"].as_str().unwrap().contains("2099-02-01"), "{detail}");
    let linked =
        scene.try_post(body("See https://example.com".into(), "2099-02-01T00:00:00Z")).await;
    assert_eq!(linked.details(429)[0]["actual"], 20, "a link costs twenty cents");
    scene.post(body("Next month".into(), "2099-02-01T00:00:00Z")).await;
    assert_eq!(scene.order(made[0].data(), "cancel").await.status, 200);
    let freed = scene.post(body("Freed".into(), FAR)).await;
    assert_eq!(scene.try_post(body("Full again".into(), FAR)).await.status, 429);

    // A draft costs nothing until it is released.
    let mut draft = body("Draft".into(), FAR);
    draft["draft"] = json!(true);
    let draft = scene.post(draft).await;
    assert_eq!(scene.order(&draft, "release").await.body["error"], "spend_limit");
    assert_eq!(scene.order(&freed, "cancel").await.status, 200);
    assert_eq!(scene.order(&draft, "release").await.status, 200);
}

// case: Q-room
#[tokio::test]
async fn accounts_and_files_find_room_or_are_refused() {
    let fleet = Fleet::shared().await;
    let scene = Scene::of(fleet, fleet.another_tenant("spec").await, "room").await;
    scene.connect("room").await;
    let file = files::picture();
    let room = file.len() * 2 + 1;
    limit(&scene, json!({"accounts": 1, "mediaBytes": room})).await;
    let client = &scene.api.client;
    let page = client.authorize("x", &scene.brand, None).await.unwrap();
    // Whatever the page says, no second account is there.
    let _told = client.consent(&page, Some("another")).await;
    assert_eq!(client.accounts(&scene.brand).await.unwrap().len(), 1);

    let upload = || async {
        let form = Form::new().part("file", Part::bytes(file.clone()).file_name("p.png"));
        let request = scene.api.request(reqwest::Method::POST, "/v1/media").multipart(form);
        crate::support::api::send(request).await
    };
    let answers = join_all((0..5).map(|_| upload())).await;
    let (made, refused) = split(&answers);
    assert_eq!(made.len(), 2, "{answers:?}");
    assert_eq!(refused[0].details(409)[0]["limit"], room);
    assert_eq!(refused[0].body["error"], "media_limit");
    let tenant = tenant_of(&scene).await;
    assert_eq!(tenant["mediaBytes"]["used"], file.len() * 2);
    assert_eq!(tenant["accounts"], json!({"limit": 1, "used": 1, "left": 0, "resetAt": null}));
}

// case: Q-owner
#[tokio::test]
async fn only_an_owner_sets_what_a_tenant_may_use_up() {
    let scene = Scene::open("limits-owner").await;
    let key = json!({"label": "admin", "role": "admin"});
    let key = scene.api.post("/v1/keys", &key).await;
    let admin = scene.api.with_key(key.data()["key"].as_str().unwrap());
    assert_eq!(admin.put("/v1/limits", &json!({"postsPerDay": 1})).await.status, 403);
    assert_eq!(admin.get("/v1/limits").await.status, 200);
    let wrong = scene.api.put("/v1/limits", &json!({"postsPerDay": 0})).await;
    assert_eq!(wrong.details(422)[0]["field"], "postsPerDay");
}

// case: Q-left
#[tokio::test]
async fn what_is_left_of_an_account_is_shown_and_when_it_goes_on() {
    let (scene, account) = Scene::with_account("left").await;
    let out = scene.say(&account, &format!("Out, {}", scene.brand)).await;
    scene.published(&out).await;
    let path = format!("/v1/limits?account={}", account.id);
    let of = |limits: &Value| limits["accounts"][0].clone();
    let shown = scene.api.get(&path).await.data().clone();
    assert_eq!(of(&shown)["id"], account.id.as_str());
    let windows = of(&shown)["windows"].as_array().unwrap().clone();
    let is_own = |one: &&Value| one["endpoint"] == "tweets.create" && one["scope"] == "account";
    let window = windows.iter().find(is_own).expect("the account's window of posts");
    let number = |name: &str| window[name].as_u64().unwrap();
    assert_eq!((number("used"), number("left")), (1, number("limit") - 1), "{window}");
    assert!(window["resetAt"].is_string(), "{window}");
    assert_eq!(shown["requests"]["bulkRows"], 5_000);
    assert!(shown["platforms"].as_array().unwrap().len() > 5 && shown["fileSizeBytes"].is_u64());

    let fault = json!({"kind": "limit", "route": "tweets.create", "resetInS": 3_600});
    scene.sim.fault(&account.handle, fault).await;
    let held = scene.say(&account, &format!("Held, {}", scene.brand)).await;
    let list = format!("/v1/deliveries?status=parked&account={}", account.id);
    let parked = eventually("it is parked", Duration::from_secs(20), async || {
        let page = scene.api.get(&list).await;
        page.data()[0]["retryAt"].as_str().map(str::to_owned).ok_or(page.body.to_string())
    })
    .await;
    let shown = scene.api.get(&path).await.data().clone();
    assert_eq!(of(&shown)["parked"]["retryAt"], parked.as_str(), "{shown}");
    let listed = scene.api.get(&list).await;
    assert_eq!(listed.data()[0]["postId"], held["id"]);
}
