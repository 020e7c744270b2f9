//! `postfleet workers`: which worker processes live, and taking one out by name.

use crate::commands::installation::Installation;
use crate::say::say;
use app::presence;
use base::Fault;
use serde_json::{Value, json};
use std::process::ExitCode;
use store::presence::Seen;

/// What `postfleet workers` takes.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    installation: Installation,
    /// Prints JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    order: Option<Order>,
}

#[derive(clap::Subcommand)]
enum Order {
    /// Lists those that live; this is what is done when nothing is said.
    List,
    /// Has one finish what it has begun, claim nothing more, and end. What starts it anew is told
    /// by whatever runs it: a service that restarts on failure alone stays down.
    Drain {
        /// Its name, or how that begins.
        id: String,
        /// Why; its log says so.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// Does what was asked.
///
/// # Errors
/// The database fails, or there is no such worker.
pub async fn run(arguments: &Arguments) -> Result<ExitCode, Fault> {
    let (_, store) = arguments.installation.open().await?;
    match &arguments.order {
        None | Some(Order::List) => {
            let all = presence::list(&store).await?;
            match arguments.json {
                true => say(Value::from(all.iter().map(shown).collect::<Vec<_>>())),
                false => lines(&all).iter().for_each(say),
            }
        }
        Some(Order::Drain { id, reason }) => {
            let drained = presence::drain(&store, id, reason).await?;
            let Some(drained) = drained else {
                return Err(Fault::new(format_args!(
                    "no worker that lives is called {id:?}, or several begin like that; \
                     `postfleet workers` lists them"
                )));
            };
            match arguments.json {
                true => say(json!({ "drained": drained })),
                false => say(format_args!(
                    "{drained} claims nothing more within a few seconds, finishes and ends."
                )),
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn shown(seen: &Seen) -> Value {
    let worker = &seen.worker;
    json!({
        "id": worker.id, "host": worker.host, "pid": worker.pid, "version": worker.version,
        "roles": worker.roles, "platforms": worker.platforms, "slots": worker.slots,
        "startedAt": seen.started_at, "seenAt": seen.seen_at,
        "drainedAt": seen.drained_at, "drainReason": seen.drain_reason,
    })
}

fn lines(all: &[Seen]) -> Vec<String> {
    let mut lines = vec![format!(
        "{:<36}  {:<8}  {:>6}  {:<24}  {:<20}  ROLES",
        "WORKER", "VERSION", "SLOTS", "SINCE", "HOST:PID"
    )];
    for Seen { worker, started_at, drain_reason, .. } in all {
        let place = format!("{}:{}", worker.host, worker.pid);
        let since = started_at.to_string();
        let roles = worker.roles.join(",");
        let draining = drain_reason.as_ref().map(|why| format!("  draining: {why}"));
        lines.push(format!(
            "{:<36}  {:<8}  {:>6}  {since:<24}  {place:<20}  {roles}{}",
            worker.id,
            worker.version,
            worker.slots,
            draining.unwrap_or_default()
        ));
    }
    lines
}
