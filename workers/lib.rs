//! Translates jobs to verbs and obeys what they decide.
//!
//! A role file claims, calls one verb, obeys and traces. Invariant: no role names the store or a
//! platform's dialect; there is no edge to either.

mod ingest;
mod loops;
mod presence;
mod roles;

pub use roles::Role;

use app::App;
use base::Fault;
use queue::{Ailment, Health, Queue};
use serde::Deserialize;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How much one process takes on.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where operators reach a process of `postfleet work`: health and metrics. Empty is nowhere,
    /// for several share a machine.
    pub private_listen: String,
    /// Deliveries of one platform published at once.
    pub publish_concurrency: usize,
    /// Fan-outs at once.
    pub fan_out_concurrency: usize,
    /// Questions asked at once.
    pub reconcile_concurrency: usize,
    /// Tokens renewed at once; each holds a connection to Postgres during its call.
    pub refresh_concurrency: usize,
    /// The sweep's pace, in milliseconds.
    pub sweep_every_ms: u64,
    /// The relay's pace while nothing is due, in milliseconds.
    pub relay_every_ms: u64,
    /// Messages to endpoints that have ended are kept so many days; 0 is for ever.
    pub keep_messages_days: u32,
    /// Lines of what was tried for a delivery are kept so many days; 0 is for ever.
    pub keep_timeline_days: u32,
    /// The audit is kept so many days, 30 at least; 0 is for ever.
    pub keep_audit_days: u32,
}

/// What is younger is not taken from the audit by anybody: the database refuses it.
const KEEP_AUDIT_DAYS_MIN: u32 = 30;

impl Default for Config {
    fn default() -> Self {
        Self {
            private_listen: String::new(),
            publish_concurrency: 256,
            fan_out_concurrency: 8,
            reconcile_concurrency: 16,
            refresh_concurrency: 8,
            sweep_every_ms: 15_000,
            relay_every_ms: 500,
            keep_messages_days: 30,
            keep_timeline_days: 0,
            keep_audit_days: 0,
        }
    }
}

impl Config {
    /// Refuses figures that cannot work.
    fn check(&self) -> Result<(), Fault> {
        match self.keep_audit_days {
            0 | KEEP_AUDIT_DAYS_MIN.. => Ok(()),
            days => Err(Fault::new(format_args!(
                "[workers] keep_audit_days is {days}: take {KEEP_AUDIT_DAYS_MIN} at least, or 0 to \
                 keep the audit for ever"
            ))),
        }
    }

    /// Jobs that a process with these duties works on at once, of the kinds that are configured.
    fn slots(&self, duties: &Duties) -> usize {
        let slots = |role: &Role| match role {
            Role::Publish => self.publish_concurrency * duties.platforms.len(),
            Role::FanOut => self.fan_out_concurrency,
            Role::Reconcile => self.reconcile_concurrency,
            Role::Refresh => self.refresh_concurrency,
            Role::Relay | Role::Repost | Role::Webhook | Role::Sweep | Role::Ingest => 0,
        };
        duties.roles.iter().map(slots).sum()
    }
}

/// What a process is to do.
#[derive(Debug, Clone)]
pub struct Duties {
    /// Its roles.
    pub roles: Vec<Role>,
    /// The platforms it publishes on.
    pub platforms: Vec<String>,
}

/// Works until `shutdown` fires, then hands back what has not started, finishes what has, and
/// returns.
///
/// # Errors
/// When a role ended on its own: a bug, and the process must not live on as if nothing were.
pub async fn work(
    app: App,
    queue: Queue,
    config: &Config,
    duties: &Duties,
    shutdown: CancellationToken,
) -> Result<(), Fault> {
    config.check()?;
    // An operator may end this process' work alone.
    let shutdown = shutdown.child_token();
    let (mut tasks, left) = (JoinSet::new(), app.clone());
    presence::spawn(&app, config, duties, &shutdown, &mut tasks);
    for role in &duties.roles {
        roles::spawn(*role, &app, &queue, config, duties, &shutdown, &mut tasks);
    }
    tracing::info!(roles = ?duties.roles, platforms = ?duties.platforms, "at work");
    let mut leaving = false;
    loop {
        let ended = tokio::select! {
            biased;
            () = shutdown.cancelled(), if !leaving => {
                leaving = true;
                left.leave();
                continue;
            }
            ended = tasks.join_next() => ended,
        };
        let Some(ended) = ended else { break };
        if !shutdown.is_cancelled() {
            shutdown.cancel();
            return Err(match ended {
                Ok(role) => Fault::new(format!("the role {role} ended on its own")),
                Err(error) => Fault::new(format!("a role died: {error}")),
            });
        }
    }
    Ok(())
}

/// Whether the loops of this process count as sick, and why.
pub fn sickness(health: &Health) -> Ailment {
    // Three leases without a word from Redis: nothing is claimed or renewed any more.
    const SILENCE_MAX: Duration = Duration::from_secs(30);
    health.ailment(SILENCE_MAX)
}
