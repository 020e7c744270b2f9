//! What the crash grid came to: what the database has, and what the platform has.

use super::cells::Kind;
use super::grid::Placed;
use crate::support::Scene;
use platforms::sim::Accepted;
use serde_json::{Value, json};
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// A delivery as the database has it.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub(super) struct Row {
    pub id: Uuid,
    status: String,
    remote_id: Option<String>,
    permalink: Option<String>,
    checkpoint: Option<Value>,
    checkpoint_no: i32,
    epoch: i64,
    lease: i64,
    crashes: i32,
    failure: Option<Value>,
    /// When it changed last.
    updated: String,
}

impl Row {
    pub fn is_published(&self) -> bool {
        self.status == "published"
    }

    /// It ended, and not as it was to.
    pub fn is_failed(&self) -> bool {
        matches!(self.status.as_str(), "failed" | "cancelled" | "review")
    }
}

/// All deliveries.
pub(super) async fn rows(db: &mut PgConnection) -> Vec<Row> {
    let asked = sqlx::query_as(
        "SELECT id, status, remote_id, permalink, checkpoint, checkpoint_no, epoch, lease, crashes,
             failure, updated_at::text AS updated FROM deliveries",
    );
    asked.fetch_all(db).await.unwrap()
}

/// Every delivery that has not ended is owed a wake-up, its own or its post's.
pub(super) async fn owners(db: &mut PgConnection) {
    let asked = sqlx::query_as::<_, (Uuid, String)>(
        "SELECT id, status FROM deliveries d
         WHERE status NOT IN ('published', 'failed', 'cancelled', 'review') AND NOT EXISTS (
             SELECT FROM jobs WHERE kind IN ('publish', 'reconcile') AND subject = d.id
                 OR kind = 'fan_out' AND subject = d.post_id)",
    );
    let orphans = asked.fetch_all(db).await.unwrap();
    assert!(orphans.is_empty(), "nobody is woken for {orphans:?}");
}

/// The platforms have what was asked for: each part once.
pub(super) async fn judge(scene: &Scene<'_>, placed: &[Placed]) {
    let rows = rows(&mut scene.fleet.postgres().await).await;
    let platforms: BTreeSet<&str> = placed.iter().map(|one| one.account.way.0).collect();
    for platform in platforms {
        let placed: Vec<&Placed> =
            placed.iter().filter(|one| one.account.way.0 == platform).collect();
        let mut accepted = scene.sim.accepted(platform).await;
        accepted.retain(|there| !there.text.starts_with("Scout"));
        let parts: usize = placed.iter().map(|one| one.cell.kind.parts()).sum();
        assert_eq!(accepted.len(), parts, "no part is missing, and none is there twice");
        let by_words: There<'_> =
            accepted.iter().map(|one| ((one.account.as_str(), one.text.as_str()), one)).collect();
        for one in &placed {
            let row = rows.iter().find(|row| row.id == one.delivery).unwrap();
            let there = there(&by_words, one, &one.cell.words()[0]);
            assert_eq!(row.remote_id.as_deref(), Some(there.remote_id.as_str()), "{there:?}");
        }
        if platform == "x" {
            on_x(scene, &placed, &by_words);
        }
    }
    sent_once(scene, placed).await;
}

/// Of the calls of a delivery as many have left as it has parts, but for those that were seen not
/// to have arrived: a platform that refuses a second create must not be what saves us.
async fn sent_once(scene: &Scene<'_>, placed: &[Placed]) {
    let sent: BTreeMap<Uuid, i64> = sqlx::query_as(
        "SELECT delivery_id, count(*) FROM attempts WHERE outcome NOT IN ('absent', 'withdrawn')
         GROUP BY delivery_id",
    )
    .fetch_all(&mut scene.fleet.postgres().await)
    .await
    .unwrap()
    .into_iter()
    .collect();
    for one in placed {
        let parts = i64::try_from(one.cell.kind.parts()).unwrap();
        assert_eq!(sent.get(&one.delivery), Some(&parts), "{:?}", one.cell);
    }
}

type There<'a> = BTreeMap<(&'a str, &'a str), &'a Accepted>;

fn there<'a>(by_words: &There<'a>, one: &Placed, words: &str) -> &'a Accepted {
    let key = (one.account.remote_id.as_str(), words);
    by_words.get(&key).unwrap_or_else(|| panic!("{words} is not there"))
}

/// Each part is behind its parent, with what belongs to it.
fn on_x(scene: &Scene<'_>, placed: &[&Placed], by_words: &There<'_>) {
    let creates = scene.sim.bodies("/2/tweets");
    // A platform that refuses a second create as a duplicate must not be what saves us.
    assert_eq!(creates.len(), by_words.len(), "no create came twice");
    let described = scene.sim.bodies("/2/media/metadata");
    for one in placed {
        let mut parent = Value::Null;
        for (at, words) in one.cell.words().iter().enumerate() {
            let there = there(by_words, one, words);
            let body = creates.iter().find(|body| body["text"] == words.as_str()).unwrap();
            assert_eq!(body["reply"]["in_reply_to_tweet_id"], parent, "{words}");
            parent = there.remote_id.as_str().into();
            if at == 0 {
                whole(one, body, &described);
            }
        }
    }
}

/// The first part has its files and options.
fn whole(one: &Placed, body: &Value, described: &[Value]) {
    let attached = body["media"]["media_ids"].as_array().map_or(&[][..], Vec::as_slice);
    let cell = &one.cell;
    assert_eq!(
        attached.len(),
        usize::from(matches!(cell.kind, Kind::Image | Kind::Film)),
        "{body}"
    );
    if cell.kind == Kind::Image {
        let said =
            described.iter().find(|said| said["id"] == attached[0]).expect("it is described");
        assert_eq!(said["metadata"]["alt_text"]["text"], cell.alt_text());
    }
    let poll = json!({"options": ["This", "That"], "duration_minutes": 60});
    let poll = if cell.kind == Kind::Poll { poll } else { Value::Null };
    assert_eq!(body["poll"], poll);
}
