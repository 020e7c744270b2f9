//! The wish to stop, as one token that every loop watches.

use crate::fault::{Context, Fault};
use tokio::signal::unix::{SignalKind, signal};
pub use tokio_util::sync::CancellationToken;

/// A token that fires at SIGTERM or SIGINT.
///
/// # Errors
/// When the process may not listen for signals.
pub fn on_signal() -> Result<CancellationToken, Fault> {
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    let token = CancellationToken::new();
    let fires = token.clone();
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "stopping: the process was asked to end");
        fires.cancel();
    });
    Ok(token)
}
