//! A fleet of its own: the real executable with its private Postgres and Redis, to be killed at
//! will.
//!
//! A guardian, a process that lives as long as a pipe from here, stops it and removes everything
//! in the end, so that neither a panic nor a kill of the tests leaves anything behind.

use super::api::Api;
use super::sim::Sim;
use super::wait::eventually;
use base::rng;
use domain::id::TenantId;
use serde::Deserialize;
use sqlx::{Connection, PgConnection};
use std::fs::{self, File};
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;
use tokio::sync::{Mutex, OnceCell};

const PROGRAM: &str = env!("CARGO_BIN_EXE_postfleet");
const GUARDIAN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/guardian.sh");
/// A first start makes a database, and the machine may be busy building.
const READY_WITHIN: Duration = Duration::from_secs(90);
/// Longer than `postfleet dev` gives its workers.
const STOPPED_WITHIN: Duration = Duration::from_secs(90);
/// Lines of the log that a failed test shows.
const LOG_SHOWN: usize = 60;

/// Where browsers may be sent back to.
pub const RETURN_URLS: [&str; 2] = ["https://app.example/done", "http://127.0.0.1:9/back"];

/// Makes outcomes that are looked up settle within seconds instead of minutes.
pub const SWIFT: [(&str, &str); 3] = [
    ("POSTFLEET__WORKERS__SWEEP_EVERY_MS", "1000"),
    ("POSTFLEET__QUEUE__LEASE_MS", "3000"),
    ("POSTFLEET__QUEUE__RENEW_EVERY_MS", "1000"),
];

/// The same, for each platform. Where a test lets time pass in jumps, everything is late: it
/// leaves at once.
const PATIENCE: [(&str, &str); 3] =
    [("VISIBILITY_DELAY_MS", "1500"), ("CALL_DEADLINE_MS", "2000"), ("CATCH_UP_GAP_S", "0")];

/// The fleet that is shared is never killed. A machine that stands still for seconds ends neither
/// a lease nor a call of it.
const CALM: [(&str, &str); 7] = [
    ("POSTFLEET__QUEUE__LEASE_MS", "10000"),
    ("POSTFLEET__QUEUE__RENEW_EVERY_MS", "3000"),
    ("POSTFLEET__PLATFORMS__X__CALL_DEADLINE_MS", "7000"),
    ("POSTFLEET__PLATFORMS__LINKEDIN__CALL_DEADLINE_MS", "7000"),
    ("POSTFLEET__PLATFORMS__INSTAGRAM__CALL_DEADLINE_MS", "7000"),
    ("POSTFLEET__PLATFORMS__THREADS__CALL_DEADLINE_MS", "7000"),
    ("POSTFLEET__PLATFORMS__YOUTUBE__CALL_DEADLINE_MS", "7000"),
];

static SHARED: OnceCell<Fleet> = OnceCell::const_new();
// Fleets that start at the same instant would look for the same free ports.
static STARTING: Mutex<()> = Mutex::const_new(());

/// Where a fleet is, as its `dev.json` says.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// The API.
    pub api_url: String,
    /// The key to it.
    pub api_key: String,
    /// Health and metrics.
    pub private_url: String,
    /// The simulated platforms.
    pub sim_url: String,
    /// The database, with its password.
    pub postgres_url: String,
    /// Redis, with its password.
    pub redis_url: String,
    /// The processes of the servers.
    pub pids: Pids,
}

/// Processes by what they are.
#[derive(Clone, Deserialize)]
pub struct Pids {
    postgres: u32,
    redis: u32,
}

/// A fleet on a data directory of its own.
pub struct Fleet {
    executable: PathBuf,
    pub(super) root: PathBuf,
    arguments: Vec<String>,
    pub(super) environment: Vec<(String, String)>,
    place: Option<Place>,
    running: Option<Child>,
    guardian: Child,
    /// An end in good order leaves the data where they are.
    is_kept: bool,
}

impl Fleet {
    /// The processes of Postgres and Redis.
    pub fn servers(&self) -> (u32, u32) {
        let Pids { postgres, redis } = self.place().pids;
        (postgres, redis)
    }

    /// The one fleet of the tests that share; each brings a brand and accounts of its own.
    pub async fn shared() -> &'static Self {
        SHARED.get_or_init(|| Self::start(&[], &CALM)).await
    }

    /// Starts a fleet with further arguments of `postfleet dev` and further environment.
    pub async fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::start_of(Path::new(PROGRAM), arguments, environment).await
    }

    /// Starts a fleet of another version.
    pub async fn start_of(
        executable: &Path,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let name = format!("fleet-{}-{}", std::process::id(), rng::uuid().simple());
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&root).unwrap();
        let mut guardian = Command::new("sh");
        guardian.arg(GUARDIAN).arg(PROGRAM).arg(&root).process_group(0);
        guardian.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let each = platforms::names().into_iter().flat_map(|name| {
            let name = name.to_uppercase();
            PATIENCE.map(|(key, value)| {
                (format!("POSTFLEET__PLATFORMS__{name}__{key}"), value.to_owned())
            })
        });
        let returns = ("POSTFLEET__SERVER__RETURN_URLS".to_owned(), RETURN_URLS.join(" "));
        let each = each.chain([returns]);
        let environment = each.chain(SWIFT.iter().chain(environment).map(owned)).collect();
        let mut arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
        let is_named = |port: &str| arguments.iter().any(|one| one == port);
        let unnamed: Vec<_> =
            ["--api-port", "--sim-port"].into_iter().filter(|port| !is_named(port)).collect();
        for port in unnamed {
            arguments.extend([port.to_owned(), free_port().to_string()]);
        }
        let guardian = guardian.spawn().unwrap();
        let mut fleet = Self {
            executable: executable.to_owned(),
            root,
            arguments,
            environment,
            place: None,
            running: None,
            guardian,
            is_kept: false,
        };
        fleet.restart(&[]).await;
        fleet
    }

    /// Starts a fleet that keeps its data when it is stopped.
    pub async fn start_kept(arguments: &[&str]) -> Self {
        let mut fleet = Self::start(arguments, &[]).await;
        // Nothing was done with the first one, which would take its data along.
        fleet.kill();
        fleet.is_kept = true;
        fleet.restart(&[]).await;
        fleet
    }

    /// Starts it again on what is there, with further environment for this run alone.
    pub async fn restart(&mut self, environment: &[(&str, &str)]) {
        if let Err(why) = self.try_restart(environment).await {
            panic!("the fleet does not start: {why}\n{}", self.log_end());
        }
    }

    /// Starts it again; `Err` when it ends before it is ready, as it may where it is to crash.
    pub async fn try_restart(&mut self, environment: &[(&str, &str)]) -> Result<(), String> {
        assert!(self.running.is_none(), "one process at a time works on a data directory");
        let starting = STARTING.lock().await;
        // A killed run left it behind, and it would be taken for the new one's.
        let _ = fs::remove_file(self.data().join("dev.json"));
        let log = File::options().create(true).append(true).open(self.log_path()).unwrap();
        let mut command = program_at(&self.executable);
        command.arg("dev").arg("--data").arg(self.data()).args(&self.arguments);
        if !self.is_kept {
            command.arg("--temporary");
        }
        command.envs(self.environment.iter().cloned()).envs(environment.iter().copied());
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().unwrap();
        self.guard(&child);
        self.running = Some(child);
        let file = self.data().join("dev.json");
        let ready = eventually("the fleet is ready", READY_WITHIN, async || {
            if let Some(status) = self.ended() {
                return Ok(Err(format!("it ended with {status}")));
            }
            let text = fs::read(&file).map_err(|error| error.to_string())?;
            let place = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
            Ok(Ok(place))
        })
        .await;
        drop(starting);
        self.place = Some(ready?);
        Ok(())
    }

    /// Has a process stopped at the end, whatever the end is.
    pub(super) fn guard(&self, child: &Child) {
        writeln!(self.guardian.stdin.as_ref().unwrap(), "{}", child.id()).unwrap();
    }

    /// How the process ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        let ended = self.running.as_mut()?.try_wait().unwrap();
        if ended.is_some() {
            self.running = None;
        }
        ended
    }

    /// Ends the process as suddenly as a power cut would; Postgres and Redis live on.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.running.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Asks the process to end, and waits until it has.
    pub async fn stop(&mut self) -> ExitStatus {
        let pid = self.running.as_ref().expect("the fleet runs").id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        eventually("the fleet has ended", STOPPED_WITHIN, async || {
            self.ended().ok_or_else(|| "it runs on".to_owned())
        })
        .await
    }

    /// Where it is.
    pub fn place(&self) -> &Place {
        self.place.as_ref().expect("the fleet has started")
    }

    /// From now on its API is another front door of it.
    pub fn answer_at(&mut self, place: Place) {
        self.place = Some(place);
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.running.as_ref().expect("the fleet runs").id()
    }

    /// Its API, with the key of its tenant.
    pub fn api(&self) -> Api {
        Api::new(self.place())
    }

    /// Its API, with the key of another tenant that is served by this profile: made as no API can,
    /// in the database. It gets its data key when it first needs one.
    pub async fn another_tenant(&self, profile: &str) -> Api {
        let tenant: TenantId = rng::id();
        let key = format!("pf_{}", rng::uuid().simple());
        sqlx::query(
            "WITH t AS (INSERT INTO tenants (id, name, profile) VALUES ($1, $2, $4))
             INSERT INTO api_keys (sha256, tenant_id, label)
             VALUES (sha256($3::bytea), $1, 'test')",
        )
        .bind(tenant.uuid())
        .bind(tenant.to_string())
        .bind(key.as_bytes())
        .bind(profile)
        .execute(&mut self.postgres().await)
        .await
        .unwrap();
        self.api().with_key(&key)
    }

    /// Its simulated platforms.
    pub fn sim(&self) -> Sim {
        Sim::new(self.place(), self.data().join("sim"))
    }

    /// A connection to its database.
    pub async fn postgres(&self) -> PgConnection {
        PgConnection::connect(&self.place().postgres_url).await.unwrap()
    }

    /// A connection to its Redis.
    pub async fn redis(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(self.place().redis_url.as_str()).unwrap();
        client.get_multiplexed_async_connection().await.unwrap()
    }

    /// Where everything of it lies: its data, its logs, and what a test puts beside them.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Its data directory.
    pub fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// Everything that its runs have said.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log_path()).unwrap_or_default()).into_owned()
    }

    fn log_path(&self) -> PathBuf {
        self.root.join("fleet.log")
    }

    fn log_end(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_SHOWN)..].join("\n")
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the end of the fleet's log:\n{}", self.log_end());
        }
        // The guardian takes the end of its input for the end of the tests.
        drop(self.guardian.stdin.take());
        let _ = self.guardian.wait();
        if let Some(mut child) = self.running.take() {
            let _ = child.wait();
        }
    }
}

/// The executable, without the settings of whoever runs the tests.
pub fn program() -> Command {
    program_at(Path::new(PROGRAM))
}

/// The same of another version.
pub(super) fn program_at(executable: &Path) -> Command {
    let mut command = Command::new(executable);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("POSTFLEET") {
            command.env_remove(name);
        }
    }
    command
}

/// A port that nobody listens on, below those that Linux gives to outgoing connections.
pub fn free_port() -> u16 {
    let draw = || 20_000 + u16::try_from(rng::nonce().unsigned_abs() % 12_000).unwrap();
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    std::iter::repeat_with(draw).take(1_000).find(is_free).expect("a free port")
}
