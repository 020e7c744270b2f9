//! However few connections a process has, its work waits for others and never for itself.

use crate::support::worker::Worker;
use crate::support::{Fleet, Scene, eventually};
use base::clock;
use serde_json::{Value, json};
use std::time::Duration;

/// More than the process plans at once.
const POSTS: usize = 20;
/// Less than it would wait for a second connection once.
const WITHIN: Duration = Duration::from_secs(60);

// case: S-pool
#[tokio::test]
async fn many_fan_outs_at_once_end_in_a_process_of_one_connection() {
    let fleet = Fleet::start(&["--without-workers"], &[]).await;
    let scene = Scene::on(&fleet, "pool").await;
    let account = scene.connect("pool").await;
    let due = clock::now() + Duration::from_secs(3_600);
    let mut posts: Vec<Value> = Vec::new();
    for number in 0..POSTS {
        let text = format!("{number}, {}", scene.brand);
        let body = json!({"text": text, "accounts": [account.id], "scheduledAt": due});
        posts.push(scene.post(body).await);
    }
    let few =
        [("POSTFLEET__STORE__CONNECTIONS_MAX", "1"), ("POSTFLEET__STORE__ACQUIRE_MS", "90000")];
    let _worker =
        Worker::start_as(&fleet, "few", &["work", "--roles", "relay,sweep,fan-out"], &few);
    eventually("all are planned", WITHIN, async || {
        let counted = "SELECT count(*) FROM deliveries WHERE status = 'scheduled'";
        let counted = sqlx::query_scalar::<_, i64>(counted);
        let planned = counted.fetch_one(&mut fleet.postgres().await).await.unwrap();
        if planned == POSTS as i64 { Ok(()) } else { Err(format!("{planned} of {POSTS}")) }
    })
    .await;
}
