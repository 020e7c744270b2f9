//! The way from one schema to the next, and who works on which.

use crate::support::fleet::program;
use crate::support::worker::Worker;
use crate::support::{Fleet, eventually};
use sqlx::migrate::Migrator;
use sqlx::{Connection, PgConnection};
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

/// A process starts and gives up, or a database is made from nothing, on a busy machine.
const WITHIN: Duration = Duration::from_secs(30);
/// The last step before those that this story is about.
const BEFORE: i64 = 55;

/// The migrations of this version.
pub async fn known() -> Migrator {
    Migrator::new(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations"))).await.unwrap()
}

/// Makes a database beside the fleet's: the way to it.
pub async fn database(fleet: &Fleet, name: &str, options: &str) -> String {
    let make = format!("CREATE DATABASE {name} {options}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(make)).execute(&mut fleet.postgres().await).await.unwrap();
    let (server, _) = fleet.place().postgres_url.rsplit_once('/').unwrap();
    format!("{server}/{name}")
}

/// Runs the command `migrate` on a database.
pub fn migrate(url: &str) -> std::process::Child {
    let mut command = program();
    command.arg("migrate").env("POSTFLEET__STORE__URL", url).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn words(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// How a role gives up on a database: what it says.
async fn refused(fleet: &Fleet, name: &str, role: &str, url: &str) -> String {
    let environment = [
        ("POSTFLEET__STORE__URL", url),
        ("POSTFLEET__SERVER__LISTEN", "127.0.0.1:0"),
        ("POSTFLEET__SERVER__PRIVATE_LISTEN", "127.0.0.1:0"),
    ];
    let mut worker = Worker::start_as(fleet, name, &[role], &environment);
    let status =
        eventually("it gives up", WITHIN, async || worker.ended().ok_or_else(|| worker.log()))
            .await;
    assert_eq!(status.code(), Some(1), "{}", worker.log());
    worker.log()
}

async fn run(db: &mut PgConnection, statement: &'static str) {
    sqlx::raw_sql(statement).execute(db).await.unwrap();
}

// case: U-migrate
// case: U-older
// case: U-newer
// case: U-downgrade
#[tokio::test]
async fn one_process_migrates_and_nobody_works_on_a_schema_that_does_not_fit() {
    let fleet = Fleet::start(&["--without-workers"], &[]).await;
    let url = database(&fleet, "upgraded", "").await;
    let mut db = PgConnection::connect(&url).await.unwrap();
    known().await.run_to(BEFORE, &mut db).await.unwrap();

    for role in ["work", "serve"] {
        let told = refused(&fleet, &format!("older-{role}"), role, &url).await;
        assert!(told.contains("0056 tell for whom it works"), "{told}");
        assert!(told.contains("postfleet migrate"), "{told}");
    }

    // Another one is at it: both wait for it, one makes the steps, the other finds nothing to do.
    sqlx::migrate::Migrate::lock(&mut db).await.unwrap();
    let two = [migrate(&url), migrate(&url)];
    eventually("both wait for their turn", WITHIN, async || {
        let asked = sqlx::query_scalar(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted",
        );
        let count: i64 = asked.fetch_one(&mut fleet.postgres().await).await.unwrap();
        if count == 2 { Ok(()) } else { Err(count.to_string()) }
    })
    .await;
    sqlx::migrate::Migrate::unlock(&mut db).await.unwrap();
    let ended = two.map(|one| one.wait_with_output().unwrap());
    assert!(ended.iter().all(|one| one.status.success()), "{ended:?}");
    let told = ended.each_ref().map(words);
    let made = |one: &&String| one.contains("made  0056 tell for whom it works");
    let idle = |one: &&String| one.contains("there was nothing to do");
    assert_eq!(told.iter().filter(made).count(), 1, "{told:?}");
    assert_eq!(told.iter().filter(idle).count(), 1, "{told:?}");

    // A newer program was here. It added something, so this one works on; it does not go back.
    run(
        &mut db,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'of a later version', true, '\\x00', 0)",
    )
    .await;
    let environment = [("POSTFLEET__STORE__URL", url.as_str())];
    let worker = Worker::start_as(&fleet, "newer", &["work"], &environment);
    eventually("it works", WITHIN, async || {
        worker.log().contains("at work").then_some(()).ok_or_else(|| worker.log())
    })
    .await;
    assert!(worker.log().contains("nothing that it needs is gone"), "{}", worker.log());
    drop(worker);
    let back = migrate(&url).wait_with_output().unwrap();
    assert_eq!(back.status.code(), Some(1));
    assert!(words(&back).contains("there is no way back"), "{}", words(&back));
    // It took something away.
    run(&mut db, "UPDATE schema_floor SET works_from = 9999").await;
    let told = refused(&fleet, "gone", "work", &url).await;
    assert!(told.contains("works for programs from 9999 on"), "{told}");
}
