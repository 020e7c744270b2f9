//! Many posts in one request: each bad row is named, and the good ones are accepted or none is.

use crate::support::api::{Answer, Api, send, try_send};
use crate::support::scene::Account;
use crate::support::{Fleet, Scene, eventually, files};
use base::clock;
use client::{Bulk, Form};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::Duration;

const FAR: &str = "2099-01-01T00:00:00Z";

/// Bad rows of one story.
const BAD_MAX: u64 = 300;

/// A row that breaks a rule, the field that is named, and what was found there.
type Broken = (Value, &'static str, Value);

/// Rows of which every `every`th breaks a rule; what is expected of each bad line.
fn rows(scene: &Scene<'_>, account: &Account, count: u64, every: u64) -> (String, Vec<Expected>) {
    let (mut text, mut expected) = (String::new(), Vec::new());
    for line in 1..=count {
        let words = format!("Row {line} of {}", scene.brand);
        let good = json!({
            "text": words, "accounts": [account.id], "scheduledAt": FAR,
            "clientRef": format!("{}-{line}", scene.brand),
        });
        let row = match line % every == 0 && line / every <= BAD_MAX {
            false => scene.draft(good),
            true => {
                let (row, field, actual) = broken(scene.draft(good), line / every);
                expected.push((line, field, actual));
                row
            }
        };
        text.push_str(&row.to_string());
        text.push('\n');
    }
    (text, expected)
}

type Expected = (u64, &'static str, Value);

fn broken(mut row: Value, number: u64) -> Broken {
    match number % 5 {
        0 => {
            row["text"] = json!("a".repeat(281));
            (row, "x.text", json!(281))
        }
        1 => {
            row["scheduledAt"] = json!("2001-01-01T00:00:00Z");
            (row, "scheduledAt", json!("2001-01-01T00:00:00.000Z"))
        }
        2 => {
            row["texd"] = json!("?");
            (row, "texd", json!("texd"))
        }
        3 => {
            row["media"] = json!([{"id": "med_00000000000000000000000000000001"}]);
            (row, "x.media[0].id", json!("med_00000000000000000000000000000001"))
        }
        _ => {
            row["brandSlug"] = json!("nobodys");
            (row, "brandSlug", json!("nobodys"))
        }
    }
}

async fn bulk(api: &Api, query: &str, kind: &str, body: String, key: Option<&str>) -> Answer {
    let request = api.request(Method::POST, &format!("/v1/posts/bulk{query}"));
    let request = request.header("content-type", kind).body(body);
    send(match key {
        Some(key) => request.header("Idempotency-Key", key),
        None => request,
    })
    .await
}

/// The first violation of each bad line.
fn named(report: &Value) -> Vec<(u64, String, Value)> {
    let errors = report["errors"].as_array().unwrap().iter();
    let first = |bad: &Value| {
        let detail = &bad["details"][0];
        assert!(!detail["resolution"].as_str().unwrap().is_empty(), "{bad}");
        let field = detail["field"].as_str().unwrap().to_owned();
        (bad["line"].as_u64().unwrap(), field, detail["actual"].clone())
    };
    errors.map(first).collect()
}

async fn stored(fleet: &Fleet, brand: &str) -> i64 {
    sqlx::query_scalar(
        "SELECT count(*) FROM posts p JOIN brands b ON b.id = p.brand_id WHERE b.slug = $1",
    )
    .bind(brand)
    .fetch_one(&mut fleet.postgres().await)
    .await
    .unwrap()
}

/// Both modes over the same rows, and the same asked again.
async fn story(scene: &Scene<'_>, account: &Account, (count, every): (u64, u64)) {
    let (text, expected) = rows(scene, account, count, every);
    let (kind, bad) = ("application/x-ndjson", BAD_MAX.min(count / every));
    let expected: Vec<(u64, String, Value)> = expected
        .into_iter()
        .map(|(line, field, actual)| (line, field.to_owned(), actual))
        .collect();
    let started = clock::stopwatch();
    let dry = bulk(&scene.api, "?dryRun=true&mode=valid", kind, text.clone(), None).await;
    println!("{count} rows checked in {:?}", started.elapsed());
    assert_eq!((dry.data()["accepted"].as_u64(), dry.status), (Some(count - bad), 200));
    assert_eq!(named(dry.data()), expected);

    let started = clock::stopwatch();
    let none = bulk(&scene.api, "", kind, text.clone(), Some(&scene.brand)).await;
    println!("{count} rows refused in {:?}", started.elapsed());
    assert_eq!(none.status, 422, "{:?}", none.body["message"]);
    assert_eq!(none.body["error"], "rows_refused");
    let lines: BTreeSet<u64> =
        none.details(422).iter().filter_map(|d| d["line"].as_u64()).collect();
    assert_eq!(lines.len() as u64, bad, "each bad line is named in the details too");
    assert_eq!(named(&none.body["data"]), expected);
    assert_eq!(stored(scene.fleet, &scene.brand).await, 0, "none is accepted");

    let started = clock::stopwatch();
    let some = bulk(&scene.api, "?mode=valid", kind, text.clone(), Some(&scene.brand)).await;
    println!("{} rows accepted in {:?}", count - bad, started.elapsed());
    assert_eq!((some.status, named(some.data())), (201, expected));
    let ids = ids(&some);
    assert_eq!(ids.len() as u64, count - bad);
    assert_eq!(stored(scene.fleet, &scene.brand).await as u64, count - bad);

    // The answer was lost, and the same is asked again.
    let again = bulk(&scene.api, "?mode=valid", kind, text.clone(), Some(&scene.brand)).await;
    assert_eq!((again.status, self::ids(&again)), (200, ids));
    assert!(again.data()["posts"].as_array().unwrap().iter().all(|post| post["again"] == true));
    let other = bulk(&scene.api, "?mode=valid", kind, text + "\n", Some(&scene.brand)).await;
    assert_eq!(other.details(422)[0]["field"], "Idempotency-Key");
    assert_eq!(stored(scene.fleet, &scene.brand).await as u64, count - bad);
}

/// The posts of a report by their lines.
fn ids(answer: &Answer) -> BTreeMap<u64, String> {
    let posts = answer.data()["posts"].as_array().unwrap().iter();
    posts.map(|p| (p["line"].as_u64().unwrap(), p["id"].as_str().unwrap().to_owned())).collect()
}

// case: B-bulk
#[tokio::test]
async fn bad_rows_are_named_by_line_and_field_and_the_good_ones_accepted_as_asked() {
    let (scene, account) = Scene::with_account("bulk").await;
    story(&scene, &account, (60, 6)).await;
    // All of them are well: all of them are accepted, in one transaction.
    let (other, account) = Scene::with_account("bulk-all").await;
    let (text, _) = rows(&other, &account, 30, 31);
    let all = bulk(&other.api, "", "application/x-ndjson", text.clone(), None).await;
    assert_eq!((all.status, all.data()["accepted"].as_u64()), (201, Some(30)));
    let reference = format!("/v1/posts?clientRef={}-7", other.brand);
    let page = other.api.get(&reference).await;
    assert_eq!(page.data()[0]["id"].as_str(), ids(&all).get(&7).map(String::as_str));
    // Their own references make them the same posts, without a key.
    let again = bulk(&other.api, "", "application/x-ndjson", text, None).await;
    assert_eq!((again.status, ids(&again)), (200, ids(&all)));
}

// case: B-bulk-5000
#[tokio::test]
#[ignore = "B-bulk-5000: half a minute, and prints what it takes"]
async fn five_thousand_rows_with_three_hundred_bad_ones() {
    let (scene, account) = Scene::with_account("bulk-many").await;
    story(&scene, &account, (5_000, 16)).await;
    let (scene, account) = Scene::with_account("bulk-whole").await;
    let (text, _) = rows(&scene, &account, 5_000, 5_001);
    let started = clock::stopwatch();
    let all = bulk(&scene.api, "", "application/x-ndjson", text, None).await;
    println!("5000 rows accepted in one transaction in {:?}", started.elapsed());
    assert_eq!((all.status, all.data()["accepted"].as_u64()), (201, Some(5_000)));
    assert_eq!(stored(scene.fleet, &scene.brand).await, 5_000);
}

/// Sends rows to a fleet that dies meanwhile, and once more to the one that comes after it.
async fn killed(fleet: &mut Fleet, query: &str, (text, key): (&str, &str), at: u32) -> Answer {
    fleet.kill();
    fleet.restart(&[("POSTFLEET_CRASH_AT", &format!("accept.after_commit:{at}"))]).await;
    let request = |fleet: &Fleet| {
        let request = fleet.api().request(Method::POST, &format!("/v1/posts/bulk{query}"));
        let request = request.header("content-type", "application/x-ndjson");
        request.header("Idempotency-Key", key).body(text.to_owned())
    };
    assert!(try_send(request(fleet)).await.is_err(), "it dies with the answer");
    eventually("it has died", Duration::from_secs(5), async || {
        fleet.ended().ok_or_else(|| "it runs on".to_owned())
    })
    .await;
    fleet.restart(&[]).await;
    send(request(fleet)).await
}

// case: B-killed
#[tokio::test]
async fn a_process_that_dies_amid_many_posts_loses_none_and_makes_none_twice() {
    let mut fleet = Fleet::start(&[], &[]).await;
    let (brand, one, all) = {
        let scene = Scene::on(&fleet, "bulk-killed").await;
        let account = scene.connect("killed").await;
        let rows = |what: &str| -> Vec<String> {
            let row = |n: u32| {
                let row = json!({"text": format!("{what} {n}"), "accounts": [account.id],
                    "scheduledAt": FAR});
                scene.draft(row).to_string()
            };
            (0..40).map(row).collect()
        };
        (scene.brand.clone(), rows("One").join("\n"), rows("All").join("\n"))
    };
    let again = |answer: &Answer| {
        let posts = answer.data()["posts"].as_array().unwrap().iter();
        posts.filter(|post| post["again"] == true).count()
    };
    let after = killed(&mut fleet, "?mode=valid", (&one, "k-one"), 15).await;
    assert_eq!(ids(&after).len(), 40, "{after:?}");
    assert!(again(&after) >= 15, "what was accepted is told");
    assert_eq!(stored(&fleet, &brand).await, 40);
    let after = killed(&mut fleet, "", (&all, "k-all"), 1).await;
    assert_eq!((ids(&after).len(), again(&after)), (40, 40), "all or none: {after:?}");
    assert_eq!(stored(&fleet, &brand).await, 80);
}

// case: B-whole
#[tokio::test]
async fn what_is_no_bulk_is_refused_as_a_whole() {
    let (scene, account) = Scene::with_account("bulk-whole").await;
    let lines = "application/x-ndjson";
    let none = bulk(&scene.api, "", lines, "\n\n".to_owned(), None).await;
    assert_eq!((none.status, &none.details(422)[0]["actual"]), (422, &json!(0)));
    let many = bulk(&scene.api, "", lines, "{}\n".repeat(5_001), None).await;
    let detail = &many.details(413)[0];
    assert_eq!((&detail["limit"], &detail["actual"]), (&json!(5_000), &json!(5_001)));
    let json = bulk(&scene.api, "", "application/json", "[]".to_owned(), None).await;
    assert_eq!(json.details(415)[0]["actual"], "application/json");
    let large = " ".repeat(16 * 1024 * 1024 + 1);
    let large = bulk(&scene.api, "", lines, large, None).await;
    assert_eq!(large.details(413)[0]["limit"], 16 * 1024 * 1024);

    // Two rows of one reference, and one that is no JSON.
    let row = |text: &str| {
        let row = json!({"text": text, "accounts": [account.id], "clientRef": scene.brand,
            "scheduledAt": FAR});
        scene.draft(row).to_string()
    };
    let text = format!("{}\n{{\"text\": }}\n{}\n", row("One"), row("Other"));
    let told = bulk(&scene.api, "?mode=valid", lines, text, None).await;
    let fields: Vec<(u64, String)> =
        named(told.data()).into_iter().map(|(line, field, _)| (line, field)).collect();
    assert_eq!(fields, [(2, "row".to_owned()), (3, "clientRef".to_owned())]);
    assert_eq!(told.data()["accepted"], 1);
}

// case: B-brands
#[tokio::test]
async fn a_key_for_one_brand_writes_no_row_of_another() {
    let (scene, account) = Scene::with_account("bulk-mine").await;
    let (other, foreign) = Scene::with_account("bulk-theirs").await;
    let key = json!({"label": "one brand", "brands": {&scene.brand: "editor"}});
    let key = scene.api.post("/v1/keys", &key).await;
    let api = scene.api.with_key(key.data()["key"].as_str().unwrap());
    let mine = json!({"text": "Mine", "accounts": [account.id], "scheduledAt": FAR});
    let theirs = json!({"text": "Theirs", "accounts": [foreign.id], "scheduledAt": FAR});
    let text = format!("{}\n{}\n", scene.draft(mine), other.draft(theirs));
    let told = bulk(&api, "?mode=valid", "application/x-ndjson", text, None).await;
    assert_eq!((told.status, told.data()["accepted"].as_u64()), (201, Some(1)));
    let why = named(told.data());
    assert_eq!(why[0], (2, "brandSlug".to_owned(), json!(other.brand)), "{why:?}");
    assert_eq!(stored(scene.fleet, &other.brand).await, 0);
}

// case: B-command
#[tokio::test]
async fn a_table_goes_out_by_the_command_line_and_the_rust_client() {
    let (scene, account) = Scene::with_account("bulk-table").await;
    let picture = scene.api.upload(files::picture(), "row.png").await;
    let table = format!(
        "brandSlug,text,accounts,media,scheduledAt\n{0},\"Hello, {0}\",{1},{2},\n{0},Late,{1},,2001-01-01T00:00:00Z\n",
        scene.brand, account.id, picture
    );
    let file = scene.fleet.root().join(format!("{}.csv", scene.brand));
    std::fs::write(&file, &table).unwrap();
    let place = scene.fleet.place();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postfleet"));
        command.env("POSTFLEET_URL", &place.api_url).env("POSTFLEET_API_KEY", &place.api_key);
        command.args(["posts", "bulk"]).arg(&file).args(arguments);
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, told) = run(&["--dry-run"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("line 3  scheduledAt:"), "{told}");
    assert!(told.ends_with("1 of 2 would be accepted, 1 refused\n"), "{told}");
    let (code, told) = run(&["--partial", "--json", "--key", &scene.brand]);
    let report: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, report["accepted"].as_u64()), (Some(1), Some(1)), "{report}");
    scene.published(&report["posts"][0]).await;
    assert_eq!(scene.texts(&account).await.len(), 1);

    let bulk = Bulk {
        form: Form::Table,
        is_partial: true,
        idempotency_key: Some(&scene.brand),
        ..Bulk::default()
    };
    let again = scene.api.client.bulk(table.into_bytes(), bulk).await.unwrap();
    assert!(again.posts[0].again && again.posts[0].id == report["posts"][0]["id"]);
    assert_eq!(again.errors[0].details[0].field, "scheduledAt");
}
