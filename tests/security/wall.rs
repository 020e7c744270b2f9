//! The wall between tenants inside Postgres: it stands where a query forgets to name its tenant.

use crate::support::scene::Account;
use crate::support::{Fleet, Scene, eventually};
use domain::id::TenantId;
use serde_json::json;
use sqlx::{AssertSqlSafe, PgConnection};
use std::collections::BTreeMap;
use std::time::Duration;
use store::{Store, scope};

/// Tables without a tenant: each is reached through a row that has one, or is the fleet's own.
const OF_NOBODY: [&str; 20] = [
    "_sqlx_migrations",
    "api_key_brands",
    "attempts",
    "audit_chain",
    "audit_unsealed",
    "catch_ups",
    "doubts",
    "gates",
    "grant_versions",
    "histories",
    "jobs",
    "mailings",
    "open_reviews",
    "post_moves",
    "post_statuses",
    "refusals",
    "reposts",
    "schema_floor",
    "unmapped",
    "workers",
];

/// Has a connection serve these tenants, as the store has its own.
async fn serve(db: &mut PgConnection, tenants: &str) {
    let role = if tenants == "*" { "none" } else { "postfleet_tenant" };
    let set = "SELECT set_config('postfleet.tenants', $1, false), set_config('role', $2, false)";
    sqlx::query(set).bind(tenants).bind(role).execute(db).await.unwrap();
}

/// How many rows of each table with a tenant a connection sees that serves these.
async fn seen(db: &mut PgConnection, tenants: &str) -> BTreeMap<String, i64> {
    serve(db, "*").await;
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT table_name::text FROM information_schema.columns WHERE table_schema = 'public'
             AND (column_name = 'tenant_id' OR table_name = 'tenants' AND column_name = 'id')",
    )
    .fetch_all(&mut *db)
    .await
    .unwrap();
    serve(db, tenants).await;
    let mut counts = BTreeMap::new();
    for table in tables {
        let count = format!("SELECT count(*) FROM {table}");
        let count = sqlx::query_scalar(AssertSqlSafe(count)).fetch_one(&mut *db).await.unwrap();
        counts.insert(table, count);
    }
    counts
}

async fn tenant_of(db: &mut PgConnection, account: &Account) -> TenantId {
    let id = account.id.trim_start_matches("acc_");
    let sql = "SELECT tenant_id FROM accounts WHERE id = $1::uuid";
    TenantId::new(sqlx::query_scalar(sql).bind(id).fetch_one(db).await.unwrap())
}

// case: S-wall
#[tokio::test]
async fn a_query_without_a_tenant_sees_no_row_of_another_one() {
    let fleet = Fleet::shared().await;
    let scene = Scene::of(fleet, fleet.another_tenant("spec").await, "walled").await;
    let account = scene.connect("walled").await;
    scene.published(&scene.say(&account, &format!("Behind the wall, {}", scene.brand)).await).await;
    let mut db = fleet.postgres().await;
    let mine = tenant_of(&mut db, &account).await;
    let stranger = fleet.another_tenant("spec").await;
    stranger.client.ensure_brand("strange", "Strange").await.unwrap();
    let of_stranger = "SELECT tenant_id FROM brands WHERE slug = 'strange'
                       ORDER BY created_at DESC LIMIT 1";
    let theirs = TenantId::new(sqlx::query_scalar(of_stranger).fetch_one(&mut db).await.unwrap());

    // Nobody's is nothing, and a tenant's is less than everybody's.
    let (all, own) = (seen(&mut db, "*").await, seen(&mut db, &mine.uuid().to_string()).await);
    for (table, count) in seen(&mut db, "").await {
        assert_eq!(count, 0, "{table} is open to nobody");
    }
    let held = ["accounts", "audit", "credentials", "deliveries", "events", "posts", "timeline"];
    for table in held {
        assert!(own[table] > 0 && own[table] < all[table], "{table}: {own:?} of {all:?}");
    }
    assert_eq!((own["tenants"], own["brands"], own["accounts"], own["posts"]), (1, 1, 1, 1));

    // A row of another tenant can be neither written nor moved there.
    serve(&mut db, &mine.uuid().to_string()).await;
    let forged = "INSERT INTO brands (id, tenant_id, slug, name)
                  VALUES (gen_random_uuid(), $1, 'forged', 'Forged')";
    let refused = sqlx::query(forged).bind(theirs.uuid()).execute(&mut db).await.unwrap_err();
    assert!(refused.to_string().contains("row-level security"), "{refused}");
    let moved = "UPDATE brands SET tenant_id = $1";
    let refused = sqlx::query(moved).bind(theirs.uuid()).execute(&mut db).await.unwrap_err();
    assert!(refused.to_string().contains("row-level security"), "{refused}");

    // The store's connections serve whoever takes them, one after the other.
    let url = fleet.place().postgres_url.clone();
    let config = store::Config { url, connections_max: 1, ..store::Config::default() };
    let store = Store::connect(&config).await.unwrap();
    let brands = async || store.brands(mine).await.unwrap().len();
    assert_eq!(brands().await, 1);
    assert_eq!(scope::of_tenants([theirs], brands()).await, 0);
    assert_eq!(scope::of_tenants([theirs, mine], brands()).await, 1);
    assert_eq!(scope::of_tenants([], brands()).await, 0);
    assert_eq!(scope::of_tenants([theirs], scope::of_everybody(brands())).await, 1);
    assert_eq!(brands().await, 1, "what serves nobody in particular serves everybody again");
}

/// Changes what tables let through. Whoever waits for a table in use holds up everybody behind him,
/// so it gives up after a moment and tries again.
async fn alter(db: &mut PgConnection, changes: [String; 2]) {
    sqlx::query("SET lock_timeout = '100ms'").execute(&mut *db).await.unwrap();
    for change in changes {
        eventually("a table is free for a moment", Duration::from_secs(30), async || {
            let done = sqlx::query(AssertSqlSafe(change.clone())).execute(&mut *db).await;
            done.map(|_| ()).map_err(|error| error.to_string())
        })
        .await;
    }
}

// case: S-wall-api
#[tokio::test]
async fn a_request_of_the_api_works_behind_the_wall() {
    let fleet = Fleet::shared().await;
    let scene = Scene::of(fleet, fleet.another_tenant("spec").await, "served").await;
    let account = scene.connect("served").await;
    let mut db = fleet.postgres().await;
    let tenant = tenant_of(&mut db, &account).await.uuid();
    // Hides this tenant from whoever serves one: what then finds it has come past the wall.
    let hide = |table: &str, order: &str| {
        let policy = format!("hide_{}", tenant.simple());
        match order {
            "CREATE" => format!(
                "CREATE POLICY {policy} ON {table} AS RESTRICTIVE TO postfleet_tenant
                 USING (tenant_id <> '{tenant}')"
            ),
            _ => format!("DROP POLICY IF EXISTS {policy} ON {table}"),
        }
    };
    let draft = json!({"text": "Seen", "accounts": [account.id], "draft": true});
    let ask = async || {
        let listed = scene.api.get("/v1/brands").await.data().as_array().unwrap().len();
        let path = format!("/v1/accounts/{}", account.id);
        (listed, scene.try_post(draft.clone()).await.status, scene.api.get(&path).await.status)
    };
    assert_eq!(ask().await, (1, 201, 200));
    alter(&mut db, ["brands", "accounts"].map(|table| hide(table, "CREATE"))).await;
    let hidden = ask().await;
    alter(&mut db, ["brands", "accounts"].map(|table| hide(table, "DROP"))).await;
    assert_eq!(hidden, (0, 422, 404), "requests are served behind the wall, batches too");
}

// case: S-wall-tables
#[tokio::test]
async fn every_table_with_a_tenant_is_walled() {
    let mut db = Fleet::shared().await.postgres().await;
    let open: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
             AND NOT (c.relrowsecurity
                 AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid))
         ORDER BY 1",
    )
    .fetch_all(&mut db)
    .await
    .unwrap();
    for table in &open {
        assert!(OF_NOBODY.contains(&table.as_str()), "{table} is behind no wall: {open:?}");
    }
    let is_free = "SELECT rolsuper OR rolbypassrls FROM pg_roles
                   WHERE rolname = 'postfleet_tenant'";
    let is_free: bool = sqlx::query_scalar(is_free).fetch_one(&mut db).await.unwrap();
    assert!(!is_free, "the role of requests is held by no wall");
}
