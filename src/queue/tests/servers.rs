//! Redis as real servers of a test: one alone, three as a Cluster with or without replicas, a master
//! with a replica and Sentinels. The tests of the queue and those of the fleet share them.
//!
//! `POSTFLEET_REDIS_SERVER` names another program than `redis-server`, as `valkey-server`.

use base::{clock, rng};
use redis::{Client, Cmd, Value};
use std::fmt::Write;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A machine that is busy building takes its time.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// The program of the servers.
pub fn program() -> String {
    std::env::var("POSTFLEET_REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned())
}

/// A port that nobody listens on, nor on the one of the Cluster's bus 10,000 above it.
pub fn free_port() -> u16 {
    let draw = || 10_000 + u16::try_from(rng::nonce().unsigned_abs() % 10_000).unwrap();
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let mut ports = std::iter::repeat_with(draw).take(1_000);
    ports.find(|port| is_free(*port) && is_free(port + 10_000)).expect("a free port")
}

/// A server of its own, killed on drop.
pub struct Server {
    child: Child,
    port: u16,
    /// What it lies in goes with it.
    folder: TempDir,
}

impl Server {
    /// Starts one with these lines of its configuration and waits until it answers.
    pub async fn start(lines: &str, arguments: &[&str]) -> Self {
        let server = Self::begin(lines, arguments);
        server.answers().await;
        server
    }

    /// Starts one that keeps nothing in a file.
    pub async fn plain() -> Self {
        Self::start("save \"\"\nappendonly no\n", &[]).await
    }

    fn begin(lines: &str, arguments: &[&str]) -> Self {
        let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
        let dir = folder.path().display();
        let text = format!("bind 127.0.0.1\nport {port}\ndir \"{dir}\"\n{lines}");
        fs::write(folder.path().join("redis.conf"), text).unwrap();
        let child = spawn(folder.path(), arguments);
        Self { child, port, folder }
    }

    /// Its address as a URL.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Kills it; nothing takes its place.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again, where it was, on what it left behind; waits until it answers.
    pub async fn revive(&mut self) {
        self.child = spawn(self.folder.path(), &[]);
        self.answers().await;
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it answers to a command.
    pub async fn ask(&self, words: &[&str]) -> redis::RedisResult<Value> {
        let mut command = Cmd::new();
        words.iter().for_each(|word| {
            command.arg(*word);
        });
        let client = Client::open(self.url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await?;
        command.query_async(&mut connection).await
    }

    /// The same as text.
    pub async fn told(&self, words: &[&str]) -> String {
        redis::from_redis_value(self.ask(words).await.unwrap()).unwrap()
    }

    async fn answers(&self) {
        until("the server answers", async || self.ask(&["PING"]).await.is_ok()).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(folder: &Path, arguments: &[&str]) -> Child {
    Command::new(program())
        .arg(folder.join("redis.conf"))
        .args(arguments)
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server must be installed")
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let since = clock::stopwatch();
    while !holds().await {
        assert!(since.elapsed() < READY_WITHIN, "{what}: not within {READY_WITHIN:?}");
        clock::pause(Duration::from_millis(10)).await;
    }
}

/// Three masters with a third of the slots each, and perhaps a replica of each.
pub struct Cluster {
    /// Its masters at first.
    pub nodes: Vec<Server>,
    /// The replica of each master, in the same order, where there are any.
    pub replicas: Vec<Server>,
    ids: Vec<String>,
}

/// A node's configuration but its place.
const NODE: &str = "save \"\"\nappendonly no\ncluster-enabled yes\ncluster-node-timeout 2000\n";

impl Cluster {
    /// Starts it and waits until every node knows of every slot.
    pub async fn start() -> Self {
        Self::start_as("").await
    }

    /// The same with a replica of each master, each of which may take its place. `lines` are further
    /// ones of each node's configuration.
    pub async fn replicated(lines: &str) -> Self {
        let lines = format!("repl-diskless-sync-delay 0\n{lines}");
        let mut cluster = Self::start_as(&lines).await;
        let lines = format!("{NODE}{lines}");
        cluster.replicas = (0..3).map(|_| Server::begin(&lines, &[])).collect();
        for replica in &cluster.replicas {
            replica.answers().await;
            let port = replica.port.to_string();
            cluster.nodes[0].ask(&["CLUSTER", "MEET", "127.0.0.1", &port]).await.unwrap();
        }
        for (replica, master) in cluster.replicas.iter().zip(&cluster.ids) {
            until("the replica knows its master", async || {
                replica.ask(&["CLUSTER", "REPLICATE", master]).await.is_ok()
            })
            .await;
        }
        for number in 0..3 {
            cluster.is_followed(number).await;
        }
        cluster
    }

    async fn start_as(lines: &str) -> Self {
        let lines = format!("{NODE}{lines}");
        let nodes: Vec<Server> = (0..3).map(|_| Server::begin(&lines, &[])).collect();
        let mut ids = Vec::new();
        for (number, node) in nodes.iter().enumerate() {
            node.answers().await;
            ids.push(node.told(&["CLUSTER", "MYID"]).await);
            let epoch = (number + 1).to_string();
            node.ask(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch]).await.unwrap();
            let first = (number * 16_384 / 3).to_string();
            let last = ((number + 1) * 16_384 / 3 - 1).to_string();
            node.ask(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]).await.unwrap();
            let port = node.port.to_string();
            nodes[0].ask(&["CLUSTER", "MEET", "127.0.0.1", &port]).await.unwrap();
        }
        let cluster = Self { nodes, replicas: Vec::new(), ids };
        for node in &cluster.nodes {
            until("the cluster is whole", async || {
                let info = node.told(&["CLUSTER", "INFO"]).await;
                let owners = node.ask(&["CLUSTER", "SLOTS"]).await;
                let ranges = match owners {
                    Ok(Value::Array(ranges)) => ranges.len(),
                    _ => 0,
                };
                info.contains("cluster_state:ok") && ranges == 3
            })
            .await;
        }
        cluster
    }

    /// Waits until one of the two servers of a place leads and the other one follows it, and every
    /// node knows of three who follow.
    pub async fn is_followed(&self, number: usize) {
        let pair = [&self.nodes[number], &self.replicas[number]];
        until("one of two leads and the other follows", async || {
            let (mut masters, mut followers) = (0, 0);
            for server in pair {
                // Whoever changes its role closes its connections.
                let told = format!("{:?}", server.ask(&["INFO", "replication"]).await);
                masters += usize::from(told.contains("role:master"));
                followers += usize::from(told.contains("master_link_status:up"));
            }
            (masters, followers) == (1, 1)
        })
        .await;
        for node in self.nodes.iter().chain(&self.replicas) {
            until("a node knows who follows whom", async || {
                let told = node.told(&["CLUSTER", "NODES"]).await;
                let followers = told.lines().filter(|line| line.contains("slave ")).count();
                followers == self.replicas.len() && !told.contains("fail")
            })
            .await;
        }
    }

    /// Its address, by every node.
    pub fn url(&self) -> String {
        let nodes: Vec<String> =
            self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        format!("redis+cluster://{}", nodes.join(","))
    }

    /// The node that has the slot of a key.
    pub async fn owner(&self, key: &str) -> usize {
        for (number, node) in self.nodes.iter().enumerate() {
            if node.ask(&["EXISTS", key]).await.is_ok() {
                return number;
            }
        }
        panic!("nobody has the slot of {key}");
    }

    /// Begins to move the slot of a key to the next node: from now on that one is asked for what
    /// the old one has not.
    pub async fn begin_move(&self, key: &str) -> Move {
        let from = self.owner(key).await;
        let to = (from + 1) % self.nodes.len();
        let slot = self.nodes[0].told(&["CLUSTER", "KEYSLOT", key]).await;
        let set = ["CLUSTER", "SETSLOT", &slot];
        self.nodes[to].ask(&[&set[..], &["IMPORTING", &self.ids[from]]].concat()).await.unwrap();
        self.nodes[from].ask(&[&set[..], &["MIGRATING", &self.ids[to]]].concat()).await.unwrap();
        Move { from, to, slot }
    }

    /// Moves what lies in the slot, and tells every node.
    pub async fn end_move(&self, moved: Move) {
        let Move { from, to, slot } = moved;
        let port = self.nodes[to].port.to_string();
        loop {
            let keys = self.nodes[from].ask(&["CLUSTER", "GETKEYSINSLOT", &slot, "100"]).await;
            let keys: Vec<String> = redis::from_redis_value(keys.unwrap()).unwrap();
            if keys.is_empty() {
                break;
            }
            let mut words = vec!["MIGRATE", "127.0.0.1", &port, "", "0", "5000", "REPLACE", "KEYS"];
            words.extend(keys.iter().map(String::as_str));
            self.nodes[from].ask(&words).await.unwrap();
        }
        // The one that takes over hears of it first, then the one that gave.
        for node in [to, from].into_iter().chain(0..self.nodes.len()) {
            let told = ["CLUSTER", "SETSLOT", &slot, "NODE", &self.ids[to]];
            self.nodes[node].ask(&told).await.unwrap();
        }
    }
}

/// A slot on its way.
pub struct Move {
    from: usize,
    to: usize,
    slot: String,
}

/// A master with a replica, and three Sentinels who agree by two.
pub struct Sentinels {
    /// The master at first, then its replica.
    pub servers: Vec<Server>,
    /// Who watches them.
    pub sentinels: Vec<Server>,
}

impl Sentinels {
    /// Starts them and waits until the Sentinels know of each other and of the replica.
    pub async fn start() -> Self {
        let master = Server::plain().await;
        let lines = format!(
            "save \"\"\nappendonly no\nreplicaof 127.0.0.1 {}\nrepl-diskless-sync-delay 0\n",
            master.port
        );
        let replica = Server::start(&lines, &[]).await;
        until("the replica follows", async || {
            let told = replica.told(&["INFO", "replication"]).await;
            told.contains("master_link_status:up")
        })
        .await;
        let mut lines = format!("sentinel monitor main 127.0.0.1 {} 2\n", master.port);
        for (name, value) in
            [("down-after-milliseconds", 1_000), ("failover-timeout", 5_000), ("parallel-syncs", 1)]
        {
            writeln!(lines, "sentinel {name} main {value}").unwrap();
        }
        let mut sentinels = Vec::new();
        for _ in 0..3 {
            sentinels.push(Server::start(&lines, &["--sentinel"]).await);
        }
        let all = Self { servers: vec![master, replica], sentinels };
        for sentinel in &all.sentinels {
            until("a Sentinel knows of all", async || {
                let told = sentinel.told(&["INFO", "sentinel"]).await;
                told.contains("status=ok") && told.contains("slaves=1,sentinels=3")
            })
            .await;
        }
        all
    }

    /// Its address, by every Sentinel.
    pub fn url(&self) -> String {
        let all: Vec<String> =
            self.sentinels.iter().map(|one| format!("127.0.0.1:{}", one.port)).collect();
        format!("redis+sentinel://{}/main", all.join(","))
    }
}
