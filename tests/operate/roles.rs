//! The fleet runs as a role that owns nothing.

use super::migrating::{database, migrate};
use crate::support::api::{Api, send, try_send};
use crate::support::fleet::{Place, free_port, program};
use crate::support::worker::Worker;
use crate::support::{Fleet, Scene, eventually};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::time::Duration;

const ROLES: &str = include_str!("../../deploy/roles.sql");
const FAR: &str = "2099-01-01T00:00:00Z";
const WITHIN: Duration = Duration::from_secs(30);

/// Runs statements; `Err` is the code of the refusal.
async fn run(db: &mut PgConnection, statement: &str) -> Result<(), String> {
    let ran = sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(db).await;
    let code = |error: sqlx::Error| {
        let told = error.as_database_error().and_then(|error| error.code());
        told.map_or_else(|| error.to_string(), |code| code.into_owned())
    };
    ran.map(|_| ()).map_err(code)
}

/// The same database for another login.
fn as_login(url: &str, login: &str) -> String {
    let (_, rest) = url.rsplit_once('@').unwrap();
    format!("postgres://{login}:{login}@{rest}")
}

/// How Postgres says that somebody may not do something.
const FORBIDDEN: &str = "42501";

/// What the role that the fleet runs as may not do.
const NOT_ALLOWED: [&str; 14] = [
    "ALTER TABLE posts ADD COLUMN more text",
    "DROP TABLE posts",
    "TRUNCATE events",
    "CREATE TABLE mine (id int)",
    "CREATE TEMP TABLE mine (id int)",
    "DROP POLICY tenants_apart ON posts",
    "ALTER TABLE posts DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE audit DISABLE TRIGGER ALL",
    "ALTER ROLE postfleet_app BYPASSRLS",
    "SET ROLE postfleet_owner",
    "UPDATE audit SET reason = 'another'",
    "DELETE FROM audit",
    "SET ROLE postfleet_tenant; DELETE FROM audit",
    "UPDATE schema_floor SET works_from = 1",
];

// case: O-roles
#[tokio::test]
async fn the_fleet_runs_as_a_role_that_can_neither_change_tables_nor_the_audit() {
    let fleet = Fleet::start(&["--without-workers"], &[]).await;
    let own = database(&fleet, "run_as", "").await;
    let mut admin = PgConnection::connect(&own).await.unwrap();
    run(&mut admin, ROLES).await.unwrap();
    for login in ["postfleet_migrator", "postfleet_app"] {
        let password = format!("ALTER ROLE {login} PASSWORD '{login}'");
        run(&mut admin, &password).await.unwrap();
    }
    let made = migrate(&as_login(&own, "postfleet_migrator")).wait_with_output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    // Once more, over what is there now.
    run(&mut admin, ROLES).await.unwrap();
    let others = sqlx::query_scalar(
        "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace
             AND relkind IN ('r', 'p', 'S') AND relowner <> 'postfleet_owner'::regrole",
    );
    let others: i64 = others.fetch_one(&mut admin).await.unwrap();
    assert_eq!(others, 0, "everything belongs to the owner, whom nobody connects as");

    let app = as_login(&own, "postfleet_app");
    let redis = format!("{}/1", fleet.place().redis_url.strip_suffix("/0").unwrap());
    works(&fleet, &app, &redis).await;

    let mut db = PgConnection::connect(&app).await.unwrap();
    for statement in NOT_ALLOWED {
        let refused = run(&mut db, statement).await.expect_err(statement);
        assert_eq!(refused, FORBIDDEN, "{statement}");
        run(&mut db, "RESET ROLE").await.unwrap();
    }
    // The beginning of the audit goes by the one function that looks first, and by nothing else.
    let young = run(&mut db, "SELECT forget_audit(1, '2020-01-01')").await.unwrap_err();
    assert_eq!(young, "P0001", "it is asked, and refuses");
    // As a tenant nobody sees another's rows, and nothing switches that off.
    run(&mut db, "SET ROLE postfleet_tenant; SET postfleet.tenants = ''").await.unwrap();
    let seen: i64 =
        sqlx::query_scalar("SELECT count(*) FROM posts").fetch_one(&mut db).await.unwrap();
    assert_eq!(seen, 0);
    run(&mut db, "SET row_security = off").await.unwrap();
    let open = run(&mut db, "SELECT count(*) FROM posts").await.unwrap_err();
    assert_eq!(open, FORBIDDEN);
}

/// Connects, posts, cancels and erases, on a fleet whose every process has this login.
async fn works(fleet: &Fleet, postgres: &str, redis: &str) {
    let key_file = fleet.data().join("key");
    let parts = [
        ("POSTFLEET__STORE__URL", postgres),
        ("POSTFLEET__QUEUE__URL", redis),
        ("POSTFLEET__VAULT__KEY_FILE", key_file.to_str().unwrap()),
    ];
    let mut first = program();
    first.args(["api-keys", "first", "--tenant", "roles", "--json"]).envs(parts);
    let key = first.output().unwrap();
    assert!(key.status.success(), "{}", String::from_utf8_lossy(&key.stderr));
    let key: Value = serde_json::from_slice(&key.stdout).unwrap();
    let [public, private] = [(); 2].map(|()| format!("127.0.0.1:{}", free_port()));
    let api_url = format!("http://{public}");
    let listen = [
        ("POSTFLEET__SERVER__LISTEN", public.as_str()),
        ("POSTFLEET__SERVER__PRIVATE_LISTEN", private.as_str()),
        ("POSTFLEET__SERVER__PUBLIC_URL", api_url.as_str()),
    ];
    let environment = [&parts[..], &listen[..]].concat();
    let mut door = Worker::start_as(fleet, "door-as-app", &["serve"], &environment);
    let mut worker = Worker::start_as(fleet, "work-as-app", &["work"], &environment);
    let api_key = key["key"].as_str().unwrap().to_owned();
    let api = Api::new(&Place { api_url, api_key, ..fleet.place().clone() });
    eventually("it serves", WITHIN, async || {
        match try_send(api.open(Method::GET, "/readyz")).await {
            Ok(answer) if answer.status == 200 => Ok(()),
            other => Err(format!("{other:?}\n{}", door.log())),
        }
    })
    .await;
    let scene = Scene::of(fleet, api, "roles").await;
    let account = scene.connect("roles").await;
    let post = scene.say(&account, "Said by somebody who owns nothing").await;
    scene.published(&post).await;
    let later = json!({"text": "Never", "accounts": [account.id], "scheduledAt": FAR});
    let later = scene.post(later).await;
    assert_eq!(scene.order(&later, "cancel").await.status, 200);
    // An erasure goes through every table.
    let path = format!("/v1/brands/{}", scene.brand);
    let erased = send(scene.api.request(Method::DELETE, &path)).await;
    assert!(erased.status < 300, "{erased:?}");
    let id = erased.data()["id"].as_str().unwrap().to_owned();
    eventually("the brand is erased", WITHIN, async || {
        let shown = scene.api.get(&format!("/v1/erasures/{id}")).await;
        if shown.data()["status"] == "done" {
            Ok(())
        } else {
            Err(format!("{shown:?}\n{}", worker.log()))
        }
    })
    .await;
    assert!(door.ended().is_none() && worker.ended().is_none());
    for log in [door.log(), worker.log()] {
        let refused = log.lines().filter(|line| line.contains("permission denied"));
        assert_eq!(refused.collect::<Vec<_>>(), Vec::<&str>::new());
    }
}
