//! Tells Redis what Postgres owes, in the order of due times.
//!
//! What Redis was told lives in Redis: the cursor is a key there, advanced by the push itself. A
//! Redis that was wiped, restored or failed over knows no cursor and is filled again.

use crate::{App, HORIZON, counters, pause, wakeup};
use base::{Fault, clock, crash};
use domain::limit::PERMIT;
use queue::{Cursor, CursorState, Gate, Relayed};

/// Jobs of one push.
const BATCH: i64 = 500;

/// Pushes the next batch of a shard. `true` when there may be more at once.
///
/// # Errors
/// When Postgres or Redis fails; nothing is lost, the next call goes on where this one stood.
pub async fn relay(app: &App, shard: u16) -> Result<bool, Fault> {
    let cursor = match app.0.queue.cursor(shard).await? {
        CursorState::Known(cursor) => cursor,
        CursorState::Unknown => return adopt(app, shard).await,
    };
    if app.0.queue.fullness(shard).await? > FULL {
        tracing::warn!(shard, "Redis is nearly full; jobs wait in Postgres");
        return Ok(false);
    }
    let number = i16::try_from(shard).unwrap_or(0);
    let jobs = app.0.store.jobs_due(number, cursor.due_at, cursor.subject, HORIZON, BATCH).await?;
    let Some(last) = jobs.last() else { return Ok(false) };
    let to = Cursor { incarnation: cursor.incarnation, due_at: last.due_at, subject: last.subject };
    let wakeups: Vec<_> = jobs.iter().map(wakeup).collect();
    let relayed = app.0.queue.relay_push(shard, &cursor, &to, &wakeups).await?;
    for job in &jobs {
        crash::point_of("relay.after_push", job.subject);
    }
    Ok(match relayed {
        Relayed::Advanced => i64::try_from(jobs.len()).unwrap_or(BATCH) == BATCH,
        Relayed::Moved(_) | Relayed::Unknown => true,
    })
}

/// Beyond this part of its memory nothing more is told to Redis (DESIGN section 6): what is left is
/// for acknowledgements, and the jobs are safe where they are.
const FULL: f64 = 0.8;

/// Makes an unknown Redis ours: gates first, so that nobody runs into a closed door, then the
/// counters of long windows, then jobs.
async fn adopt(app: &App, shard: u16) -> Result<bool, Fault> {
    let incarnation = app.0.store.draw_incarnation().await?;
    let mut gates: Vec<Gate> = app
        .0
        .store
        .closed_gates()
        .await?
        .into_iter()
        .map(|gate| Gate { scope_key: gate.scope_key, until: gate.until })
        .collect();
    let paused = app.0.store.paused_accounts().await?;
    gates.extend(paused.iter().map(pause::gate));
    let mut counters = counters::count(app, shard).await?;
    // A permit of the Redis that was lost may be on its way to its intent. This Redis grants none
    // yet, and in a second no older one is good any more: then the ledger has every call. One
    // that is empty is a fleet's that has never sent, or not for a day.
    if !counters.is_empty() {
        clock::pause(PERMIT).await;
        counters = counters::count(app, shard).await?;
    }
    let (gated, counted) = (gates.len(), counters.len());
    tracing::warn!(shard, incarnation, gated, counted, "filling an unknown Redis anew");
    metrics::counter!("postfleet_queue_adoptions_total").increment(1);
    app.0.queue.adopt(shard, incarnation, &gates, &counters).await?;
    Ok(true)
}

/// How many shards there are.
pub fn shards(app: &App) -> u16 {
    app.0.queue.shards()
}
