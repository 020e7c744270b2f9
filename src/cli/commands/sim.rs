//! `postfleet sim`: the simulated platforms alone, on loopback.

use crate::dev;
use crate::dev::state::write_private;
use crate::say::say;
use crate::sim::{Simulation, open, serve};
use base::{Context, Fault, shutdown, telemetry};
use platforms::sim::{CLIENT_SECRET, Simulator};
use serde_json::{Map, Value, json};
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
    /// The port on 127.0.0.1; another one when it is taken, and any with 0.
    #[arg(long, default_value_t = 8090)]
    port: u16,
    /// Serves these platforms; one alone without its prefix, several under theirs.
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',')]
    only: Vec<String>,
    /// Writes where everything is, as JSON, once it answers; the file goes at the end.
    #[arg(long, value_name = "FILE")]
    place: Option<PathBuf>,
    /// How long every answer takes, as a network would.
    #[arg(long, value_name = "N", default_value_t = 0)]
    delay_ms: u64,
}

/// Serves until a signal.
///
/// # Errors
/// The platform is unknown, or the log or the socket fails.
pub async fn run(arguments: &Arguments) -> Result<(), Fault> {
    let simulators = chosen(&arguments.only)?;
    telemetry::init(&telemetry::Config::default())?;
    let shutdown = shutdown::on_signal()?;
    let (listener, url) = bind(arguments.port).await?;
    let names: Vec<&str> = simulators.iter().map(|(name, _)| *name).collect();
    let is_at_root = !arguments.only.is_empty() && names.len() == 1;
    let world = open(Simulation {
        simulators,
        data: arguments.data.clone(),
        is_at_root,
        delay: Duration::from_millis(arguments.delay_ms),
    })?;
    let base = |name: &str| if is_at_root { url.clone() } else { format!("{url}/{name}") };
    say(format_args!("Simulated platforms: {url}"));
    for name in &names {
        say(format_args!("{name}  {}", base(name)));
    }
    if let Some(file) = &arguments.place {
        let each = names.iter().map(|name| ((*name).to_owned(), base(name).into()));
        let place = json!({
            "simUrl": url,
            "pid": std::process::id(),
            "clientSecret": CLIENT_SECRET,
            "platforms": each.collect::<Map<String, Value>>(),
        });
        // Whoever waits for the file finds everything told above.
        let text = serde_json::to_vec_pretty(&place).context("writing the place")?;
        write_private(file, &text)?;
    }
    let served = serve(world, listener, shutdown).await;
    if let Some(file) = &arguments.place {
        // Nobody is to look for us here any more; who took the file away already did the same.
        let _ = std::fs::remove_file(file);
    }
    served
}

/// A simulator under its platform's name.
pub type Named = (&'static str, Box<dyn Simulator>);

/// The simulators that were named, in their own order; all without a name.
fn chosen(only: &[String]) -> Result<Vec<Named>, Fault> {
    let mut simulators = simulators();
    let is_known = |name: &&String| simulators.iter().any(|(known, _)| known == name);
    if let Some(stranger) = only.iter().find(|name| !is_known(name)) {
        let names: Vec<&str> = simulators.iter().map(|(name, _)| *name).collect();
        let names = names.join(", ");
        return Err(Fault::new(format!("no simulator of {stranger:?}; there are: {names}")));
    }
    simulators.retain(|(name, _)| only.is_empty() || only.iter().any(|wanted| wanted == name));
    Ok(simulators)
}

/// Every simulator under its platform's name.
pub fn simulators() -> Vec<Named> {
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
    // The kernel's own choice cannot be taken by anybody between the choice and the listening.
    let port = if port == 0 { 0 } else { dev::ports::choose(port)? };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    let listener = listener.context(format!("listening on port {port}"))?;
    let port = listener.local_addr().context("reading a socket's port")?.port();
    Ok((listener, format!("http://127.0.0.1:{port}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_were_named_are_served_and_a_stranger_is_refused() {
        let names = |only: &[&str]| {
            let only: Vec<String> = only.iter().map(|name| (*name).to_owned()).collect();
            let chosen = chosen(&only)?;
            Ok::<_, Fault>(chosen.into_iter().map(|(name, _)| name).collect::<Vec<_>>())
        };
        let all = platforms::names();
        assert_eq!(names(&[]).unwrap(), all);
        assert_eq!(names(&[all[1], all[0], all[0]]).unwrap(), all[..2]);
        let refusal = names(&["moon"]).unwrap_err().to_string();
        assert!(refusal.contains("moon") && refusal.contains(all[4]), "{refusal}");
    }
}
