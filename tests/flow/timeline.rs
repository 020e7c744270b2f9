//! What was tried for a delivery is told: attempts, calls, waits, decisions, look-ups.

use crate::support::Scene;
use serde_json::{Value, json};

/// The lines of a delivery, oldest first, each with the role of its attempt.
fn lines(whole: &Value) -> Vec<(String, Value)> {
    let attempts = whole["timeline"].as_array().unwrap().iter();
    let role = |attempt: &Value| attempt["role"].as_str().unwrap().to_owned();
    let of = |attempt: &Value| attempt["lines"].as_array().unwrap().clone();
    attempts.flat_map(|a| of(a).into_iter().map(|line| (role(a), line))).collect()
}

/// A line in a few words: what a reader would look at.
fn brief(role: &str, line: &Value) -> String {
    let text = |name: &str| match &line[name] {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    };
    let what = match line["kind"].as_str().unwrap() {
        "intent" => format!("{} {}", text("endpoint"), text("outcome")),
        "call" => format!("{} {} {}", text("endpoint"), text("effect"), text("status")),
        "held" => format!("{} by {}", text("endpoint"), text("by")),
        "look" => format!("{} {} of {}", text("verdict"), text("absences"), text("absencesMin")),
        "decision" => format!("{} -> {}", text("status"), text("next")),
        "refresh" => text("result"),
        _ => String::new(),
    };
    format!("{role} {} {what}", text("kind")).trim_end().to_owned()
}

fn briefs(whole: &Value) -> Vec<String> {
    lines(whole).iter().map(|(role, line)| brief(role, line)).collect()
}

/// Publishes under a misfortune of the create call; the delivery, whole.
async fn tried(name: &str, fault: Option<Value>) -> Value {
    let (scene, account) = Scene::with_account(name).await;
    if let Some(mut fault) = fault {
        fault["route"] = "tweets.create".into();
        scene.sim.fault(&account.handle, fault).await;
    }
    let post = scene.say(&account, &format!("Tried, {}", scene.brand)).await;
    scene.settled(&post).await;
    scene.whole(&post).await
}

// case: T-calls
#[tokio::test]
async fn a_published_delivery_tells_its_attempt_call_and_end() {
    let whole = tried("told", None).await;
    let expected = [
        "publish begun",
        "publish intent tweets.create replied",
        "publish call tweets.create irreversible 201",
        "publish decision published -> publish",
    ];
    assert_eq!(briefs(&whole), expected, "{whole}");
    let told = lines(&whole);
    let (call, end) = (&told[2].1, &told[3].1);
    assert!(call["tookMs"].is_u64() && call["words"].is_null(), "{call}");
    assert_eq!(end["remoteId"], whole["remoteId"]);
    assert!(whole["postId"].as_str().unwrap().starts_with("pst_"));
    assert!(whole["timeline"][0]["epoch"].as_i64().unwrap() > 0);
    assert_eq!(whole["isCut"], false);
}

// case: T-look
#[tokio::test]
async fn look_ups_tell_what_they_showed() {
    let (whole, seen) = tokio::join!(
        tried("looked", Some(json!({"kind": "resetBeforeAccept"}))),
        tried("seen", Some(json!({"kind": "acceptThenReset"}))),
    );
    let expected = [
        "publish begun",
        "publish intent tweets.create absent",
        "publish call tweets.create irreversible -",
        "publish decision reconciling -> reconcile",
        "reconcile begun",
        "reconcile call users.tweets repeatable 200",
        "reconcile look absent 1 of 2",
        "reconcile decision reconciling -> reconcile",
        "reconcile begun",
        "reconcile call users.tweets repeatable 200",
        "reconcile look absent 2 of 2",
        "reconcile decision ready -> retry",
        "publish begun",
        "publish intent tweets.create replied",
        "publish call tweets.create irreversible 201",
        "publish decision published -> publish",
    ];
    assert_eq!(briefs(&whole), expected, "{whole}");
    let whole = seen;
    let told = lines(&whole);
    let look = &told.iter().find(|(_, line)| line["kind"] == "look").unwrap().1;
    assert_eq!(look["verdict"], "found");
    let id = whole["remoteId"].as_str().unwrap();
    assert!(look["words"].as_str().unwrap().ends_with(id), "{look}");
}

// case: T-limit
#[tokio::test]
async fn a_limit_tells_whose_gate_closed_and_until_when() {
    // It counts from here, and the call may come seconds later.
    let whole = tried("parked", Some(json!({"kind": "limit", "resetInS": 8}))).await;
    let told = lines(&whole);
    let park = told.iter().find(|(_, line)| line["next"] == "park");
    let park = &park.unwrap_or_else(|| panic!("{whole}")).1;
    assert!(park["gate"].as_str().unwrap().starts_with("account:x:default:"), "{park}");
    let call = &told.iter().find(|(_, line)| line["status"] == 429).unwrap().1;
    assert!(
        call["at"].as_str() <= park["at"].as_str() && park["until"].as_str() > park["at"].as_str()
    );
    assert!(!call["words"].as_str().unwrap().is_empty(), "{call}");
}

// case: T-bound
#[tokio::test]
async fn a_timeline_shows_its_newest_five_hundred_lines() {
    let (scene, account) = Scene::with_account("bound").await;
    let post = scene.say(&account, &format!("Bound, {}", scene.brand)).await;
    scene.published(&post).await;
    let id: domain::id::DeliveryId = post["deliveries"][0]["id"].as_str().unwrap().parse().unwrap();
    // As many earlier settles as a delivery of days would have.
    sqlx::query(
        "INSERT INTO timeline (id, tenant_id, delivery_id, epoch, role, lines)
         OVERRIDING SYSTEM VALUE
         SELECT -n, tenant_id, id, n, 'publish', jsonb_build_object('v', '1', 'lines',
             jsonb_build_array(jsonb_build_object('at', '2026-01-01T00:00:00Z', 'kind', 'begun')))
         FROM deliveries, generate_series(1, 600) n WHERE id = $1",
    )
    .bind(id.uuid())
    .execute(&mut scene.fleet.postgres().await)
    .await
    .unwrap();
    let whole = scene.whole(&post).await;
    assert_eq!((lines(&whole).len(), &whole["isCut"]), (500, &json!(true)));
    assert_eq!(briefs(&whole).last().unwrap(), "publish decision published -> publish");
}
