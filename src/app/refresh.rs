//! Renews an account's grant: one at a time per account, over all replicas.
//!
//! A refresh that rotates the token is an irreversible call: the intent is committed first, the
//! row is locked during the call, and the new pair is durable before anybody uses it. What a
//! refusal leads to is decided in `domain::renewal`.

use crate::keeping::{self, lost};
use crate::keys::Purpose;
use crate::{App, courier, grants, registrations};
use base::{Context, Fault, crash};
use domain::decision::PAUSE;
use domain::failure::Failure;
use domain::renewal::{DEAD_APART, Refused, Verdict, judge};
use domain::time::Timestamp;
use platforms::{App as Registration, Grant, Platform, Reply};
use std::time::Duration;
use store::accounts::Account;
use store::credentials::{Credential, RefreshTurn, Turn};
use store::refusals::{Kind, Whose};

/// Renewals under way in one process: what the pool of connections leaves beside publishing.
pub(crate) const AT_ONCE_MAX: usize = 8;
/// One refresh has this long before somebody else may try: its call and what comes around it.
const TURN: Duration = Duration::from_secs(40);
/// A refresh that failed without effect is tried again after this long.
pub(crate) const AGAIN: Duration = Duration::from_secs(30);
/// Whoever finds another one at it looks again after this long.
const LOOK: Duration = Duration::from_secs(2);

/// What the owner of an account is told whose grant was renewed in a time that is forgotten.
const FORGOTTEN: &str = "its token was renewed after the backup that the fleet was restored from";

/// What asking for a renewal came to.
pub(crate) enum Renewal {
    /// A newer grant is stored.
    Done,
    /// Nothing is known against the grant, or not enough; come back.
    Later {
        /// When.
        at: Timestamp,
        /// Why, if the platform said so.
        failure: Option<Failure>,
    },
    /// Nothing but its owner's consent renews it; it may serve on until it ends.
    NoMeans(Failure),
    /// Only its owner can help, and the account says so.
    Dead(Failure),
}

/// Everything a renewal is about.
struct Subject {
    account: Account,
    platform: &'static dyn Platform,
    registration: Registration,
    rotates: bool,
}

/// Renews the grant of an account unless it is newer than `seen_version` already.
pub(crate) async fn renew(
    app: &App,
    account: Account,
    seen_version: i64,
) -> Result<Renewal, Fault> {
    // Each holds a connection during its call; whoever waits for his turn has none yet.
    let permit = app.0.renewals.acquire().await.context("renewals have ended")?;
    let platform = account.platform.clone();
    let renewal = try_renew(app, account, seen_version).await?;
    drop(permit);
    let result = match &renewal {
        Renewal::Done => "renewed",
        Renewal::Later { failure: None, .. } => "busy",
        Renewal::Later { .. } => "failed",
        Renewal::NoMeans(_) => "no_means",
        Renewal::Dead(_) => "dead",
    };
    metrics::counter!("postfleet_refreshes_total", "platform" => platform, "result" => result)
        .increment(1);
    Ok(renewal)
}

async fn try_renew(app: &App, account: Account, seen_version: i64) -> Result<Renewal, Fault> {
    let id = account.id;
    let subject = subject(app, account).await?;
    if let Some(reason) = subject.account.needs_reconnect() {
        return Ok(Renewal::Dead(Failure::Auth { revoked: true, detail: reason.to_owned() }));
    }
    let known = app.0.store.known_against(id).await?;
    // Until it counts as another one, a refusal is not asked for again by anybody.
    if let Some(known) = &known
        && let Some(at) = known.dead_at.map(|at| at + DEAD_APART).filter(|at| *at > known.now)
    {
        let failure = Failure::Auth { revoked: true, detail: known.reason.clone() };
        return Ok(Renewal::Later { at, failure: Some(failure) });
    }
    match app.0.store.begin_refresh(id, seen_version, subject.rotates, TURN).await? {
        Turn::Mine(turn) => {
            crash::point_of("refresh.after_intent", id.uuid());
            call(app, &subject, *turn).await
        }
        Turn::Renewed => Ok(Renewal::Done),
        Turn::Busy(until) => {
            let at = until.min(app.now() + LOOK);
            Ok(Renewal::Later { at, failure: None })
        }
        Turn::Doubtful => {
            let is_refused = known.and_then(|known| known.refused_version) == Some(seen_version);
            doubtful(app, &subject, seen_version, is_refused).await
        }
    }
}

async fn subject(app: &App, account: Account) -> Result<Subject, Fault> {
    let registration = account.app.as_str();
    let platform = platforms::find(&account.platform).context("a stored platform is unknown")?;
    let auth = platform.adapter().context("a stored platform has no adapter")?.auth();
    let (way, own) = ((platform.name(), registration), account.own_app_key.as_deref());
    let registration = registrations::of(app, account.tenant, way, own)
        .await?
        .context(format!("there is no registration {registration:?} on {}", way.0))?;
    let rotates = auth.profile(&account.app).rotates_refresh_token;
    Ok(Subject { account, platform, registration, rotates })
}

async fn call(app: &App, subject: &Subject, turn: RefreshTurn) -> Result<Renewal, Fault> {
    let Subject { account, platform, registration, .. } = subject;
    let auth = platform.adapter().context("a stored platform has no adapter")?.auth();
    let of = (account.tenant, platform.name());
    let old = match grants::open(app, Purpose::Refresh, of, &turn.credential).await? {
        Ok(old) => old,
        // Its account is marked by then.
        Err(failure) => {
            turn.give_back().await?;
            return Ok(Renewal::Dead(failure));
        }
    };
    let Some(call) = auth.refresh(registration, &old) else {
        turn.give_back().await?;
        return Ok(Renewal::NoMeans(keeping::no_means()));
    };
    let sent = courier::send_ready(app, *platform, call, turn.deadline_at).await;
    crash::point_of("refresh.after_send", account.id.uuid());
    let read = sent.and_then(|reply: Reply| auth.read_grant(&reply, Some(&old)));
    crash::point_of("refresh.after_read", account.id.uuid());
    match read {
        Ok(grant) => store(app, subject, turn, &grant).await,
        // The turn is dropped as it is: its deadline keeps others away, and then it counts.
        Err(failure @ Failure::Unknown { .. }) => {
            Ok(Renewal::Later { at: turn.deadline_at, failure: Some(failure) })
        }
        Err(failure) => {
            let credential = turn.credential.clone();
            turn.give_back().await?;
            refused(app, subject, &credential, failure).await
        }
    }
}

/// Makes the new grant durable, before anybody uses it.
async fn store(
    app: &App,
    subject: &Subject,
    turn: RefreshTurn,
    grant: &Grant,
) -> Result<Renewal, Fault> {
    let Subject { account, platform, registration, .. } = subject;
    let (id, tenant) = (account.id, account.tenant);
    let version = turn.credential.version + 1;
    let sealed = grants::seal(app, tenant, platform.name(), id, version, grant).await?;
    let wake = keeping::owed(app, &keeping::address(account), (registration, grant), app.now());
    crash::point_of("refresh.before_commit", id.uuid());
    let jobs = turn.renew(&sealed, grant.expires_at, wake).await?;
    crash::point_of("refresh.after_commit", id.uuid());
    app.wake(&jobs).await;
    Ok(Renewal::Done)
}

/// The platform did not renew it, and certainly did nothing else.
async fn refused(
    app: &App,
    subject: &Subject,
    credential: &Credential,
    failure: Failure,
) -> Result<Renewal, Fault> {
    let later = |at, failure| Ok(Renewal::Later { at, failure: Some(failure) });
    let is_explained = match failure {
        Failure::Auth { revoked, .. } => revoked,
        Failure::RateLimit { retry_at, .. } => return later(retry_at, failure),
        Failure::Operator { .. } => return later(app.now() + PAUSE, failure),
        _ => return later(app.now() + AGAIN, failure),
    };
    let account = &subject.account;
    // Each token is good once, and a database that went back may know one that was used since. Such
    // a refusal is about the token: it is never shown again, and tells nothing of the platform.
    if is_explained && subject.rotates && app.0.store.is_forgotten(credential).await? {
        return match lost(app, account, credential.version, FORGOTTEN).await? {
            true => Ok(Renewal::Dead(failure)),
            false => later(app.now(), failure),
        };
    }
    let whose = Whose { account: account.id, platform: &account.platform };
    let reason = base::text::clean(failure.detail());
    let known = app.0.store.count_refusal(whose, Kind::Renewal, &reason).await?;
    let now = app.0.store.time().await?;
    let verdict = judge(
        &Refused {
            since: known.dead_since.unwrap_or(now),
            is_explained,
            platform: domain::outage::state(known.census),
            token_ends_at: credential.expires_at,
            is_token_refused: known.refused_version == Some(credential.version),
        },
        now,
    );
    tracing::info!(account = %account.id, platform = account.platform, ?verdict,
        "the renewal of a grant was refused");
    match verdict {
        Verdict::Rest(at) => later(at, failure),
        Verdict::Outage(at) => {
            keeping::close_platform(app, &account.platform, at, &reason).await?;
            later(at + keeping::AFTER_OUTAGE, failure)
        }
        Verdict::Warn(at) => {
            app.0.store.tell_expiring(credential, 1, &reason).await?;
            later(at, failure)
        }
        Verdict::Lost => match lost(app, account, credential.version, &reason).await? {
            true => Ok(Renewal::Dead(failure)),
            // Somebody connected it meanwhile, or renewed it.
            false => later(app.now(), failure),
        },
    }
}

/// Two answers were lost, and with them the refresh token may be spent. What is left of the access
/// token is used up.
async fn doubtful(
    app: &App,
    subject: &Subject,
    seen_version: i64,
    is_refused: bool,
) -> Result<Renewal, Fault> {
    let detail = "two token refreshes ended without an answer".to_owned();
    let failure = Failure::Auth { revoked: true, detail };
    let credential = app.0.store.credential(subject.account.id).await?;
    if credential.version != seen_version {
        return Ok(Renewal::Done);
    }
    if !is_refused && credential.expires_at > app.0.store.time().await? {
        return Ok(Renewal::Later { at: credential.expires_at, failure: Some(failure) });
    }
    match lost(app, &subject.account, seen_version, failure.detail()).await? {
        true => Ok(Renewal::Dead(failure)),
        false => Ok(Renewal::Later { at: app.now(), failure: Some(failure) }),
    }
}
