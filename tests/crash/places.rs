//! The fleet on a Redis Cluster and behind Sentinels: slots move and masters die while posts go
//! out.

use super::faults::{RESUMED_WITHIN, Staff, flows, intended, resumes};
use super::writer::Writer;
use crate::support::fleet::program;
use crate::support::servers::{Cluster, Sentinels, Server};
use crate::support::worker::configuration;
use crate::support::{Fleet, eventually};
use std::time::Duration;

const ACCOUNTS: usize = 5;
const NETWORK_MS: &str = "40";
/// As many shards as keep three nodes busy.
const SHARDS: u16 = 6;
/// The nodes that are left go on without the slots of one that is away.
const PARTS: &str = "cluster-require-full-coverage no\n";
/// Others have to notice, agree and promote.
const PROMOTED_WITHIN: Duration = Duration::from_secs(30);

async fn start() -> Fleet {
    Fleet::start(&["--without-workers", "--delay-ms", NETWORK_MS], &[]).await
}

/// Everything is out, once, and behind its intent.
async fn end(fleet: &Fleet, mut writer: Writer, staff: &mut Staff) {
    writer.ask_all(fleet).await;
    let ended = writer.judge(fleet).await;
    assert!(ended.iter().all(|one| one.status == "published"), "{ended:?}");
    intended(fleet).await;
    staff.assert_alive();
}

/// The front door and the worker on a Cluster.
async fn staffed(fleet: &mut Fleet, name: &str, cluster: &Cluster) -> Staff {
    let (url, shards) = (cluster.url(), SHARDS.to_string());
    let places =
        [("POSTFLEET__QUEUE__URL", url.as_str()), ("POSTFLEET__QUEUE__SHARDS", shards.as_str())];
    Staff::start(fleet, name, &places).await
}

/// The slot of each shard moves once, some time after posts of a further batch are under way.
async fn move_slots(name: &str, rounds: usize) {
    let cluster = Cluster::start().await;
    let mut fleet = start().await;
    let mut staff = staffed(&mut fleet, name, &cluster).await;
    let moves = rounds * usize::from(SHARDS);
    let mut writer = Writer::new(&fleet, name, moves * 40, rounds * ACCOUNTS).await;
    for shard in (0..SHARDS).cycle().take(moves) {
        flows(&fleet, &mut writer).await;
        let moved = cluster.begin_move(&format!("{{pf:s{shard}}}:")).await;
        resumes(&fleet, &mut writer, &format!("the slot of shard {shard} began to move")).await;
        cluster.end_move(moved).await;
        resumes(&fleet, &mut writer, &format!("the slot of shard {shard} had moved")).await;
    }
    end(&fleet, writer, &mut staff).await;
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

/// A replica is master.
async fn is_promoted(replica: &Server) {
    eventually("the replica is master", PROMOTED_WITHIN, async || {
        // It closes its connections when it is promoted.
        let role = format!("{:?}", replica.ask(&["INFO", "replication"]).await);
        if role.contains("role:master") { Ok(()) } else { Err(role) }
    })
    .await;
}

/// The masters of these shards die one after the other while posts are under way, and their replicas
/// take their slots. Where they come back, each does so as a replica before the next one dies, and
/// takes its slots back when the one that has them dies too.
async fn fail_over_inside(name: &str, lines: &str, shards: &[u16], come_back: bool) {
    let mut cluster = Cluster::replicated(lines).await;
    let mut fleet = start().await;
    let mut staff = staffed(&mut fleet, name, &cluster).await;
    let deaths = if come_back { 2 * shards.len() } else { shards.len() };
    let mut writer = Writer::new(&fleet, name, deaths * 40, ACCOUNTS).await;
    for shard in shards {
        let number = cluster.owner(&format!("{{pf:s{shard}}}:")).await;
        flows(&fleet, &mut writer).await;
        cluster.nodes[number].kill();
        writer.ask(&fleet, 5).await;
        is_promoted(&cluster.replicas[number]).await;
        resumes(&fleet, &mut writer, &format!("the node of shard {shard} was replaced")).await;
        if !come_back {
            continue;
        }
        cluster.nodes[number].revive().await;
        cluster.is_followed(number).await;
        flows(&fleet, &mut writer).await;
        cluster.replicas[number].kill();
        writer.ask(&fleet, 5).await;
        is_promoted(&cluster.nodes[number]).await;
        resumes(&fleet, &mut writer, &format!("the node of shard {shard} was back")).await;
        cluster.replicas[number].revive().await;
        cluster.is_followed(number).await;
    }
    end(&fleet, writer, &mut staff).await;
    if !come_back {
        half_away(&fleet, &mut cluster, &staff).await;
    }
}

/// A node dies whose replica is dead: whoever has work from the others is ready, and everybody who
/// looks is told of it.
async fn half_away(fleet: &Fleet, cluster: &mut Cluster, staff: &Staff) {
    let number = cluster.owner(&format!("{{pf:s{}}}:", SHARDS - 1)).await;
    cluster.replicas[number].kill();
    cluster.nodes[number].kill();
    let address = format!("127.0.0.1:{}", cluster.nodes[number].port());
    let told = format!("ready, but redis: {address} with the shard");
    eventually("the worker is ready and warns", RESUMED_WITHIN, async || {
        let (is_ready, said) = staff.readiness();
        if is_ready && said.contains(&told) { Ok(()) } else { Err(said) }
    })
    .await;
    let mut doctor = program();
    doctor.args(["doctor", "--config"]).arg(configuration(fleet, "doctor"));
    let doctor = doctor.env("POSTFLEET__QUEUE__URL", cluster.url());
    let said = doctor.env("POSTFLEET__QUEUE__SHARDS", SHARDS.to_string()).output().unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains(&format!("BAD   Redis      {address} with the shard")), "{said}");
}

// case: R-11-cluster-failover
#[tokio::test]
async fn a_master_that_dies_inside_a_cluster_loses_and_doubles_nothing() {
    fail_over_inside("cluster-failover", PARTS, &[0], false).await;
}

// case: R-11-cluster-failover-long
#[tokio::test]
#[ignore = "takes minutes"]
async fn each_master_that_dies_inside_a_cluster_and_comes_back_loses_and_doubles_nothing() {
    for (name, lines) in [("whole", ""), ("parts", PARTS)] {
        let name = format!("cluster-failover-{name}");
        fail_over_inside(&name, lines, &[0, 1, 2, 3, 4, 5], true).await;
    }
}

/// The master dies while posts are under way, and its replica takes its place.
async fn fail_over(name: &str) {
    let mut sentinels = Sentinels::start().await;
    let mut fleet = start().await;
    let url = sentinels.url();
    let mut staff = Staff::start(&mut fleet, name, &[("POSTFLEET__QUEUE__URL", &url)]).await;
    let mut writer = Writer::new(&fleet, name, 80, ACCOUNTS).await;
    flows(&fleet, &mut writer).await;
    sentinels.servers[0].kill();
    writer.ask(&fleet, 5).await;
    is_promoted(&sentinels.servers[1]).await;
    resumes(&fleet, &mut writer, "a replica became master").await;
    end(&fleet, writer, &mut staff).await;
}

// case: R-11-sentinel
#[tokio::test]
async fn a_master_that_dies_behind_sentinels_loses_and_doubles_nothing() {
    fail_over("sentinel").await;
}
