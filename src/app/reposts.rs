//! Ends the reposts to come of a post that is out.

use crate::caller::Caller;
use crate::operate;
use crate::targets::Address;
use crate::why::{self, DeliveryPage};
use crate::{Answer, App, Refused};
use base::Fault;
use domain::id::DeliveryId;
use store::deliveries::Loaded;
use store::jobs::JobKind;
use store::operations::{Asked, By};

/// Cancels the reposts to come of a delivery. What shows the post now stays until its time.
///
/// # Errors
/// When Postgres fails.
pub async fn cancel(app: &App, caller: &Caller, id: DeliveryId) -> Answer<DeliveryPage> {
    let row = match found(app, caller, id).await? {
        Ok(row) => row,
        Err(refused) => return Ok(Err(refused)),
    };
    let Some(rule) = operate::rule_of((&row.platform, &row.app), &row.draft) else {
        return Ok(Err(Refused::Conflict {
            code: "no_reposts",
            message: format!("Delivery {id} has no `autoRepost`: there is nothing to cancel."),
        }));
    };
    let actor = caller.actor();
    let by = By { tenant: caller.tenant, delivery: id, actor: &actor };
    let wake = operate::arm(app, address(&row), id, None);
    match app.0.store.cancel_reposts(by, &rule, wake).await? {
        Asked::Done(job) => {
            tracing::info!(delivery = %id, actor, "reposts are cancelled");
            app.wake(&[job]).await;
            why::delivery(app, caller, id).await
        }
        Asked::Before => why::delivery(app, caller, id).await,
        Asked::Ended(end) => Ok(Err(Refused::Conflict {
            code: "reposts_over",
            message: format!("The reposts of delivery {id} are over already: {end}."),
        })),
        Asked::NotOut(status) => Ok(Err(Refused::Conflict {
            code: "not_published",
            message: format!(
                "Delivery {id} is {status}, not published: change or cancel its post."
            ),
        })),
        Asked::Nowhere => Ok(Err(nowhere(id))),
    }
}

/// A delivery of the caller.
pub(crate) async fn found(
    app: &App,
    caller: &Caller,
    id: DeliveryId,
) -> Result<Result<Loaded, Refused>, Fault> {
    let loaded = app.0.store.load_deliveries(JobKind::Repost.as_str(), vec![id]).await?;
    let own = loaded.into_iter().flatten().find(|row| row.tenant == caller.tenant);
    Ok(own.ok_or_else(|| nowhere(id)))
}

pub(crate) fn nowhere(id: DeliveryId) -> Refused {
    Refused::NotFound(format!("There is no delivery {id}."))
}

/// The account of a delivery, as queues and gates know it.
pub(crate) fn address(row: &Loaded) -> Address<'_> {
    Address {
        tenant: row.tenant,
        platform: &row.platform,
        app: row.app_key(),
        account: row.account,
    }
}
