//! Requests that arrive together are read and stored together, and each stays its sender's own.

use crate::support::Scene;
use futures::future::{join, join_all};
use serde_json::json;
use std::collections::BTreeSet;

// case: I-together
#[tokio::test]
async fn what_is_read_together_is_shown_to_its_own_tenant_alone() {
    let (scene, account) = Scene::with_account("together").await;
    let far = "2099-01-01T00:00:00Z";
    let body = json!({"text": "Mine", "accounts": [account.id], "scheduledAt": far});
    let post = scene.post(body.clone()).await;
    let path = format!("/v1/posts/{}", post["id"].as_str().unwrap());
    let stranger = scene.fleet.another_tenant("spec").await;
    // The stranger has a brand of the same name, with nobody on it.
    let brand = json!({"slug": scene.brand, "name": "Theirs"});
    assert_eq!(stranger.post("/v1/brands", &brand).await.status, 200);
    let draft = scene.draft(body);
    let both = (0..40).map(|_| {
        let reads = join(scene.api.get(&path), stranger.get(&path));
        let writes = join(scene.api.post("/v1/posts", &draft), stranger.post("/v1/posts", &draft));
        join(reads, writes)
    });
    let mut ids = BTreeSet::new();
    for ((mine, theirs), (made, refused)) in join_all(both).await {
        assert_eq!((mine.status, mine.data()["id"].clone()), (200, post["id"].clone()));
        assert_eq!(theirs.status, 404, "{theirs:?}");
        assert_eq!(made.status, 201, "{made:?}");
        assert_eq!(made.data()["deliveries"][0]["accountId"], account.id.as_str());
        ids.insert(made.data()["id"].to_string());
        assert_eq!(refused.details(422)[0]["field"], "accounts[0]", "{refused:?}");
    }
    assert_eq!(ids.len(), 40);
}

// case: I-mixed
#[tokio::test]
async fn of_posts_stored_together_each_is_answered_by_its_own_name() {
    let (scene, account) = Scene::with_account("mixed").await;
    let ask = |text: String, key: String, reference: Option<String>| {
        let far = "2099-01-01T00:00:00Z";
        let mut body = json!({"text": text, "accounts": [account.id], "scheduledAt": far});
        body["clientRef"] = json!(reference);
        let draft = scene.draft(body);
        let api = &scene.api;
        async move { api.post_once("/v1/posts", &draft, &key).await }
    };
    let name = |what: &str| format!("{}-{what}", scene.brand);
    // Thirty of their own; ten the same; ten the same reference under keys of their own.
    let own = (0..30).map(|n| ask(format!("Own {n}"), name(&format!("own-{n}")), None));
    let same = (0..10).map(|_| ask("Same".to_owned(), name("same"), None));
    let referred = (0..10).map(|n| {
        let reference = Some(name("reference"));
        ask(format!("Referred {n}"), name(&format!("referred-{n}")), reference)
    });
    let (own, (same, referred)) =
        join(join_all(own), join(join_all(same), join_all(referred))).await;

    let ids: BTreeSet<String> = own.iter().map(|answer| answer.data()["id"].to_string()).collect();
    assert!(own.iter().all(|answer| answer.status == 201) && ids.len() == 30);
    assert_eq!(same.iter().filter(|answer| answer.status == 201).count(), 1, "{same:?}");
    assert!(same.iter().all(|answer| answer.data()["id"] == same[0].data()["id"]));
    let (made, refused): (Vec<_>, Vec<_>) =
        referred.iter().partition(|answer| answer.status == 201);
    assert_eq!((made.len(), refused.len()), (1, 9));
    for answer in refused {
        assert_eq!(answer.details(422)[0]["field"], "clientRef", "{answer:?}");
    }
    // A key that was claimed in vain is free for another request.
    let free = (0..10).find(|n| referred[*n].status != 201).unwrap();
    let again = ask("Anew".to_owned(), name(&format!("referred-{free}")), None).await;
    assert_eq!(again.status, 201, "{again:?}");
}
