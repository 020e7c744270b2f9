//! An audit whose beginning was forgotten because of its age: what is left proves itself, and nothing
//! young goes.

use crate::support::fleet::program;
use crate::support::worker::{Worker, configuration};
use crate::support::{Fleet, Scene, eventually};
use serde_json::{Value, json};
use sqlx::PgConnection;
use std::path::Path;
use std::time::Duration;
use store::audit_chain::SEALER;

const SOON: Duration = Duration::from_secs(60);

/// How `postfleet audit verify` ends, and what it says.
fn verify(config: &Path, further: &[&str]) -> (bool, Value) {
    let mut command = program();
    command.args(["audit", "verify", "--json", "--config"]).arg(config).args(further);
    let ended = command.output().unwrap();
    let told = serde_json::from_slice(&ended.stdout);
    let told = told.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&ended.stderr)));
    (ended.status.success(), told)
}

/// Waits until a count is so many.
async fn counts(db: &mut PgConnection, sql: &'static str, wanted: i64) {
    eventually(sql, SOON, async || {
        let count: i64 = sqlx::query_scalar(sql).fetch_one(&mut *db).await.unwrap();
        if count == wanted { Ok(()) } else { Err(count.to_string()) }
    })
    .await;
}

async fn refused(db: &mut PgConnection, sql: &'static str, told: &str) {
    let refused = sqlx::raw_sql(sql).execute(&mut *db).await.expect_err(sql).to_string();
    assert!(refused.contains(told), "{sql}: {refused}");
}

/// A sealer that is at work, until it is dropped.
async fn sealing(fleet: &Fleet) -> PgConnection {
    let mut db = fleet.postgres().await;
    let lock = sqlx::query("SELECT pg_advisory_lock($1)").bind(SEALER);
    lock.execute(&mut db).await.unwrap();
    db
}

/// Somebody waits until the sealer is done.
async fn is_waited_for(db: &mut PgConnection) {
    eventually("the sealer is waited for", SOON, async || {
        let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                       AND (classid::bigint << 32) + objid::bigint = $1";
        let waiting = sqlx::query_scalar::<_, i64>(waiting).bind(SEALER);
        let count = waiting.fetch_one(&mut *db).await.unwrap();
        if count == 1 { Ok(()) } else { Err(count.to_string()) }
    })
    .await;
}

/// The place and the hash of a link.
async fn noted(db: &mut PgConnection, sql: &'static str) -> String {
    sqlx::query_scalar(sql).fetch_one(db).await.unwrap()
}

/// So many rows of the audit, the last two of them of today.
async fn aged(fleet: &Fleet, db: &mut PgConnection) -> i64 {
    let scene = Scene::on(fleet, "aged").await;
    let account = scene.connect("aged").await;
    for reason in ["one", "two", "three", "four", "five"] {
        let path = format!("/v1/accounts/{}/pause", account.id);
        let paused = scene.api.post(&path, &json!({ "reason": reason })).await;
        assert_eq!(paused.status, 200, "{paused:?}");
    }
    // Nobody seals yet, so they were written then as far as anybody can tell.
    let then = "ALTER TABLE audit DISABLE TRIGGER USER;
                UPDATE audit SET at = at - interval '400 days'
                    WHERE id < (SELECT id FROM audit ORDER BY id DESC OFFSET 1 LIMIT 1);
                ALTER TABLE audit ENABLE TRIGGER USER";
    sqlx::raw_sql(then).execute(&mut *db).await.unwrap();
    sqlx::query_scalar("SELECT count(*) FROM audit").fetch_one(db).await.unwrap()
}

// case: S-11-forget
#[tokio::test]
async fn what_is_left_of_an_audit_whose_beginning_was_forgotten_proves_itself() {
    let fleet = Fleet::start(&["--without-workers"], &[]).await;
    let config = configuration(&fleet, "aged");
    let mut db = fleet.postgres().await;
    let rows = aged(&fleet, &mut db).await;
    let swift = ("POSTFLEET__WORKERS__SWEEP_EVERY_MS", "200");
    let sealer = Worker::start_as(&fleet, "sealer", &["work"], &[swift]);
    counts(&mut db, "SELECT count(*) FROM audit_unsealed", 0).await;
    let (is_whole, told) = verify(&config, &[]);
    assert!(is_whole && told["links"] == rows && told["forgotten"].is_null(), "{told}");
    let link = "SELECT no || ':' || encode(hash, 'hex') FROM audit_chain ORDER BY no LIMIT 1";
    let first = noted(&mut db, link).await;
    let link = "SELECT no || ':' || encode(hash, 'hex') FROM audit_chain ORDER BY no DESC LIMIT 1";
    let last = noted(&mut db, link).await;
    drop(sealer);

    let year = ("POSTFLEET__WORKERS__KEEP_AUDIT_DAYS", "365");
    let other = sealing(&fleet).await;
    let forgetter = Worker::start_as(&fleet, "forgetter", &["work"], &[swift, year]);
    is_waited_for(&mut db).await;
    drop(other);
    counts(&mut db, "SELECT count(*) FROM audit", 2).await;
    eventually("it is told", Duration::from_secs(10), async || {
        let log = forgetter.log();
        log.contains("the audit is forgotten up to here").then_some(()).ok_or(log)
    })
    .await;
    let (is_whole, told) = verify(&config, &["--through", &last]);
    assert!(is_whole && told["links"] == 2, "{told}");
    assert_eq!(told["forgotten"]["no"], rows - 2, "{told}");
    let (is_whole, told) = verify(&config, &["--through", &first]);
    assert!(!is_whole && told["findings"][0]["kind"] == "forgotten", "{told}");

    // Nobody forgets what is younger, and nobody else forgets anything.
    let all = "SELECT forget_audit(max(no), clock_timestamp()) FROM audit_chain";
    refused(&mut db, all, "last 30 days").await;
    let all = "SELECT forget_audit(max(no), clock_timestamp() - interval '31 days')
               FROM audit_chain";
    refused(&mut db, all, "is younger").await;
    refused(&mut db, "DELETE FROM audit", "append-only").await;
    refused(&mut db, "DELETE FROM audit_chain", "append-only").await;
    refused(&mut db, "UPDATE audit_anchors SET rows = 1", "append-only").await;
    sqlx::raw_sql("SET role postfleet_tenant").execute(&mut db).await.unwrap();
    let none = "SELECT forget_audit(1, '2020-01-01')";
    refused(&mut db, none, "may not forget").await;
    let forged = "INSERT INTO audit_anchors (no, hash, rows, older_than)
                  VALUES (1000000, sha256(''), 1, clock_timestamp())";
    refused(&mut db, forged, "audit_anchors").await;
    sqlx::raw_sql("RESET role").execute(&mut db).await.unwrap();

    // What goes past that is found: the chain begins where the anchor says.
    let cut =
        "ALTER TABLE audit DISABLE TRIGGER USER; ALTER TABLE audit_chain DISABLE TRIGGER USER;
               WITH c AS (DELETE FROM audit_chain WHERE no = (SELECT min(no) FROM audit_chain)
                   RETURNING audit_id)
               DELETE FROM audit WHERE id IN (SELECT audit_id FROM c)";
    sqlx::raw_sql(cut).execute(&mut db).await.unwrap();
    let (is_whole, told) = verify(&config, &[]);
    assert!(!is_whole && told["findings"][0]["kind"] == "deleted", "{told}");
}
