//! One process of a fleet from its start to its end: its signals, the port of its operators, and its
//! word to the service manager.

use crate::config::Config;
use crate::wire::Fleet;
use app::ready::Check;
use base::notify::{self, Notifier};
use base::shutdown::{LAST, Shutdown};
use base::trace::{self, Exports};
use base::{Fault, clock, telemetry};
use server::Operators;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How often the service manager is told how we are.
const TOLD_EVERY: Duration = Duration::from_secs(5);
/// How soon readiness is looked for anew at the start.
const READY_EVERY: Duration = Duration::from_millis(100);

/// A process that has begun.
pub struct Process {
    /// How far its end has come.
    pub shutdown: Shutdown,
    /// What operators are told.
    pub operators: Operators,
    config: Config,
    end: CancellationToken,
    tasks: JoinSet<()>,
    exports: Option<Exports>,
}

impl Process {
    /// Listens for signals and serves operators, on a port that is bound already. `role` is what its
    /// traces call it.
    ///
    /// # Errors
    /// When the configuration or the process cannot work.
    pub fn begin(
        config: &Config,
        role: &'static str,
        port: Option<TcpListener>,
    ) -> Result<Self, Fault> {
        let metrics = telemetry::install_metrics()?;
        let exports = trace::start(&config.telemetry, role)?;
        let shutdown = Shutdown::on_signal(config.shutdown.drain_within()?)?;
        let crew = config.server.operators.clone();
        let operators = Operators::new(move || metrics.render(), shutdown.asked.clone(), crew);
        let (end, mut tasks) = (CancellationToken::new(), JoinSet::new());
        if let Some(port) = port {
            let served = operators.clone().serve(port, end.clone());
            tasks.spawn(async move {
                if let Err(fault) = served.await {
                    tracing::error!(%fault, "operators cannot ask this process any more");
                }
            });
        }
        tasks.spawn(tell_manager(operators.clone(), shutdown.clone()));
        Ok(Self { shutdown, operators, config: config.clone(), end, tasks, exports })
    }

    /// The fleet, as soon as all that it needs is there. `None`: the process was asked to end.
    ///
    /// # Errors
    /// When waiting would not help.
    pub async fn wire(&self) -> Result<Option<Fleet>, Fault> {
        let asked = &self.shutdown.asked;
        let fleet = Fleet::wire_when_there(&self.config, &self.operators, asked).await?;
        if let Some(fleet) = &fleet {
            fleet.tell(&self.operators);
        }
        Ok(fleet)
    }

    /// Does what the process is for, and ends it in time: what has not ended when the time is over
    /// is left to its leases, deadlines and callers.
    ///
    /// # Errors
    /// Those of `work`.
    pub async fn carry(
        mut self,
        fleet: &Fleet,
        work: impl Future<Output = Result<(), Fault>>,
    ) -> Result<(), Fault> {
        let ended = tokio::select! {
            ended = work => ended,
            () = self.shutdown.over.cancelled() => {
                tracing::warn!("the time to end in good order is over; the rest is left as it is");
                // What was counted is written down all the same.
                let _ = tokio::time::timeout(LAST, fleet.app.keys().flush()).await;
                Ok(())
            }
        };
        let _ = tokio::time::timeout(LAST, trace::flush(self.exports.take())).await;
        self.end.cancel();
        self.tasks.shutdown().await;
        ended
    }
}

fn told_of(checks: &[Check], what: fn(&Check) -> Option<&str>) -> String {
    let told =
        checks.iter().filter_map(|check| what(check).map(|why| format!("{}: {why}", check.name)));
    told.collect::<Vec<_>>().join("; ")
}

/// Tells the service manager, where there is one that listens, when we are ready, that we are not
/// stuck, what is wrong, and that we end.
async fn tell_manager(operators: Operators, shutdown: Shutdown) {
    let Some(manager) = Notifier::of_environment() else { return };
    let (mut is_ready, mut told) = (false, String::new());
    let every = manager.watchdog.map_or(TOLD_EVERY, |within| within.min(TOLD_EVERY));
    while !shutdown.asked.is_cancelled() {
        let checks = operators.checks().await;
        let failing = told_of(&checks, |check| check.trouble.as_deref());
        if failing.is_empty() && !is_ready {
            manager.say(notify::READY);
            is_ready = true;
        }
        let warned = told_of(&checks, |check| check.warning.as_deref());
        let status = match (failing.is_empty(), warned.is_empty()) {
            (true, true) => "ready".to_owned(),
            (true, false) => format!("ready; {warned}"),
            (false, _) => failing,
        };
        if status != told {
            manager.say(&format!("STATUS={status}"));
            told = status;
        }
        // That this task gets its turn shows that the process is not stuck, whatever is away.
        manager.say(notify::WATCHDOG);
        let rest = if is_ready { every } else { READY_EVERY.min(every) };
        shutdown.asked.run_until_cancelled(clock::pause(rest)).await;
    }
    manager.say(notify::STOPPING);
    manager.say("STATUS=finishing what was begun");
    while manager.watchdog.is_some() {
        manager.say(notify::WATCHDOG);
        clock::pause(every).await;
    }
}
