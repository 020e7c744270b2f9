//! What operators watch of the whole fleet: asked of Postgres and Redis when somebody looks.
//!
//! Every process that serves `/metrics` tells the same of it, so that a fleet whose workers are all
//! gone still says how late it is. Invariant: labels are names of queues, platforms and states,
//! which are few; none is an account, a tenant or a post.

mod redis;

use crate::{App, queues};
use base::outbound::Kind;
use base::{Context, Fault, clock};
use domain::failure::PUBLIC_TYPES;
use domain::renewal::AHEAD;
use std::time::{Duration, Instant};
use store::gauges::Waiting;

/// What is asked for often: however many look, Postgres is asked once in this time.
const FRESH: Duration = Duration::from_secs(1);
/// What costs Redis a look at hundreds of jobs of each shard.
const FRESH_REDIS: Duration = Duration::from_secs(10);
/// What changes slowly and costs a walk over all accounts.
const FRESH_SLOW: Duration = Duration::from_secs(60);
/// A renewal begins [`AHEAD`] of the end, at the latest, and takes so long at most.
const RENEWAL_MAX: Duration = Duration::from_secs(60);
/// Whoever looks waits no longer for Postgres and Redis.
const WAIT_MAX: Duration = Duration::from_secs(1);
/// Queues that are no platform's.
const QUEUES: [&str; 11] = [
    queues::FAN_OUT,
    queues::RECONCILE,
    queues::REFRESH,
    queues::FOLLOW,
    queues::PREFLIGHT,
    queues::REPOST,
    queues::REPUBLISH,
    queues::WAITING,
    queues::WEBHOOK,
    queues::ERASE,
    queues::MEDIA,
];
/// The states of an account, as `accounts.status` has them.
const STATES: [&str; 4] = ["connected", "needs_reconnect", "damaged", "disconnected"];

/// When what was asked last.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    quick: Option<Instant>,
    redis: Option<Instant>,
    slow: Option<Instant>,
}

/// Brings the gauges of the fleet up to date, unless they are, or another is about it.
pub async fn measure(app: &App) {
    connections(app);
    let Ok(mut asked) = app.0.asked.try_lock() else { return };
    if asked.quick.is_some_and(|at| at.elapsed() < FRESH) {
        return;
    }
    asked.quick = Some(clock::stopwatch());
    let is_slow_due = asked.slow.is_none_or(|at| at.elapsed() >= FRESH_SLOW);
    let is_redis_due = asked.redis.is_none_or(|at| at.elapsed() >= FRESH_REDIS);
    let (postgres, redis, compared) = tokio::join!(
        in_time(ask(app, is_slow_due)),
        in_time(ping(app)),
        in_time(look_at_redis(app, is_redis_due))
    );
    if is_slow_due && postgres {
        asked.slow = Some(clock::stopwatch());
    }
    if is_redis_due && compared {
        asked.redis = Some(clock::stopwatch());
    }
    metrics::gauge!("postfleet_postgres_up").set(f64::from(u8::from(postgres)));
    metrics::gauge!("postfleet_redis_up").set(f64::from(u8::from(redis)));
}

/// Counts that alarms watch begin at nothing, so that the first of them is seen as one.
pub fn begin() {
    metrics::gauge!("postfleet_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    metrics::counter!("postfleet_settles_refused_total").increment(0);
    metrics::counter!("postfleet_queue_reaped_total").increment(0);
    metrics::counter!("postfleet_trace_exports_failed_total").increment(0);
    for field in ["grant", "verifier", "checkpoint", "data_key"] {
        metrics::counter!("postfleet_vault_refused_total", "field" => field).increment(0);
    }
    for kind in Kind::ALL {
        metrics::counter!("postfleet_outbound_refused_total", "reason" => kind.as_str())
            .increment(0);
    }
    for platform in platforms::names() {
        for name in
            ["postfleet_published_total", "postfleet_outages_total", "postfleet_unmapped_total"]
        {
            metrics::counter!(name, "platform" => platform).increment(0);
        }
        for name in ["postfleet_accounts_lost_total", "postfleet_app_refused_total"] {
            metrics::counter!(name, "platform" => platform).increment(0);
        }
        // The others are the sender's, not the platform's.
        for class in PUBLIC_TYPES.into_iter().filter(|class| class.starts_with("Platform")) {
            metrics::counter!("postfleet_failed_total", "platform" => platform, "type" => class)
                .increment(0);
        }
        metrics::counter!(
            "postfleet_quarantined_total", "platform" => platform,
            "type" => crate::quarantine::failure().public_type()
        )
        .increment(0);
    }
}

async fn in_time(asking: impl Future<Output = Result<(), Fault>>) -> bool {
    let answered = tokio::time::timeout(WAIT_MAX, asking).await;
    let answered = answered.unwrap_or_else(|_| Err(Fault::new("no answer in time")));
    if let Err(fault) = &answered {
        tracing::debug!(%fault, "what operators watch could not be asked");
    }
    answered.is_ok()
}

async fn ping(app: &App) -> Result<(), Fault> {
    app.0.queue.ping().await.context("Redis does not answer")
}

async fn look_at_redis(app: &App, is_due: bool) -> Result<(), Fault> {
    if is_due {
        redis::watch_drift(app).await?;
        redis::watch_limits(app).await?;
    }
    Ok(())
}

fn connections(app: &App) {
    let now = app.0.store.connections();
    let set = |state: &'static str, count: u32| {
        metrics::gauge!("postfleet_db_connections", "state" => state).set(f64::from(count));
    };
    set("in_use", now.in_use);
    set("idle", now.idle);
    metrics::gauge!("postfleet_db_connections_max").set(f64::from(now.most));
}

async fn ask(app: &App, is_slow_due: bool) -> Result<(), Fault> {
    backlogs(app).await?;
    let store = &app.0.store;
    let unknown = store.unknown_outcomes().await?;
    waiting("postfleet_intents_unknown", &unknown, |one| number(one.count));
    waiting("postfleet_intents_unknown_oldest_age_seconds", &unknown, |one| one.oldest_s);
    let reviews = store.open_reviews().await?;
    waiting("postfleet_reviews_open", &reviews, |one| number(one.count));
    waiting("postfleet_reviews_oldest_age_seconds", &reviews, |one| one.oldest_s);
    let gates = store.closed_gates().await?;
    for scope in ["account", "app", "platform"] {
        let closed = gates.iter().filter(|gate| gate.scope_key.split(':').next() == Some(scope));
        metrics::gauge!("postfleet_gates_closed", "scope" => scope).set(number(closed.count()));
    }
    unrenewed(app).await?;
    if is_slow_due {
        accounts(app).await?;
    }
    Ok(())
}

async fn backlogs(app: &App) -> Result<(), Fault> {
    let found = app.0.store.backlogs(app.0.queue.shards()).await?;
    let of_platforms = platforms::names().into_iter().map(queues::publish_queue);
    for queue in of_platforms.chain(QUEUES.map(str::to_owned)) {
        let backlog = found.iter().find(|backlog| backlog.queue == queue);
        let of = |count: fn(&store::gauges::Backlog) -> i64| backlog.map_or(0, count);
        let states =
            [("ready", of(|b| b.ready)), ("parked", of(|b| b.parked)), ("soon", of(|b| b.soon))];
        for (state, count) in states {
            metrics::gauge!("postfleet_queue_depth", "queue" => queue.clone(), "state" => state)
                .set(number(count));
        }
        metrics::gauge!("postfleet_queue_due_within_60s", "queue" => queue.clone())
            .set(number(of(|b| b.within_60s)));
        metrics::gauge!("postfleet_queue_oldest_ready_age_seconds", "queue" => queue)
            .set(backlog.map_or(0.0, |backlog| backlog.oldest_ready_s));
    }
    Ok(())
}

fn waiting(name: &'static str, found: &[Waiting], of: fn(&Waiting) -> f64) {
    for platform in platforms::names() {
        let one = found.iter().find(|one| one.platform == platform);
        metrics::gauge!(name, "platform" => platform).set(one.map_or(0.0, of));
    }
}

async fn accounts(app: &App) -> Result<(), Fault> {
    let found = app.0.store.accounts_by_status().await?;
    for platform in platforms::names() {
        for state in STATES {
            let one = found.iter().find(|(of, status, _)| of == platform && status == state);
            metrics::gauge!("postfleet_accounts", "platform" => platform, "state" => state)
                .set(number(one.map_or(0, |(_, _, count)| *count)));
        }
    }
    Ok(())
}

async fn unrenewed(app: &App) -> Result<(), Fault> {
    let found = app.0.store.unrenewed(AHEAD.saturating_sub(RENEWAL_MAX)).await?;
    for platform in platforms::names() {
        for (owner, is_told) in [("told", true), ("untold", false)] {
            let one = found.iter().find(|one| one.platform == platform && one.is_told == is_told);
            metrics::gauge!(
                "postfleet_tokens_unrenewed", "platform" => platform, "owner" => owner
            )
            .set(number(one.map_or(0, |one| one.count)));
        }
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "what is counted is far below 2^52")]
fn number(count: impl TryInto<i64>) -> f64 {
    count.try_into().unwrap_or(i64::MAX) as f64
}
