//! Of brands, accounts, endpoints and keys.

use domain::duplicate::Policy;
use domain::id::AccountId;
use domain::slots::Written;
use domain::time::Timestamp;
use domain::webhook::EventId;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Nothing.
#[derive(ToSchema)]
pub(crate) struct Nothing {}

/// A brand to be, or to be renamed.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct BrandRequest {
    /// Its name in requests.
    #[schema(pattern = "^[a-z0-9_-]{1,64}$")]
    slug: String,
    /// Its name for people.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// By whose clocks its times are; UTC at first.
    #[schema(example = "Europe/Berlin")]
    time_zone: Option<String>,
}

/// The slots of a week.
#[derive(ToSchema)]
pub(crate) struct SlotsRequest {
    /// All of them; an empty list is none.
    slots: Vec<Written>,
    /// The revision that you have seen, so that nobody's change is overwritten.
    revision: Option<u32>,
}

/// Why an account or a brand is paused.
#[derive(ToSchema)]
pub(crate) struct PauseRequest {
    /// Shown beside what waits.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// An owner's own limits of an account; what is not said is no limit.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct LimitsRequest {
    /// Posts on one day of UTC.
    #[schema(minimum = 1, maximum = 100_000)]
    posts_per_day: Option<u32>,
    /// Seconds between two posts.
    #[schema(minimum = 1, maximum = 86_400)]
    min_gap_s: Option<u32>,
}

/// What equal posts come to.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct GuardRequest {
    /// As the tenant says without it.
    duplicate_content: Option<Policy>,
    /// Hours within which the same content counts as a duplicate.
    #[schema(minimum = 1, maximum = 720)]
    duplicate_within_hours: Option<u32>,
}

/// What a tenant may use up; what is not said is no limit.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct TenantLimitsRequest {
    /// Posts on one day of UTC.
    #[schema(minimum = 1)]
    posts_per_day: Option<u32>,
    /// Accounts.
    #[schema(minimum = 1, maximum = 1_000_000)]
    accounts: Option<u32>,
    /// Bytes of files.
    #[schema(minimum = 1)]
    media_bytes: Option<u64>,
    /// US cents of a month of UTC, by platform; 0 is nothing at all.
    spend_cents_per_month: Option<BTreeMap<String, u32>>,
    /// What equal posts come to.
    duplicate_content: Option<Policy>,
    /// Hours within which the same content counts as a duplicate.
    #[schema(minimum = 1, maximum = 720)]
    duplicate_within_hours: Option<u32>,
}

/// A link for a person who is to connect an account.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct LinkRequest {
    /// Straight to this platform.
    platform: Option<String>,
    /// Through this registration.
    app: Option<String>,
    /// To connect this account again.
    account_id: Option<AccountId>,
    /// Where the browser goes in the end; one of the operator's list.
    return_url: Option<String>,
}

/// A consent to begin.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct AuthorizeRequest {
    /// The brand of the account.
    #[schema(min_length = 1)]
    brand_slug: String,
    /// Where the platform sends code and state: your own address, one of the operator's list.
    redirect_uri: Option<String>,
    /// Through this registration.
    app: Option<String>,
    /// To connect this account again.
    account_id: Option<AccountId>,
    /// Where the browser goes in the end; one of the operator's list.
    return_url: Option<String>,
}

/// What came with a consent.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct ExchangeRequest {
    /// The platform that sent it.
    platform: String,
    /// The state.
    state: String,
    /// The code.
    code: Option<String>,
    /// The error that came in its place.
    error: Option<String>,
    /// What the platform said of it.
    error_description: Option<String>,
}

/// Which of the accounts of a consent are connected.
#[derive(ToSchema)]
pub(crate) struct ChooseRequest {
    /// The exchange that left the choice open.
    exchange: String,
    /// The identities.
    ids: Option<Vec<String>>,
}

/// Tokens that were obtained elsewhere.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct ImportRequest {
    /// The brand of the account.
    brand_slug: String,
    /// Its platform.
    platform: String,
    /// Through which registration it was obtained.
    app: Option<String>,
    /// The token that signs calls.
    access_token: String,
    /// The token that renews it.
    refresh_token: Option<String>,
    /// When the first ends.
    expires_at: Option<Timestamp>,
}

/// A registration of your own with a platform.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct OAuthAppRequest {
    /// Its public id.
    client_id: String,
    /// Its secret; never shown again.
    client_secret: String,
}

/// A platform and a kind of account there, and what it takes.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct PlatformRow {
    /// Which.
    platform: String,
    /// Accounts can be connected.
    can_connect: bool,
    /// What can be done with a post that is out.
    operations: Option<Value>,
    /// The kind of account.
    account_kind: String,
    /// What and how much it takes; `null` is a bound that does not apply.
    capabilities: Map<String, Value>,
}

/// An endpoint to be.
#[derive(ToSchema)]
pub(crate) struct WebhookRequest {
    /// Where it is: https, on port 443 or 8443, in the open internet.
    #[schema(min_length = 1)]
    url: String,
    /// What you call it.
    #[schema(max_length = 200)]
    description: Option<String>,
    /// Which events, as `post.published` or `post.*`; all of them without it.
    events: Option<Vec<String>>,
    /// Is it sent anything?
    enabled: Option<bool>,
}

/// A change of an endpoint; what is not said stays.
#[derive(ToSchema)]
pub(crate) struct WebhookChange {
    /// Where it is.
    url: Option<String>,
    /// What you call it.
    #[schema(max_length = 200)]
    description: Option<String>,
    /// Which events.
    events: Option<Vec<String>>,
    /// Is it sent anything?
    enabled: Option<bool>,
}

/// What is sent once more: one event, or what the rest has in common.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct RedeliverRequest {
    /// This event.
    event_id: Option<EventId>,
    /// Messages that ended so.
    status: Option<EndedStatus>,
    /// Of events since then.
    since: Option<Timestamp>,
    /// Of events until then.
    until: Option<Timestamp>,
}

/// How a message ended.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) enum EndedStatus {
    /// It was not taken.
    Failed,
    /// It was taken.
    Delivered,
}

/// An event that was made to try an endpoint out.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Tested {
    /// Which one.
    event_id: EventId,
}

/// What is sent once more.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Redelivered {
    /// Messages.
    count: u64,
    /// As many at most; ask again for the rest.
    count_max: u64,
}

/// A key to be.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct KeyRequest {
    /// What it is for.
    #[schema(min_length = 1, max_length = 100)]
    label: String,
    /// Its role on all brands and on the tenant.
    role: Option<RoleWord>,
    /// Its roles on some brands, by slug.
    brands: Option<BTreeMap<String, RoleWord>>,
    /// `live`, or `test` for one that reaches no platform; as the key that asks without it.
    mode: Option<ModeWord>,
    /// What it is narrowed to.
    scopes: Option<Vec<String>>,
    /// When it ends.
    expires_at: Option<Timestamp>,
    /// Requests in a minute; 0 is no limit.
    #[schema(maximum = 1_000_000)]
    requests_per_minute: Option<u32>,
}

/// Whether what it does leaves to a platform.
#[derive(ToSchema)]
#[schema(as = Mode, rename_all = "camelCase")]
pub(crate) enum ModeWord {
    /// It does.
    Live,
    /// It does not.
    Test,
}

/// An account of test mode.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct RehearseRequest {
    /// The brand of the account.
    #[schema(min_length = 1)]
    brand_slug: String,
    /// The platform whose rules it keeps.
    #[schema(min_length = 1)]
    platform: String,
    /// The name that people know it by.
    #[schema(min_length = 1)]
    handle: String,
    /// One of the platform's kinds of accounts; its first without it.
    kind: Option<String>,
    /// It is one that has to be connected again.
    needs_reconnect: Option<bool>,
}

/// What whoever holds it may do, each more than the one before.
#[derive(ToSchema)]
#[schema(as = Role, rename_all = "camelCase")]
pub(crate) enum RoleWord {
    /// Looks.
    Viewer,
    /// Writes drafts.
    Contributor,
    /// Publishes.
    Editor,
    /// Connects accounts and endpoints.
    Admin,
    /// Gives out keys.
    Owner,
}

/// How long a key that is replaced serves on.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct RotateRequest {
    /// In seconds; a day without it.
    #[schema(maximum = 2_592_000)]
    grace_seconds: Option<u32>,
}
