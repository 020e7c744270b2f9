//! The wish to stop, as tokens that every loop watches: first to end in good order, then at last.

use crate::clock;
use crate::fault::{Context, Fault};
use serde::Deserialize;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
pub use tokio_util::sync::CancellationToken;

/// Kept in hand between our own end and the moment at which whoever asked for it kills us.
const IN_HAND: Duration = Duration::from_secs(5);
/// What the very last steps of a process may take, once the time for everything else is over.
pub const LAST: Duration = Duration::from_secs(1);
/// How long what is under way gets after a second signal.
const HURRIED: Duration = Duration::from_secs(2);

/// The `[shutdown]` section of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Seconds from the first signal until we are killed, as the service manager is told.
    pub grace_s: u64,
}

impl Default for Config {
    fn default() -> Self {
        // 30 s: what Kubernetes gives.
        Self { grace_s: 30 }
    }
}

impl Config {
    /// How long what is under way gets from the first signal on.
    ///
    /// # Errors
    /// When so little grace is given that nothing could end in good order.
    pub fn drain_within(&self) -> Result<Duration, Fault> {
        let grace = Duration::from_secs(self.grace_s);
        if grace < IN_HAND * 2 {
            let least = (IN_HAND * 2).as_secs();
            let told =
                format!("[shutdown] grace_s is {}, and must be at least {least}: ", self.grace_s);
            return Err(Fault::new(told + "five seconds of it are kept in hand"));
        }
        Ok(grace - IN_HAND - LAST)
    }
}

/// How far the end of a process has come.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    /// Asked to end: begin nothing, finish what must be, give the rest away.
    pub asked: CancellationToken,
    /// The time for that is over.
    pub over: CancellationToken,
}

impl Shutdown {
    /// Listens for SIGTERM and SIGINT: the first asks for an end within `drain_within`, a second
    /// one for an end within two seconds.
    ///
    /// # Errors
    /// When the process may not listen for signals.
    pub fn on_signal(drain_within: Duration) -> Result<Self, Fault> {
        let mut signals = Signals::listen()?;
        let shutdown = Self::default();
        let told = shutdown.clone();
        tokio::spawn(async move {
            let name = signals.next().await;
            let within_s = drain_within.as_secs();
            tracing::info!(signal = name, within_s, "stopping: the process was asked to end");
            told.asked.cancel();
            let rest = tokio::select! {
                () = clock::pause(drain_within) => Duration::ZERO,
                name = signals.next() => {
                    tracing::warn!(signal = name, "stopping at once: the process was asked again");
                    HURRIED
                }
            };
            clock::pause(rest).await;
            told.over.cancel();
        });
        Ok(shutdown)
    }
}

/// A token that fires at SIGTERM or SIGINT.
///
/// # Errors
/// When the process may not listen for signals.
pub fn on_signal() -> Result<CancellationToken, Fault> {
    let mut signals = Signals::listen()?;
    let token = CancellationToken::new();
    let fires = token.clone();
    tokio::spawn(async move {
        let name = signals.next().await;
        tracing::info!(signal = name, "stopping: the process was asked to end");
        fires.cancel();
    });
    Ok(token)
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Fault> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).context("listening for SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).context("listening for SIGINT")?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_seconds_of_the_grace_are_kept_in_hand_and_too_little_is_refused() {
        assert_eq!(Config::default().drain_within().unwrap(), Duration::from_secs(24));
        assert_eq!(Config { grace_s: 10 }.drain_within().unwrap(), Duration::from_secs(4));
        let refused = Config { grace_s: 9 }.drain_within().unwrap_err().to_string();
        assert!(refused.contains("grace_s is 9") && refused.contains("at least 10"), "{refused}");
    }
}
