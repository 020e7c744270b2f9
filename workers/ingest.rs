//! The role that reads the inboxes of upstream apps.

use crate::Role;
use app::App;
use app::ingest::Ingest;
use base::clock;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The first and the longest pause while Postgres or Redis is away.
const AWAY: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(2)];

/// Reads until `shutdown`: a read waits for entries by itself.
pub(crate) fn spawn(app: &App, shutdown: &CancellationToken, tasks: &mut JoinSet<Role>) {
    let (app, shutdown) = (app.clone(), shutdown.clone());
    tasks.spawn(async move {
        let mut ingest = Ingest::new(&app);
        let mut away = Duration::ZERO;
        while !shutdown.is_cancelled() {
            match ingest.round(&shutdown).await {
                Ok(()) => away = Duration::ZERO,
                Err(fault) => {
                    away = (away * 2).clamp(AWAY[0], AWAY[1]);
                    tracing::warn!(%fault, "the inboxes cannot be read; trying on");
                    shutdown.run_until_cancelled(clock::pause(away)).await;
                }
            }
        }
        ingest.leave().await;
        Role::Ingest
    });
}
