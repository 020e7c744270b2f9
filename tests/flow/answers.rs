//! A chain whose parts answer each other, of a tenant whose profile takes it: whichever answer is
//! lost, each part is out once, and the ledger has a row for each.

use crate::support::scene::delivery;
use crate::support::{Fleet, Scene};
use domain::id::DeliveryId;
use futures::future::join_all;
use serde_json::json;

const PARTS: usize = 4;

async fn lost_at(scene: &Scene<'_>, k: usize) {
    let account = scene.connect_on(("threads", None), "answers").await;
    let route = if k == 1 { "threads.publish" } else { "replies.publish" };
    let after = k.saturating_sub(2);
    let fault = json!({"kind": "acceptThenReset", "route": route, "after": after});
    scene.fault(&account, fault).await;
    let words: Vec<String> =
        (1..=PARTS).map(|part| format!("{part} of {PARTS}, {} {k}", scene.brand)).collect();
    let post = json!({
        "text": words[0], "accounts": [account.id], "threads": {"thread": &words[1..]},
    });
    let shown = scene.published(&scene.post(post).await).await;
    let accepted = scene.accepted(&account).await;
    let texts: Vec<&str> = accepted.iter().map(|one| one.text.as_str()).collect();
    assert_eq!(texts, words, "the answer to part {k} was lost");
    let segments = delivery(&shown, &account)["segments"].as_array().expect("it is a chain");
    assert_eq!(segments.len(), PARTS, "{shown}");
    for ((words, accepted), segment) in words.iter().zip(&accepted).zip(segments) {
        assert_eq!(segment["remoteId"], accepted.remote_id.as_str());
        let page = scene.sim.page(segment["permalink"].as_str().unwrap()).await;
        assert!(page.contains(words.as_str()), "{segment} is not the page of {words}");
    }
    let id: DeliveryId = delivery(&shown, &account)["id"].as_str().unwrap().parse().unwrap();
    let ledger =
        "SELECT coalesce(outcome, 'open') FROM attempts WHERE delivery_id = $1 ORDER BY id";
    let ledger = sqlx::query_scalar(ledger).bind(id.uuid());
    let mut outcomes: Vec<String> =
        ledger.fetch_all(&mut scene.fleet.postgres().await).await.unwrap();
    // Withdrawn is what never left; a busy machine may be too slow for the answer to another part.
    outcomes.retain(|one| one != "withdrawn");
    let is_known = |one: &String| ["replied", "found"].contains(&one.as_str());
    assert!(outcomes.len() == PARTS && outcomes.iter().all(is_known), "{outcomes:?}");
    assert_eq!(outcomes[k - 1], "found", "part {k} was found, and none was sent again");
}

// case: X-answers
#[tokio::test]
async fn a_chain_of_answers_goes_on_behind_any_part_whose_answer_was_lost() {
    let fleet = Fleet::shared().await;
    let api = fleet.another_tenant("extended").await;
    let scene = Scene::of(fleet, api, "answers").await;
    join_all((1..=PARTS).map(|k| lost_at(&scene, k))).await;
}
