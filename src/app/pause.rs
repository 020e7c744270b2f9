//! Puts an account to rest, and wakes it.
//!
//! While an account is paused no call leaves for it but the renewal of its token, and none of its
//! deliveries fails for waiting. What is overdue by three days when it is resumed, or past its
//! `notAfter`, follows the rule of its post then (`domain::lateness`), and late ones leave apart.

use crate::accounts::{self, AccountPage, found};
use crate::caller::Caller;
use crate::{Answer, App, preflight};
use base::Fault;
use domain::account::Paused;
use domain::id::AccountId;
use queue::Gate;
use store::accounts::Account;
use store::pauses::{Act, PAUSE_ENDS};

/// Puts an account to rest until somebody resumes it. Once more changes the reason.
///
/// # Errors
/// When Postgres fails.
pub async fn pause(app: &App, caller: &Caller, id: AccountId, reason: &str) -> Answer<AccountPage> {
    let overview = match found(app, caller, id).await? {
        Ok(overview) => overview,
        Err(refused) => return Ok(Err(refused)),
    };
    if overview.account.needs_reconnect().is_some() {
        return Ok(Err(accounts::needs_reconnect(&overview)));
    }
    let (lane, actor) = (accounts::address(&overview.account).lane(), caller.actor());
    let act = Act { tenant: caller.tenant, account: id, lane: &lane, actor: &actor, reason };
    app.0.store.pause(act).await?;
    shut(app, &lane).await;
    tracing::info!(account = %id, actor, "an account is paused");
    accounts::show(app, caller, id).await
}

/// The gate of a paused account, as Redis is told of it.
pub(crate) fn gate(account: &Account) -> Gate {
    shutting(&accounts::address(account).lane())
}

fn shutting(lane: &str) -> Gate {
    Gate { scope_key: format!("account:{lane}"), until: PAUSE_ENDS }
}

/// Tells Redis of a pause. Postgres holds it: whoever loads a delivery sees it there.
pub(crate) async fn shut(app: &App, lane: &str) {
    let gate = shutting(lane);
    if let Err(fault) = app.0.queue.close_gate(&gate).await {
        tracing::warn!(%fault, gate = gate.scope_key, "Redis was not told of a pause");
    }
}

/// Wakes an account. One that is not paused stays as it is, and one of a paused brand rests on.
///
/// # Errors
/// When Postgres or Redis fails; a lane that Redis holds shut is opened by asking once more.
pub async fn resume(app: &App, caller: &Caller, id: AccountId) -> Answer<AccountPage> {
    let overview = match found(app, caller, id).await? {
        Ok(overview) => overview,
        Err(refused) => return Ok(Err(refused)),
    };
    let (lane, actor) = (accounts::address(&overview.account).lane(), caller.actor());
    let reason = "resumed through the API";
    let act = Act { tenant: caller.tenant, account: id, lane: &lane, actor: &actor, reason };
    let resumed = app.0.store.resume(act).await?;
    // Also where Postgres has no pause: an earlier word to Redis may have been lost.
    let limited = match &resumed {
        Some(resumed) => resumed.limited.as_ref().map(|gate| gate.until),
        None => {
            overview.gate.as_ref().filter(|g| g.scope_key.starts_with("account:")).map(|g| g.until)
        }
    };
    let is_brands = overview.pause.as_ref().is_some_and(|pause| pause.of == Paused::Brand);
    if !is_brands {
        open(app, &lane, limited).await?;
    }
    if resumed.is_some() {
        tracing::info!(account = %id, actor, "an account is resumed");
        preflight::look_again(app, id).await;
    }
    accounts::show(app, caller, id).await
}

/// Opens the lane in Redis, up to a limit that holds the account still.
pub(crate) async fn open(
    app: &App,
    lane: &str,
    limited: Option<domain::time::Timestamp>,
) -> Result<(), Fault> {
    let scope_key = format!("account:{lane}");
    app.0.queue.open_gate(&scope_key).await?;
    match limited {
        Some(until) => app.0.queue.close_gate(&Gate { scope_key, until }).await,
        None => Ok(()),
    }
}
