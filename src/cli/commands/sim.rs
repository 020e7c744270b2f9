//! `postfleet sim`: the simulated platforms alone, on loopback.

use crate::dev;
use crate::say::say;
use crate::sim::{Simulation, serve};
use base::{Context, Fault, shutdown, telemetry};
use platforms::sim::Simulator;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::TcpListener;

/// What `postfleet sim` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// Where the simulators keep what they accepted.
    #[arg(long, value_name = "DIR", default_value = ".postfleet")]
    data: PathBuf,
    /// The port on 127.0.0.1; another one when it is taken.
    #[arg(long, default_value_t = 8090)]
    port: u16,
    /// Serves this platform alone, without its prefix.
    #[arg(long, value_name = "PLATFORM")]
    only: Option<String>,
    /// How long every answer takes, as a network would.
    #[arg(long, value_name = "N", default_value_t = 0)]
    delay_ms: u64,
}

/// Serves until a signal.
///
/// # Errors
/// The platform is unknown, or the log or the socket fails.
pub async fn run(arguments: &Arguments) -> Result<(), Fault> {
    let mut simulators = simulators();
    if let Some(only) = &arguments.only {
        let names: Vec<&str> = simulators.iter().map(|(name, _)| *name).collect();
        let names = names.join(", ");
        simulators.retain(|(name, _)| name == only);
        if simulators.is_empty() {
            return Err(Fault::new(format!("no simulator of {only:?}; there are: {names}")));
        }
    }
    telemetry::init(&telemetry::Config::default())?;
    let shutdown = shutdown::on_signal()?;
    let (listener, url) = bind(arguments.port).await?;
    say(format_args!("Simulated platforms: {url}"));
    let simulation = Simulation {
        simulators,
        data: arguments.data.clone(),
        is_at_root: arguments.only.is_some(),
        delay: Duration::from_millis(arguments.delay_ms),
    };
    serve(simulation, listener, shutdown).await
}

/// Every simulator under its platform's name.
pub fn simulators() -> Vec<(&'static str, Box<dyn Simulator>)> {
    platforms::ALL
        .iter()
        .filter_map(|platform| Some((platform.name(), platform.simulator()?)))
        .collect()
}

/// Listens on the loopback interface, on this port or another, and says where.
///
/// # Errors
/// No port is free.
pub async fn bind(port: u16) -> Result<(TcpListener, String), Fault> {
    let port = dev::ports::choose(port)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    let listener = listener.context(format!("listening on port {port}"))?;
    Ok((listener, format!("http://127.0.0.1:{port}")))
}
