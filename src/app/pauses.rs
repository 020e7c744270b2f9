//! What of a tenant is paused, and the pause of a whole brand.
//!
//! A brand's pause is one row, which every account of the brand is asked about, those too that are
//! connected later. An account that was paused for itself stays so when its brand is resumed.

use crate::accounts::PauseView;
use crate::caller::Caller;
use crate::show::{BrandView, brand_view};
use crate::{Answer, App, Refused, pause, preflight};
use base::Fault;
use domain::id::AccountId;
use domain::time::Timestamp;
use serde::Serialize;
use store::brand_pauses::BrandAct;
use store::paused::Paused;
use utoipa::ToSchema;

/// Pauses that are listed; of more, the widest.
pub const LISTED_MAX: i64 = 1_000;

/// Something that is paused until somebody resumes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = PausedThing)]
#[serde(rename_all = "camelCase")]
pub struct PausedView {
    /// `brand` and `account` are yours to resume; `platform`, `app` and `queue` are the operator's.
    pub kind: String,
    /// The slug of the brand, the handle of the account, or what the operator calls it.
    pub name: String,
    /// The account, where it is one.
    pub account_id: Option<AccountId>,
    /// The brand, where it is one or one of its accounts.
    pub brand_slug: Option<String>,
    /// The platform, where it is one or on one.
    pub platform: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// By whose word, as the audit names him, where that is known.
    pub by: Option<String>,
    /// Why.
    pub reason: String,
}

/// Lists what is paused, the widest first.
///
/// # Errors
/// When Postgres fails.
pub async fn list(app: &App, caller: &Caller) -> Result<Vec<PausedView>, Fault> {
    let only = caller.access.limited_to();
    let found = app.0.store.paused(caller.tenant, only.as_deref(), LISTED_MAX).await?;
    Ok(found.into_iter().map(view).collect())
}

fn view(paused: Paused) -> PausedView {
    let Paused { kind, name, account, brand, platform, since, by, reason } = paused;
    PausedView { kind, name, account_id: account, brand_slug: brand, platform, since, by, reason }
}

/// Puts a brand to rest until somebody resumes it. Once more changes the reason.
///
/// # Errors
/// When Postgres fails; once more is harmless.
pub async fn pause_brand(
    app: &App,
    caller: &Caller,
    slug: &str,
    reason: &str,
) -> Answer<BrandView> {
    let Some(brand) = app.brand_of_slug(caller, slug).await? else { return Ok(Err(none(slug))) };
    let (tenant, actor) = (caller.tenant, caller.actor());
    if !app.0.store.pause_brand(BrandAct { tenant, brand, actor: &actor, reason }).await? {
        return Ok(Err(none(slug)));
    }
    for account in app.0.store.laned(tenant, brand).await? {
        pause::shut(app, &account.lane).await;
    }
    tracing::info!(%brand, actor, "a brand is paused");
    show(app, caller, slug).await
}

/// Wakes a brand. One that is not paused stays as it is.
///
/// # Errors
/// When Postgres or Redis fails; lanes that Redis holds shut are opened by asking once more.
pub async fn resume_brand(app: &App, caller: &Caller, slug: &str) -> Answer<BrandView> {
    let Some(brand) = app.brand_of_slug(caller, slug).await? else { return Ok(Err(none(slug))) };
    let (tenant, actor) = (caller.tenant, caller.actor());
    let reason = "resumed through the API";
    let act = BrandAct { tenant, brand, actor: &actor, reason };
    let was_paused = app.0.store.resume_brand(act).await?;
    // Also where Postgres has no pause: an earlier word to Redis may have been lost.
    for account in app.0.store.laned(tenant, brand).await? {
        if account.is_paused {
            continue;
        }
        pause::open(app, &account.lane, account.limited_until).await?;
        if was_paused {
            preflight::look_again(app, account.id).await;
        }
    }
    if was_paused {
        tracing::info!(%brand, actor, "a brand is resumed");
    }
    show(app, caller, slug).await
}

async fn show(app: &App, caller: &Caller, slug: &str) -> Answer<BrandView> {
    let Some(brand) = app.0.store.brand(caller.tenant, slug).await? else {
        return Ok(Err(none(slug)));
    };
    let pauses = app.0.store.brand_pauses(caller.tenant).await?;
    Ok(Ok(brand_view(&brand, pauses.get(&brand.id).map(PauseView::of))))
}

fn none(slug: &str) -> Refused {
    Refused::NotFound(format!("There is no brand {slug:?}."))
}
