//! A post that is out is deleted again, where its platform lets a program do that.

use crate::support::Scene;
use crate::support::scene::{deliveries, delivery};
use reqwest::Method;
use serde_json::{Value, json};

fn path(delivery: &Value) -> String {
    format!("/v1/deliveries/{}/remote", delivery["id"].as_str().unwrap())
}

fn is_gone(post: &Value) -> bool {
    deliveries(post).all(|one| one["remoteDeletedAt"].is_string())
}

// case: S-remote-delete
#[tokio::test]
async fn a_published_post_is_deleted_where_that_can_be_done() {
    let scene = Scene::open("remote").await;
    let (x, threads) =
        (scene.connect("remote").await, scene.connect_on(("threads", None), "r").await);
    let linkedin = scene.connect_on(("linkedin", None), "r").await;
    let text = format!("Regretted, {}", scene.brand);
    let post = json!({
        "text": text, "accounts": [x.id, threads.id, linkedin.id],
        "x": {"thread": ["and more"], "autoRepost": {"after": "PT1H"}},
    });
    let post = scene.post(post).await;
    let shown = scene.published(&post).await;
    for account in [&x, &threads, &linkedin] {
        let asked = scene.api.delete(&path(delivery(&shown, account))).await;
        assert_eq!(asked.status, 202, "{asked:?}");
        assert!(asked.data()["remoteDeletion"]["askedAt"].is_string(), "{asked:?}");
    }
    let shown = scene.until(&post, "it is gone", is_gone).await;
    assert_eq!(shown["status"], "published", "it was out");
    let on_x = delivery(&shown, &x);
    assert_eq!(on_x["repostsEnded"]["reason"], "removed", "{on_x}");
    let routes = async |account| {
        let accepted = scene.accepted(account).await;
        accepted.into_iter().map(|accepted| accepted.route).collect::<Vec<_>>()
    };
    let (make, delete) = ("tweets.create", "tweets.delete");
    assert_eq!(routes(&x).await, [make, make, delete, delete]);
    for platform in ["threads", "linkedin"] {
        let feed = format!("{}/{platform}/feed", scene.fleet.place().sim_url);
        let feed = scene.sim.page(&feed).await;
        assert!(!feed.contains(&scene.brand), "{feed}");
    }
    let again = scene.api.delete(&path(on_x)).await;
    assert_eq!(again.status, 200, "{again:?}");

    let mut db = scene.fleet.postgres().await;
    let told = "SELECT array_agg(kind ORDER BY id) FROM events WHERE subject = $1";
    let told = sqlx::query_scalar::<_, Vec<String>>(told).bind(on_x["id"].as_str().unwrap());
    let told = told.fetch_one(&mut db).await.unwrap();
    assert_eq!(told, ["delivery.published", "repost.ended", "delivery.remote_deleted"]);
    let audited = "SELECT count(*) FROM audit WHERE action = 'delivery.remove' AND subject = $1";
    let audited = sqlx::query_scalar::<_, i64>(audited).bind(on_x["id"].as_str().unwrap());
    assert_eq!(audited.fetch_one(&mut db).await.unwrap(), 1);
}

// case: S-remote-gone
#[tokio::test]
async fn a_post_that_is_gone_already_is_deleted() {
    let (scene, account) = Scene::with_account("gone").await;
    let post = scene.say(&account, &format!("Gone, {}", scene.brand)).await;
    let shown = scene.published(&post).await;
    let one = delivery(&shown, &account);
    let remote = format!("/2/tweets/{}", one["remoteId"].as_str().unwrap());
    scene.sim.act("x", &account.handle, Method::DELETE, &remote).await;
    assert_eq!(scene.api.delete(&path(one)).await.status, 202);
    scene.until(&post, "it is gone", is_gone).await;
}

// case: S-remote-refused
#[tokio::test]
async fn a_platform_without_deletions_and_a_post_that_is_not_out_refuse_it() {
    let scene = Scene::open("kept").await;
    let account = scene.connect_on(("instagram", None), "kept").await;
    let image = scene.api.upload(crate::support::files::jpeg(640, 640), "a.jpg").await;
    let post = json!({
        "text": format!("Kept, {}", scene.brand), "accounts": [account.id],
        "media": [{"id": image}],
    });
    let shown = scene.published(&scene.post(post).await).await;
    let refused = scene.api.delete(&path(delivery(&shown, &account))).await;
    assert_eq!(refused.status, 422, "{refused:?}");
    let told = &refused.body["details"][0];
    assert_eq!((&told["limit"], &told["actual"]), (&json!(["publish"]), &json!("delete")));
    assert!(told["resolution"].as_str().unwrap().contains("instagram"), "{told}");

    let x = scene.connect("later").await;
    let later = base::clock::now() + std::time::Duration::from_secs(3_600);
    let post = json!({"text": "Later", "accounts": [x.id], "scheduledAt": later});
    let post = scene.post(post).await;
    let early = scene.api.delete(&path(delivery(&post, &x))).await;
    assert_eq!((early.status, &early.body["error"]), (409, &json!("not_published")), "{early:?}");
    let nobody = "/v1/deliveries/dlv_00000000000000000000000000000009/remote";
    assert_eq!(scene.api.delete(nobody).await.status, 404);
}
