//! The roles of a worker process: which queue wakes which verb.

use crate::{Config, Duties, ingest, loops};
use app::App;
use queue::{Claimed, Outcome, Queue, WorkerOptions};
use std::fmt;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Looks at what is out, at once: they are few and may come late.
const FOLLOW_CONCURRENCY: usize = 4;

/// Looks ahead at accounts, at once: each reads a day of one account, and may come late.
const PREFLIGHT_CONCURRENCY: usize = 4;

/// Reposts and deletions at once; each is a few small calls.
const REPOST_CONCURRENCY: usize = 32;

/// Copies made at once: each is one transaction, ahead of its time.
const REPUBLISH_CONCURRENCY: usize = 4;

/// Words about posts that wait for a person, at once: they are few and may come late.
const WAITING_CONCURRENCY: usize = 4;

/// Erasures at once: each is steps of Postgres and calls that revoke, and may take its time.
const ERASE_CONCURRENCY: usize = 2;
/// Files looked at once: each look is one question, and may come late.
const MEDIA_CONCURRENCY: usize = 2;

/// Messages to endpoints at once: most of that time they wait for an answer, and an endpoint has
/// sixteen lanes.
const WEBHOOK_CONCURRENCY: usize = 256;

/// A worker's duty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Tells Redis what Postgres owes.
    Relay,
    /// Turns posts into deliveries.
    FanOut,
    /// Publishes deliveries.
    Publish,
    /// Asks what became of calls, and of posts that are out.
    Reconcile,
    /// Renews tokens, and looks ahead at what is due on accounts.
    Refresh,
    /// Reposts, takes back and deletes what is out, and makes copies of it.
    Repost,
    /// Sends events to the endpoints of upstream apps.
    Webhook,
    /// Looks after what is overdue, and erases what is to go.
    /// Looks after what is overdue, and removes files that nobody needs any more.
    Sweep,
    /// Takes in what upstream apps add to their inboxes.
    Ingest,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 9] = [
        Self::Relay,
        Self::FanOut,
        Self::Publish,
        Self::Reconcile,
        Self::Refresh,
        Self::Repost,
        Self::Webhook,
        Self::Sweep,
        Self::Ingest,
    ];

    /// The word on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::FanOut => "fan-out",
            Self::Publish => "publish",
            Self::Reconcile => "reconcile",
            Self::Refresh => "refresh",
            Self::Repost => "repost",
            Self::Webhook => "webhook",
            Self::Sweep => "sweep",
            Self::Ingest => "ingest",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Starts a role's tasks.
pub(crate) fn spawn(
    role: Role,
    app: &App,
    queue: &Queue,
    config: &Config,
    duties: &Duties,
    shutdown: &CancellationToken,
    tasks: &mut JoinSet<Role>,
) {
    match role {
        Role::Relay => loops::relay(app, config, shutdown, tasks),
        Role::Ingest => ingest::spawn(app, shutdown, tasks),
        Role::Sweep => {
            loops::sweep(app, config, shutdown, tasks);
            loops::versions(app, shutdown, tasks);
            loops::mailing(app, shutdown, tasks);
            loops::forget(app, config, shutdown, tasks);
            erase(app, queue, shutdown, tasks);
            let options = WorkerOptions::new(app::queues::MEDIA, MEDIA_CONCURRENCY);
            serve(role, app, queue, options, shutdown, tasks, |app, job| async move {
                app::media::tend(&app, &job).await
            });
        }
        Role::FanOut => {
            let options = WorkerOptions::new(app::queues::FAN_OUT, config.fan_out_concurrency);
            serve(role, app, queue, options, shutdown, tasks, |app, job| async move {
                app::fan_out::fan_out(&app, &job).await
            });
            let options = WorkerOptions::new(app::queues::WAITING, WAITING_CONCURRENCY);
            serve(role, app, queue, options, shutdown, tasks, |app, job| async move {
                app::waiting::tell(&app, &job).await
            });
        }
        Role::Reconcile => {
            let options = WorkerOptions::new(app::queues::RECONCILE, config.reconcile_concurrency);
            serve(role, app, queue, options, shutdown, tasks, |app, job| async move {
                app::reconcile::reconcile(&app, &job).await
            });
            let options = WorkerOptions::new(app::queues::FOLLOW, FOLLOW_CONCURRENCY);
            serve(role, app, queue, options, shutdown, tasks, |app, job| async move {
                app::follow::follow(&app, &job).await
            });
        }
        Role::Refresh => {
            let options = WorkerOptions::new(app::queues::REFRESH, config.refresh_concurrency);
            serve(role, app, queue, options, shutdown, tasks, |app, job| async move {
                app::keeping::refresh(&app, &job).await
            });
            let options = WorkerOptions::new(app::queues::PREFLIGHT, PREFLIGHT_CONCURRENCY);
            serve(role, app, queue, options, shutdown, tasks, |app, job| async move {
                app::preflight::look(&app, &job).await
            });
        }
        Role::Repost => {
            let options = WorkerOptions::new(app::queues::REPOST, REPOST_CONCURRENCY);
            serve(role, app, queue, options, shutdown, tasks, |app, job| async move {
                app::operate::operate(&app, &job).await
            });
            let options = WorkerOptions::new(app::queues::REPUBLISH, REPUBLISH_CONCURRENCY);
            serve(role, app, queue, options, shutdown, tasks, |app, job| async move {
                app::copies::republish(&app, &job).await
            });
        }
        Role::Webhook => {
            loops::herald(app, config, shutdown, tasks);
            let options = WorkerOptions::new(app::queues::WEBHOOK, WEBHOOK_CONCURRENCY);
            serve(role, app, queue, options, shutdown, tasks, |app, job| async move {
                app::webhooks::send(&app, &job).await
            });
        }
        Role::Publish => {
            for platform in &duties.platforms {
                let name = app::queues::publish_queue(platform);
                let mut options = WorkerOptions::new(name, config.publish_concurrency);
                // One irreversible step of an account at a time, the next one made ready beside it.
                options.lane_in_flight = 2;
                serve(role, app, queue, options, shutdown, tasks, |app, job| async move {
                    app::publish::publish(&app, &job).await
                });
            }
        }
    }
}

/// Erases what is to go.
fn erase(app: &App, queue: &Queue, shutdown: &CancellationToken, tasks: &mut JoinSet<Role>) {
    let options = WorkerOptions::new(app::queues::ERASE, ERASE_CONCURRENCY);
    serve(Role::Sweep, app, queue, options, shutdown, tasks, |app, job| async move {
        app::erase::erase(&app, &job).await
    });
}

/// Runs one queue's worker: claim, call the verb, obey, trace.
fn serve<F, Fut>(
    role: Role,
    app: &App,
    queue: &Queue,
    options: WorkerOptions,
    shutdown: &CancellationToken,
    tasks: &mut JoinSet<Role>,
    verb: F,
) where
    F: Fn(App, Claimed) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Outcome> + Send + 'static,
{
    let (app, queue, shutdown) = (app.clone(), queue.clone(), shutdown.clone());
    let handler = move |job: Claimed| verb(app.clone(), job);
    tasks.spawn(async move {
        queue::run(queue, options, shutdown, handler).await;
        role
    });
}
