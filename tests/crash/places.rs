//! The fleet on a Redis Cluster and behind Sentinels: slots move and masters die while posts go
//! out.

use super::faults::{Staff, flows, intended, resumes};
use super::writer::Writer;
use crate::support::servers::{Cluster, Sentinels};
use crate::support::{Fleet, eventually};
use std::time::Duration;

const ACCOUNTS: usize = 5;
const NETWORK_MS: &str = "40";
/// As many shards as keep three nodes busy.
const SHARDS: u16 = 6;
/// A Sentinel has to notice, agree and promote.
const PROMOTED_WITHIN: Duration = Duration::from_secs(30);

async fn start() -> Fleet {
    Fleet::start(&["--without-workers", "--delay-ms", NETWORK_MS], &[]).await
}

/// Everything is out, once, and behind its intent.
async fn end(fleet: &Fleet, mut writer: Writer, mut staff: Staff) {
    writer.ask_all(fleet).await;
    let ended = writer.judge(fleet).await;
    assert!(ended.iter().all(|one| one.status == "published"), "{ended:?}");
    intended(fleet).await;
    staff.assert_alive();
}

/// The slot of each shard moves once, some time after posts of a further batch are under way.
async fn move_slots(name: &str, rounds: usize) {
    let cluster = Cluster::start().await;
    let mut fleet = start().await;
    let (url, shards) = (cluster.url(), SHARDS.to_string());
    let places =
        [("POSTFLEET__QUEUE__URL", url.as_str()), ("POSTFLEET__QUEUE__SHARDS", shards.as_str())];
    let staff = Staff::start(&mut fleet, name, &places).await;
    let moves = rounds * usize::from(SHARDS);
    let mut writer = Writer::new(&fleet, name, moves * 40, rounds * ACCOUNTS).await;
    for shard in (0..SHARDS).cycle().take(moves) {
        flows(&fleet, &mut writer).await;
        let moved = cluster.begin_move(&format!("{{pf:s{shard}}}:")).await;
        resumes(&fleet, &mut writer, &format!("the slot of shard {shard} began to move")).await;
        cluster.end_move(moved).await;
        resumes(&fleet, &mut writer, &format!("the slot of shard {shard} had moved")).await;
    }
    end(&fleet, writer, staff).await;
}

// case: R-11-cluster
#[tokio::test]
async fn slots_that_move_during_claims_lose_and_double_nothing() {
    move_slots("cluster", 1).await;
}

// case: R-11-cluster-long
#[tokio::test]
#[ignore = "takes minutes"]
async fn slots_that_move_again_and_again_lose_and_double_nothing() {
    move_slots("cluster-long", 6).await;
}

/// The master dies while posts are under way, and its replica takes its place.
async fn fail_over(name: &str) {
    let mut sentinels = Sentinels::start().await;
    let mut fleet = start().await;
    let url = sentinels.url();
    let staff = Staff::start(&mut fleet, name, &[("POSTFLEET__QUEUE__URL", &url)]).await;
    let mut writer = Writer::new(&fleet, name, 80, ACCOUNTS).await;
    flows(&fleet, &mut writer).await;
    sentinels.servers[0].kill();
    writer.ask(&fleet, 5).await;
    eventually("the replica is master", PROMOTED_WITHIN, async || {
        // A replica closes its connections when it is promoted.
        let asked = sentinels.servers[1].ask(&["INFO", "replication"]).await;
        let role = format!("{asked:?}");
        if role.contains("role:master") { Ok(()) } else { Err(role) }
    })
    .await;
    resumes(&fleet, &mut writer, "a replica became master").await;
    end(&fleet, writer, staff).await;
}

// case: R-11-sentinel
#[tokio::test]
async fn a_master_that_dies_behind_sentinels_loses_and_doubles_nothing() {
    fail_over("sentinel").await;
}
