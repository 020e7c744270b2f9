//! A Cluster some of whose nodes are away: their shards wait, and nobody else's.

use crate::servers::Cluster;
use crate::support::{Redis, Worker, wakeup, within};
use queue::{Config, CursorState, Queue, Wakeup};
use std::time::Duration;

const SHARDS: u16 = 6;
/// A loop that has heard nothing for so long is told of.
const SILENT: Duration = Duration::from_secs(2);
const ASKED_WITHIN: Duration = Duration::from_secs(1);

/// A job of an account in a shard.
fn job(subject: u128, shard: u16) -> Wakeup {
    Wakeup { shard, ..wakeup(subject, 1, u32::from(shard)) }
}

/// One for each of these shards.
fn jobs(round: u128, shards: &[u16]) -> Vec<Wakeup> {
    shards.iter().map(|shard| job(round * 100 + u128::from(*shard), *shard)).collect()
}

/// The shards of each node, by their numbers.
async fn homes(cluster: &Cluster) -> [Vec<u16>; 3] {
    let mut homes = [Vec::new(), Vec::new(), Vec::new()];
    for shard in 0..SHARDS {
        homes[cluster.owner(&format!("{{pf:s{shard}}}:")).await].push(shard);
    }
    assert!(homes.iter().all(|shards| !shards.is_empty()), "{homes:?}");
    homes
}

async fn adopt(queue: &Queue, incarnation: i64, shards: &[u16]) {
    for shard in shards {
        assert_eq!(queue.cursor(*shard).await.unwrap(), CursorState::Unknown, "{shard}");
        queue.adopt(*shard, incarnation, &[], &[]).await.unwrap();
    }
}

// case: R-cluster-nodes
#[tokio::test]
async fn a_node_that_is_away_holds_up_its_own_shards_alone() {
    let mut cluster = Cluster::replicated("cluster-require-full-coverage no\n").await;
    let all: Vec<u16> = (0..SHARDS).collect();
    let homes = homes(&cluster).await;
    // Whoever knows only how to ask the node of the first shard is helpless without it.
    let number = homes.iter().position(|shards| shards.contains(&0)).unwrap();
    let there: Vec<u16> =
        all.iter().copied().filter(|shard| !homes[number].contains(shard)).collect();
    let (lease_ms, renew_every_ms) = (3_000, 500);
    let config = Config {
        url: cluster.url(),
        shards: SHARDS,
        lease_ms,
        renew_every_ms,
        ..Config::default()
    };
    let queue = Queue::connect(&config).await.unwrap();
    adopt(&queue, 1, &all).await;
    let worker = Worker::done(&queue, 8);
    queue.push(&jobs(1, &all)).await.unwrap();
    within(5, async || worker.count() == all.len()).await;
    assert!(queue.servers(ASKED_WITHIN).await.iter().all(|server| server.trouble.is_none()));

    cluster.replicas[number].kill();
    cluster.nodes[number].kill();
    within(10, async || queue.ping().await.is_err()).await;
    let servers = queue.servers(ASKED_WITHIN).await;
    let away: Vec<_> = servers.iter().filter(|server| server.trouble.is_some()).collect();
    assert_eq!((servers.len(), away.len()), (3, 1), "{servers:?}");
    let address = format!("127.0.0.1:{}", cluster.nodes[number].port());
    assert_eq!((away[0].address.as_ref(), &away[0].shards), (Some(&address), &homes[number]));

    // Whoever pushes hears of it, and the others have what is theirs.
    assert!(queue.push(&jobs(2, &all)).await.is_err());
    within(5, async || worker.count() == all.len() + there.len()).await;
    let named = homes[number].iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
    let named = format!("the shards {named} ");
    within(10, async || {
        let ailment = queue.health().ailment(SILENT);
        let warns = ailment.warning.is_some_and(|warning| warning.contains(&named));
        ailment.trouble.is_none() && warns
    })
    .await;

    // A process that begins now has work all the same.
    let late = Queue::connect(&config).await.unwrap();
    late.push(&jobs(3, &there)).await.unwrap();
    within(5, async || worker.count() == all.len() + 2 * there.len()).await;

    // The node is back with its slots, and empty.
    cluster.nodes[number].revive().await;
    within(20, async || late.ping().await.is_ok()).await;
    adopt(&queue, 2, &homes[number]).await;
    queue.push(&jobs(4, &all)).await.unwrap();
    within(10, async || worker.count() == 2 * all.len() + 2 * there.len()).await;
    within(10, async || queue.health().ailment(SILENT) == Default::default()).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_queue_that_is_paused_still_shows_its_pulse() {
    let redis = Redis::start().await;
    let adopted = redis.adopted().await;
    let queue = Queue::connect(&Config { poll_every_ms: 50, ..redis.config() }).await.unwrap();
    queue.pause_queues(&["publish:x".to_owned()]);
    let worker = Worker::done(&queue, 1);
    adopted.push(&[wakeup(1, 1, 1)]).await.unwrap();
    let pumps = || {
        let all = queue.health().loops().into_iter();
        all.filter(|(name, _)| name.contains("pump")).collect::<Vec<_>>()
    };
    within(5, async || pumps().len() == 1).await;
    let began = base::clock::stopwatch();
    within(5, async || began.elapsed() > Duration::from_millis(1_000)).await;
    assert!(pumps().iter().all(|(_, silence)| *silence < Duration::from_millis(800)));
    assert_eq!(worker.count(), 0);
    queue.pause_queues(&[]);
    within(5, async || worker.count() == 1).await;
    worker.stop().await;
}
