//! Brands, as the API shows them.

use crate::accounts::PauseView;
use crate::caller::Caller;
use crate::{Answer, App, Refused};
use base::Fault;
use domain::id::BrandId;
use domain::local::TimeZone;
use serde::Serialize;
use store::tenants::Brand;
use utoipa::ToSchema;

/// A brand.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Brand)]
#[serde(rename_all = "camelCase")]
pub struct BrandView {
    /// Which one.
    pub id: BrandId,
    /// Its name in requests.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// By whose clocks its times without an offset and its slots are.
    pub time_zone: String,
    /// Its pause, while it is paused: nothing leaves on any of its accounts.
    pub paused: Option<PauseView>,
}

/// Creates a brand, or renames the one with this slug and gives it another zone, if one is named.
///
/// # Errors
/// When Postgres fails.
pub async fn ensure_brand(
    app: &App,
    caller: &Caller,
    (slug, name): (&str, &str),
    zone: Option<&TimeZone>,
) -> Answer<BrandView> {
    let id = base::rng::id();
    let (tenant, actor) = (caller.tenant, caller.actor());
    let brand = app.0.store.ensure_brand(tenant, id, (slug, name), (zone, &actor)).await?;
    let pauses = app.0.store.brand_pauses(tenant).await?;
    let paused = |brand: &Brand| pauses.get(&brand.id).map(PauseView::of);
    Ok(brand.map(|brand| brand_view(&brand, paused(&brand))).ok_or_else(|| Refused::Conflict {
        code: "being_erased",
        message: format!(
            "The brand {slug:?} is being erased. Choose another slug, or make it anew when \
             GET /v1/erasures says that it is done."
        ),
    }))
}

/// Shows the brands.
///
/// # Errors
/// When Postgres fails.
pub async fn brands(app: &App, caller: &Caller) -> Result<Vec<BrandView>, Fault> {
    let brands = app.0.store.brands(caller.tenant).await?;
    let pauses = app.0.store.brand_pauses(caller.tenant).await?;
    let paused = |brand: &Brand| pauses.get(&brand.id).map(PauseView::of);
    let seen = brands.iter().filter(|brand| caller.sees(brand.id));
    Ok(seen.map(|brand| brand_view(brand, paused(brand))).collect())
}

pub(crate) fn brand_view(brand: &Brand, paused: Option<PauseView>) -> BrandView {
    BrandView {
        id: brand.id,
        slug: brand.slug.clone(),
        name: brand.name.clone(),
        time_zone: brand.time_zone.name().to_owned(),
        paused,
    }
}
