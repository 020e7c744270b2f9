//! What a caller can hit its head on, how much of it is left, and when there is more.

use crate::accounts::{self, PauseView};
use crate::caller::Caller;
use crate::capabilities::capabilities;
use crate::{Answer, App, Refused, meter, rates};
use base::Fault;
use domain::allowance::{Allowance, MICROS_PER_CENT};
use domain::duplicate::{Guard, Policy};
use domain::failure::Scope;
use domain::id::AccountId;
use domain::time::Timestamp;
use domain::zone::Zone;
use queue::Seen;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use store::overviews::{Overview, Sought};
use store::tenant_limits::Used;
use utoipa::ToSchema;

pub use store::tenant_limits::TenantLimits;

/// Redis is asked no longer than this: the other limits are shown without it.
const WITHIN: Duration = Duration::from_secs(1);

/// Every limit.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// The present, by the database's clock.
    pub now: Timestamp,
    /// Requests of the key in a minute; `null` is no limit. The headers `RateLimit` say what is
    /// left.
    pub requests_per_minute: Option<u32>,
    /// The largest file, in bytes.
    pub file_size_bytes: u64,
    /// What the tenant may use up.
    pub tenant: TenantView,
    /// What each platform takes of a post.
    pub platforms: Vec<Value>,
    /// The accounts, newest first.
    pub accounts: Vec<AccountLimits>,
}

/// What a tenant may use up, and what it does with the same content again.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = TenantLimits)]
#[serde(rename_all = "camelCase")]
pub struct TenantView {
    /// Posts of a day of UTC.
    pub posts_per_day: Count,
    /// Accounts.
    pub accounts: Count,
    /// Bytes of files.
    pub media_bytes: Count,
    /// US cents of a month of UTC, by platform that charges or has a limit.
    pub spend_cents_per_month: BTreeMap<String, Count>,
    /// What is done with the same content again, and how close is close.
    #[serde(flatten)]
    pub guard: Guard,
}

/// A limit, and how far it is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Count {
    /// The limit; `null` is none.
    pub limit: Option<u64>,
    /// What is used.
    pub used: u64,
    /// What is left, where there is a limit.
    pub left: Option<u64>,
    /// When it begins anew, where it does.
    pub reset_at: Option<Timestamp>,
}

/// What an account can take yet.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountLimits {
    /// Which one.
    pub id: AccountId,
    /// Of which brand.
    pub brand_slug: String,
    /// On which platform.
    pub platform: String,
    /// The name a person knows it by.
    pub handle: String,
    /// `connected`, `needs_reconnect`, `disconnected` or `damaged`.
    pub status: &'static str,
    /// The kind that capabilities depend on.
    pub kind: String,
    /// The platform's windows, and its owner's; `null` while Redis does not tell.
    pub windows: Option<Vec<Window>>,
    /// The gate that holds what is due on it.
    pub parked: Option<Parked>,
    /// It or its brand is paused, until somebody resumes it.
    pub paused: Option<PauseView>,
    /// Deliveries that wait for their time or are under way; 2,000 stands for more.
    pub waiting: u64,
}

/// So many calls of one endpoint in so much time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Window {
    /// The calls that count, as `tweets.create`; `posts` are its owner's limits.
    pub endpoint: String,
    /// Whose calls count: of the `account`, or all of our `app`.
    pub scope: &'static str,
    /// How long it is, in seconds.
    pub window_s: u64,
    /// The calls.
    #[serde(flatten)]
    pub calls: Count,
}

/// What is due waits for a gate to open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Parked {
    /// When it opens.
    pub retry_at: Timestamp,
    /// The same in seconds, rounded up.
    pub retry_after: u64,
    /// Why it is closed.
    pub reason: String,
}

/// A page of accounts in the list of limits.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked<'a> {
    /// Of the brand of this slug.
    pub brand: Option<&'a str>,
    /// This one alone.
    pub account: Option<AccountId>,
    /// Those alone that a gate or a pause holds now.
    pub is_held: bool,
    /// Those that come after this one.
    pub before: Option<AccountId>,
    /// How many.
    pub limit: u32,
}

/// Shows every limit, with those of some accounts.
///
/// # Errors
/// When Postgres fails.
pub async fn show(app: &App, caller: &Caller, asked: Asked<'_>) -> Answer<Limits> {
    let store = &app.0.store;
    let brand = match asked.brand {
        None => None,
        Some(slug) => match store.brand(caller.tenant, slug).await? {
            Some(brand) => Some(brand.id),
            None => return Ok(Err(Refused::NotFound(format!("There is no brand {slug:?}.")))),
        },
    };
    let only = caller.access.limited_to();
    let sought = Sought { id: asked.account, brand, only: only.as_deref(), ..Sought::default() };
    let sought = Sought { before: asked.before, is_held: asked.is_held, ..sought };
    let found = store.overviews(caller.tenant, sought, i64::from(asked.limit)).await?;
    let limits = store.tenant_limits(caller.tenant).await?;
    let used = store.used(caller.tenant).await?;
    let mut accounts = Vec::with_capacity(found.len());
    for overview in &found {
        accounts.push(account(app, overview).await);
    }
    Ok(Ok(Limits {
        now: store.time().await?,
        requests_per_minute: rates::limit(app, caller),
        file_size_bytes: app.0.library.size_bytes_max(),
        tenant: tenant(&limits, used),
        platforms: capabilities(caller),
        accounts,
    }))
}

/// Sets what the tenant may use up. What is used above it stays.
///
/// # Errors
/// When Postgres fails.
pub async fn set(app: &App, caller: &Caller, limits: &TenantLimits) -> Answer<TenantView> {
    app.0.store.set_tenant_limits(caller.tenant, limits, &caller.actor()).await?;
    tracing::info!(tenant = %caller.tenant, actor = caller.actor(), "its limits are set");
    Ok(Ok(tenant(limits, app.0.store.used(caller.tenant).await?)))
}

/// What a brand does with the same content again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BrandGuard {
    /// `null` is what the tenant says.
    pub duplicate_content: Option<Policy>,
    /// `null` is what the tenant says.
    pub duplicate_within_hours: Option<u32>,
}

/// Shows what a brand does with the same content again, and sets it where `said`.
///
/// # Errors
/// When Postgres fails.
pub async fn guard(
    app: &App,
    caller: &Caller,
    slug: &str,
    said: Option<BrandGuard>,
) -> Answer<BrandGuard> {
    let Some(brand) = app.brand_of_slug(caller, slug).await? else {
        return Ok(Err(Refused::NotFound(format!("There is no brand {slug:?}."))));
    };
    if let Some(BrandGuard { duplicate_content, duplicate_within_hours }) = said {
        let guard = (duplicate_content, duplicate_within_hours);
        app.0.store.guard_brand((caller.tenant, brand), guard, &caller.actor()).await?;
    }
    let (duplicate_content, duplicate_within_hours) =
        app.0.store.brand_guard(caller.tenant, brand).await?;
    Ok(Ok(BrandGuard { duplicate_content, duplicate_within_hours }))
}

impl Count {
    fn of(limit: Option<u64>, used: u64, reset_at: Option<Timestamp>) -> Self {
        let left = limit.map(|limit| limit.saturating_sub(used));
        Self { limit, used, left, reset_at }
    }
}

fn tenant(limits: &TenantLimits, used: Used) -> TenantView {
    let TenantLimits { allowance, guard } = limits;
    let Allowance { posts_per_day, accounts, media_bytes, spend_cents_per_month } = allowance;
    let platforms = used.spend_micros.keys().chain(spend_cents_per_month.keys());
    let spend = platforms.map(|platform| {
        let micros = used.spend_micros.get(platform).copied().unwrap_or(0);
        let limit = spend_cents_per_month.get(platform).map(|cents| u64::from(*cents));
        let count = Count::of(limit, micros.div_ceil(MICROS_PER_CENT), Some(used.month_ends_at));
        (platform.clone(), count)
    });
    TenantView {
        posts_per_day: Count::of(posts_per_day.map(u64::from), used.posts, Some(used.day_ends_at)),
        accounts: Count::of(accounts.map(u64::from), used.accounts, None),
        media_bytes: Count::of(*media_bytes, used.media_bytes, None),
        spend_cents_per_month: spend.collect(),
        guard: *guard,
    }
}

async fn account(app: &App, overview: &Overview) -> AccountLimits {
    let account = &overview.account;
    let windows = match tokio::time::timeout(WITHIN, windows(app, overview)).await {
        Ok(Ok(windows)) => Some(windows),
        Ok(Err(fault)) => {
            tracing::warn!(%fault, "what is left of the platforms' windows is not known");
            None
        }
        Err(_) => None,
    };
    let seconds = |until: Timestamp| until.since(overview.now).as_millis().div_ceil(1_000);
    AccountLimits {
        id: account.id,
        brand_slug: overview.brand_slug.clone(),
        platform: account.platform.clone(),
        handle: account.handle.clone(),
        status: account.status.as_str(),
        kind: account.kind.clone(),
        windows,
        parked: overview.gate.as_ref().map(|gate| Parked {
            retry_at: gate.until,
            retry_after: u64::try_from(seconds(gate.until)).unwrap_or(u64::MAX),
            reason: gate.reason.clone(),
        }),
        paused: overview.pause.as_ref().map(PauseView::of),
        waiting: u64::try_from(overview.waiting).unwrap_or(0),
    }
}

/// The windows of an account as the limiter has counted them.
async fn windows(app: &App, overview: &Overview) -> Result<Vec<Window>, Fault> {
    let account = &overview.account;
    let Some(adapter) = platforms::find(&account.platform).and_then(|one| one.adapter()) else {
        return Ok(Vec::new());
    };
    let address = accounts::address(account);
    let settings = app.0.settings.platforms.get(&account.platform);
    let factor = settings.map_or(1, |settings| settings.limit_factor);
    let (mut keys, mut windows) = (Vec::new(), Vec::new());
    for limit in adapter.limits() {
        keys.push(address.window(limit.scope, limit.endpoint, limit.window.as_secs()));
        let most = limit.calls_max.saturating_mul(factor);
        let ends_at = adapter.day_in(limit).map(|zone| zone.next_midnight(overview.now));
        windows.push((limit.endpoint, limit.scope, limit.window, most, ends_at));
    }
    let [day, gap] = meter::own_keys(address, overview.own);
    if let Some(most) = overview.own.posts_per_day {
        keys.push(day);
        let midnight = Some(Zone::Utc.next_midnight(overview.now));
        windows.push(("posts", Scope::Account, meter::DAY, most, midnight));
    }
    if let Some(seconds) = overview.own.min_gap_s {
        keys.push(gap);
        windows.push(("posts", Scope::Account, Duration::from_secs(seconds.into()), 1, None));
    }
    let seen = app.0.queue.windows(app.shard_number(&address.app_key()), &keys).await?;
    let view = |((endpoint, scope, window, most, ends_at), seen): (_, Option<Seen>)| Window {
        endpoint: str::to_owned(endpoint),
        scope: Scope::as_str(scope),
        window_s: Duration::as_secs(&window),
        calls: calls(most, ends_at, seen),
    };
    Ok(windows.into_iter().zip(seen).map(view).collect())
}

/// What is left is the smaller of what we and the platform have counted.
fn calls(most: u32, ends_at: Option<Timestamp>, seen: Option<Seen>) -> Count {
    let used = seen.map_or(0, |seen| seen.used);
    let own = most.saturating_sub(used);
    let left = seen.and_then(|seen| seen.left_by_platform).map_or(own, |told| told.min(own));
    Count {
        limit: Some(most.into()),
        used: used.into(),
        left: Some(left.into()),
        reset_at: seen.map(|seen| seen.reset_at).or(ends_at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // case: Q-left
    #[test]
    fn what_is_left_is_what_the_stricter_of_the_two_has_counted() {
        let at = Timestamp::from_seconds(900);
        let seen = |used, told| Some(Seen { used, reset_at: at, left_by_platform: told });
        let left = |seen| calls(100, None, seen).left;
        assert_eq!(left(None), Some(100));
        assert_eq!(left(seen(30, None)), Some(70));
        assert_eq!(left(seen(30, Some(5))), Some(5));
        assert_eq!(left(seen(30, Some(90))), Some(70));
        assert_eq!(left(seen(130, None)), Some(0));
        let midnight = Some(Timestamp::from_seconds(86_400));
        assert_eq!(calls(100, midnight, None).reset_at, midnight);
        assert_eq!(calls(100, midnight, seen(1, None)).reset_at, Some(at));
    }

    // case: Q-left
    #[test]
    fn a_tenant_sees_what_is_used_with_or_without_a_limit() {
        let at = Timestamp::from_seconds(0);
        let used = Used {
            posts: 12,
            day_ends_at: at,
            accounts: 3,
            media_bytes: 10,
            spend_micros: BTreeMap::from([("x".to_owned(), 15_001)]),
            month_ends_at: at,
        };
        let mut limits = TenantLimits::default();
        limits.allowance.posts_per_day = Some(10);
        limits.allowance.spend_cents_per_month.insert("x".to_owned(), 5);
        let shown = tenant(&limits, used);
        assert_eq!((shown.posts_per_day.left, shown.accounts.left), (Some(0), None));
        let spend = shown.spend_cents_per_month["x"];
        assert_eq!((spend.used, spend.left), (2, Some(3)), "a begun cent is a cent");
    }
}
