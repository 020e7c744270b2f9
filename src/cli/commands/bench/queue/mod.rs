//! The benches of the queue alone: no-op jobs, private servers, workers in processes of their own.

pub mod burst;
pub mod crash;
pub mod drain;
pub mod enqueue;
pub mod lane;
pub mod latency;
pub mod memory;
pub mod rebuild;
pub mod rig;
pub mod worker;

use base::Fault;
use serde_json::Value;

/// What every bench of the queue takes.
#[derive(Clone, Copy, clap::Args)]
pub struct Common {
    /// Worker processes.
    #[arg(long, default_value_t = 2)]
    pub processes: usize,
    /// Jobs at once in each of them.
    #[arg(long, default_value_t = 100)]
    pub concurrency: usize,
    /// Lanes, as accounts would be; each in a group of its tenant, 50 lanes a tenant.
    #[arg(long, default_value_t = 2_000)]
    pub lanes: u32,
    /// One line of JSON.
    #[arg(long)]
    pub json: bool,
}

/// Prints figures, on one line if asked to.
pub fn show(common: &Common, figures: &Value) -> Result<(), Fault> {
    if common.json {
        crate::say::say(figures);
    } else {
        crate::say::say(format_args!("{figures:#}"));
    }
    Ok(())
}

/// One digit behind the point.
pub fn rounded(figure: f64) -> f64 {
    (figure * 10.0).round() / 10.0
}
