//! Publishing on Threads: a container for each file of a carousel, one for the segment, and its
//! publication; then the next segment, as a reply to the one before. How a post is taken back
//! stands in `operate.rs`.
//!
//! Every container may be made again: one that is never published is dropped after a day. Only
//! the publication counts, and its answer is an id like that of a container; so what an answer
//! belongs to is told by the checkpoint alone, and the one question that is put out of turn (is
//! an old container still good?) has an answer of another shape, with a status in it.
//! Invariant: a container is published only after it was seen `FINISHED`, and again only after
//! it was looked at again; one whose publication went unanswered is never replaced on the way. A
//! segment whose id stands in the checkpoint is never made again.

mod call;
mod operate;
mod position;
mod quota;

pub(super) use call::{list, status};
pub(super) use position::{Look, Made, Position, Stage, Why};

use super::reconcile::Wanted;
use super::wire::{List, Named, Post};
use super::{Threads, errors};
use crate::meta;
use crate::port::{Checkpoint, Operation, Publish, Receipt, Reply, Step, View};
use domain::failure::{Effect, Failure};
use domain::time::Timestamp;
use operate::Operating;
use position::Stored;
use std::time::Duration;

/// docs, posts: a container expires after 24 h; one that is older than this is not relied upon.
const CONTAINER_LIFE: Duration = Duration::from_secs(23 * 3_600);
/// A file that takes longer counts as stuck. The docs ask for looks over five minutes (assumed:
/// three times that for a long film).
const PROCESSING_MAX: Duration = Duration::from_secs(15 * 60);
/// Peers saw a container become visible within two minutes of its making, or never.
const VISIBLE_WITHIN: Duration = Duration::from_secs(120);
/// docs, create-posts: some 30 seconds between a container and its publication.
const SEEN_AFTER: Duration = Duration::from_secs(30);
/// A fresh post can be answered after 2 seconds to 15 minutes (observed; platforms/threads.md
/// section 4).
const ANSWERED_WITHIN: Duration = Duration::from_secs(15 * 60);
/// The waits before another try to answer a fresh post; the last one again and again.
const ANSWERS: [u64; 5] = [2, 5, 15, 30, 60];
/// The waits before the looks for a post in the list; the last one again and again.
const LOOKS: [u64; 5] = [2, 5, 10, 30, 60];
/// Looks for a post that is out, before it is settled without its own id.
const LOOKS_MAX: u32 = 10;

impl Publish for Threads {
    fn start(&self, view: &View<'_>) -> Checkpoint {
        if view.operation != Operation::Publish {
            return Stored::Operation(Operating::start(view)).save();
        }
        Position::default().at(Stage::Quota { container: None }).save()
    }

    fn reads(&self, at: &Checkpoint) -> bool {
        serde_json::from_value::<Stored>(at.0.clone()).is_ok()
    }

    fn outlives(&self, at: &Checkpoint, until: Timestamp) -> bool {
        Position::load(at).is_some_and(|position| position.outlives(until))
    }

    fn next(&self, at: &Checkpoint, view: &View<'_>) -> Step {
        let position = match Stored::load(at) {
            Stored::V1(position) => position,
            Stored::Operation(operating) => return operating.next(view),
        };
        if let Some(old) = position.old(view.now) {
            return Step::Call(Box::new(status(old)));
        }
        let call = match &position.stage {
            Stage::Quota { .. } => quota::ask(&position, view),
            Stage::Create { from: Some(from) } if view.now < *from => return Step::Wait(*from),
            Stage::Create { .. } => call::create(&position, view),
            Stage::Check { check_at, .. } if view.now < *check_at => {
                return Step::Wait(*check_at);
            }
            Stage::Check { container, .. } => status(container),
            Stage::Publish { container } => call::publish(&position, container),
            Stage::Find { look_at, .. } if view.now < *look_at => return Step::Wait(*look_at),
            Stage::Find { .. } => list(&position, None),
            Stage::Link { post } => call::permalink(post),
            Stage::Done { post, link } => {
                let handle = &view.account.handle;
                return Step::Published(call::receipt(post, link.as_deref(), handle));
            }
        };
        Step::Call(Box::new(call))
    }

    fn read(&self, at: &Checkpoint, reply: &Reply, view: &View<'_>) -> Result<Checkpoint, Failure> {
        let position = match Stored::load(at) {
            Stored::V1(position) => position,
            Stored::Operation(operating) => {
                return operating.read(reply).map(|next| Stored::Operation(next).save());
            }
        };
        let next = match position.stage.clone() {
            Stage::Quota { container } => quota::read(position, container, reply, view)?,
            Stage::Create { .. } => made(position, reply, view)?,
            Stage::Publish { container } => published(position, container, reply, view)?,
            Stage::Check { container, looks, .. } => {
                checked(position, (container, looks), reply, view)?
            }
            Stage::Find { container, looks, is_out, .. } => {
                looked(position, (container, looks, is_out), reply, view)?
            }
            Stage::Link { post } => {
                let told: Post = serde_json::from_slice(&reply.body).unwrap_or_default();
                position.linked(&post, told.permalink, view)
            }
            Stage::Done { .. } => position,
        };
        Ok(next.save())
    }

    fn recover(&self, at: &Checkpoint, why: &Failure, view: &View<'_>) -> Checkpoint {
        let position = match Stored::load(at) {
            Stored::V1(position) => position,
            Stored::Operation(operating) => {
                return Stored::Operation(operating.recover(why)).save();
            }
        };
        let recovered = match position.stage.clone() {
            // It is out: whatever failed after that is not worth another try.
            Stage::Link { post } => position.linked(&post, None, view),
            // What answers a segment needs its id, so that one is looked for further.
            Stage::Find { is_out: true, .. } if !position.is_last(view) => position,
            Stage::Find { container, is_out: true, .. } => {
                position.unlisted(&container, view.now, view)
            }
            Stage::Find { container, is_out: false, .. } => position.check(container, view.now),
            Stage::Done { .. } => position,
            Stage::Quota { container } => quota::recover(position, container, why, view.now),
            Stage::Create { .. } => position.without_children(why, view.now),
            Stage::Check { container, .. } => after(position, container, why, view.now),
            // Silence changes nothing: what became of it is asked from here.
            Stage::Publish { .. } if matches!(why, Failure::Unknown { .. }) => position,
            Stage::Publish { container } => after(position, container, why, view.now),
        };
        recovered.save()
    }

    fn segments(&self, at: &Checkpoint, handle: &str) -> Vec<Receipt> {
        let posts = Position::peek(at).map(|position| position.posts).unwrap_or_default();
        let receipt = |out: &position::Out| call::receipt(&out.id, out.link.as_deref(), handle);
        posts.iter().map(receipt).collect()
    }
}

/// Where to go on after a container was refused, or its look or publication failed.
fn after(position: Position, container: Made, why: &Failure, now: Timestamp) -> Position {
    let is_young = now.since(container.at) < VISIBLE_WITHIN;
    let is_lost = meta::is_gone(why) || meta::is_not_ready(why) && !is_young;
    match why {
        // After a publication in doubt, a container that is not there may be one that is out.
        _ if is_lost && position.is_doubted => {
            let find = Stage::Find { container, looks: 0, look_at: now, is_out: false };
            position.at(find)
        }
        _ if is_lost => position.renewed(),
        // A user asked for another try.
        Failure::Content { .. } | Failure::Media { .. } if !position.is_doubted => {
            position.renewed()
        }
        // How many posts are left is asked before the platform has to refuse another one.
        Failure::RateLimit { .. } if matches!(position.stage, Stage::Publish { .. }) => {
            position.at(Stage::Quota { container: Some(container) })
        }
        // A check that failed is made again as it was; before a publication that was refused is
        // made again, the container is looked at.
        _ if matches!(position.stage, Stage::Publish { .. }) => position.check(container, now),
        _ => position,
    }
}

/// What the answer to a create leads to, or that to the question after an old container.
fn made(position: Position, reply: &Reply, view: &View<'_>) -> Result<Position, Failure> {
    if errors::is_unseen(reply) {
        return unanswerable(position, reply, view);
    }
    match serde_json::from_slice::<Named>(&reply.body) {
        Ok(Named { status: Some(_), .. }) => Ok(position.renewed()),
        Ok(Named { id, .. }) if !id.is_empty() => {
            Ok(position.check(Made { id, at: reply.at }, reply.at))
        }
        Ok(_) | Err(_) => Err(meta::unreadable(Effect::Repeatable, reply)),
    }
}

/// The create names something that is not there. A segment that went out just now is not visible
/// to its answer for a while: that is waited for, and no failure.
fn unanswerable(position: Position, reply: &Reply, view: &View<'_>) -> Result<Position, Failure> {
    let age = position.parent().map(|parent| reply.at.since(parent.at));
    match age.filter(|age| position.child(view).is_none() && *age < ANSWERED_WITHIN) {
        Some(age) => {
            let wait = ANSWERS.into_iter().find(|wait| age < Duration::from_secs(2 * wait));
            let wait = Duration::from_secs(wait.unwrap_or(ANSWERS[ANSWERS.len() - 1]));
            Ok(position.at(Stage::Create { from: Some(reply.at + wait) }))
        }
        None => Err(errors::failure(Effect::Repeatable, reply)),
    }
}

/// What the answer to a publication leads to, or that to the question after an old container.
fn published(
    position: Position,
    container: Made,
    reply: &Reply,
    view: &View<'_>,
) -> Result<Position, Failure> {
    // Only the question out of turn can bring the refusal that proves a publication.
    if errors::proves_publication(reply) {
        return Ok(position.out(container, reply.at));
    }
    if errors::is_unseen(reply) {
        return unseen(position, container, reply);
    }
    match serde_json::from_slice::<Named>(&reply.body) {
        Ok(Named { status: Some(status), .. }) if status == "PUBLISHED" => {
            Ok(position.out(container, reply.at))
        }
        Ok(Named { status: Some(_), .. }) => Ok(position.renewed()),
        Ok(Named { id, .. }) if !id.is_empty() => Ok(position.out_as(&id, None, reply.at, view)),
        Ok(_) | Err(_) => Err(meta::unreadable(Effect::Irreversible, reply)),
    }
}

/// A fresh container is not visible everywhere at once: the same one is published a little later.
/// One that stays out of sight never comes back, and costs an attempt.
fn unseen(position: Position, container: Made, reply: &Reply) -> Result<Position, Failure> {
    if reply.at.since(container.at) >= VISIBLE_WITHIN {
        return Err(errors::failure(Effect::Repeatable, reply));
    }
    let check_at = reply.at + SEEN_AFTER;
    Ok(position.at(Stage::Check { container, looks: 0, check_at }))
}

/// What the status of a container leads to that was looked at so often before.
fn checked(
    mut position: Position,
    (container, looks): (Made, u32),
    reply: &Reply,
    view: &View<'_>,
) -> Result<Position, Failure> {
    if errors::proves_publication(reply) {
        return Ok(position.out(container, reply.at));
    }
    if errors::is_unseen(reply) {
        return unseen(position, container, reply);
    }
    let told: Option<Named> = serde_json::from_slice(&reply.body).ok();
    let (status, error_message) =
        told.map(|named| (named.status, named.error_message)).unwrap_or_default();
    let age = reply.at.since(container.at);
    let child = position.child(view);
    match status.as_deref() {
        Some("PUBLISHED") => Ok(position.out(container, reply.at)),
        // After a publication in doubt neither is proof that nothing is out.
        Some(status @ ("EXPIRED" | "ERROR")) if position.is_doubted => {
            let detail = format!("the container is {status} after a publication in doubt");
            Err(Failure::Unknown { detail })
        }
        // A publication that was refused for certain left nothing behind.
        Some("EXPIRED") => Ok(position.renewed()),
        Some("FINISHED") if age >= CONTAINER_LIFE && !position.is_doubted => Ok(position.renewed()),
        Some("FINISHED") if child.is_some() => {
            position.children.push(container);
            Ok(position.at(Stage::default()))
        }
        Some("FINISHED") => Ok(position.at(Stage::Publish { container })),
        Some("IN_PROGRESS") if age > PROCESSING_MAX => {
            Err(meta::gone("it was in processing for more than 15 minutes"))
        }
        Some("IN_PROGRESS") => {
            let check_at = reply.at + meta::check_after(looks);
            Ok(position.at(Stage::Check { container, looks: looks + 1, check_at }))
        }
        Some("ERROR") => {
            let files = position.segment(view).media.len();
            let asset = child.or(if files == 1 { Some(0) } else { None });
            let asset = asset.map(|number| position.first_asset(view) + number);
            Err(errors::broken(error_message.as_deref(), asset, files > 0))
        }
        _ => Err(meta::unreadable(Effect::Repeatable, reply)),
    }
}

/// What the list of posts leads to when a post without an id is looked for.
fn looked(
    position: Position,
    (container, looks, is_out): (Made, u32, bool),
    reply: &Reply,
    view: &View<'_>,
) -> Result<Position, Failure> {
    let list: Option<List> = serde_json::from_slice(&reply.body).ok();
    let wanted = Wanted::of(&position, view);
    let mut fitting = list.iter().flat_map(|list| &list.data).filter(|post| wanted.fits(post));
    match (fitting.next(), fitting.next()) {
        // The container says that it is out: the newest one that fits is it.
        (Some(post), other) if is_out || other.is_none() => {
            Ok(position.out_as(&post.id, post.permalink.as_deref(), reply.at, view))
        }
        _ if !is_out => {
            Err(Failure::Unknown { detail: "neither container nor post can be seen".into() })
        }
        _ if looks + 1 >= LOOKS_MAX && !position.is_last(view) => {
            let detail = "a part of the chain is out, and the list does not tell its id";
            Err(Failure::Unknown { detail: detail.into() })
        }
        // It is out under an id that the list does not tell; the container's stands for it.
        _ if looks + 1 >= LOOKS_MAX => Ok(position.unlisted(&container, reply.at, view)),
        _ => {
            let looks = looks + 1;
            let look_at = reply.at + look_after(looks);
            Ok(position.at(Stage::Find { container, looks, look_at, is_out }))
        }
    }
}

/// How long to wait before the look for a post that so many went before.
pub(super) fn look_after(looks: u32) -> Duration {
    let at = usize::try_from(looks).unwrap_or(usize::MAX).min(LOOKS.len() - 1);
    Duration::from_secs(LOOKS[at])
}
