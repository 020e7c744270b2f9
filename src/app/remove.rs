//! Deletes a post that is out, where its platform lets a program do that.
//!
//! The wish is a row and a job; the worker carries it out behind the limiter, however long that
//! takes. A post that is gone already is deleted.

use crate::caller::Caller;
use crate::operate;
use crate::reposts::{address, found, nowhere};
use crate::why::{self, DeliveryPage};
use crate::{Answer, App, Refused};
use base::Context;
use domain::id::DeliveryId;
use domain::rejection::{Rejection, Rule};
use platforms::Operation;
use serde_json::json;
use store::operations::{Asked, By};

/// What asking for a deletion came to.
pub struct Removal {
    /// The delivery, as it stands now.
    pub page: DeliveryPage,
    /// It was asked for before.
    pub is_again: bool,
}

/// Asks for the deletion of a post that is out. Its reposts end with that.
///
/// # Errors
/// When Postgres fails.
pub async fn remove(app: &App, caller: &Caller, id: DeliveryId) -> Answer<Removal> {
    let row = match found(app, caller, id).await? {
        Ok(row) => row,
        Err(refused) => return Ok(Err(refused)),
    };
    let platform = platforms::find(&row.platform).context("a stored platform is unknown")?;
    let adapter = platforms::dialect(&row.platform, &row.app);
    let offered = adapter.map(|adapter| adapter.operations()).unwrap_or_default();
    if !offered.contains(&Operation::Delete) {
        let name = platform.name();
        let message = format!("A post on {name} cannot be deleted from here.");
        let rejection = Rejection::content(name, Rule::NotSupported, "remote", message);
        let way = format!("Delete it on {name} itself.");
        let bounded = rejection.bounds(json!(offered), "delete").resolve(way);
        return Ok(Err(Refused::Invalid(vec![bounded])));
    }
    if row.needs_reconnect.is_some() {
        return Ok(Err(Refused::Conflict {
            code: "needs_reconnect",
            message: format!("{} has to be connected again before it can be asked.", row.handle),
        }));
    }
    let actor = caller.actor();
    let by = By { tenant: caller.tenant, delivery: id, actor: &actor };
    let wake = operate::arm(app, address(&row), id, None);
    let rule = operate::rule_of((&row.platform, &row.app), &row.draft);
    let is_again = match app.0.store.ask_removal(by, rule.as_ref(), wake).await? {
        Asked::Done(job) => {
            tracing::warn!(delivery = %id, actor, "a post that is out is to be deleted");
            app.wake(&[job]).await;
            false
        }
        Asked::Before | Asked::Ended(_) => true,
        Asked::NotOut(status) => {
            return Ok(Err(Refused::Conflict {
                code: "not_published",
                message: format!("Delivery {id} is {status}: nothing of it is out to be deleted."),
            }));
        }
        Asked::Nowhere => return Ok(Err(nowhere(id))),
    };
    Ok(why::delivery(app, caller, id).await?.map(|page| Removal { page, is_again }))
}
