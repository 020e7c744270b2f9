//! Turns an accepted post into deliveries that wait for their time.

use crate::quarantine::{self, Place, Stay};
use crate::{App, accounts, preflight, show, spans, targets, validate, wakeup};
use base::{Fault, crash, trace};
use domain::capability::Profile;
use domain::content::AssetFacts;
use domain::delivery::Status;
use domain::failure::Failure;
use domain::id::{AssetId, PostId};
use domain::request::Draft;
use domain::standing::reconnect;
use domain::time::Timestamp;
use queue::{Claimed, Outcome};
use std::collections::BTreeMap;
use std::time::Duration;
use store::accounts::Account;
use store::crashes::Culprit;
use store::deliveries::Shown;
use store::jobs::{Arm, JobKind};
use store::posts::{Facts, FanOut, Planned};

/// Checks a post once more and schedules its deliveries.
pub async fn fan_out(app: &App, claimed: &Claimed) -> Outcome {
    let Some(mut place) = Place::take(app).await else { return Outcome::Release };
    let ended = plan_and_commit(app, claimed, &mut place).await;
    place.end(app, claimed, ended).await.unwrap_or(Outcome::Release)
}

async fn plan_and_commit(
    app: &App,
    claimed: &Claimed,
    place: &mut Place,
) -> Result<Outcome, Fault> {
    let id = PostId::new(claimed.subject);
    let culprit = Culprit::Job(JobKind::FanOut, claimed.subject);
    match place.isolate(app, claimed, culprit, 0).await? {
        Stay::Here => {}
        Stay::Later(outcome) => return Ok(outcome),
        Stay::Never => return give_up(app, claimed).await,
    }
    let Some(mut turn) = app.0.store.begin_fan_out(id, claimed.generation).await? else {
        return Ok(Outcome::Done);
    };
    let span = spans::fan_out(claimed, turn.traceparent.as_deref());
    let facts = facts(&mut turn).await?;
    let waiting = turn.post.deliveries.iter().filter(|d| d.status == Status::Validating);
    let mut plan = Vec::new();
    for delivery in waiting {
        let draft = delivery.draft.as_ref().unwrap_or(&turn.post.draft);
        let account = facts.accounts.iter().find(|account| account.id == delivery.account);
        let failure = match account {
            Some(account) => objection(account, facts.profile, draft, &facts.assets),
            None => Some(show::failure(&Failure::Auth {
                revoked: true,
                detail: "the account is not there any more".to_owned(),
            })),
        };
        let account = account.filter(|_| failure.is_none());
        let now = turn.post.now;
        let wake = account.map(|account| publish(app, delivery, account, draft, now));
        let look = account.and_then(|account| {
            preflight::arm(app, accounts::address(account), delivery.due_at, now)
        });
        plan.push(Planned { id: delivery.id, failure, wake, look });
    }
    crash::point_of("fan_out.before_commit", claimed.subject);
    let sending = spans::send(&span, "publish");
    sending.set("messaging.batch.message_count", i64::try_from(plan.len()).unwrap_or(i64::MAX));
    let owed = trace::within(sending, turn.commit(&plan)).await?;
    crash::point_of("fan_out.after_commit", claimed.subject);
    metrics::counter!("postfleet_deliveries_planned_total").increment(owed.len() as u64);
    let horizon = app.now() + crate::HORIZON;
    let soon: Vec<_> = owed.iter().filter(|j| j.due_at <= horizon).map(wakeup).collect();
    if !soon.is_empty() && app.0.queue.push(&soon).await.is_err() {
        tracing::warn!(post = %id, "Redis was not told of new deliveries; the sweep will");
    }
    Ok(Outcome::Done)
}

/// What its deliveries are checked against, those that say something else than their post too.
async fn facts(turn: &mut FanOut) -> Result<Facts, Fault> {
    let waiting = turn.post.deliveries.iter().filter(|d| d.status == Status::Validating);
    let (mut accounts, mut files) = (Vec::new(), validate::assets_of(&turn.post.draft));
    for delivery in waiting {
        accounts.push(delivery.account);
        files.extend(delivery.draft.iter().flat_map(validate::assets_of));
    }
    turn.facts(&accounts, &files).await
}

/// Ends a post whose fan-out ended three processes: none of its deliveries goes on.
async fn give_up(app: &App, claimed: &Claimed) -> Result<Outcome, Fault> {
    let id = PostId::new(claimed.subject);
    let Some(turn) = app.0.store.begin_fan_out(id, claimed.generation).await? else {
        return Ok(Outcome::Done);
    };
    let failure = show::failure(&quarantine::failure());
    let waiting = turn.post.deliveries.iter().filter(|d| d.status == Status::Validating);
    let plan: Vec<Planned> = waiting
        .map(|delivery| Planned {
            id: delivery.id,
            failure: Some(failure.clone()),
            wake: None,
            look: None,
        })
        .collect();
    turn.commit(&plan).await?;
    Ok(Outcome::Done)
}

/// What stands against publishing on an account, as the API shows it.
pub(crate) fn objection(
    account: &Account,
    profile: Profile,
    draft: &Draft,
    assets: &BTreeMap<AssetId, AssetFacts>,
) -> Option<serde_json::Value> {
    if let Some(reason) = account.needs_reconnect() {
        let detail = reconnect(&account.handle, reason);
        return Some(show::failure(&Failure::Auth { revoked: true, detail }));
    }
    let platform = platforms::find(&account.platform)?;
    let mut problems = Vec::new();
    let content = platform.content(profile, draft, &mut problems);
    problems.extend(validate::check(platform, profile, &account.kind, &content, assets));
    show::rejections(&problems)
}

/// The wake-up of a delivery: early enough to stage its media, else at its due time.
fn publish(app: &App, delivery: &Shown, account: &Account, draft: &Draft, now: Timestamp) -> Arm {
    let address = accounts::address(account);
    let adapter = platforms::find(&account.platform).and_then(|platform| platform.adapter());
    // Where media are fetched, a text too is first put into a container.
    let is_staged = adapter.is_some_and(|adapter| adapter.pulls_media())
        || !draft.media.is_empty()
        || draft.medias.contains_key(&account.platform)
        || draft.options.get(&account.platform).is_some_and(|o| o.contains_key("thread"));
    let settings = app.0.settings.platforms.get(&account.platform);
    let staging =
        settings.filter(|_| is_staged).map_or(Duration::ZERO, |settings| settings.staging);
    let start = delivery.due_at - staging;
    Arm {
        kind: JobKind::Publish,
        queue: targets::publish_queue(&account.platform),
        subject: delivery.id.uuid(),
        shard: app.shard(&address.app_key()),
        group: address.group(),
        lane: address.lane(),
        due_at: Some(start.max(now)),
    }
}
