//! What a version before this one left behind goes out: its rows, its checkpoints, its sealed
//! grants and its files, as `tests/versions/make.sh` wrote them down.

use super::migrating::known;
use crate::support::{Fleet, eventually};
use domain::time::Timestamp;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The ports that its addresses name.
const PORTS: [&str; 4] = ["--api-port", "18411", "--sim-port", "18412"];
/// The posts were due eight minutes later.
const DUE: &str = "8 minutes";
const WITHIN: Duration = Duration::from_secs(60);
/// A form of checkpoints that only a later version knows.
const LATER: &str = r#"{"v": "9", "parts": []}"#;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/versions/0052")
}

/// The same text, with every instant in it later by so many seconds.
fn moved(text: &str, by: Duration) -> String {
    let mut moved = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.find("20") {
        moved.push_str(&rest[..place]);
        rest = &rest[place..];
        let instant = rest.get(..19).and_then(|word| later(word, by));
        let (written, size) = instant.map_or(("20".to_owned(), 2), |instant| (instant, 19));
        moved.push_str(&written);
        rest = &rest[size..];
    }
    moved + rest
}

/// `2026-11-26 19:39:31` moved, written in the same way.
fn later(word: &str, by: Duration) -> Option<String> {
    let between = word.get(10..11).filter(|between| matches!(*between, " " | "T"))?;
    let instant = Timestamp::parse(&format!("{}T{}Z", &word[..10], word.get(11..)?))?;
    let written = (instant + by).to_string();
    Some(format!("{}{between}{}", &written[..10], &written[11..19]))
}

/// Puts what lies in a folder of the earlier version into one of this one.
fn lay(from: &Path, to: &Path, by: Option<Duration>) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        match (source.is_dir(), by) {
            (true, _) => lay(&source, &target, by),
            (false, None) => drop(fs::copy(source, target).unwrap()),
            (false, Some(by)) => {
                fs::write(target, moved(&fs::read_to_string(source).unwrap(), by)).unwrap();
            }
        }
    }
}

/// Puts the database back to where that version left it.
async fn put_back(fleet: &Fleet, by: Duration) {
    let mut db = PgConnection::connect(&fleet.place().postgres_url).await.unwrap();
    let run = async |db: &mut PgConnection, text: String| {
        sqlx::raw_sql(AssertSqlSafe(text)).execute(db).await.unwrap();
    };
    run(&mut db, "DROP SCHEMA public CASCADE; CREATE SCHEMA public".to_owned()).await;
    known().await.run_to(52, &mut db).await.unwrap();
    let rows = fs::read_to_string(folder().join("rows.dump")).unwrap();
    // Rows refer to each other in circles, and what triggers write is in the dump already.
    run(&mut db, "SET session_replication_role = replica".to_owned()).await;
    run(&mut db, moved(&rows, by)).await;
}

async fn statuses(fleet: &Fleet) -> BTreeMap<(String, String), i64> {
    let asked = "SELECT platform, status, count(*) FROM deliveries
                 WHERE due_at < clock_timestamp() + interval '1 day' GROUP BY 1, 2";
    let rows: Vec<(String, String, i64)> =
        sqlx::query_as(asked).fetch_all(&mut fleet.postgres().await).await.unwrap();
    rows.into_iter().map(|(platform, status, count)| ((platform, status), count)).collect()
}

/// What is not published yet.
async fn open(fleet: &Fleet) -> Vec<(String, String)> {
    let all = statuses(fleet).await;
    all.into_keys().filter(|(_, status)| status != "published").collect()
}

// case: U-before
// case: U-later
#[tokio::test]
async fn what_the_version_before_left_is_migrated_and_goes_out_and_what_a_later_one_began_waits() {
    let mut fleet = Fleet::start_kept(&PORTS).await;
    fleet.kill();
    let at = fs::read_to_string(folder().join("at")).unwrap();
    let since = base::clock::now().since(Timestamp::parse(at.trim()).unwrap());
    // What was due in eight minutes is due now.
    let by = Duration::from_secs(since.as_secs());
    put_back(&fleet, by).await;
    let mut db = fleet.postgres().await;
    let due = format!(
        "UPDATE deliveries SET due_at = due_at - interval '{DUE}' WHERE status = 'ready';
         UPDATE jobs SET due_at = due_at - interval '{DUE}' WHERE kind = 'publish';
         UPDATE posts SET scheduled_at = scheduled_at - interval '{DUE}'"
    );
    sqlx::raw_sql(AssertSqlSafe(due)).execute(&mut db).await.unwrap();
    let kept: String = sqlx::query_scalar(
        "WITH kept AS (SELECT id, checkpoint FROM deliveries WHERE platform = 'x'
             AND status = 'ready')
         UPDATE deliveries d SET checkpoint = $1::jsonb FROM kept WHERE kept.id = d.id
         RETURNING kept.checkpoint::text",
    )
    .bind(LATER)
    .fetch_one(&mut db)
    .await
    .unwrap();
    redis::cmd("FLUSHALL").exec_async(&mut fleet.redis().await).await.unwrap();
    // A checkout may let others read what is a secret here.
    let key = fleet.data().join("key");
    fs::copy(folder().join("key"), &key).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    lay(&folder().join("media"), &fleet.data().join("media"), None);
    fs::remove_dir_all(fleet.data().join("sim")).unwrap();
    lay(&folder().join("sim"), &fleet.data().join("sim"), Some(by));
    fleet.restart(&[]).await;

    // All but the one that a later version began: it is left alone, and nothing of it is spent.
    let left = [("x".to_owned(), "ready".to_owned())];
    eventually("the others are out", WITHIN, async || {
        let open = open(&fleet).await;
        if open == left { Ok(()) } else { Err(format!("{open:?}")) }
    })
    .await;
    eventually("it was looked at and left", WITHIN, async || {
        let is_told = fleet.log().contains("a later version of this program has begun it");
        is_told.then_some(()).ok_or_else(|| "not a word of it".to_owned())
    })
    .await;
    let asked = "SELECT attempts FROM deliveries WHERE platform = 'x' AND status = 'ready'";
    let attempts: i32 = sqlx::query_scalar(asked).fetch_one(&mut db).await.unwrap();
    assert_eq!(attempts, 0);
    // The later version hands it back in a form that we read.
    sqlx::query("UPDATE deliveries SET checkpoint = $1::jsonb WHERE checkpoint = $2::jsonb")
        .bind(kept)
        .bind(LATER)
        .execute(&mut db)
        .await
        .unwrap();
    eventually("everything is out", WITHIN, async || {
        let open = open(&fleet).await;
        if open.is_empty() { Ok(()) } else { Err(format!("{open:?}")) }
    })
    .await;
    for platform in ["x", "instagram", "threads", "youtube"] {
        assert_eq!(fleet.sim().accepted(platform).await.len(), 1, "{platform}");
    }
    assert_eq!(fleet.sim().accepted("linkedin").await.len(), 2);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_in_a_text_are_moved_and_nothing_else_is() {
        let hour = Duration::from_secs(3_600);
        let text = "x '2026-11-26 23:39:31.25+00' 2026 20aa {\"at\":\"2026-12-31T23:00:00Z\"} 20";
        let told = "x '2026-11-27 00:39:31.25+00' 2026 20aa {\"at\":\"2027-01-01T00:00:00Z\"} 20";
        assert_eq!(moved(text, hour), told);
    }
}
