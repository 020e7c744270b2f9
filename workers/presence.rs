//! A worker process shows that it lives, and ends when an operator says so.

use crate::{Config, Duties, Role};
use app::App;
use app::presence::Presence;
use base::clock;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Between two signs of life; a third of what an order may take to be heard.
const EVERY: Duration = Duration::from_secs(3);

/// Shows this process until `shutdown`, and fires it when the process is drained.
pub(crate) fn spawn(
    app: &App,
    config: &Config,
    duties: &Duties,
    shutdown: &CancellationToken,
    tasks: &mut JoinSet<Role>,
) {
    // What ends with no role is told of by those that do something.
    let Some(role) = duties.roles.first().copied() else { return };
    let roles = duties.roles.iter().map(|role| role.as_str().to_owned()).collect();
    let platforms = match duties.roles.contains(&Role::Publish) {
        true => duties.platforms.clone(),
        false => Vec::new(),
    };
    let presence = Presence::new(roles, platforms, config.slots(duties));
    let (app, shutdown) = (app.clone(), shutdown.clone());
    tasks.spawn(async move {
        tracing::info!(worker = presence.id(), "this process has a name");
        while !shutdown.is_cancelled() {
            match presence.show(&app).await {
                Ok(None) => {}
                Ok(Some(reason)) => {
                    tracing::warn!(
                        worker = presence.id(),
                        reason,
                        "an operator drains this process"
                    );
                    shutdown.cancel();
                }
                Err(fault) => tracing::debug!(%fault, "operators do not see this process"),
            }
            shutdown.run_until_cancelled(clock::pause(EVERY)).await;
        }
        presence.end(&app).await;
        role
    });
}
