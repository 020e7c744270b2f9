//! The roles that are no queues: the relay and the sweep, each at its own pace.

use crate::{Config, Role};
use app::App;
use app::forget::Ages;
use base::{Fault, clock};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The longest pause of a loop whose database or Redis is away: claims wait for the relay to take
/// a new Redis into use.
const AWAY_MAX: Duration = Duration::from_secs(2);
/// Between two looks at what waits for a person: a mail is no alarm of seconds.
const MAILING_EVERY: Duration = Duration::from_secs(5);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// Tells Redis of what falls due, shard by shard.
pub(crate) fn relay(
    app: &App,
    config: &Config,
    shutdown: &CancellationToken,
    tasks: &mut JoinSet<Role>,
) {
    let pace = Duration::from_millis(config.relay_every_ms);
    for shard in 0..app::relay::shards(app) {
        let (app, shutdown) = (app.clone(), shutdown.clone());
        tasks.spawn(async move {
            let step = || async { app::relay::relay(&app, shard).await };
            repeat("relay", pace, &shutdown, step).await;
            Role::Relay
        });
    }
}

/// Looks after what is overdue, shard by shard.
pub(crate) fn sweep(
    app: &App,
    config: &Config,
    shutdown: &CancellationToken,
    tasks: &mut JoinSet<Role>,
) {
    let pace = Duration::from_millis(config.sweep_every_ms);
    let (app, shutdown) = (app.clone(), shutdown.clone());
    tasks.spawn(async move {
        let step = || async {
            let mut came = Ok(false);
            for shard in 0..app::relay::shards(&app) {
                // One that is away keeps no other from it.
                if let Err(fault) = app::sweep::sweep(&app, shard).await {
                    came = Err(fault);
                }
            }
            came
        };
        repeat("sweep", pace, &shutdown, step).await;
        Role::Sweep
    });
}

/// Tells Redis of messages to endpoints that were just owed, shard by shard, at the relay's pace.
pub(crate) fn herald(
    app: &App,
    config: &Config,
    shutdown: &CancellationToken,
    tasks: &mut JoinSet<Role>,
) {
    let pace = Duration::from_millis(config.relay_every_ms);
    let (app, shutdown) = (app.clone(), shutdown.clone());
    tasks.spawn(async move {
        let step = || async {
            let mut came = Ok(false);
            for shard in 0..app::relay::shards(&app) {
                // One that is away keeps no other from it.
                if let Err(fault) = app::webhooks::herald(&app, shard).await {
                    came = Err(fault);
                }
            }
            came
        };
        repeat("herald", pace, &shutdown, step).await;
        Role::Webhook
    });
}

/// Forgets what is over, every hour.
pub(crate) fn forget(
    app: &App,
    config: &Config,
    shutdown: &CancellationToken,
    tasks: &mut JoinSet<Role>,
) {
    let Config { keep_messages_days, keep_timeline_days, keep_audit_days, .. } = *config;
    let ages = Ages::of_days(keep_messages_days, keep_timeline_days, keep_audit_days);
    let (app, shutdown) = (app.clone(), shutdown.clone());
    tasks.spawn(async move {
        let step = || async { app::forget::forget(&app, ages).await.map(|_| false) };
        repeat("forget", HOUR, &shutdown, step).await;
        Role::Sweep
    });
}

/// Mails operators about what waits for a person, where they want that.
pub(crate) fn mailing(app: &App, shutdown: &CancellationToken, tasks: &mut JoinSet<Role>) {
    if !app::mailing::is_wanted(app) {
        return;
    }
    let (app, shutdown) = (app.clone(), shutdown.clone());
    tasks.spawn(async move {
        let step = || async { app::mailing::tell(&app).await.map(|()| false) };
        repeat("mailing", MAILING_EVERY, &shutdown, step).await;
        Role::Sweep
    });
}

/// Looks after the versions of the platforms' APIs.
pub(crate) fn versions(app: &App, shutdown: &CancellationToken, tasks: &mut JoinSet<Role>) {
    let (app, shutdown) = (app.clone(), shutdown.clone());
    tasks.spawn(async move {
        let step = || async {
            app::versions::watch(&app, clock::now());
            Ok(false)
        };
        repeat("versions", DAY, &shutdown, step).await;
        Role::Sweep
    });
}

/// Takes steps until shutdown: at once again after a step that says so, else at the pace; after a
/// fault with growing pauses, for ever.
async fn repeat<F, Fut>(name: &str, pace: Duration, shutdown: &CancellationToken, step: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<bool, Fault>>,
{
    let mut away = Duration::ZERO;
    while !shutdown.is_cancelled() {
        let rest = match step().await {
            Ok(has_more) => {
                away = Duration::ZERO;
                if has_more { Duration::ZERO } else { pace }
            }
            Err(fault) => {
                away = (away * 2).clamp(Duration::from_millis(100), AWAY_MAX);
                tracing::warn!(%fault, loop_name = name, "a loop could not take its step");
                away
            }
        };
        tokio::select! {
            () = clock::pause(rest) => {}
            () = shutdown.cancelled() => {}
        }
    }
}
