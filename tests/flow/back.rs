//! Postgres is read back from a dump: what went out since is forgotten there, and not on the
//! platform.

use crate::support::scene::deliveries;
use crate::support::{Fleet, Scene, eventually};
use base::clock;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use store::Store;

/// Time to accept the posts and to dump them before they are due.
const AHEAD: Duration = Duration::from_secs(15);

fn run(command: &mut Command) {
    let ended = command.output().unwrap();
    assert!(ended.status.success(), "{command:?}: {}", String::from_utf8_lossy(&ended.stderr));
}

fn dump(url: &str, file: &Path) {
    run(Command::new("pg_dump").args(["--format=custom", "--file"]).arg(file).arg(url));
}

fn read_back(url: &str, file: &Path) {
    let anew = "DROP SCHEMA public CASCADE; CREATE SCHEMA public";
    run(Command::new("psql").args(["--quiet", "--command", anew, url]));
    run(Command::new("pg_restore").args(["--no-owner", "--dbname", url]).arg(file));
}

/// Calls that were under way when Postgres went back are over, once the workers wait for that.
async fn calls_have_ended(fleet: &Fleet) {
    let mut postgres = fleet.postgres().await;
    eventually("the workers wait", Duration::from_secs(40), async || {
        let waiting = "SELECT count(*) FROM jobs j JOIN deliveries d ON d.id = j.subject
                       WHERE j.due_at >= date_trunc('milliseconds', d.ask_from)";
        let count: i64 = sqlx::query_scalar(waiting).fetch_one(&mut postgres).await.unwrap();
        if count == 2 { Ok(()) } else { Err(count.to_string()) }
    })
    .await;
    let ended = "WITH d AS (
                     UPDATE deliveries SET ask_from = clock_timestamp()
                     WHERE ask_from IS NOT NULL RETURNING id)
                 UPDATE jobs j SET due_at = clock_timestamp(), armed_at = clock_timestamp(),
                     generation = nextval('job_generation') FROM d WHERE j.subject = d.id";
    sqlx::query(ended).execute(&mut postgres).await.unwrap();
}

/// How many deliveries are to be asked for.
async fn marked(fleet: &Fleet) -> i64 {
    let asked = "SELECT count(*) FROM deliveries WHERE ask_from IS NOT NULL";
    sqlx::query_scalar(asked).fetch_one(&mut fleet.postgres().await).await.unwrap()
}

fn remote_ids(post: &Value) -> Vec<&str> {
    deliveries(post).filter_map(|one| one["remoteId"].as_str()).collect()
}

// case: R-back
#[tokio::test]
async fn a_dump_that_is_read_back_publishes_nothing_twice() {
    let swift = [("POSTFLEET__PLATFORMS__X__VISIBILITY_DELAY_MS", "1000")];
    let mut fleet = Fleet::start(&[], &swift).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dump");
    let url = fleet.place().postgres_url.clone();
    let (account, posts, known, unsent) = {
        let scene = Scene::on(&fleet, "back").await;
        let account = scene.connect("back").await;
        let at = (clock::now() + AHEAD).to_string();
        let accounts = [account.id.as_str()];
        let text = json!({"text": "Out once", "accounts": accounts, "scheduledAt": at});
        let thread = json!({"text": "First", "x": {"thread": ["Second", "Third"]},
            "accounts": accounts, "scheduledAt": at});
        let later = (clock::now() + Duration::from_secs(7_200)).to_string();
        let unsent = json!({"text": "In two hours", "accounts": accounts, "scheduledAt": later});
        let posts = [scene.post(text).await, scene.post(thread).await];
        let unsent = scene.post(unsent).await;
        let is_planned = |post: &Value| deliveries(post).all(|one| one["status"] != "validating");
        for post in posts.iter().chain([&unsent]) {
            scene.until(post, "the post is planned", is_planned).await;
        }
        dump(&url, &file);
        assert!(clock::now().to_string() < at, "nothing was out when it was dumped");
        let mut known = Vec::new();
        for post in &posts {
            known.push(scene.published(post).await);
        }
        (account, posts, known, unsent)
    };
    fleet.kill();
    read_back(&url, &file);
    fleet.restart(&swift).await;

    // The one that is due in two hours cannot have been begun.
    eventually("what may be out is marked", Duration::from_secs(10), async || {
        let count = marked(&fleet).await;
        if count == 2 { Ok(()) } else { Err(count.to_string()) }
    })
    .await;
    let scene = Scene::on(&fleet, "back").await;
    let refused = scene.order(&posts[0], "cancel").await;
    assert_eq!(refused.status, 409, "what may be out cannot be taken back: {refused:?}");
    calls_have_ended(&fleet).await;
    for (post, known) in posts.iter().zip(&known) {
        let shown = scene.published(post).await;
        assert_eq!(remote_ids(&shown), remote_ids(known), "{shown}");
    }
    let mut texts = scene.texts(&account).await;
    texts.sort();
    assert_eq!(texts, ["First", "Out once", "Second", "Third"], "each is out once");
    assert_eq!(scene.show(&unsent).await["status"], "scheduled");
    grants_are_doubted(&fleet).await;
}

/// How many grants are doubted once the database has another history, as this changes it.
async fn doubted(fleet: &Fleet, change: &'static str) -> i64 {
    let mut db = fleet.postgres().await;
    sqlx::query("UPDATE credentials SET forgotten_at = NULL").execute(&mut db).await.unwrap();
    sqlx::query(change).execute(&mut db).await.unwrap();
    let url = fleet.place().postgres_url.clone();
    Store::connect(&store::Config { url, ..store::Config::default() }).await.unwrap();
    let doubted = "SELECT count(*) FROM credentials WHERE forgotten_at IS NOT NULL";
    sqlx::query_scalar(doubted).fetch_one(&mut db).await.unwrap()
}

/// A standby that took over has forgotten no renewal that was not due yet; a dump may have.
async fn grants_are_doubted(fleet: &Fleet) {
    let took_over = "UPDATE histories SET timeline = 'another'";
    assert_eq!(doubted(fleet, took_over).await, 0, "nothing was renewed meanwhile");
    // In a shard that nobody looks through, so that no worker takes it.
    let due = "UPDATE jobs SET due_at = clock_timestamp(), shard = 1000 WHERE kind = 'refresh'";
    sqlx::query(due).execute(&mut fleet.postgres().await).await.unwrap();
    assert_eq!(doubted(fleet, took_over).await, 1);
    assert_eq!(doubted(fleet, "UPDATE histories SET system_id = 'another'").await, 1);
}
