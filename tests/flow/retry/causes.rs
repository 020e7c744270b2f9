//! What failed of one cause is counted, and sent again in one action.

use super::refuse;
use crate::support::scene::{delivery, is_settled};
use crate::support::{Account, Answer, Scene, eventually};
use domain::id::AccountId;
use futures::future::join_all;
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;

/// Deliveries that fail on each account.
const FAILED: usize = 12;
const WITHIN: Duration = Duration::from_secs(40);

/// Posts that fail on an account for what they say.
async fn fail(scene: &Scene<'_>, account: &Account, name: &str) -> Vec<Value> {
    refuse(scene, &account.handle, FAILED).await;
    let posts = (0..FAILED).map(|number| async move {
        let text = format!("{name} {number}, {}", scene.brand);
        let post = scene.say(account, &text).await;
        let failed = scene.settled(&post).await;
        assert_eq!(delivery(&failed, account)["status"], "failed", "{failed}");
        post
    });
    join_all(posts).await
}

/// The same failures as those of a platform's bad hour, which no test has the time to wait for.
async fn as_transient(scene: &Scene<'_>, account: &Account) {
    let id: AccountId = account.id.parse().unwrap();
    let done = sqlx::query(
        "UPDATE deliveries SET failure = jsonb_set(failure, '{type}', '\"PlatformTransientError\"')
         WHERE account_id = $1 AND status = 'failed'",
    )
    .bind(id.uuid())
    .execute(&mut scene.fleet.postgres().await)
    .await
    .unwrap();
    assert_eq!(done.rows_affected(), FAILED as u64);
}

async fn retry(scene: &Scene<'_>, cause: Value) -> Answer {
    scene.api.post("/v1/deliveries/retry", &cause).await
}

/// How many went out again, by what the audit says of this brand.
async fn audited(scene: &Scene<'_>) -> i64 {
    sqlx::query_scalar(
        "SELECT coalesce(sum((after->>'retried')::bigint), 0)::bigint FROM audit
         WHERE action = 'deliveries.retry' AND before->>'brandSlug' = $1",
    )
    .bind(&scene.brand)
    .fetch_one(&mut scene.fleet.postgres().await)
    .await
    .unwrap()
}

/// Waits until each wording of an account is out, once.
async fn all_out(scene: &Scene<'_>, account: &Account, posts: &[Value]) {
    for post in posts {
        scene.published(post).await;
    }
    let mut texts = scene.texts(account).await;
    let count = texts.len();
    texts.sort();
    texts.dedup();
    assert_eq!((texts.len(), count), (FAILED, FAILED), "{}", account.handle);
}

// case: S-cause
#[tokio::test]
async fn one_action_retries_exactly_what_failed_of_a_cause() {
    let scene = Scene::open("cause").await;
    let (hour, words) = (scene.connect("hour").await, scene.connect("words").await);
    let beside = Scene::open("beside").await;
    let other = beside.connect("other").await;
    let hourly = fail(&scene, &hour, "Hour").await;
    let worded = fail(&scene, &words, "Words").await;
    let foreign = fail(&beside, &other, "Beside").await;
    as_transient(&scene, &hour).await;
    as_transient(&beside, &other).await;

    // What would be done is told first, and nothing is done.
    let of_brand = json!({"platform": "x", "brandSlug": scene.brand});
    let mut looked_at = of_brand.clone();
    looked_at["preview"] = true.into();
    let seen = retry(&scene, looked_at).await.data().clone();
    assert_eq!((&seen["isPreview"], &seen["count"]), (&json!(true), &json!(FAILED)), "{seen}");
    let kinds = seen["causes"].as_array().unwrap();
    assert_eq!(kinds.len(), 2, "{seen}");
    let kind = |name: &str| kinds.iter().find(|one| one["errorType"] == name).unwrap();
    assert_eq!(kind("PlatformTransientError")["leftAlone"], Value::Null, "{seen}");
    let left = kind("PlatformContentError");
    assert_eq!(left["count"], FAILED, "{seen}");
    assert!(left["leftAlone"].as_str().unwrap().contains("errorType"), "{seen}");
    assert_eq!(delivery(&scene.show(&hourly[0]).await, &hour)["status"], "failed");

    // Pressed twenty times at once, with the instant of the preview, it is done once.
    let mut exactly = of_brand.clone();
    exactly["failedBefore"] = seen["asOf"].clone();
    let answers = join_all((0..20).map(|_| retry(&scene, exactly.clone()))).await;
    let sum: u64 = answers.iter().map(|one| one.data()["count"].as_u64().unwrap()).sum();
    assert_eq!(sum, FAILED as u64, "{answers:?}");
    all_out(&scene, &hour, &hourly).await;
    let again = retry(&scene, of_brand.clone()).await;
    assert_eq!((&again.data()["count"], &again.data()["remaining"]), (&json!(0), &json!(0)));
    for (scene, posts, account) in [(&scene, &worded, &words), (&beside, &foreign, &other)] {
        for post in posts {
            assert_eq!(delivery(&scene.show(post).await, account)["status"], "failed");
        }
    }

    // What was refused for its words goes again when that is asked for by name, and here it can.
    let program = |arguments: &[&str]| {
        let place = scene.fleet.place();
        let mut command = Command::new(env!("CARGO_BIN_EXE_postfleet"));
        command.env("POSTFLEET_URL", &place.api_url).env("POSTFLEET_API_KEY", &place.api_key);
        let output = command.arg("retry").args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let named = ["--account", &words.id, "--brand", &scene.brand, "--type", "PlatformContentError"];
    let (code, told) = program(&named);
    assert_eq!(code, Some(0));
    assert!(told.ends_with(&format!("{FAILED} deliveries go out again.\n")), "{told}");
    all_out(&scene, &words, &worded).await;
    assert_eq!(audited(&scene).await, 2 * FAILED as i64);
    assert_eq!(audited(&beside).await, 0);
}

// case: S-cause-held
#[tokio::test]
async fn what_would_only_fail_again_or_names_nothing_is_not_retried() {
    let scene = Scene::open("held").await;
    let account = scene.connect("held").await;
    let posts = fail(&scene, &account, "Held").await;
    as_transient(&scene, &account).await;
    let nothing = retry(&scene, json!({"preview": true})).await;
    assert_eq!(nothing.details(422)[0]["field"], "body", "{nothing:?}");
    assert_eq!(retry(&scene, json!({"brandSlug": "nobody"})).await.status, 404);
    let of_account = json!({"accountId": account.id});
    let stranger = scene.fleet.another_tenant("spec").await;
    assert_eq!(stranger.post("/v1/deliveries/retry", &of_account).await.status, 404);

    // Before it is taken away each of them can go; after that none.
    let seen = retry(&scene, json!({"accountId": account.id, "preview": true})).await;
    assert_eq!(seen.data()["count"], FAILED, "{seen:?}");
    let path = format!("/v1/accounts/{}", account.id);
    assert_eq!(scene.api.delete(&path).await.status, 200);
    let done = retry(&scene, of_account).await;
    assert_eq!(done.data()["count"], 0, "{done:?}");
    let left = &done.data()["causes"][0];
    assert!(left["leftAlone"].as_str().unwrap().contains("connect it again"), "{done:?}");
    eventually("they stay where they are", WITHIN, async || {
        for post in &posts {
            let shown = scene.show(post).await;
            let one = delivery(&shown, &account);
            if !is_settled(one) || one["status"] != "failed" {
                return Err(shown.to_string());
            }
        }
        Ok(())
    })
    .await;
}
