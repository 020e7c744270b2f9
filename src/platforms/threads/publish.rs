//! Publishing on Threads: a container for each file of a carousel, one for the post, and its
//! publication.
//!
//! Every container may be made again: one that is never published is dropped after a day. Only
//! the publication counts, and its answer is an id like that of a container; so what an answer
//! belongs to is told by the checkpoint alone, and the one question that is put out of turn (is
//! an old container still good?) has an answer of another shape, with a status in it.
//! Invariant: a container is published only after it was seen `FINISHED`, and again only after
//! it was looked at again; one whose publication went unanswered is never replaced on the way.

mod call;
mod position;

pub(super) use call::{list, status};
pub(super) use position::{Look, Made, Position, Stage, Why};

use super::reconcile::Wanted;
use super::wire::{List, Named, Post};
use super::{Threads, errors};
use crate::meta;
use crate::port::{Checkpoint, Publish, Reply, Step, View};
use domain::content::Segment;
use domain::failure::{Effect, Failure};
use domain::time::Timestamp;
use std::time::Duration;

/// docs, posts: a container expires after 24 h; one that is older than this is not relied upon.
const CONTAINER_LIFE: Duration = Duration::from_secs(23 * 3_600);
/// A file that takes longer counts as stuck. The docs ask for looks over five minutes (assumed:
/// three times that for a long film).
const PROCESSING_MAX: Duration = Duration::from_secs(15 * 60);
/// Peers saw a container become visible within two minutes of its making, or never.
const VISIBLE_WITHIN: Duration = Duration::from_secs(120);
/// The waits before the looks for a post in the list; the last one again and again.
const LOOKS: [u64; 5] = [2, 5, 10, 30, 60];
/// Looks for a post that is out, before it is settled without its own id.
const LOOKS_MAX: u32 = 10;

impl Publish for Threads {
    fn start(&self, _view: &View<'_>) -> Checkpoint {
        Position::default().save()
    }

    fn next(&self, at: &Checkpoint, view: &View<'_>) -> Step {
        let position = Position::load(at);
        if let Some(old) = position.old(view.now) {
            return Step::Call(Box::new(status(old)));
        }
        let call = match &position.stage {
            Stage::Create => call::create(&position.children, view),
            Stage::Check { check_at, .. } if view.now < *check_at => {
                return Step::Wait(*check_at);
            }
            Stage::Check { container, .. } => status(container),
            Stage::Publish { container } => call::publish(container),
            Stage::Find { look_at, .. } if view.now < *look_at => return Step::Wait(*look_at),
            Stage::Find { .. } => list(None),
            Stage::Link { post } => call::permalink(post),
            Stage::Done { post, link } => {
                return Step::Published(call::receipt(post, link.as_deref(), view));
            }
        };
        Step::Call(Box::new(call))
    }

    fn read(&self, at: &Checkpoint, reply: &Reply, view: &View<'_>) -> Result<Checkpoint, Failure> {
        let position = Position::load(at);
        let next = match position.stage.clone() {
            Stage::Create | Stage::Publish { .. } => read_named(position, reply)?,
            Stage::Check { container, looks, .. } => {
                checked(position, (container, looks), reply, view)?
            }
            Stage::Find { container, looks, is_out, .. } => {
                looked(position, (container, looks, is_out), reply, view)?
            }
            Stage::Link { post } => {
                let told: Post = serde_json::from_slice(&reply.body).unwrap_or_default();
                position.at(Stage::Done { post, link: told.permalink })
            }
            Stage::Done { .. } => position,
        };
        Ok(next.save())
    }

    fn recover(&self, at: &Checkpoint, why: &Failure, view: &View<'_>) -> Checkpoint {
        let position = Position::load(at);
        let recovered = match position.stage.clone() {
            // It is out: whatever failed after that is not worth another try.
            Stage::Link { post } => position.at(Stage::Done { post, link: None }),
            Stage::Find { container, is_out: true, .. } => {
                position.at(Stage::Done { post: container.id, link: None })
            }
            Stage::Find { container, is_out: false, .. } => position.check(container, view.now),
            Stage::Done { .. } => position,
            Stage::Create => position.without_children(why, view.now),
            Stage::Check { container, .. } => after(position, container, why, view.now),
            // Silence changes nothing: what became of it is asked from here.
            Stage::Publish { .. } if matches!(why, Failure::Unknown { .. }) => position,
            Stage::Publish { container } => after(position, container, why, view.now),
        };
        recovered.save()
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
        // A check that failed is made again as it was; before a publication that was refused is
        // made again, the container is looked at.
        _ if matches!(position.stage, Stage::Publish { .. }) => position.check(container, now),
        _ => position,
    }
}

/// The answer to a create or a publication, or to the question after an old container.
fn read_named(position: Position, reply: &Reply) -> Result<Position, Failure> {
    let effect = match position.stage {
        Stage::Publish { .. } => Effect::Irreversible,
        _ => Effect::Repeatable,
    };
    // Only the question out of turn can bring the refusal that proves a publication.
    let is_out = errors::proves_publication(reply);
    let named: Option<Named> = serde_json::from_slice(&reply.body).ok();
    match (position.stage.clone(), named) {
        (Stage::Publish { container }, _) if is_out => Ok(position.out(container, reply.at)),
        (Stage::Publish { container }, Some(Named { status: Some(status), .. })) => {
            if status == "PUBLISHED" {
                Ok(position.out(container, reply.at))
            } else {
                Ok(position.renewed())
            }
        }
        (_, Some(Named { status: Some(_), .. })) => Ok(position.renewed()),
        (_, Some(Named { id, .. })) if id.is_empty() => Err(meta::unreadable(effect, reply)),
        (Stage::Publish { .. }, Some(Named { id, .. })) => {
            Ok(position.at(Stage::Link { post: id }))
        }
        (_, Some(Named { id, .. })) => Ok(position.check(Made { id, at: reply.at }, reply.at)),
        (_, None) => Err(meta::unreadable(effect, reply)),
    }
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
            Ok(position.at(Stage::Create))
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
            let files = segment(view).media.len();
            let asset = child.or(if files == 1 { Some(0) } else { None });
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
    let wanted = Wanted::of(view);
    let mut fitting = list.iter().flat_map(|list| &list.data).filter(|post| wanted.fits(post));
    match (fitting.next(), fitting.next()) {
        // The container says that it is out: the newest one that fits is it.
        (Some(post), other) if is_out || other.is_none() => Ok(position.at(Stage::found(post))),
        _ if !is_out => {
            Err(Failure::Unknown { detail: "neither container nor post can be seen".into() })
        }
        // It is out under an id that the list does not tell; the container's stands for it.
        _ if looks + 1 >= LOOKS_MAX => {
            Ok(position.at(Stage::Done { post: container.id, link: None }))
        }
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

/// The wording and the files: Threads, as this product uses it, has no chain.
pub(super) fn segment<'a>(view: &View<'a>) -> &'a Segment {
    match view.content.segments.first() {
        Some(segment) => segment,
        None => panic!("a post has a segment"),
    }
}
