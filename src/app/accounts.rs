//! Accounts as their owners see them: where each stands, how it is, and what waits on it.

use crate::caller::Caller;
use crate::keys::Purpose;
use crate::targets::{self, Address};
use crate::{Answer, App, Refused, grants, registrations};
use base::{Context, Fault};
use domain::account::Status;
use domain::health::{self, Health};
use domain::id::AccountId;
use domain::limit::Own;
use domain::time::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use store::accounts::Account;
use store::jobs::Arm;
use store::overviews::{Overview, Sought};
use store::pauses::Pause;
use utoipa::ToSchema;

/// Accounts of a brand that are shown at once.
const OF_BRAND_MAX: i64 = 10_000;

/// An account.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Account)]
#[serde(rename_all = "camelCase")]
pub struct AccountPage {
    /// Which one.
    pub id: AccountId,
    /// The slug of its brand.
    pub brand_slug: String,
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
    /// Why, where it is not connected.
    pub status_reason: Option<String>,
    /// Since when.
    pub status_at: Timestamp,
    /// When it was connected last.
    pub connected_at: Timestamp,
    /// When its token ends.
    pub token_expires_at: Option<Timestamp>,
    /// When its token is renewed next.
    pub next_refresh_at: Option<Timestamp>,
    /// What its owner allowed, where the platform told.
    pub scopes: Option<Vec<String>>,
    /// Its pause, while it is paused.
    pub paused: Option<PauseView>,
    /// The limits that its owner has set.
    pub limits: LimitsView,
    /// How it is.
    pub health: HealthView,
    /// What goes out on it.
    pub deliveries: DeliveriesView,
}

/// A pause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Pause)]
pub struct PauseView {
    /// What is to be resumed: the `account`, or its whole `brand`.
    pub scope: &'static str,
    /// Since when.
    pub at: Timestamp,
    /// Whose word it was, as the audit names him, where that is known.
    pub by: Option<String>,
    /// Why.
    pub reason: String,
}

impl PauseView {
    pub(crate) fn of(pause: &Pause) -> Self {
        let Pause { of, at, reason, by } = pause;
        Self { scope: of.as_str(), at: *at, by: by.clone(), reason: reason.clone() }
    }
}

/// The limits that an owner has set; `null` is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = OwnLimits)]
#[serde(rename_all = "camelCase")]
pub struct LimitsView {
    /// Posts on one day of UTC.
    pub posts_per_day: Option<u32>,
    /// Seconds between two posts.
    pub min_gap_s: Option<u32>,
}

/// How an account is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Health)]
pub struct HealthView {
    /// For programs.
    pub word: &'static str,
    /// For people.
    pub sentence: String,
}

/// How many deliveries of an account wait or failed with it; 2,000 stands for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = DeliveryCounts)]
pub struct DeliveriesView {
    /// They wait for their time or are under way.
    pub waiting: u64,
    /// They failed because the account was broken, since it was well last: `retry` sends them.
    pub failed: u64,
}

/// The accounts of a brand, and how many are how.
#[derive(Debug, Clone, PartialEq)]
pub struct BrandAccounts {
    /// By platform and handle.
    pub accounts: Vec<AccountPage>,
    /// How many have each word of health.
    pub summary: BTreeMap<&'static str, u64>,
}

/// Which accounts are asked for.
#[derive(Debug, Clone, Default)]
pub struct Asked<'a> {
    /// Those of a brand.
    pub brand: Option<&'a str>,
    /// Those on a platform.
    pub platform: Option<&'a str>,
    /// Those with a status.
    pub status: Option<Status>,
    /// Those that come after this one, newest first.
    pub before: Option<AccountId>,
    /// How many.
    pub limit: u32,
}

/// Shows accounts, newest first.
///
/// # Errors
/// When Postgres fails.
pub async fn list(app: &App, caller: &Caller, asked: Asked<'_>) -> Answer<Vec<AccountPage>> {
    let brand = match asked.brand {
        None => None,
        Some(slug) => match app.0.store.brand(caller.tenant, slug).await? {
            Some(brand) => Some(brand.id),
            None => return Ok(Err(no_brand(slug))),
        },
    };
    let Asked { platform, status, before, limit, .. } = asked;
    let only = caller.access.limited_to();
    let only = only.as_deref();
    let sought = Sought { brand, only, platform, status, before, ..Sought::default() };
    let found = app.0.store.overviews(caller.tenant, sought, i64::from(limit)).await?;
    Ok(Ok(found.iter().map(page).collect()))
}

/// Shows the accounts of a brand with a summary.
///
/// # Errors
/// When Postgres fails.
pub async fn of_brand(app: &App, caller: &Caller, slug: &str) -> Answer<BrandAccounts> {
    let Some(brand) = app.0.store.brand(caller.tenant, slug).await? else {
        return Ok(Err(no_brand(slug)));
    };
    let sought = Sought { brand: Some(brand.id), ..Sought::default() };
    let found = app.0.store.overviews(caller.tenant, sought, OF_BRAND_MAX).await?;
    let mut accounts: Vec<AccountPage> = found.iter().map(page).collect();
    accounts.sort_by(|a, b| (&a.platform, &a.handle).cmp(&(&b.platform, &b.handle)));
    let mut summary = BTreeMap::new();
    for account in &accounts {
        *summary.entry(account.health.word).or_default() += 1;
    }
    Ok(Ok(BrandAccounts { accounts, summary }))
}

/// Shows one account.
///
/// # Errors
/// When Postgres fails.
pub async fn show(app: &App, caller: &Caller, id: AccountId) -> Answer<AccountPage> {
    Ok(found(app, caller, id).await?.map(|overview| page(&overview)))
}

/// Sets the owner's limits of an account; what is `None` is lifted.
///
/// # Errors
/// When Postgres fails.
pub async fn limit(app: &App, caller: &Caller, id: AccountId, own: Own) -> Answer<AccountPage> {
    if let Err(refused) = found(app, caller, id).await? {
        return Ok(Err(refused));
    }
    let owed = app.0.store.limit_account(caller.tenant, id, &caller.actor(), own).await?;
    app.wake(&owed).await;
    show(app, caller, id).await
}

/// Has the token of an account renewed now, by the same single flight as every refresh.
///
/// # Errors
/// When Postgres or the vault fails.
pub async fn refresh(app: &App, caller: &Caller, id: AccountId) -> Answer<AccountPage> {
    let overview = match found(app, caller, id).await? {
        Ok(overview) => overview,
        Err(refused) => return Ok(Err(refused)),
    };
    let account = &overview.account;
    if account.status != Status::Connected {
        return Ok(Err(needs_reconnect(&overview)));
    }
    if !can_renew(app, account).await? {
        return Ok(Err(Refused::Conflict {
            code: "nothing_renews",
            message: format!(
                "{} gave no means to renew the token of {}: only its owner can, by connecting it \
                 again.",
                account.platform, account.handle
            ),
        }));
    }
    let job = app.0.store.arm_job(refresh_job(app, account, app.now())).await?;
    app.wake(&[job]).await;
    show(app, caller, id).await
}

/// The wake-up of a refresh, which also ends what was taken away.
pub(crate) fn refresh_job(app: &App, account: &Account, due_at: Timestamp) -> Arm {
    let address = address(account);
    targets::refresh(&address, app.shard(&address.app_key()), due_at)
}

/// The platform gave means to renew the token of this account.
pub(crate) async fn can_renew(app: &App, account: &Account) -> Result<bool, Fault> {
    let platform = platforms::find(&account.platform).context("a stored platform is unknown")?;
    let auth = platform.adapter().context("a stored platform has no adapter")?.auth();
    let (tenant, of) = (account.tenant, (platform.name(), account.app.as_str()));
    let registration = registrations::of(app, tenant, of, account.own_app_key.as_deref()).await?;
    let credential = app.0.store.credential(account.id).await?;
    let of = (tenant, platform.name());
    // What does not open renews nothing.
    let Ok(grant) = grants::open(app, Purpose::Check, of, &credential).await? else {
        return Ok(false);
    };
    Ok(registration.is_some_and(|registration| auth.refresh(&registration, &grant).is_some()))
}

/// The account of a caller.
pub(crate) async fn found(
    app: &App,
    caller: &Caller,
    id: AccountId,
) -> Result<Result<Overview, Refused>, Fault> {
    let overview = app.0.store.overview(caller.tenant, id).await?;
    Ok(overview.ok_or_else(|| Refused::NotFound(format!("There is no account {id}."))))
}

/// Nothing of this can be done before somebody connects the account again.
pub(crate) fn needs_reconnect(overview: &Overview) -> Refused {
    let code = match overview.account.status {
        Status::Connected | Status::NeedsReconnect => "needs_reconnect",
        Status::Disconnected => "disconnected",
        Status::Damaged => "damaged",
    };
    Refused::Conflict { code, message: health_of(overview).sentence }
}

/// The queues and gates of an account.
pub(crate) fn address(account: &Account) -> Address<'_> {
    Address {
        tenant: account.tenant,
        platform: &account.platform,
        app: account.app_key(),
        account: account.id,
    }
}

fn no_brand(slug: &str) -> Refused {
    Refused::NotFound(format!("There is no brand {slug:?}."))
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn health_of(overview: &Overview) -> Health {
    let account = &overview.account;
    health::health(&health::Facts {
        now: overview.now,
        handle: &account.handle,
        status: account.status,
        reason: account.status_reason.as_deref(),
        paused: overview.pause.as_ref().map(|pause| (pause.of, pause.at, pause.reason.as_str())),
        limited: overview.gate.as_ref().map(|gate| (gate.until, gate.reason.as_str())),
        token_ends_at: overview.token_ends_at,
        next_refresh_at: overview.next_refresh_at,
        failed: count(overview.failed),
    })
}

/// An account as the API shows it.
pub(crate) fn page(overview: &Overview) -> AccountPage {
    let account = &overview.account;
    let Health { word, sentence } = health_of(overview);
    let Own { posts_per_day, min_gap_s } = overview.own;
    AccountPage {
        id: account.id,
        brand_slug: overview.brand_slug.clone(),
        platform: account.platform.clone(),
        app: account.app.clone(),
        is_test: account.app == platforms::rehearsal::APP,
        handle: account.handle.clone(),
        kind: account.kind.clone(),
        status: account.status.as_str(),
        status_reason: account.status_reason.clone(),
        status_at: account.status_at,
        connected_at: account.connected_at,
        token_expires_at: overview.token_ends_at,
        next_refresh_at: overview.next_refresh_at,
        scopes: account.scopes.clone(),
        paused: overview.pause.as_ref().map(PauseView::of),
        limits: LimitsView { posts_per_day, min_gap_s },
        health: HealthView { word, sentence },
        deliveries: DeliveriesView {
            waiting: count(overview.waiting),
            failed: count(overview.failed),
        },
    }
}
