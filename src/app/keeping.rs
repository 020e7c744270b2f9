//! Keeps accounts connected: what each grant owes, the job that pays it, and what an owner is told.

use crate::quarantine::{Place, Stay};
use crate::refresh::{AGAIN, Renewal, renew};
use crate::targets::{self, Address};
use crate::{App, disconnect};
use base::{Fault, crash};
use domain::account::Status;
use domain::failure::{Failure, Scope};
use domain::id::AccountId;
use domain::renewal::{Notice, Rule, next_renewal, notice};
use domain::time::Timestamp;
use platforms::{App as Registration, Grant};
use queue::{Claimed, Outcome};
use std::time::Duration;
use store::accounts::{Account, Losing, Woken};
use store::crashes::Culprit;
use store::credentials::{Credential, Owing};
use store::gates::Gate;
use store::jobs::{Arm, JobKind};

/// A platform that was out of order is asked by its posts first: that these go out again tells of
/// the refused accounts that it is not the platform's doing.
pub(crate) const AFTER_OUTAGE: Duration = Duration::from_secs(60);
/// Shorter waits stay with the queue; longer ones are written down.
const HELD_MAX: Duration = Duration::from_secs(5);

/// The account, as queues and gates know it.
pub(crate) fn address(account: &Account) -> Address<'_> {
    Address {
        tenant: account.tenant,
        platform: &account.platform,
        app: account.app_key(),
        account: account.id,
    }
}

/// What a grant owes: its renewal, or the word to its owner that nothing renews it.
pub(crate) fn owed(
    app: &App,
    of: &Address<'_>,
    (registration, grant): (&Registration, &Grant),
    granted_at: Timestamp,
) -> Arm {
    let due_at = match rule_of(of, registration, grant) {
        Some(rule) => next_renewal(rule, granted_at, grant.expires_at, of.account),
        None => match notice(grant.expires_at, 0, granted_at) {
            Notice::Wait(at) => at,
            Notice::Tell(_) | Notice::Over => granted_at,
        },
    };
    targets::refresh(of, app.shard(&of.app_key()), due_at)
}

/// The rule by which a grant is renewed, where its platform gave means to do so.
fn rule_of(of: &Address<'_>, registration: &Registration, grant: &Grant) -> Option<Rule> {
    let auth = platforms::dialect(of.platform, &registration.name)?.auth();
    auth.refresh(registration, grant)?;
    Some(auth.profile(&registration.name).renewal)
}

/// The failure of a grant that nothing renews.
pub(crate) fn no_means() -> Failure {
    let detail = "its consent has a fixed end, and nothing but a new one prolongs it".to_owned();
    Failure::Auth { revoked: true, detail }
}

/// Marks an account as needing its owner, unless its grant is another one by now. `true` when it
/// is marked, by us or by somebody before us.
pub(crate) async fn lost(
    app: &App,
    account: &Account,
    version: i64,
    reason: &str,
) -> Result<bool, Fault> {
    let (id, of) = (account.id, address(account));
    let gate = gate(&of);
    let losing = Losing { tenant: account.tenant, account: id, version, reason, gate: &gate };
    if let Some(woken) = app.0.store.lose_account(&losing).await? {
        wake(app, &of, woken).await;
        tracing::warn!(account = %id, platform = account.platform, reason,
            "an account needs its owner");
        metrics::counter!(
            "postfleet_accounts_lost_total", "platform" => account.platform.clone()
        )
        .increment(1);
        return Ok(true);
    }
    Ok(app.0.store.account(id).await?.needs_reconnect().is_some())
}

/// Tells Redis of what was woken.
pub(crate) async fn wake(app: &App, of: &Address<'_>, woken: Woken) {
    app.wake(&woken.jobs).await;
    if woken.is_rested {
        end_rest(app, of).await;
    }
}

/// Has a platform rest that refuses many accounts at once.
pub(crate) async fn close_platform(
    app: &App,
    platform: &str,
    until: Timestamp,
    reason: &str,
) -> Result<(), Fault> {
    tell_outage(platform, until, reason);
    let scope_key = targets::platform_gate(platform);
    let reason = format!("{platform} refuses many accounts at once: {reason}");
    let gate = Gate { scope_key: scope_key.clone(), until, reason };
    app.0.store.close_gate(&gate).await?;
    // Postgres holds the gate; a Redis that misses it lets one more call through.
    if let Err(fault) = app.0.queue.close_gate(&queue::Gate { scope_key, until }).await {
        tracing::warn!(%fault, platform, "Redis was not told of a gate");
    }
    Ok(())
}

/// What an operator reads of it.
pub(crate) fn tell_outage(platform: &str, until: Timestamp, reason: &str) {
    tracing::error!(platform, %until, reason, "the platform refuses many accounts: it rests");
    metrics::counter!("postfleet_outages_total", "platform" => platform.to_owned()).increment(1);
}

/// Works on the refresh of a claimed job.
pub async fn refresh(app: &App, claimed: &Claimed) -> Outcome {
    let Some(mut place) = Place::take(app).await else { return Outcome::Release };
    crash::point_of("refresh.after_claim", claimed.subject);
    let ended = work(app, claimed, &mut place).await;
    let ended = place.end(app, claimed, ended).await;
    crash::point_of("refresh.before_ack", claimed.subject);
    ended.unwrap_or(Outcome::ReleaseFor(AGAIN))
}

async fn work(app: &App, claimed: &Claimed, place: &mut Place) -> Result<Outcome, Fault> {
    let owing = app.0.store.owing(AccountId::new(claimed.subject)).await?;
    let Some(owing) = owing.filter(|owing| owing.generation == claimed.generation) else {
        return Ok(Outcome::Done);
    };
    let Owing { account, credential, rests_until, .. } = owing;
    if account.status == Status::Disconnected {
        // Whoever took the account away did not get to its end.
        disconnect::finish(app, &account).await?;
        return Ok(Outcome::Done);
    }
    // A grant of test mode is nobody's, and has no end.
    if account.needs_reconnect().is_some() || account.app == platforms::rehearsal::APP {
        let store = &app.0.store;
        store.drop_job(JobKind::Refresh, claimed.subject, claimed.generation).await?;
        return Ok(Outcome::Done);
    }
    let culprit = Culprit::Job(JobKind::Refresh, claimed.subject);
    match place.isolate(app, claimed, culprit, 0).await? {
        Stay::Here => {}
        Stay::Later(outcome) => return Ok(outcome),
        // A new consent brings a new grant, and with it a new count.
        Stay::Never => {
            let why = "renewing its token ended our process three times";
            lost(app, &account, credential.version, why).await?;
            return Ok(Outcome::Done);
        }
    }
    // A platform that is out of order is left alone by renewals too.
    if let Some(until) = rests_until {
        return rest(app, claimed, until + AFTER_OUTAGE).await;
    }
    match renew(app, account.clone(), credential.version).await? {
        // The renewal has armed the next one under a new generation.
        Renewal::Done | Renewal::Dead(_) => Ok(Outcome::Done),
        Renewal::Later { at, .. } => rest(app, claimed, at).await,
        Renewal::NoMeans(failure) => warn(app, claimed, (&account, &credential), &failure).await,
    }
}

/// Tells the owner of a grant that nothing renews, in time.
async fn warn(
    app: &App,
    claimed: &Claimed,
    (account, credential): (&Account, &Credential),
    failure: &Failure,
) -> Result<Outcome, Fault> {
    let told = app.0.store.notices(account.id).await?;
    let now = app.0.store.time().await?;
    let next = match notice(credential.expires_at, told, now) {
        Notice::Wait(at) => at,
        Notice::Tell(number) => {
            app.0.store.tell_expiring(credential, number, failure.detail()).await?;
            match notice(credential.expires_at, number, now) {
                Notice::Wait(at) => at,
                Notice::Tell(_) | Notice::Over => now,
            }
        }
        Notice::Over => {
            lost(app, account, credential.version, failure.detail()).await?;
            return Ok(Outcome::Done);
        }
    };
    rest(app, claimed, next).await
}

/// Comes back at an instant, which is written down.
async fn rest(app: &App, claimed: &Claimed, at: Timestamp) -> Result<Outcome, Fault> {
    let wait = at.since(app.now());
    if wait <= HELD_MAX {
        return Ok(Outcome::ReleaseFor(wait));
    }
    let (kind, subject) = (JobKind::Refresh, claimed.subject);
    let moved = app.0.store.postpone_job(kind, subject, claimed.generation, at).await?;
    Ok(match moved {
        Some(generation) => Outcome::Again { generation, due_at: at },
        // Somebody has armed it anew meanwhile.
        None => Outcome::Done,
    })
}

/// The gate of a scope of an account.
pub(crate) fn gate(of: &Address<'_>) -> String {
    of.gate(Scope::Account)
}

/// The rest of an account is over, in Redis too.
pub(crate) async fn end_rest(app: &App, of: &Address<'_>) {
    if let Err(fault) = app.0.queue.open_gate(&gate(of)).await {
        tracing::warn!(%fault, account = %of.account, "Redis opens a gate at its own time");
    }
}
