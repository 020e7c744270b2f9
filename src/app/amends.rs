//! Sends again, in one action, what failed because an account was broken.
//!
//! Connecting the account again does not do this by itself: what was meant for last week may not
//! be wanted today, and whoever knows that is its owner.

use crate::accounts::{self, found};
use crate::caller::Caller;
use crate::{Answer, App, targets};
use domain::id::{AccountId, DeliveryId, PostId};
use domain::time::Timestamp;
use serde::Serialize;
use store::pauses::Act;

/// Deliveries that an answer names.
const NAMED_MAX: usize = 100;
/// Batches of one request; what is left then is told, and asked for once more.
const BATCHES_MAX: usize = 50;

/// What is or was sent again.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AmendsView {
    /// Nothing was done: it was only looked at.
    pub is_preview: bool,
    /// Deliveries that go out again, or would.
    pub count: u64,
    /// Deliveries that failed for the account and are left.
    pub left: u64,
    /// The first of those that go out again.
    pub deliveries: Vec<DeliveryId>,
    /// Of a preview: when the first of them was due.
    pub first_due_at: Option<Timestamp>,
    /// Of a preview: when the last of them was due.
    pub last_due_at: Option<Timestamp>,
    /// Of a preview: sent back as `before`, exactly these are retried.
    pub as_of: Option<Timestamp>,
}

/// Retries the deliveries that failed for the account since it was well last: those that failed
/// before `before`, or all. Safe to ask again: what goes on is not failed any more.
///
/// # Errors
/// When Postgres fails; what was retried by then goes on.
pub async fn retry(
    app: &App,
    caller: &Caller,
    id: AccountId,
    before: Option<Timestamp>,
) -> Answer<AmendsView> {
    let overview = match found(app, caller, id).await? {
        Ok(overview) => overview,
        Err(refused) => return Ok(Err(refused)),
    };
    if overview.account.needs_reconnect().is_some() {
        return Ok(Err(accounts::needs_reconnect(&overview)));
    }
    let (lane, actor) = (accounts::address(&overview.account).lane(), caller.actor());
    let reason = "what failed for the account is sent again";
    let act = Act { tenant: caller.tenant, account: id, lane: &lane, actor: &actor, reason };
    let shard = app.shard(&caller.tenant.uuid().to_string());
    let fan_out = |post: PostId| targets::fan_out(caller.tenant, post.uuid(), shard);
    let mut done = Vec::new();
    for _ in 0..BATCHES_MAX {
        let batch = app.0.store.retry_for_auth(act, before, fan_out).await?;
        if batch.done.is_empty() {
            break;
        }
        app.wake(&batch.jobs).await;
        done.extend(batch.done);
    }
    let left = app.0.store.failed_for_auth(caller.tenant, id, before).await?;
    tracing::info!(account = %id, actor, count = done.len(), "failed deliveries are sent again");
    let count = u64::try_from(done.len()).unwrap_or(u64::MAX);
    done.truncate(NAMED_MAX);
    Ok(Ok(AmendsView {
        is_preview: false,
        count,
        left: u64::try_from(left.count).unwrap_or(0),
        deliveries: done,
        first_due_at: None,
        last_due_at: None,
        as_of: None,
    }))
}

/// Tells what [`retry`] would do, and does nothing.
///
/// # Errors
/// When Postgres fails.
pub async fn preview(
    app: &App,
    caller: &Caller,
    id: AccountId,
    before: Option<Timestamp>,
) -> Answer<AmendsView> {
    if let Err(refused) = found(app, caller, id).await? {
        return Ok(Err(refused));
    }
    let failed = app.0.store.failed_for_auth(caller.tenant, id, before).await?;
    let count = u64::try_from(failed.count).unwrap_or(0);
    Ok(Ok(AmendsView {
        is_preview: true,
        count,
        left: count,
        deliveries: Vec::new(),
        first_due_at: failed.first_due_at,
        last_due_at: failed.last_due_at,
        as_of: Some(before.unwrap_or(failed.now)),
    }))
}
