//! The audit as it lies in the database: who changes it past the triggers is found out.

use crate::support::fleet::program;
use crate::support::worker::configuration;
use crate::support::{Fleet, Scene, eventually};
use base::rng;
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection};
use std::time::Duration;

/// A copy of the audit in a schema of its own, so that what is broken there breaks nobody else's.
async fn copy(db: &mut PgConnection, schema: &str) {
    for order in [
        format!("CREATE SCHEMA {schema}"),
        format!("CREATE TABLE {schema}.audit (LIKE audit INCLUDING ALL)"),
        format!("CREATE TABLE {schema}.audit_chain (LIKE audit_chain INCLUDING ALL)"),
        format!("CREATE TABLE {schema}.audit_anchors (LIKE audit_anchors INCLUDING ALL)"),
        format!("CREATE TABLE {schema}.audit_unsealed (LIKE audit_unsealed INCLUDING ALL)"),
        // The chain first: the sealer goes on, and a link without its row would be a finding.
        format!("INSERT INTO {schema}.audit_chain SELECT * FROM audit_chain"),
        format!(
            "INSERT INTO {schema}.audit OVERRIDING SYSTEM VALUE
                 SELECT a.* FROM audit a JOIN {schema}.audit_chain c ON c.audit_id = a.id"
        ),
    ] {
        sqlx::query(AssertSqlSafe(order)).execute(&mut *db).await.unwrap();
    }
}

/// What the command says of the audit in a schema: how it ended, and the findings.
fn verify(fleet: &Fleet, schema: &str, further: &[&str]) -> (bool, Value) {
    let url = format!("{}?options=-csearch_path%3D{schema}", fleet.place().postgres_url);
    let mut command = program();
    command.args(["audit", "verify", "--json", "--config"]).arg(configuration(fleet, "audit"));
    command.args(further).env("POSTFLEET__STORE__URL", url);
    let ended = command.output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    let told = serde_json::from_str(&said);
    let told = told.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&ended.stderr)));
    (ended.status.success(), told)
}

fn kinds(told: &Value) -> Vec<(String, Option<i64>)> {
    let all = told["findings"].as_array().unwrap().iter();
    all.map(|one| (one["kind"].as_str().unwrap().to_owned(), one["row"].as_i64())).collect()
}

// case: S-11
#[tokio::test]
async fn a_row_of_the_audit_that_was_forged_or_deleted_is_named() {
    let fleet = Fleet::shared().await;
    let scene = Scene::open("chained").await;
    let account = scene.connect("chained").await;
    for reason in ["a campaign is over", "another reason", "and a third"] {
        let path = format!("/v1/accounts/{}/pause", account.id);
        let paused = scene.api.post(&path, &serde_json::json!({ "reason": reason })).await;
        assert_eq!(paused.status, 200, "{paused:?}");
    }
    let mut db = fleet.postgres().await;
    let mine: Vec<i64> = sqlx::query_scalar("SELECT id FROM audit WHERE subject = $1 ORDER BY id")
        .bind(&account.id)
        .fetch_all(&mut db)
        .await
        .unwrap();
    assert_eq!(mine.len(), 3);
    eventually("its rows are sealed", Duration::from_secs(20), async || {
        let sealed = "SELECT count(*) FROM audit_chain WHERE audit_id = ANY($1)";
        let sealed: i64 = sqlx::query_scalar(sealed).bind(&mine).fetch_one(&mut db).await.unwrap();
        if sealed == 3 { Ok(()) } else { Err(sealed.to_string()) }
    })
    .await;

    // The role of requests, and the owner of the tables too.
    let changes = [
        "UPDATE audit SET reason = 'forged'",
        "DELETE FROM audit",
        "UPDATE audit_chain SET no = no + 1000000",
        "DELETE FROM audit_chain",
        "TRUNCATE audit_chain",
        "INSERT INTO audit_chain (no, audit_id, content_sha256, hash)
         VALUES (1000000000, 1000000000, sha256(''), sha256(''))",
        "DELETE FROM audit_unsealed",
    ];
    sqlx::query("SET role postfleet_tenant").execute(&mut db).await.unwrap();
    for change in changes {
        let refused = sqlx::query(change).execute(&mut db).await;
        // What a wall without a door hides is not there to be deleted.
        let is_refused = refused.as_ref().map_or(true, |done| done.rows_affected() == 0);
        assert!(is_refused, "{change}");
    }
    sqlx::query("RESET role").execute(&mut db).await.unwrap();
    for change in &changes[..5] {
        let refused = sqlx::query(*change).execute(&mut db).await.unwrap_err().to_string();
        assert!(refused.contains("append-only"), "{change}: {refused}");
    }

    let schema = format!("audit_{}", rng::uuid().simple());
    copy(&mut db, &schema).await;
    let (is_whole, told) = verify(fleet, &schema, &[]);
    assert!(is_whole && kinds(&told).is_empty(), "{told}");
    let head = told["head"].clone();
    let through = format!("{}:{}", head["no"], &head["hash"].as_str().unwrap()[..40]);
    let log = fleet.log();
    let mut logged = log.lines().filter(|line| line.contains("the audit is sealed up to here"));
    assert!(logged.any(|line| !line.contains("[redacted]")), "the log shows no end of the chain");
    assert!(verify(fleet, &schema, &["--through", &through]).0);

    let forge = format!("UPDATE {schema}.audit SET reason = 'an order' WHERE id = {}", mine[0]);
    sqlx::query(AssertSqlSafe(forge)).execute(&mut db).await.unwrap();
    let delete = format!("DELETE FROM {schema}.audit WHERE id = {}", mine[1]);
    sqlx::query(AssertSqlSafe(delete)).execute(&mut db).await.unwrap();
    let (is_whole, told) = verify(fleet, &schema, &[]);
    assert!(!is_whole, "{told}");
    let expected = [("forged".to_owned(), Some(mine[0])), ("deleted".to_owned(), Some(mine[1]))];
    assert_eq!(kinds(&told), expected, "{told}");

    // Whoever cuts the chain before that, and takes the rows along, leaves an end that was noted.
    let cut = format!(
        "WITH c AS (DELETE FROM {schema}.audit_chain WHERE audit_id >= {} RETURNING audit_id)
         DELETE FROM {schema}.audit WHERE id IN (SELECT audit_id FROM c)",
        mine[0]
    );
    sqlx::query(AssertSqlSafe(cut)).execute(&mut db).await.unwrap();
    let (_, told) = verify(fleet, &schema, &["--through", &through]);
    assert!(kinds(&told).iter().any(|(kind, _)| kind == "cut"), "{told}");
    let drop = format!("DROP SCHEMA {schema} CASCADE");
    sqlx::query(AssertSqlSafe(drop)).execute(&mut db).await.unwrap();
}
