//! Sends again, in one action, what failed of one cause: because an account was broken, or
//! whatever a platform's bad hour, a type of failure, a brand and a span of time have in common.
//!
//! Connecting an account again does not do this by itself: what was meant for last week may not
//! be wanted today, and whoever knows that is its owner.

use crate::accounts::{self, found};
use crate::caller::Caller;
use crate::{Answer, App, Refused, targets};
use base::Fault;
use domain::cause::{self, Cause};
use domain::id::{AccountId, DeliveryId, PostId};
use domain::time::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use store::retries::{Failed, HeldBack, Mandate, Sought};
use utoipa::ToSchema;

/// Deliveries that an answer names.
const NAMED_MAX: usize = 100;
/// Batches of one request, of 200 posts each; what is left then is told, and asked for once more.
const BATCHES_MAX: usize = 50;

/// What is or was sent again.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = AccountRetry)]
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

/// What of a cause is or was sent again.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = CauseRetry)]
#[serde(rename_all = "camelCase")]
pub struct CauseView {
    /// Nothing was done: it was only looked at.
    pub is_preview: bool,
    /// Deliveries that go out again, or would.
    pub count: u64,
    /// Deliveries that would go out again if it were asked for once more.
    pub remaining: u64,
    /// What was found, by platform and type, with what is left alone beside it.
    pub causes: Vec<KindView>,
    /// The first of those that go out again.
    pub deliveries: Vec<DeliveryId>,
    /// What failed before this instant was looked at: sent back as `failedBefore`, exactly that is
    /// retried.
    pub as_of: Timestamp,
}

/// Failed deliveries of one platform and type.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = FailureKind)]
#[serde(rename_all = "camelCase")]
pub struct KindView {
    /// On which platform.
    pub platform: String,
    /// The type of their failures.
    pub error_type: String,
    /// How many were found.
    pub count: u64,
    /// Why they are left alone, and what to do; absent where they go out again.
    pub left_alone: Option<&'static str>,
}

/// Retries failed deliveries that have something in common, as the JSON of
/// `POST /v1/deliveries/retry` says, or only counts them. Safe to ask again: what goes on is not
/// failed any more.
///
/// # Errors
/// When Postgres fails; what was retried by then goes on.
pub async fn retry_by_cause(app: &App, caller: &Caller, body: &Value) -> Answer<CauseView> {
    let names: Vec<&'static str> = platforms::ALL.iter().map(|platform| platform.name()).collect();
    let asked = match cause::parse(body, &names) {
        Ok(asked) => asked,
        Err(problems) => return Ok(Err(Refused::Invalid(problems))),
    };
    let cause = &asked.cause;
    if let Some(id) = cause.account_id
        && let Err(refused) = found(app, caller, id).await?
    {
        return Ok(Err(refused));
    }
    if let Some(slug) = &cause.brand_slug
        && app.0.store.brand(caller.tenant, slug).await?.is_none()
    {
        return Ok(Err(Refused::NotFound(format!("There is no brand {slug:?}."))));
    }
    // What fails again meanwhile is another failure: it waits for another request.
    let now = app.0.store.time().await?;
    let as_of = cause.failed_before.map_or(now, |before| before.min(now));
    let sought = sought(caller, cause, as_of);
    let kinds = app.0.store.failed(sought).await?;
    let mut view = CauseView {
        is_preview: asked.is_preview,
        count: going(&kinds),
        remaining: going(&kinds),
        causes: kinds.into_iter().map(shown).collect(),
        deliveries: Vec::new(),
        as_of,
    };
    if asked.is_preview {
        return Ok(Ok(view));
    }
    let (actor, subject) = (caller.actor(), caller.tenant.to_string());
    let mandate = Mandate {
        actor: &actor,
        action: "deliveries.retry",
        subject: &subject,
        reason: "what failed of one cause is sent again",
        asked: &json!(cause),
    };
    let mut done = send_again(app, caller, sought, mandate).await?;
    view.count = u64::try_from(done.len()).unwrap_or(u64::MAX);
    view.remaining = going(&app.0.store.failed(sought).await?);
    done.truncate(NAMED_MAX);
    view.deliveries = done;
    tracing::info!(actor, count = view.count, cause = %json!(cause), "failed deliveries go again");
    Ok(Ok(view))
}

fn sought<'a>(caller: &Caller, cause: &'a Cause, as_of: Timestamp) -> Sought<'a> {
    Sought {
        tenant: caller.tenant,
        account: cause.account_id,
        platform: cause.platform,
        brand_slug: cause.brand_slug.as_deref(),
        error_type: cause.error_type,
        after: cause.failed_after,
        before: Some(as_of),
        is_for_account: false,
        not: cause.left_alone(),
    }
}

/// How many of them go out again.
fn going(kinds: &[Failed]) -> u64 {
    kinds.iter().filter(|kind| kind.held_back.is_none()).map(|kind| kind.count).sum()
}

fn shown(kind: Failed) -> KindView {
    let left_alone = kind.held_back.map(|why| match why {
        HeldBack::Account => "The account is not connected: connect it again first.",
        HeldBack::Content => {
            "What was refused for its content is refused again, and what was left out by its own \
             rule was not wanted late: edit it, or name the `errorType`."
        }
    });
    let Failed { platform, error_type, count, .. } = kind;
    KindView { platform, error_type, count, left_alone }
}

/// Sends it through fan-out again, batch by batch behind the locks of their posts; what goes on.
async fn send_again(
    app: &App,
    caller: &Caller,
    sought: Sought<'_>,
    mandate: Mandate<'_>,
) -> Result<Vec<DeliveryId>, Fault> {
    let shard = app.shard(&caller.tenant.uuid().to_string());
    let fan_out = |post: PostId| targets::fan_out(caller.tenant, post.uuid(), shard);
    let (mut done, mut last) = (Vec::new(), None);
    for _ in 0..BATCHES_MAX {
        let batch = app.0.store.retry_failed(sought, mandate, last, fan_out).await?;
        if batch.last.is_none() {
            break;
        }
        last = batch.last;
        app.wake(&batch.jobs).await;
        done.extend(batch.done);
    }
    Ok(done)
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
    let (actor, subject) = (caller.actor(), id.to_string());
    let mandate = Mandate {
        actor: &actor,
        action: "account.retry",
        subject: &subject,
        reason: "what failed for the account is sent again",
        asked: &json!({}),
    };
    let sought = for_account(caller, id, before);
    let mut done = send_again(app, caller, sought, mandate).await?;
    let left = app.0.store.failed(sought).await?;
    tracing::info!(account = %id, actor, count = done.len(), "failed deliveries are sent again");
    let count = u64::try_from(done.len()).unwrap_or(u64::MAX);
    done.truncate(NAMED_MAX);
    Ok(Ok(AmendsView {
        is_preview: false,
        count,
        left: all(&left),
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
    let now = app.0.store.time().await?;
    let before = before.unwrap_or(now);
    let failed = app.0.store.failed(for_account(caller, id, Some(before))).await?;
    Ok(Ok(AmendsView {
        is_preview: true,
        count: all(&failed),
        left: all(&failed),
        deliveries: Vec::new(),
        first_due_at: failed.iter().map(|kind| kind.first_due_at).min(),
        last_due_at: failed.iter().map(|kind| kind.last_due_at).max(),
        as_of: Some(before),
    }))
}

fn for_account<'a>(caller: &Caller, id: AccountId, before: Option<Timestamp>) -> Sought<'a> {
    Sought {
        tenant: caller.tenant,
        account: Some(id),
        platform: None,
        brand_slug: None,
        error_type: None,
        after: None,
        before,
        is_for_account: true,
        not: &[],
    }
}

/// All of them: whoever looks before an account is connected again wants to know what waits for it.
fn all(kinds: &[Failed]) -> u64 {
    kinds.iter().map(|kind| kind.count).sum()
}
