//! Lists posts and deliveries by what they have in common.

use crate::caller::Caller;
use crate::show::{self, DeliveryView, PostView};
use crate::{App, scope};
use base::Fault;
use domain::id::PostId;
use serde::Serialize;
use utoipa::ToSchema;

pub use store::lists::{DeliveriesAsked, PostsAsked};

/// A delivery in a list.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListedDelivery {
    /// The delivery.
    #[serde(flatten)]
    pub delivery: DeliveryView,
    /// Its post.
    pub post_id: PostId,
    /// The brand of that.
    pub brand_slug: String,
}

/// Shows posts, newest first. A reference names one post, which has the rest in common or is not
/// shown.
///
/// # Errors
/// When Postgres fails.
pub async fn posts(
    app: &App,
    caller: &Caller,
    mut asked: PostsAsked,
    reference: Option<&str>,
) -> Result<Vec<PostView>, Fault> {
    if let Some(reference) = reference {
        let found = app.0.store.post_by_reference(caller.tenant, reference).await?;
        let Some(id) = found else { return Ok(Vec::new()) };
        asked.id = Some(id);
    }
    asked.only = caller.access.limited_to();
    let sought = app.0.store.posts_of(caller.tenant, &asked);
    // Behind the wall of tenants the index of words serves no query; this one names its tenant.
    let posts = match asked.words {
        Some(_) => scope::of_everybody(sought).await?,
        None => sought.await?,
    };
    Ok(posts.iter().map(|post| show::view(app, post)).collect())
}

/// Shows deliveries, those of the newest posts first.
///
/// # Errors
/// When Postgres fails.
pub async fn deliveries(
    app: &App,
    caller: &Caller,
    mut asked: DeliveriesAsked,
) -> Result<Vec<ListedDelivery>, Fault> {
    asked.only = caller.access.limited_to();
    let found = app.0.store.deliveries_of(caller.tenant, &asked).await?;
    let listed = found.into_iter().filter_map(|(id, post)| {
        let one = post.deliveries.iter().find(|one| one.id == id)?;
        let draft = one.draft.as_ref().unwrap_or(&post.draft);
        Some(ListedDelivery {
            delivery: show::delivery(app, one, draft, post.now),
            post_id: post.id,
            brand_slug: post.draft.brand_slug.clone(),
        })
    });
    Ok(listed.collect())
}
