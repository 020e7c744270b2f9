//! `postfleet bench`: measures the fleet against a bare loop of the same calls, in one run.

mod bare;
mod cpu;
mod publish;

use base::Fault;

/// What `postfleet bench` takes.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    work: Work,
}

#[derive(clap::Subcommand)]
enum Work {
    /// Publishes text posts on simulated X and compares with a bare loop of the same calls.
    Publish(publish::Arguments),
}

/// Runs one bench.
///
/// # Errors
/// When the fleet does not start or does not finish.
pub async fn run(arguments: &Arguments) -> Result<(), Fault> {
    match &arguments.work {
        Work::Publish(arguments) => publish::run(arguments).await,
    }
}
