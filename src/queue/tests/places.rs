//! The same queue on a Cluster, behind Sentinels and behind TLS: everything it does works there.

use crate::encrypted::Encrypted;
use crate::servers::{Cluster, Sentinels};
use crate::support::{Worker, wakeup};
use base::clock;
use domain::limit::Rate;
use domain::time::Timestamp;
use queue::inbox::EntryAnswer;
use queue::{
    Behind, Config, Counter, Cursor, CursorState, Gate, Permit, Queue, Quota, Relayed, Wakeup,
};
use std::time::Duration;
use uuid::Uuid;

const SHARDS: u16 = 4;

fn config(url: String) -> Config {
    Config { url, shards: SHARDS, lease_ms: 3_000, renew_every_ms: 500, ..Config::default() }
}

/// A job of an account in a shard.
fn job(subject: u128, shard: u16) -> Wakeup {
    Wakeup { shard, ..wakeup(subject, 1, u32::from(shard)) }
}

/// Waits until `holds` says yes; fails after `seconds`.
async fn within(seconds: u64, what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let began = clock::stopwatch();
    while !holds().await {
        assert!(began.elapsed() < Duration::from_secs(seconds), "{what}: not in {seconds} s");
        clock::pause(Duration::from_millis(2)).await;
    }
}

async fn adopt(queue: &Queue, incarnation: i64) {
    for shard in 0..SHARDS {
        let reset_at = queue.time().await.unwrap() + Duration::from_secs(60);
        let counter = |key: &str| Counter { key: key.to_owned(), used: 3, reset_at };
        queue.adopt(shard, incarnation, &[], &[counter("a"), counter("b")]).await.unwrap();
    }
}

/// Jobs of every shard run at once when they come, not with the next poll.
async fn wakes(queue: &Queue, other: &Queue) {
    let worker = Worker::done(queue, 8);
    let mut waits = Vec::new();
    for round in 0..10 {
        let began = clock::stopwatch();
        let jobs: Vec<_> =
            (0..SHARDS).map(|shard| job(round * 10 + u128::from(shard), shard)).collect();
        other.push(&jobs).await.unwrap();
        let wanted = usize::from(SHARDS) * (usize::try_from(round).unwrap() + 1);
        within(5, "each shard's job runs", async || worker.count() == wanted).await;
        waits.push(began.elapsed());
    }
    waits.sort();
    // The fallback poll comes once a second.
    assert!(waits[5] < Duration::from_millis(150), "{waits:?}");

    // A gate that closes elsewhere is heard of here, and opens again.
    let lane = job(1_000, 1).lane;
    let scope_key = format!("account:{lane}");
    let until = queue.time().await.unwrap() + Duration::from_secs(60);
    other.close_gate(&Gate { scope_key: scope_key.clone(), until }).await.unwrap();
    within(5, "the gate is heard of", async || queue.is_gated(&lane)).await;
    let before = worker.count();
    other.push(&[job(1_000, 1)]).await.unwrap();
    assert_eq!(queue.depth("publish:x").await.unwrap(), 1);
    other.open_gate(&scope_key).await.unwrap();
    within(5, "the lane goes on once its gate opens", async || worker.count() == before + 1).await;
    worker.stop().await;
}

async fn meters(queue: &Queue) {
    let window = |key: &str| Quota::Window {
        key: key.to_owned(),
        calls_max: 5,
        window_ms: 60_000,
        ends_at: None,
        cost: 1,
        behind: Behind::Queue("publish:x".to_owned()),
    };
    let rate = Rate { calls: 10, per: Duration::from_secs(1), burst: 5 };
    let rate = Quota::Rate { key: "r".to_owned(), rate };
    for shard in 0..SHARDS {
        let quotas = [window("a"), window("b"), rate.clone()];
        let granted = queue.meter(shard, &quotas).await.unwrap();
        // Three were counted in the ledger when the shard was filled.
        assert_eq!(granted, Permit::Granted { left: vec![Some(1), Some(1), None] });
        let reset_at = queue.time().await.unwrap() + Duration::from_secs(60);
        queue.correct(shard, ("a", 1), 0, reset_at).await.unwrap();
        assert!(matches!(queue.meter(shard, &quotas).await.unwrap(), Permit::Until(_)));
        let seen = queue.windows(shard, &["a".to_owned(), "z".to_owned()]).await.unwrap();
        assert_eq!(seen[0].unwrap().left_by_platform, Some(0));
        assert_eq!(seen[1], None);
    }
}

async fn relays(queue: &Queue) {
    for shard in 0..SHARDS {
        let CursorState::Known(from) = queue.cursor(shard).await.unwrap() else {
            panic!("a shard that was adopted is not known");
        };
        let to = Cursor { due_at: Timestamp::from_ms(9), subject: Uuid::from_u128(9), ..from };
        let jobs = [job(2_000 + u128::from(shard), shard)];
        assert_eq!(queue.relay_push(shard, &from, &to, &jobs).await.unwrap(), Relayed::Advanced);
        queue.raise_epoch(shard, 7).await.unwrap();
    }
    let worker = Worker::done(queue, 4);
    within(5, "what was relayed runs", async || worker.count() == usize::from(SHARDS)).await;
    worker.stop().await;
}

/// What producers add to two inboxes is read together, answered and taken out.
async fn takes_in(queue: &Queue, config: &Config, add: impl AsyncFn(&[&str])) {
    let keys = queue::InboxConfig::default().keys(config).unwrap();
    let names = ["acme", "bolt"].map(str::to_owned);
    for name in &names {
        add(&["XADD", &keys.inbox(name), "*", "key", "k1", "post", "{}"]).await;
    }
    let mut reader = queue.inbox().reader("one").await.unwrap();
    reader.open(names.clone().into()).await.unwrap();
    let entries = reader.next().await.unwrap();
    assert_eq!(entries.len(), 2, "{entries:?}");
    for (name, entries) in entries {
        let (id, key) = (entries[0].id.clone(), "k1".to_owned());
        let answer = EntryAnswer { id, key, outcome: "accepted", answer: "{}".to_owned() };
        assert_eq!(reader.settle(&name, &[answer]).await.unwrap(), 1);
    }
    assert!(reader.reclaim().await.unwrap().is_empty());
    assert!(reader.waiting().await.unwrap().iter().all(|one| one.entries == 0));
    assert!(queue.inbox().waiting(&[]).await.unwrap().is_empty());
    reader.forget(true).await.unwrap();
    queue.inbox().erase("acme").await.unwrap();
}

async fn everything_works(config: &Config, add: impl AsyncFn(&[&str])) {
    let queue = Queue::connect(config).await.unwrap();
    let other = Queue::connect(config).await.unwrap();
    adopt(&queue, 1).await;
    wakes(&queue, &other).await;
    meters(&other).await;
    relays(&queue).await;
    takes_in(&queue, config, add).await;
    queue.ping().await.unwrap();
    assert!(queue.fullness(0).await.unwrap() < 0.8);
    let counted = queue.count_request("somebody", Duration::from_secs(9)).await.unwrap();
    assert_eq!(counted.used, 1);
}

// case: R-cluster-queue
#[tokio::test]
async fn everything_of_the_queue_works_on_a_cluster_while_a_slot_is_on_its_way() {
    let cluster = Cluster::start().await;
    let owners = {
        let mut owners = Vec::new();
        for shard in 0..SHARDS {
            owners.push(cluster.owner(&format!("{{pf:s{shard}}}:")).await);
        }
        owners
    };
    assert!(owners.iter().any(|one| *one != owners[0]), "the shards lie on several nodes");
    let rules = queue::access::rules(&config(cluster.url()), "fleet", ">word").unwrap();
    for node in &cluster.nodes {
        node.ask(&rules[0].split(' ').collect::<Vec<_>>()).await.unwrap();
    }
    let config = config(cluster.url().replace("//", "//fleet:word@"));
    let add = async |words: &[&str]| {
        let owner = cluster.owner(words[1]).await;
        cluster.nodes[owner].ask(words).await.unwrap();
    };
    everything_works(&config, add).await;

    // While a slot is half moved its commands go to the node that takes over: a Redis that has to
    // be filled. All of it works there, under scripts that this node has not seen.
    let queue = Queue::connect(&config).await.unwrap();
    assert!(matches!(queue.cursor(0).await.unwrap(), CursorState::Known(_)));
    let moved = cluster.begin_move("{pf:s0}:").await;
    assert_eq!(queue.cursor(0).await.unwrap(), CursorState::Unknown);
    adopt(&queue, 2).await;
    let worker = Worker::done(&queue, 8);
    queue.push(&(0..SHARDS).map(|shard| job(7, shard)).collect::<Vec<_>>()).await.unwrap();
    within(5, "jobs run while a slot is on its way", async || {
        worker.count() == usize::from(SHARDS)
    })
    .await;
    // What lay on the old node overwrites the new one, and that is noticed.
    cluster.end_move(moved).await;
    assert_eq!(queue.cursor(0).await.unwrap(), CursorState::Unknown);
    adopt(&queue, 3).await;
    queue.push(&(0..SHARDS).map(|shard| job(8, shard)).collect::<Vec<_>>()).await.unwrap();
    within(5, "jobs run when the slot has moved", async || {
        worker.count() == 2 * usize::from(SHARDS)
    })
    .await;
    worker.stop().await;
}

// case: R-sentinel-queue
#[tokio::test]
async fn everything_of_the_queue_works_behind_sentinels_and_after_a_failover() {
    let mut sentinels = Sentinels::start().await;
    let rules = queue::access::rules(&config(sentinels.url()), "fleet", ">word").unwrap();
    for server in &sentinels.servers {
        server.ask(&rules[0].split(' ').collect::<Vec<_>>()).await.unwrap();
    }
    for sentinel in &sentinels.sentinels {
        sentinel.ask(&rules[1].split(' ').collect::<Vec<_>>()).await.unwrap();
    }
    let url = sentinels.url().replace("//", "//fleet:word@");
    let config = config(url + "?sentinel_user=fleet&sentinel_password=word");
    let master = &sentinels.servers[0];
    everything_works(&config, async |words| {
        master.ask(words).await.unwrap();
    })
    .await;

    let queue = Queue::connect(&config).await.unwrap();
    let worker = Worker::done(&queue, 8);
    sentinels.servers[0].kill();
    let since = clock::stopwatch();
    within(20, "another master answers", async || queue.cursor(0).await.is_ok()).await;
    println!("another master after {:?}", since.elapsed());
    assert_eq!(queue.cursor(0).await.unwrap(), CursorState::Unknown);
    adopt(&queue, 2).await;
    queue.push(&(0..SHARDS).map(|shard| job(7, shard)).collect::<Vec<_>>()).await.unwrap();
    within(10, "jobs run there", async || worker.count() == usize::from(SHARDS)).await;
    worker.stop().await;
}

// case: R-redis-tls
#[tokio::test]
async fn everything_of_the_queue_works_behind_tls_with_the_used_commands_alone() {
    let redis = Encrypted::start().await;
    let rules = queue::access::rules(&Config::default(), "fleet", ">word").unwrap();
    redis.server.ask(&rules[0].split(' ').collect::<Vec<_>>()).await.unwrap();
    let plain = config(redis.url("fleet", "word"));
    // Nobody vouches for the server, and then nobody for us.
    assert!(Queue::connect(&plain).await.is_err());
    let trusting = Config { tls_ca_file: Some(redis.file("ca.pem")), ..plain };
    assert!(Queue::connect(&trusting).await.is_err());
    let config = Config {
        tls_cert_file: Some(redis.file("client.pem")),
        tls_key_file: Some(redis.file("client.key")),
        ..trusting
    };
    everything_works(&config, async |words| {
        redis.server.ask(words).await.unwrap();
    })
    .await;
    // Nothing that was sent is refused to this user.
    let refused = redis.server.ask(&["ACL", "LOG"]).await.unwrap();
    assert_eq!(refused, redis::Value::Array(Vec::new()));
}
