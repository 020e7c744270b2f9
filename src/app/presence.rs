//! A worker process shows that it lives, and is told what operators have ordered meanwhile.

use crate::App;
use base::{Fault, rng};
use store::Store;
use store::presence::{Seen, Told, Worker};

/// A process, as operators see it.
#[derive(Debug, Clone)]
pub struct Presence(Worker);

impl Presence {
    /// This process, under a name that nobody else has.
    pub fn new(roles: Vec<String>, platforms: Vec<String>, slots: usize) -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Self(Worker {
            id: format!("wrk_{}", rng::uuid().simple()),
            host: host.trim().to_owned(),
            pid: i64::from(std::process::id()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            roles,
            platforms,
            slots: i64::try_from(slots).unwrap_or(i64::MAX),
        })
    }

    /// Its name.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Shows that it lives, and takes up which queues are paused. Why it is to end, where it is.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn show(&self, app: &App) -> Result<Option<String>, Fault> {
        let Told { drained, paused_queues } = app.0.store.show_presence(&self.0).await?;
        app.0.queue.pause_queues(&paused_queues);
        Ok(drained)
    }

    /// It has ended in good order.
    pub async fn end(&self, app: &App) {
        if let Err(fault) = app.0.store.end_presence(&self.0.id).await {
            tracing::info!(%fault, "this process is listed for a moment longer");
        }
    }
}

/// The processes that live.
///
/// # Errors
/// When Postgres fails.
pub async fn list(store: &Store) -> Result<Vec<Seen>, Fault> {
    store.present_workers().await
}

/// Tells the process whose name begins like this to finish what it has and to end: its name.
///
/// # Errors
/// When Postgres fails.
pub async fn drain(store: &Store, id: &str, reason: &str) -> Result<Option<String>, Fault> {
    store.drain_worker(id, reason).await
}
