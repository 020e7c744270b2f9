//! Posts and deliveries as the API shows them.

mod brands;
mod copies;
mod error;
mod operations;

pub(crate) use brands::brand_view;
pub use brands::{BrandView, brands, ensure_brand};
pub use copies::{CopiesView, CopyView};
pub use error::ErrorView;
pub use operations::{EndView, OperationsView, RemovalView, RepostView};

use crate::caller::Caller;
use crate::{Answer, App, Refused};
use domain::capability::Profile;
use domain::copies::CopyOf;
use domain::delivery::Status;
use domain::failure::Failure;
use domain::id::{AccountId, DeliveryId, PostId};
use domain::lateness::{Late, Told};
use domain::post;
use domain::rejection::Rejection;
use domain::request::Draft;
use domain::time::Timestamp;
use platforms::rehearsal::APP as TEST_APP;
use platforms::{Checkpoint, Receipt};
use serde::Serialize;
use serde_json::{Value, json};
use store::accounts::Account;
use store::deliveries::{Loaded, Shown};
use store::posts::Post;
use utoipa::ToSchema;

/// A post.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Post)]
#[serde(rename_all = "camelCase")]
pub struct PostView {
    /// Which one.
    pub id: PostId,
    /// Where it stands.
    pub status: post::Status,
    /// Raised by every change.
    pub revision: i32,
    /// The brand's slug.
    pub brand_slug: String,
    /// What its sender calls it.
    pub client_ref: Option<String>,
    /// What was written.
    pub text: String,
    /// When it is due; absent when at once.
    pub scheduled_at: Option<Timestamp>,
    /// The latest instant at which it goes out by itself.
    pub not_after: Option<Timestamp>,
    /// What becomes of it then.
    pub late: Late,
    /// The same as the clocks of `time_zone` show it, where it was said that way or is a slot.
    pub scheduled_local: Option<String>,
    /// The zone of `scheduled_local`.
    pub time_zone: Option<String>,
    /// What is to be known of it, where the clocks skip that time or show it twice.
    pub scheduled_at_note: Option<String>,
    /// What it waits for while it is held.
    pub hold: Option<HoldView>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// One per account.
    pub deliveries: Vec<DeliveryView>,
    /// Of a post with such a rule: what it was published anew as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub republish: Option<CopiesView>,
    /// Of which post it is a copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copy_of: Option<CopyOf>,
    /// What a draft that was just written still lacks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Rejection>,
    /// Of a change just made: the deliveries that it could not reach any more, and where they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreached: Vec<UnreachedView>,
}

/// What a held post waits for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
#[schema(as = PostHold)]
pub struct HoldView {
    /// For programs, as `approval`.
    pub reason: post::Hold,
    /// Since when.
    pub since: Timestamp,
}

/// A delivery that a change could not reach any more.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
#[schema(as = Unreached)]
pub struct UnreachedView {
    /// Which one.
    pub id: DeliveryId,
    /// Where it stands.
    pub status: Status,
}

/// A delivery.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Delivery)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryView {
    /// Which one.
    pub id: DeliveryId,
    /// On which account.
    pub account_id: AccountId,
    /// The name a person knows the account by.
    pub account: String,
    /// On which platform.
    pub platform: String,
    /// Through which of our registrations.
    pub app: String,
    /// Its account is one of test mode: nothing of it ever leaves.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_test: bool,
    /// Where it stands; `parked` while a closed gate holds it.
    pub status: &'static str,
    /// When it is due.
    pub due_at: Timestamp,
    /// Attempts spent.
    pub attempts: i32,
    /// The platform's id.
    pub remote_id: Option<String>,
    /// Where a person can see it.
    pub permalink: Option<String>,
    /// Of a chain: its segments that are out, in order; whatever comes next, comes behind them.
    pub segments: Option<Vec<SegmentView>>,
    /// When it was settled as published.
    pub published_at: Option<Timestamp>,
    /// When the call left that brought it out, or its first part.
    pub sent_at: Option<Timestamp>,
    /// How long after its due time that was.
    pub lateness_ms: Option<u64>,
    /// Seconds until a closed gate opens.
    pub retry_after: Option<u64>,
    /// When it opens, and it goes on by itself.
    pub retry_at: Option<Timestamp>,
    /// Why it failed or waits.
    #[schema(value_type = Option<ErrorView>)]
    pub error: Option<Value>,
    /// Of a post that is out: what is done with it since.
    #[serde(flatten)]
    pub operations: OperationsView,
}

/// A segment of a chain that is out.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Segment)]
#[serde(rename_all = "camelCase")]
pub struct SegmentView {
    /// The platform's id.
    pub remote_id: String,
    /// Where a person can see it.
    pub permalink: String,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = ConnectedAccount)]
#[serde(rename_all = "camelCase")]
pub struct AccountView {
    /// Which one.
    pub id: AccountId,
    /// On which platform.
    pub platform: String,
    /// Through which of our registrations.
    pub app: String,
    /// It is one of test mode.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_test: bool,
    /// The name a person knows it by.
    pub handle: String,
    /// The kind that capabilities depend on.
    pub kind: String,
    /// `connected`, `needs_reconnect`, `disconnected` or `damaged`.
    pub status: &'static str,
    /// Why it needs its owner.
    pub reason: Option<String>,
    /// When it was connected last.
    pub connected_at: Timestamp,
}

/// Shows a post.
pub fn view(app: &App, post: &Post) -> PostView {
    let local = post.draft.scheduled_local.as_ref();
    let statuses: Vec<_> = post.deliveries.iter().map(|d| d.status).collect();
    PostView {
        id: post.id,
        status: post::status(post.stage, post.scheduled_at, &statuses, post.now),
        revision: post.revision,
        brand_slug: post.draft.brand_slug.clone(),
        client_ref: post.draft.client_ref.clone(),
        text: post.draft.text.clone(),
        scheduled_at: post.scheduled_at,
        not_after: post.draft.not_after,
        late: post.draft.late,
        scheduled_local: local.map(|local| local.time.clone()),
        time_zone: local.map(|local| local.time_zone.clone()),
        scheduled_at_note: local.and_then(|local| local.note.clone()),
        hold: post.hold.map(|(reason, since)| HoldView { reason, since }),
        created_at: post.created_at,
        deliveries: post
            .deliveries
            .iter()
            .map(|d| delivery(app, d, d.draft.as_ref().unwrap_or(&post.draft), post.now))
            .collect(),
        republish: post.draft.republish.as_ref().map(|_| {
            let republished = post.republished.clone().unwrap_or_default();
            copies::view(&republished)
        }),
        copy_of: post.draft.copy_of,
        warnings: Vec::new(),
        unreached: Vec::new(),
    }
}

/// Shows a delivery of a post with this draft.
pub(crate) fn delivery(app: &App, shown: &Shown, draft: &Draft, now: Timestamp) -> DeliveryView {
    // Rounded up: a caller who waits that long finds the gate open.
    let seconds = |until: Timestamp| until.since(now).as_millis().div_ceil(1000);
    let error = match (&shown.failure, &shown.failed_stage) {
        (Some(Value::Object(failure)), Some(stage)) => {
            let mut failure = failure.clone();
            failure.insert("stage".to_owned(), json!(stage));
            Some(Value::Object(failure))
        }
        (failure, _) => failure.clone(),
    };
    // Of what is not out it tells of a call that may have been in vain.
    let sent_at = shown.sent_at.filter(|_| shown.status == Status::Published);
    let lateness_ms = sent_at.map(|at| at.since(shown.due_at).as_millis());
    let lateness_ms = lateness_ms.map(|ms| u64::try_from(ms).unwrap_or(u64::MAX));
    // A pause ends when somebody says so.
    let gate = shown.gate.as_ref().filter(|gate| !gate.scope_key.starts_with("pause:"));
    let retry_at = gate.map(|gate| gate.until);
    DeliveryView {
        id: shown.id,
        account_id: shown.account,
        account: shown.handle.clone(),
        platform: shown.platform.clone(),
        app: shown.app.clone(),
        is_test: shown.app == TEST_APP,
        status: if shown.gate.is_some() { "parked" } else { shown.status.as_str() },
        due_at: shown.due_at,
        attempts: shown.attempts,
        remote_id: shown.remote_id.clone(),
        permalink: shown.permalink.clone(),
        segments: segments(app, shown, draft),
        published_at: shown.published_at,
        sent_at,
        lateness_ms,
        retry_after: retry_at.map(|at| u64::try_from(seconds(at)).unwrap_or(u64::MAX)),
        retry_at,
        error,
        operations: shown.operation.as_ref().map(operations::view).unwrap_or_default(),
    }
}

/// The segments of a chain that are out; `None` for what is no chain.
fn segments(app: &App, shown: &Shown, draft: &Draft) -> Option<Vec<SegmentView>> {
    let platform = platforms::find(&shown.platform)?;
    if platform.content(Profile::Extended, draft, &mut Vec::new()).segments.len() < 2 {
        return None;
    }
    // A sealed checkpoint is not opened for a look.
    let adapter = platforms::dialect(&shown.platform, &shown.app);
    let adapter = adapter.filter(|adapter| !adapter.has_secret_checkpoints());
    let out = match (adapter, shown.checkpoint.clone()) {
        (Some(adapter), Some(at)) => adapter.publish().segments(&Checkpoint(at), &shown.handle),
        _ => Vec::new(),
    };
    let view = |receipt: Receipt| SegmentView {
        permalink: app.0.settings.reachable(&shown.platform, receipt.permalink),
        remote_id: receipt.remote_id,
    };
    Some(out.into_iter().map(view).collect())
}

/// A platform's failure as the API shows it.
pub(crate) fn failure(failure: &Failure) -> Value {
    json!({
        "type": failure.public_type(),
        "message": base::text::clean(failure.detail()),
        "resolution": failure.resolution(),
        "platform": failure,
    })
}

/// A delivery that missed its time, as the API shows it.
pub(crate) fn missed(row: &Loaded, told: Told, now: Timestamp) -> Value {
    json!({
        "type": told.kind,
        "message": told.message,
        "resolution": told.resolution,
        "field": row.not_after.map(|_| "notAfter"),
        "limit": row.not_after,
        "actual": now,
    })
}

/// The first of a delivery's violations, with all of them beside it.
pub(crate) fn rejections(problems: &[Rejection]) -> Option<Value> {
    let first = problems.first()?;
    let mut value = serde_json::to_value(first).ok()?;
    if let Value::Object(map) = &mut value {
        map.insert("details".to_owned(), json!(problems));
    }
    Some(value)
}

/// Shows one post.
///
/// # Errors
/// When Postgres fails.
pub async fn post(app: &App, caller: &Caller, id: PostId) -> Answer<PostView> {
    let post = app.0.posts.call((caller.tenant, id)).await?;
    Ok(post
        .as_ref()
        .map(|post| view(app, post))
        .ok_or_else(|| Refused::NotFound(format!("There is no post {id}."))))
}

/// Shows an account.
pub fn account(account: &Account) -> AccountView {
    AccountView {
        is_test: account.app == TEST_APP,
        id: account.id,
        platform: account.platform.clone(),
        app: account.app.clone(),
        handle: account.handle.clone(),
        kind: account.kind.clone(),
        status: account.status.as_str(),
        reason: account.status_reason.clone(),
        connected_at: account.connected_at,
    }
}
