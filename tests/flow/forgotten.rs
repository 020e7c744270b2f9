//! What is over is forgotten, and nothing else is.

use crate::support::Fleet;
use std::time::Duration;
use store::Store;
use store::forgetting::{CLAIMS_KEPT, Kind};
use uuid::Uuid;

const DAYS: Duration = Duration::from_secs(30 * 86_400);

/// Rows of long ago, and beside each one that has to stay.
const SOWN: [&str; 7] = [
    "WITH t AS (INSERT INTO tenants (id, name) VALUES ($1, 'old ' || $1) RETURNING id)
     INSERT INTO brands (id, tenant_id, slug, name) SELECT id, id, 'old', 'Old' FROM t",
    // An id of 2023.
    "INSERT INTO posts (id, tenant_id, brand_id, stage, draft, created_at)
     SELECT ('018a0000' || right($1::text, 28))::uuid, tenant_id, id, 'draft', '{}',
         clock_timestamp() - interval '9 days' FROM brands WHERE id = $1",
    "INSERT INTO idempotency_keys (tenant_id, key, request_sha256, post_id, created_at, is_for_ever)
     SELECT tenant_id, word || id, '', id, clock_timestamp() - interval '73 hours', word = 'ref-'
     FROM posts, unnest('{key-,ref-}'::text[]) AS word WHERE brand_id = $1",
    "INSERT INTO idempotency_keys (tenant_id, key, request_sha256, post_id, created_at)
     SELECT tenant_id, 'new-' || id, '', id, clock_timestamp() - interval '71 hours'
     FROM posts WHERE brand_id = $1",
    "INSERT INTO webhook_messages (id, webhook_id, tenant_id, event_id, stream, status, ended_at)
     SELECT ('018a000' || n || right($1::text, 28))::uuid, $1, tenant_id, n, 's', status, ended_at
     FROM brands, (VALUES (1, 'delivered', clock_timestamp() - interval '31 days'),
         (2, 'failed', clock_timestamp() - interval '29 days'), (3, 'waiting', NULL))
         AS m (n, status, ended_at) WHERE id = $1",
    "INSERT INTO timeline (tenant_id, delivery_id, epoch, role, lines, at)
     SELECT tenant_id, id, 0, 'publish', '{}', clock_timestamp() - interval '31 days'
     FROM posts WHERE brand_id = $1",
    "INSERT INTO timeline (tenant_id, delivery_id, epoch, role, lines)
     SELECT tenant_id, id, 1, 'publish', '{}' FROM posts WHERE brand_id = $1",
];

const LEFT: [(&str, &str); 3] = [
    (
        "SELECT string_agg(left(k.key, 3), ' ' ORDER BY k.key) FROM idempotency_keys k
         JOIN posts p ON p.id = k.post_id WHERE p.brand_id = $1",
        "new ref",
    ),
    (
        "SELECT string_agg(status, ' ' ORDER BY event_id) FROM webhook_messages
         WHERE webhook_id = $1",
        "failed waiting",
    ),
    (
        "SELECT string_agg(t.epoch::text, ' ') FROM timeline t JOIN posts p ON p.id = t.delivery_id
         WHERE p.brand_id = $1",
        "1",
    ),
];

// case: S-forgotten
#[tokio::test]
async fn what_is_over_is_forgotten_and_what_is_not_stays() {
    let fleet = Fleet::shared().await;
    let mut db = fleet.postgres().await;
    let id = base::rng::uuid();
    for sql in SOWN {
        let done = sqlx::query(sql).bind(id).execute(&mut db).await.unwrap();
        assert!(done.rows_affected() > 0, "{sql}");
    }
    let url = fleet.place().postgres_url.clone();
    let config = store::Config { url, connections_max: 1, ..store::Config::default() };
    let store = Store::connect(&config).await.unwrap();
    for kind in Kind::ALL {
        let age = if kind == Kind::Claims { CLAIMS_KEPT } else { DAYS };
        let (mut after, mut gone) = (Uuid::nil(), 0);
        loop {
            let step = store.forget(kind, age, after).await.unwrap();
            gone += step.gone;
            match step.last.filter(|last| *last > after) {
                Some(last) => after = last,
                None => break,
            }
        }
        assert!(gone > 0, "{kind:?}");
    }
    for (sql, left) in LEFT {
        let found: Option<String> =
            sqlx::query_scalar(sql).bind(id).fetch_one(&mut db).await.unwrap();
        assert_eq!(found.as_deref(), Some(left), "{sql}");
    }
}
