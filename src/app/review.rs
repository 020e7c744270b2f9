//! Settles by hand what no look-up could: a person says whether a delivery is out.
//!
//! Invariant: nothing is sent from here. What is to be sent goes the way of every other delivery,
//! behind an intent of its own.

use crate::caller::Caller;
use crate::material::{Files, Material};
use crate::reposts::address;
use crate::why::DeliveryPage;
use crate::{Answer, App, Refused, checkpoints, copies, later, operate, show, targets, why};
use base::text::clean;
use base::{Context, Fault};
use domain::capability::Profile;
use domain::content::Content;
use domain::failure::Failure;
use domain::id::DeliveryId;
use domain::post::Stage;
use domain::rejection::{Rejection, Rule};
use domain::review::{Claim, Statement};
use domain::timeline::{Fact, Line, Page, Stored};
use http::Uri;
use platforms::{Adapter, Receipt, Step};
use serde_json::Value;
use store::deliveries::Loaded;
use store::jobs::{Arm, JobKind};
use store::reviews::{End, Review, Reviewed};

/// Settles a delivery that is under review, as a person states.
///
/// # Errors
/// When Postgres fails.
pub async fn review(
    app: &App,
    caller: &Caller,
    id: DeliveryId,
    statement: &Statement,
) -> Answer<DeliveryPage> {
    let nowhere = || Refused::NotFound(format!("There is no delivery {id}."));
    // The kind only chooses the wake-up that is shown; under review there is none.
    let loaded = app.0.store.load_deliveries(JobKind::Publish.as_str(), vec![id]).await?;
    let Some(row) = loaded.into_iter().flatten().find(|row| row.tenant == caller.tenant) else {
        return Ok(Err(nowhere()));
    };
    // The reason goes into the audit as one line, and may not be empty then either.
    let reason = clean(&statement.reason);
    if reason.trim().is_empty() {
        let rejection = Rejection::request(Rule::Required, "reason", "`reason` says nothing.");
        return Ok(Err(Refused::Invalid(vec![rejection.resolve("Say how you know.")])));
    }
    let (end, remote_id) = match end(app, &row, &statement.claim, &reason).await? {
        Ok(end) => end,
        Err(refused) => return Ok(Err(refused)),
    };
    let actor = caller.actor();
    let stated = statement.claim.as_str().to_owned();
    let line = Line { at: row.now, fact: Fact::Review { actor: actor.clone(), stated } };
    let page = Page { lines: vec![line], dropped: 0 };
    let written = app.0.store.review(Review {
        tenant: caller.tenant,
        delivery: id,
        account: row.account,
        revision: row.revision,
        checkpoint_no: row.checkpoint_no,
        actor: &actor,
        reason: &reason,
        remote_id: remote_id.as_deref(),
        end,
        // Words and instants always serialize.
        lines: serde_json::to_value(Stored::V1(page)).unwrap_or(Value::Null),
    });
    match written.await? {
        Reviewed::Done(owed) => {
            tracing::warn!(delivery = %id, actor, stated = statement.claim.as_str(),
                "a person settled a review");
            app.wake(&owed).await;
            why::delivery(app, caller, id).await
        }
        Reviewed::Nowhere => Ok(Err(nowhere())),
        Reviewed::Elsewhere(status) => Ok(Err(Refused::Conflict {
            code: "not_in_review",
            message: format!("Delivery {id} is {status}: only one under review can be settled."),
        })),
        Reviewed::Moved => Ok(Err(Refused::Conflict {
            code: "changed_meanwhile",
            message: format!("Delivery {id} has changed meanwhile; look at it and state it again."),
        })),
        Reviewed::Taken(other) => Ok(Err(Refused::Conflict {
            code: "remote_id_taken",
            message: format!("That post is the receipt of delivery {other} already."),
        })),
    }
}

type Decided = Result<(End, Option<String>), Refused>;

/// What follows from a claim, and the remote id that was stated.
async fn end(app: &App, row: &Loaded, claim: &Claim, reason: &str) -> Result<Decided, Fault> {
    match claim {
        Claim::Published { permalink, remote_id } => {
            published(app, row, permalink, remote_id.as_deref()).await
        }
        Claim::Send if row.stage != Stage::Live => Ok(Err(Refused::Conflict {
            code: "not_live",
            message: format!("Its post is {}: nothing of it is sent.", row.stage.as_str()),
        })),
        Claim::Send => Ok(Ok((End::Send { wake: wake(app, row) }, None))),
        Claim::Drop => {
            let detail = format!("a person settled that it is not out and is not to be: {reason}");
            let failure = show::failure(&Failure::Content { field: None, detail });
            Ok(Ok((End::Drop { failure }, None)))
        }
    }
}

async fn published(
    app: &App,
    row: &Loaded,
    permalink: &str,
    remote_id: Option<&str>,
) -> Result<Decided, Fault> {
    let platform = platforms::find(&row.platform).context("a stored platform is unknown")?;
    let adapter = platforms::dialect(&row.platform, &row.app);
    let adapter = adapter.context("a stored platform has no adapter")?;
    let (permalink, remote_id) = match place(app, row, adapter, permalink, remote_id) {
        Ok(place) => place,
        Err(rejection) => return Ok(Err(Refused::Invalid(vec![*rejection]))),
    };
    let content = platform.content(Profile::Extended, &row.draft, &mut Vec::new());
    let stated = Some(remote_id.clone());
    if content.segments.len() < 2 {
        let wakes = followed(app, row);
        return Ok(Ok((End::Published { remote_id, permalink, checkpoint: None, wakes }, stated)));
    }
    Ok(adopted(app, row, adapter, (content, &remote_id)).await?.map(|end| (end, stated)))
}

/// What follows when a part of a chain, the one in doubt, is out under this id.
async fn adopted(
    app: &App,
    row: &Loaded,
    adapter: &dyn Adapter,
    (content, remote_id): (Content, &str),
) -> Result<Result<End, Refused>, Fault> {
    let material = Material::gather(app, row, adapter, (content, Files::Needed)).await?;
    let view = material.view(row, row.now);
    let stored = match row.checkpoint.clone() {
        Some(stored) => {
            let (of, no) = ((row.tenant, row.id), row.checkpoint_no);
            match checkpoints::open(app, adapter, of, no, stored).await? {
                Ok(checkpoint) => later::readable(adapter, checkpoint)?,
                Err(failure) => {
                    let message = failure.detail().to_owned();
                    return Ok(Err(Refused::Conflict { code: "checkpoint_damaged", message }));
                }
            }
        }
        None => adapter.publish().start(&view),
    };
    let Some(adopted) = adapter.reconcile().adopt(&stored, remote_id, &view) else {
        return Ok(Err(Refused::Conflict {
            code: "not_the_part_in_doubt",
            message: format!("{remote_id} cannot be the part of the chain that is in doubt."),
        }));
    };
    let next = adapter.publish().next(&adopted, &view);
    let checkpoint = match adapter.has_secret_checkpoints() {
        true => {
            let of = (row.tenant, row.id);
            checkpoints::seal(app, of, row.checkpoint_no + 1, &adopted.0).await?
        }
        false => adopted.0,
    };
    let end = match next {
        Step::Published(Receipt { remote_id, permalink }) => {
            let permalink = reachable(app, row, permalink);
            let wakes = followed(app, row);
            End::Published { remote_id, permalink, checkpoint: Some(checkpoint), wakes }
        }
        Step::Call(_) | Step::Wait(_) if row.stage == Stage::Live => {
            End::GoOn { checkpoint, wake: wake(app, row) }
        }
        Step::Call(_) | Step::Wait(_) => {
            return Ok(Err(Refused::Conflict {
                code: "not_live",
                message: format!("Its post is {}: the rest is not sent.", row.stage.as_str()),
            }));
        }
    };
    Ok(Ok(end))
}

/// The link as it is kept, and the id it names or that was stated beside it.
fn place(
    app: &App,
    row: &Loaded,
    adapter: &dyn Adapter,
    link: &str,
    stated: Option<&str>,
) -> Result<(String, String), Box<Rejection>> {
    let broken = |rule, field: &str, message: String| {
        Box::new(Rejection::request(rule, field, message).on(&row.platform))
    };
    let hosts = adapter.reconcile().page_hosts();
    let foreign = || {
        let message = format!("`permalink` is no link to a post on {}.", row.platform);
        let way = "Copy the address of the post from the browser.";
        broken(Rule::OutOfRange, "permalink", message).bounds(hosts, link).resolve(way)
    };
    let uri: Uri = link.parse().map_err(|_| foreign())?;
    let base = app.0.settings.platforms.get(&row.platform).map(|settings| &settings.base);
    let has_user = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    let is_page = uri.scheme_str() == Some("https")
        && uri.host().is_some_and(|host| hosts.contains(&host.to_ascii_lowercase().as_str()))
        && uri.port().is_none();
    let below = base.and_then(|base| base.rest(&uri));
    let path = match (is_page, below) {
        _ if has_user => return Err(foreign().into()),
        (_, Some(below)) => below,
        (true, None) => uri.path_and_query().map_or("", |path| path.as_str()),
        (false, None) => return Err(foreign().into()),
    };
    let read = adapter.reconcile().id_in_page(path);
    let remote_id = match (read, stated) {
        (Some(read), Some(stated)) if read != stated => {
            let message = format!("`remoteId` is {stated}, but the link names {read}.");
            let rejection = broken(Rule::Conflict, "remoteId", message).bounds(read, stated);
            return Err(rejection.resolve("Leave `remoteId` out.").into());
        }
        (Some(read), _) => read,
        (None, Some(stated)) => stated.to_owned(),
        (None, None) => {
            let message = "The link does not tell the platform's id of the post.".to_owned();
            let way = "Give a link to the post itself, or its id in `remoteId`.";
            return Err(broken(Rule::Required, "remoteId", message)
                .bounds(1, 0)
                .resolve(way)
                .into());
        }
    };
    Ok((reachable(app, row, uri.to_string()), remote_id))
}

/// A link of the platform, turned to where its calls go, as the receipts of workers are.
fn reachable(app: &App, row: &Loaded, permalink: String) -> String {
    app.0.settings.reachable(&row.platform, permalink)
}

/// What is owed of it once it is out.
fn followed(app: &App, row: &Loaded) -> Vec<Arm> {
    let rule = operate::rule_of((&row.platform, &row.app), &row.draft);
    let reposts = rule.map(|_| operate::arm(app, address(row), row.id, None));
    reposts.into_iter().chain(copies::after(app, row, None)).collect()
}

fn wake(app: &App, row: &Loaded) -> Arm {
    let address = address(row);
    Arm {
        kind: JobKind::Publish,
        queue: targets::publish_queue(&row.platform),
        subject: row.id.uuid(),
        shard: app.shard(&address.app_key()),
        group: address.group(),
        lane: address.lane(),
        due_at: None,
    }
}
