//! What an account may do and what its calls cost follows from what the platform says now.

use crate::support::Scene;
use crate::support::scene::{X, delivery};
use base::rng;
use serde_json::json;

/// What the metrics count for an endpoint of X.
async fn cost(scene: &Scene<'_>, endpoint: &str) -> u64 {
    let metrics = scene.api.metrics().await;
    let of = |line: &&str| {
        line.starts_with("postfleet_cost_microdollars_total{")
            && line.contains("platform=\"x\"")
            && line.contains(&format!("endpoint=\"{endpoint}\""))
    };
    let line = metrics.lines().find(of);
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
}

// case: S-subscription
#[tokio::test]
async fn a_lapsed_subscription_fails_a_long_post_and_the_account_follows() {
    let scene = Scene::open("lapsed").await;
    let handle = format!("premium-{}", &rng::uuid().simple().to_string()[..8]);
    let account = scene.connect_as(X, &handle).await;
    let kind = async || {
        let path = format!("/v1/brands/{}/accounts", scene.brand);
        let listed = scene.api.get(&path).await.data().clone();
        listed.as_array().unwrap()[0]["kind"].as_str().unwrap().to_owned()
    };
    assert_eq!(kind().await, "premium");
    let long = format!("{} {}", scene.brand, "word ".repeat(100));
    scene.published(&scene.say(&account, &long).await).await;

    scene.sim.limits("x", &json!({ "subscriptions": { handle: "None" } })).await;
    let again = format!("again {long}");
    let shown = scene.settled(&scene.say(&account, &again).await).await;
    let error = &delivery(&shown, &account)["error"];
    assert_eq!(error["type"], "PlatformContentError", "{shown}");
    assert_eq!(error["platform"]["field"], "text", "{shown}");
    assert!(error["message"].as_str().unwrap().contains("280"), "{shown}");
    assert_eq!(kind().await, "standard", "what was read of the account is written down");
    assert_eq!(scene.accepted(&account).await.len(), 1);
}

// case: S-cost
#[tokio::test]
async fn what_a_call_costs_is_counted() {
    let scene = Scene::open("cost").await;
    let account = scene.connect("cost").await;
    let before = cost(&scene, "tweets.create").await;
    let text = format!("See example.com, says {}", scene.brand);
    scene.published(&scene.say(&account, &text).await).await;
    // Tests beside this one count too, so that it is at least the price of a link.
    assert!(cost(&scene, "tweets.create").await >= before + 200_000);
    assert!(cost(&scene, "users.me").await >= 1_000, "a connected account was asked for");
}
