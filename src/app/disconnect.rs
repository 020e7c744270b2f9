//! Takes an account away: nothing goes out on it any more, the platform is told where it can be,
//! and the grant is erased.
//!
//! The order is that of what must not be lost: first the fact and the wake-up that owes the
//! erasure, then the word to the platform, then the erasure. A process that dies between leaves a
//! job that goes on.

use crate::accounts::{self, AccountPage, found};
use crate::caller::Caller;
use crate::dead_end::{self, Cause, Ended};
use crate::keys::Purpose;
use crate::{Answer, App, courier, grants, pause, registrations, show};
use base::{Context, Fault};
use domain::failure::Failure;
use domain::id::AccountId;
use queue::{Claimed, Outcome};
use serde::Serialize;
use std::time::Duration;
use store::accounts::Account;
use store::deliveries::Loaded;
use store::pauses::Act;
use store::scope;
use utoipa::ToSchema;

/// How long the platform may take over a revocation.
const REVOKE_MAX: Duration = Duration::from_secs(10);
/// Whoever disconnects erases at once; the job that owes it comes after him.
const ERASE_AFTER: Duration = Duration::from_secs(60);

const NOT_OPENED: &str = "Its stored token could not be opened to be revoked.";

/// What taking an account away came to.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Disconnected)]
#[serde(rename_all = "camelCase")]
pub struct DisconnectedView {
    /// The account, as it stands now.
    pub account: AccountPage,
    /// What the platform said to the revocation.
    pub revoked: Revoked,
    /// Deliveries that failed with it.
    pub failed: u64,
    /// Deliveries that may be out: a person settles those of which nothing can be learnt.
    pub under_way: u64,
}

/// What became of the grant at the platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Revocation)]
pub struct Revoked {
    /// `revoked`, `refused`, `not_offered`, `shared` or `nothing_left`.
    pub outcome: &'static str,
    /// The story in a sentence.
    pub message: String,
}

impl Revoked {
    fn of(outcome: &'static str, message: impl Into<String>) -> Self {
        Self { outcome, message: message.into() }
    }
}

/// Takes an account away. Once more changes nothing.
///
/// # Errors
/// When Postgres or the vault fails.
pub async fn disconnect(app: &App, caller: &Caller, id: AccountId) -> Answer<DisconnectedView> {
    let overview = match found(app, caller, id).await? {
        Ok(overview) => overview,
        Err(refused) => return Ok(Err(refused)),
    };
    let account = &overview.account;
    let (lane, actor) = (accounts::address(account).lane(), caller.actor());
    let reason = "its owner disconnected it";
    let act = Act { tenant: caller.tenant, account: id, lane: &lane, actor: &actor, reason };
    let erase = accounts::refresh_job(app, account, app.now() + ERASE_AFTER);
    let done = app.0.store.disconnect(act, &show::failure(&failure(account)), erase).await?;
    tracing::info!(account = %id, actor, "an account is disconnected");
    let revoked = finish(app, account).await?;
    if overview.pause.is_some()
        && let Err(fault) = pause::open(app, &lane, None).await
    {
        tracing::warn!(%fault, account = %id, "Redis was not told that a pause is over");
    }
    let page = accounts::show(app, caller, id).await?;
    Ok(page.map(|account| DisconnectedView {
        account,
        revoked,
        failed: done.failed,
        under_way: u64::try_from(done.under_way).unwrap_or(0),
    }))
}

/// Tells the platform, then erases the grant. A revocation that fails keeps nothing.
///
/// # Errors
/// When Postgres fails; the job that is owed comes back for it.
pub(crate) async fn finish(app: &App, account: &Account) -> Result<Revoked, Fault> {
    let revoked = match revoke(app, account).await {
        Ok(revoked) => revoked,
        // A grant that does not open cannot be shown to anybody, and is erased all the same.
        Err(fault) => {
            tracing::warn!(%fault, account = %account.id, "a grant could not be revoked");
            Revoked::of("refused", NOT_OPENED)
        }
    };
    if app.0.store.erase_grant(account.id).await? {
        tracing::info!(account = %account.id, outcome = revoked.outcome, "a grant is erased");
    }
    Ok(revoked)
}

async fn revoke(app: &App, account: &Account) -> Result<Revoked, Fault> {
    let platform = platforms::find(&account.platform).context("a stored platform is unknown")?;
    let adapter = platforms::dialect(&account.platform, &account.app);
    let adapter = adapter.context("a stored platform has no adapter")?;
    let name = platform.name();
    let credential = app.0.store.credential(account.id).await?;
    if credential.sealed.is_empty() {
        return Ok(Revoked::of("nothing_left", "Its token was erased before."));
    }
    let is_shared = adapter.auth().is_consent_shared(&account.app);
    // The same identity may be connected by another tenant.
    if scope::of_everybody(app.0.store.is_consent_needed(account, is_shared)).await? {
        let told =
            format!("Its consent on {name} serves other accounts here, so it was not revoked.");
        return Ok(Revoked::of("shared", told));
    }
    let (tenant, of) = (account.tenant, (name, account.app.as_str()));
    let registration = registrations::of(app, tenant, of, account.own_app_key.as_deref()).await?;
    let Ok(grant) = grants::open(app, Purpose::Revoke, (tenant, name), &credential).await? else {
        return Ok(Revoked::of("refused", NOT_OPENED));
    };
    let call = registration.and_then(|registration| adapter.auth().revoke(&registration, &grant));
    let Some(call) = call else {
        let way = "its owner can take it back in the settings there";
        let told = format!("{name} offers no call that revokes a token; {way}.");
        return Ok(Revoked::of("not_offered", told));
    };
    let effect = call.effect;
    let answered = courier::send_ready(app, platform, call, app.now() + REVOKE_MAX).await;
    let refusal = answered.map(|reply| adapter.classify(effect, &reply));
    Ok(match refusal {
        Ok(None) => Revoked::of("revoked", format!("{name} has revoked its token.")),
        Ok(Some(failure)) | Err(failure) => {
            let detail = base::text::clean(failure.detail());
            let told = format!("{name} did not revoke its token ({detail}); it is erased here.");
            Revoked::of("refused", told)
        }
    })
}

/// Ends a delivery of an account that was taken away: failed, or in review where a call of it may
/// have been heard and nobody can ask any more.
pub(crate) async fn end(app: &App, claimed: &Claimed, row: &Loaded) -> Result<Outcome, Fault> {
    let cause = Cause { failure: gone(&row.handle), stage: "validating", is_attempt_spent: false };
    Ok(match dead_end::end(app, claimed, row, cause).await? {
        Ended::As(..) => Outcome::Done,
        Ended::Not(outcome) => outcome,
    })
}

fn failure(account: &Account) -> Failure {
    gone(&account.handle)
}

fn gone(handle: &str) -> Failure {
    Failure::Auth { revoked: true, detail: format!("{handle} was disconnected by its owner") }
}
