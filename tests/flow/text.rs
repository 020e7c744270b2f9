//! A text goes out on every account that it addresses.

use crate::support::Scene;
use crate::support::scene::{deliveries, delivery};
use serde_json::json;

// case: spec-A1
#[tokio::test]
async fn a_text_is_published_on_every_account_of_the_platform() {
    let scene = Scene::open("text").await;
    let accounts = [scene.connect("one").await, scene.connect("two").await];
    let wording = format!("We are live, says {} & <friends> at https://example.com", scene.brand);
    let post = scene.post(json!({"text": wording, "platforms": ["x"]})).await;
    assert_eq!(deliveries(&post).count(), 2);

    let shown = scene.published(&post).await;
    for account in &accounts {
        let [accepted] = &scene.accepted(account).await[..] else { panic!("one remote post") };
        assert_eq!(accepted.text, wording);
        let delivery = delivery(&shown, account);
        assert_eq!(delivery["remoteId"], accepted.remote_id.as_str());
        // On a simulated platform the link leads to the simulated feed.
        let page = format!("/{}/status/{}", account.handle, accepted.remote_id);
        let link = delivery["permalink"].as_str().unwrap();
        assert_eq!(link, format!("{}/x{page}", scene.fleet.place().sim_url));
        let shown = scene.sim.page(link).await;
        assert!(shown.contains(&scene.brand), "{shown}");
        assert_eq!(delivery["attempts"], 0, "no try was in vain");
        assert!(delivery["error"].is_null());
    }
}

// case: spec-A1
#[tokio::test]
async fn a_post_can_address_one_account_of_several() {
    let scene = Scene::open("one-of").await;
    let (wanted, other) = (scene.connect("wanted").await, scene.connect("other").await);
    let wording = format!("Only here, {}", scene.brand);
    let post = scene.say(&wanted, &wording).await;
    scene.published(&post).await;
    assert_eq!(scene.texts(&wanted).await, [wording]);
    assert!(scene.texts(&other).await.is_empty());
}

// case: S-accept
#[tokio::test]
async fn an_accepted_post_shows_its_deliveries_at_once() {
    let (scene, account) = Scene::with_account("at-once").await;
    let post = scene.say(&account, &format!("At once, {}", scene.brand)).await;
    assert_eq!(post["brandSlug"], scene.brand.as_str());
    let [delivery] = &post["deliveries"].as_array().unwrap()[..] else { panic!("{post}") };
    assert!(delivery["id"].as_str().unwrap().starts_with("dlv_"));
    assert_eq!((&delivery["platform"], &delivery["accountId"]), (&json!("x"), &json!(account.id)));
    scene.published(&post).await;
}

// case: spec-X1
#[tokio::test]
async fn a_subscriber_may_write_more() {
    let scene = Scene::open("premium").await;
    let (premium, standard) = (scene.connect("premium").await, scene.connect("plain").await);
    let wording = format!("{} {}", scene.brand, "long ".repeat(400));
    let refused = scene.try_post(json!({"text": wording, "accounts": [standard.id]})).await;
    let [detail] = refused.details(422) else { panic!("{refused:?}") };
    assert_eq!((&detail["field"], &detail["limit"]), (&json!("x.text"), &json!(280)));

    let post = scene.say(&premium, &wording).await;
    scene.published(&post).await;
    assert_eq!(scene.texts(&premium).await, [wording]);
}
