//! `postfleet dev`: the whole fleet in one process, with a private Postgres and Redis and the
//! simulated platforms.
//!
//! What it starts outlives a kill -9 and is adopted by the next start (`crate::dev`).

use super::sim::{self, bind};
use crate::config::Config;
use crate::dev::state::write_private;
use crate::dev::{self, Private};
use crate::say::{say, warn};
use crate::sim::{self as simulated, Simulation};
use crate::wire::{self, Fleet};
use app::settings::AppConfig;
use base::{Context, Fault, clock, shutdown, telemetry, trace};
use platforms::sim::CLIENT_SECRET;
use serde_json::json;
use server::Operators;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const API_PORT: u16 = 8080;
const SIM_PORT: u16 = 8090;
const PRIVATE_PORT: u16 = 9090;
const READY_WITHIN: Duration = Duration::from_secs(60);
// Longer than the longest step of a worker: 30 s of work, one call deadline, 15 s (DESIGN 6).
const DRAIN_WITHIN: Duration = Duration::from_secs(60);
/// How long requests under way may still take once the process was asked to end.
const ANSWERED_WITHIN: Duration = Duration::from_secs(20);
const HEAL_EVERY: Duration = Duration::from_secs(1);
const SIMULATORS_END_WITHIN: Duration = Duration::from_secs(2);
const PLACE: &str = "dev.json";
const TENANT: &str = "default";

/// What `postfleet dev` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// Where everything is kept.
    #[arg(long, value_name = "DIR", default_value = ".postfleet")]
    data: PathBuf,
    /// The port of the API on 127.0.0.1; kept, or 8080 at first; another one when it is taken.
    #[arg(long, value_name = "PORT")]
    api_port: Option<u16>,
    /// The port of the simulators on 127.0.0.1; kept, or 8090 at first.
    #[arg(long, value_name = "PORT")]
    sim_port: Option<u16>,
    /// How long every answer of a simulator takes, as a network would.
    #[arg(long, value_name = "N", default_value_t = 0)]
    delay_ms: u64,
    /// Leaves the jobs to `postfleet work` in other processes.
    #[arg(long)]
    without_workers: bool,
    /// Removes the data directory at the end, and the database.
    #[arg(long)]
    temporary: bool,
    /// Further configuration; each key can be overridden as POSTFLEET__SECTION__KEY.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs everything until a signal.
///
/// # Errors
/// Something does not start, or a part of the fleet ends by itself.
pub async fn run(arguments: &Arguments) -> Result<(), Fault> {
    let since = clock::stopwatch();
    let config = Config::load(arguments.config.as_deref())?;
    telemetry::init(&config.log)?;
    let exports = trace::start(&config.telemetry, "dev")?;
    // Listened for from here on: a Ctrl-C while Postgres starts leaves nothing behind.
    let shutdown = shutdown::on_signal()?;
    let mut private = dev::start(&arguments.data).await?;
    // A killed run left it; it comes back when everything is ready.
    let _ = std::fs::remove_file(private.data().join(PLACE));
    let mut parts = Parts::new(&shutdown, !arguments.without_workers);
    let ended = match start(&mut private, arguments, config, &mut parts).await {
        Ok(urls) => {
            announce(&private, &urls, since.elapsed());
            watch(&mut private, &mut parts, &shutdown).await
        }
        Err(_) if shutdown.is_cancelled() => Ok(()),
        Err(fault) => Err(fault),
    };
    let drained = drain(&mut parts).await;
    trace::flush(exports).await;
    // Clients find nothing where nothing runs; the key itself is kept in the state.
    let _ = std::fs::remove_file(private.data().join(PLACE));
    let stopped = if arguments.temporary { private.remove().await } else { private.stop().await };
    ended.and(drained).and(stopped)
}

/// What runs in this process. The workers end first, then what they call.
struct Parts {
    fleet: JoinSet<(&'static str, Result<(), Fault>)>,
    simulators: JoinSet<(&'static str, Result<(), Fault>)>,
    fleet_end: CancellationToken,
    simulators_end: CancellationToken,
    has_workers: bool,
}

impl Parts {
    fn new(shutdown: &CancellationToken, has_workers: bool) -> Self {
        Self {
            fleet: JoinSet::new(),
            simulators: JoinSet::new(),
            fleet_end: shutdown.child_token(),
            simulators_end: CancellationToken::new(),
            has_workers,
        }
    }

    /// Waits for a part that ends by itself, which none should.
    async fn broken(&mut self) -> Fault {
        let ended = tokio::select! {
            Some(ended) = self.fleet.join_next() => ended,
            Some(ended) = self.simulators.join_next() => ended,
            else => return Fault::new("nothing runs"),
        };
        match ended {
            Ok((name, Ok(()))) => Fault::new(format!("{name} ended by itself")),
            Ok((name, Err(fault))) => fault.context(format!("{name} ended")),
            Err(error) => Fault::from(error).context("a part of the fleet broke"),
        }
    }
}

/// The sockets of the API and of what only the operator sees.
struct Sockets {
    public: TcpListener,
    private: TcpListener,
}

/// Where the parts are.
struct Urls {
    api: String,
    private: String,
    sim: String,
}

/// Starts the simulators, brings the database up to date, starts API and workers, and waits until
/// they are ready.
async fn start(
    private: &mut Private,
    arguments: &Arguments,
    mut config: Config,
    parts: &mut Parts,
) -> Result<Urls, Fault> {
    let kept = &private.state;
    let sim_port = arguments.sim_port.or(kept.sim_port).unwrap_or(SIM_PORT);
    let api_port = arguments.api_port.or(kept.api_port).unwrap_or(API_PORT);
    let private_port = kept.private_port.unwrap_or(PRIVATE_PORT);
    let (listener, sim) = bind(sim_port).await?;
    let (public, api) = bind(api_port).await?;
    let (operators, private_url) = bind(private_port).await?;
    let urls = Urls { api, private: private_url, sim };
    let sockets = Sockets { public, private: operators };
    private.state.sim_port = Some(port(&listener)?);
    private.state.api_port = Some(port(&sockets.public)?);
    private.state.private_port = Some(port(&sockets.private)?);

    let simulation = Simulation {
        simulators: sim::simulators(),
        data: private.data().to_owned(),
        is_at_root: false,
        delay: Duration::from_millis(arguments.delay_ms),
    };
    let (world, end) = (simulated::open(simulation)?, parts.simulators_end.clone());
    parts.simulators.spawn(async { ("sim", simulated::serve(world, listener, end).await) });

    configure(&mut config, private, &urls)?;
    start_fleet(&config, private, sockets, parts).await?;
    write_place(private, &urls)?;
    Ok(urls)
}

async fn start_fleet(
    config: &Config,
    private: &mut Private,
    sockets: Sockets,
    parts: &mut Parts,
) -> Result<(), Fault> {
    wire::migrate(config).await?;
    let fleet = Arc::new(Fleet::wire(config).await?);
    let key = private.state.api_key.get_or_insert_with(app::api_keys::fresh).clone();
    private.save()?;
    fleet.app.ensure_tenant(TENANT, &key).await?;
    let metrics = telemetry::install_metrics()?;
    let ready_at = port(&sockets.private)?;
    let (serving, end) = (Arc::clone(&fleet), parts.fleet_end.clone());
    let crew = config.server.operators.clone();
    let operators = Operators::new(move || metrics.render(), end.clone(), crew);
    fleet.tell(&operators);
    let Sockets { public, private } = sockets;
    let told = operators.clone().serve(private, parts.simulators_end.clone());
    parts.simulators.spawn(async move { ("operators", told.await) });
    parts.fleet.spawn(async move {
        let late = async {
            end.cancelled().await;
            clock::pause(ANSWERED_WITHIN).await;
        };
        let served = serving.serve(public, operators, end.clone());
        ("serve", tokio::select! { served = served => served, () = late => Ok(()) })
    });
    if !parts.has_workers {
        return ready(ready_at, parts).await;
    }
    let end = parts.fleet_end.clone();
    parts.fleet.spawn(async move { ("work", fleet.work(&wire::all_duties(), end).await) });
    ready(ready_at, parts).await
}

fn port(listener: &TcpListener) -> Result<u16, Fault> {
    Ok(listener.local_addr().context("reading a socket's port")?.port())
}

/// Makes the configuration that of a fleet whose parts are all here. What the file or the
/// environment says of a platform stays: a recorder or another fake can take a simulator's place.
fn configure(config: &mut Config, private: &Private, urls: &Urls) -> Result<(), Fault> {
    if config.vault.keys.is_none() && config.vault.credential.is_none() {
        let key_file = private.data().join("key");
        if !key_file.exists() {
            vault::KeyRing::create(&key_file).context("making the key-encryption key")?;
        }
        config.vault.key_file = Some(key_file);
    }
    config.store.url.clone_from(&private.postgres_url);
    config.queue.url.clone_from(&private.redis_url);
    config.server.public_url.clone_from(&urls.api);
    config.media.dir = private.data().join("media");
    if config.outbound.allow.is_empty() {
        // Whoever develops has his endpoints on this machine.
        config.outbound.allow = ["127.0.0.0/8", "::1/128"].map(str::to_owned).into();
    }
    for platform in platforms::ALL {
        let (name, Some(adapter)) = (platform.name(), platform.adapter()) else { continue };
        let section = config.platforms.entry(name.to_owned()).or_default();
        if section.url.is_none() {
            section.url = Some(format!("{}/{name}", urls.sim));
        }
        if !section.client_id.is_empty() || !section.apps.is_empty() {
            continue;
        }
        for app in adapter.auth().apps() {
            section.apps.insert(
                (*app).to_owned(),
                AppConfig {
                    client_id: format!("postfleet-dev-{app}"),
                    client_secret: Some(CLIENT_SECRET.into()),
                    client_secret_file: None,
                },
            );
        }
    }
    Ok(())
}

/// Waits until `/readyz` says so, or a part ends.
async fn ready(port: u16, parts: &mut Parts) -> Result<(), Fault> {
    let since = clock::stopwatch();
    while since.elapsed() < READY_WITHIN {
        tokio::select! {
            fault = parts.broken() => return Err(fault),
            is_ready = is_ready(port) => if is_ready { return Ok(()) },
        }
        clock::pause(Duration::from_millis(20)).await;
    }
    Err(Fault::new(format!("the fleet is not ready after {READY_WITHIN:?}")))
}

async fn is_ready(port: u16) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(b"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n").await?;
        // As `HTTP/1.0 200`.
        let mut head = [0; 12];
        stream.read_exact(&mut head).await?;
        Ok::<_, std::io::Error>(head.ends_with(b" 200"))
    };
    ask.await.unwrap_or(false)
}

/// Tells clients where the fleet is, and the key to it.
fn write_place(private: &Private, urls: &Urls) -> Result<(), Fault> {
    let pid = |server: &dev::state::Server| server.process.map(|process| process.pid);
    let place = json!({
        "apiUrl": urls.api,
        "apiKey": private.state.api_key,
        "privateUrl": urls.private,
        "simUrl": urls.sim,
        "postgresUrl": private.postgres_url,
        "redisUrl": private.redis_url,
        "pids": {
            "dev": std::process::id(),
            "postgres": pid(&private.state.postgres),
            "redis": pid(&private.state.redis),
        },
    });
    let text = serde_json::to_vec_pretty(&place).context("writing dev.json")?;
    write_private(&private.data().join(PLACE), &text)
}

fn announce(private: &Private, urls: &Urls, took: Duration) {
    let state = &private.state;
    let home = private.postgres_home().display();
    let data = private.data().display();
    say(format_args!("postfleet is ready after {:.1} s.", took.as_secs_f64()));
    say(format_args!("  API         {}  (key: {data}/{PLACE})", urls.api));
    say(format_args!("  Simulators  {}", urls.sim));
    say(format_args!("  Operators   {}  (/healthz, /readyz, /metrics)", urls.private));
    say(format_args!("  Postgres    127.0.0.1:{}  (files: {home})", state.postgres.port));
    say(format_args!("  Redis       127.0.0.1:{}", state.redis.port));
    say(format_args!("  Logs        {data}/logs"));
    say("Stop it with Ctrl-C; the same command goes on where it stopped.");
}

/// Keeps Postgres and Redis up until a signal comes or a part ends by itself.
async fn watch(
    private: &mut Private,
    parts: &mut Parts,
    shutdown: &CancellationToken,
) -> Result<(), Fault> {
    let mut is_warned = false;
    loop {
        tokio::select! {
            // First, because a part that obeys the signal may end before we look.
            biased;
            () = shutdown.cancelled() => return Ok(()),
            fault = parts.broken() => return Err(fault),
            () = clock::pause(HEAL_EVERY) => {}
        }
        match private.heal().await {
            Ok(()) => is_warned = false,
            Err(fault) if !is_warned => {
                warn(fault.context("a server died and does not come back; trying on"));
                is_warned = true;
            }
            Err(_) => {}
        }
    }
}

/// Lets the workers finish what they began, then ends the simulators.
async fn drain(parts: &mut Parts) -> Result<(), Fault> {
    parts.fleet_end.cancel();
    let fleet = async {
        while let Some(ended) = parts.fleet.join_next().await {
            let (name, ended) = ended.context("a part of the fleet broke")?;
            ended.context(format!("stopping {name}"))?;
        }
        Ok::<(), Fault>(())
    };
    let drained = tokio::time::timeout(DRAIN_WITHIN, fleet).await;
    parts.simulators_end.cancel();
    // Their connections may be held open by whoever looks at a feed.
    let simulators = async { while parts.simulators.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(SIMULATORS_END_WITHIN, simulators).await;
    drained.unwrap_or_else(|_| {
        Err(Fault::new(format!("the workers did not end within {DRAIN_WITHIN:?}")))
    })
}
