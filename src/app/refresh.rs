//! Renews an account's grant: one at a time per account, over all replicas.
//!
//! A refresh that rotates the token is an irreversible call: the intent is committed first, the
//! row is locked during the call, and the new pair is durable before anybody uses it.

use crate::quarantine::{Place, Stay};
use crate::targets::{self, Address};
use crate::{App, courier, disconnect, grants};
use base::{Context, Fault, clock};
use domain::account::Status;
use domain::failure::Failure;
use domain::id::AccountId;
use domain::time::Timestamp;
use queue::{Claimed, Outcome};
use std::time::Duration;
use store::crashes::Culprit;
use store::credentials::{RefreshTurn, Turn};
use store::jobs::{Arm, JobKind};

/// One refresh has this long before somebody else may try: its call and what comes around it.
const TURN: Duration = Duration::from_secs(40);
/// A refresh that failed without effect is tried again after this long.
const AGAIN: Duration = Duration::from_secs(30);

/// What asking for a renewal came to.
pub(crate) enum Renewal {
    /// A newer grant is stored.
    Done,
    /// Nothing is known against the grant; come back.
    Later {
        /// When.
        at: Timestamp,
        /// Why, if the platform said so.
        failure: Option<Failure>,
    },
    /// Nothing but its owner's consent renews it; it may serve on until it ends.
    NoMeans(Failure),
    /// Only its owner can help.
    Dead(Failure),
}

/// Renews the grant of an account unless it is newer than `seen_version` already.
pub(crate) async fn renew(
    app: &App,
    account: AccountId,
    registration: &str,
    seen_version: i64,
) -> Result<Renewal, Fault> {
    let turn = match app.0.store.begin_refresh(account, seen_version, TURN).await? {
        Turn::Mine(turn) => *turn,
        Turn::Renewed => return Ok(Renewal::Done),
        Turn::Busy(until) => return Ok(Renewal::Later { at: until, failure: None }),
        Turn::Doubtful => {
            let detail = "two token refreshes ended without an answer".to_owned();
            return Ok(Renewal::Dead(Failure::Auth { revoked: true, detail }));
        }
    };
    let renewal = call(app, turn, registration).await?;
    let result = match &renewal {
        Renewal::Done => "renewed",
        Renewal::Later { .. } => "failed",
        Renewal::NoMeans(_) => "no_means",
        Renewal::Dead(_) => "dead",
    };
    metrics::counter!("postfleet_refreshes_total", "result" => result).increment(1);
    Ok(renewal)
}

async fn call(app: &App, turn: RefreshTurn, registration: &str) -> Result<Renewal, Fault> {
    let account = app.0.store.account(turn.credential.account).await?;
    let platform = platforms::find(&account.platform).context("a stored platform is unknown")?;
    let auth = platform.adapter().context("a stored platform has no adapter")?.auth();
    let settings = app.0.settings.platforms.get(platform.name());
    let registration = settings
        .and_then(|settings| settings.registrations.get(registration))
        .context(format!("[platforms.{}] has no app {registration:?}", platform.name()))?;
    let tenant = account.tenant;
    let old = grants::open(app, tenant, platform.name(), &turn.credential).await?;
    let Some(call) = auth.refresh(registration, &old) else {
        let detail = "the platform gave no means to renew this token".to_owned();
        turn.give_back().await?;
        return Ok(Renewal::NoMeans(Failure::Auth { revoked: true, detail }));
    };
    let reply = match courier::send_ready(app, platform, call, turn.deadline_at).await {
        Ok(reply) => reply,
        Err(failure @ Failure::Unknown { .. }) => {
            // The turn is dropped as it is: its deadline keeps others away, and then it counts.
            return Ok(Renewal::Later { at: turn.deadline_at, failure: Some(failure) });
        }
        Err(failure) => {
            let at = clock::now() + AGAIN;
            turn.give_back().await?;
            return Ok(Renewal::Later { at, failure: Some(failure) });
        }
    };
    match auth.read_grant(&reply, Some(&old)) {
        Ok(grant) => {
            let version = turn.credential.version + 1;
            let account = turn.credential.account;
            let sealed =
                grants::seal(app, tenant, platform.name(), account, version, &grant).await?;
            turn.renew(&sealed, grant.expires_at).await?;
            arm(app, account).await;
            Ok(Renewal::Done)
        }
        Err(failure @ Failure::Auth { .. }) => {
            turn.give_back().await?;
            Ok(Renewal::Dead(failure))
        }
        Err(failure @ Failure::RateLimit { retry_at, .. }) => {
            turn.give_back().await?;
            Ok(Renewal::Later { at: retry_at, failure: Some(failure) })
        }
        Err(failure @ Failure::Unknown { .. }) => {
            Ok(Renewal::Later { at: turn.deadline_at, failure: Some(failure) })
        }
        Err(failure) => {
            turn.give_back().await?;
            Ok(Renewal::Later { at: clock::now() + AGAIN, failure: Some(failure) })
        }
    }
}

/// Owes the account its next refresh, in time before the token ends. Best effort: publishing
/// renews a token that is about to end on its own.
pub(crate) async fn arm(app: &App, account: AccountId) {
    if let Err(fault) = try_arm(app, account).await {
        tracing::warn!(%fault, %account, "the next refresh was not armed");
    }
}

async fn try_arm(app: &App, id: AccountId) -> Result<(), Fault> {
    let account = app.0.store.account(id).await?;
    let platform = platforms::find(&account.platform).context("a stored platform is unknown")?;
    let auth = platform.adapter().context("a stored platform has no adapter")?.auth();
    let credential = app.0.store.credential(id).await?;
    let address = Address {
        tenant: account.tenant,
        platform: &account.platform,
        app: &account.app,
        account: id,
    };
    let wake = Arm {
        kind: JobKind::Refresh,
        queue: targets::REFRESH.to_owned(),
        subject: id.uuid(),
        shard: app.shard(&address.app_key()),
        group: address.group(),
        lane: address.lane(),
        due_at: Some(credential.expires_at - auth.profile(&account.app).refresh_before),
    };
    let job = app.0.store.arm_job(wake).await?;
    app.wake(&[job]).await;
    Ok(())
}

/// Works on the refresh of a claimed job.
pub async fn refresh(app: &App, claimed: &Claimed) -> Outcome {
    let Some(mut place) = Place::take(app).await else { return Outcome::Release };
    let ended = work(app, claimed, &mut place).await;
    place.leave(app, claimed).await;
    match ended {
        Ok(outcome) => outcome,
        Err(fault) => {
            tracing::error!(%fault, subject = %claimed.subject, "a refresh faulted; tried again");
            Outcome::ReleaseFor(AGAIN)
        }
    }
}

async fn work(app: &App, claimed: &Claimed, place: &mut Place) -> Result<Outcome, Fault> {
    let owed = app.0.store.job_generation(JobKind::Refresh, claimed.subject).await?;
    if owed != Some(claimed.generation) {
        return Ok(Outcome::Done);
    }
    let id = AccountId::new(claimed.subject);
    let account = app.0.store.account(id).await?;
    let drop = || app.0.store.drop_job(JobKind::Refresh, claimed.subject, claimed.generation);
    if account.status == Status::Disconnected {
        // Whoever took the account away did not get to its end.
        disconnect::finish(app, &account).await?;
        return Ok(Outcome::Done);
    }
    if account.needs_reconnect().is_some() {
        drop().await?;
        return Ok(Outcome::Done);
    }
    let culprit = Culprit::Job(JobKind::Refresh, claimed.subject);
    match place.isolate(app, claimed, culprit, 0).await? {
        Stay::Here => {}
        Stay::Later(outcome) => return Ok(outcome),
        // A new consent brings a new grant, and with it a new count.
        Stay::Never => {
            let why = "renewing its token ended our process three times";
            app.0.store.disconnect_account(account.tenant, id, why).await?;
            drop().await?;
            return Ok(Outcome::Done);
        }
    }
    let credential = app.0.store.credential(id).await?;
    match renew(app, id, &account.app, credential.version).await? {
        // The renewal has armed the next refresh under a new generation.
        Renewal::Done => Ok(Outcome::Done),
        Renewal::Later { at, .. } => Ok(Outcome::ReleaseFor(at.since(clock::now()))),
        Renewal::NoMeans(_) if credential.expires_at > clock::now() => {
            Ok(Outcome::ReleaseFor(credential.expires_at.since(clock::now())))
        }
        Renewal::NoMeans(failure) | Renewal::Dead(failure) => {
            app.0.store.disconnect_account(account.tenant, id, failure.detail()).await?;
            drop().await?;
            Ok(Outcome::Done)
        }
    }
}
