//! Finding out what became of a publication that nobody answered: by the state of its container,
//! then by the account's list of posts.
//!
//! The container knows that it was published, not as what; the list knows that.
//! Invariant: `Absent` is said only of a container that waits to be published still, or of a
//! broken one when the list, seen back to the intent, does not show the post. One that is expired
//! or not known any more proves nothing.

use super::publish::{Position, Search, Stage, Told, list, look};
use super::wire::Status;
use super::{Instagram, errors};
use crate::meta;
use crate::port::{Call, Checkpoint, Reconcile, Reply, Verdict, View};
use domain::failure::Effect;

/// The state of the container, then so many pages of the list at most.
const ROUNDS_MAX: u32 = 20;

impl Reconcile for Instagram {
    fn ask(&self, at: &Checkpoint, round: u32, view: &View<'_>) -> Option<Call> {
        view.intended_at?;
        let position = Position::load(at);
        let Stage::Publish { search } = &position.stage else {
            return None;
        };
        match search {
            // A look-up that was broken off begins anew.
            Some(search) if round > 0 => Some(list::call(search.after.as_deref(), view)),
            _ => position.own().map(|container| look(container, view)),
        }
    }

    /// The container is what can be asked.
    fn finds_by_wording(&self, _view: &View<'_>) -> bool {
        false
    }

    /// Their links carry a short code, which is not the id.
    fn page_hosts(&self) -> &'static [&'static str] {
        &["www.instagram.com", "instagram.com"]
    }

    fn judge(&self, at: &Checkpoint, round: u32, reply: &Reply, view: &View<'_>) -> Verdict {
        let position = Position::load(at);
        match &position.stage {
            Stage::Publish { search: Some(search) } if round > 0 => {
                let search = search.clone();
                judge_list(position, search, (round, reply), view)
            }
            Stage::Publish { .. } => judge_state(position, reply),
            _ => Verdict::Undecided("nothing of this post was under way".into()),
        }
    }
}

/// What the container says of itself.
fn judge_state(mut position: Position, reply: &Reply) -> Verdict {
    let status = reply.status.as_u16();
    let state = match errors::classify(Effect::Repeatable, reply) {
        Some(failure) if meta::is_gone(&failure) => Told::Lost,
        Some(_) => {
            return Verdict::Undecided(format!("the container answered HTTP {status}"));
        }
        None => match serde_json::from_slice::<Status>(&reply.body) {
            Ok(told) => match told.status_code.as_str() {
                // Not published: the same container can still be.
                "FINISHED" | "IN_PROGRESS" => {
                    position.stage = Stage::Publish { search: None };
                    return Verdict::Absent(position.save());
                }
                "PUBLISHED" => Told::Published,
                "ERROR" => Told::Broken,
                "EXPIRED" => Told::Lost,
                _ => return Verdict::Undecided("the container's state is not documented".into()),
            },
            Err(_) => {
                return Verdict::Undecided("the container is not in the documented form".into());
            }
        },
    };
    position.stage = Stage::Publish { search: Some(Search { state, after: None }) };
    Verdict::More(position.save())
}

/// What the list shows.
fn judge_list(
    mut position: Position,
    search: Search,
    (round, reply): (u32, &Reply),
    view: &View<'_>,
) -> Verdict {
    let state = search.state;
    let posts = match errors::classify(Effect::Repeatable, reply) {
        Some(failure) => Err(failure),
        None => list::read(reply),
    };
    let Ok(posts) = posts else {
        if state == Told::Published {
            return found_by_container(position, reply);
        }
        return Verdict::Undecided("the list of posts could not be read".into());
    };
    let mut ids = posts.found(view);
    match (ids.next(), ids.next()) {
        // Ours is among them for sure only when the container says that it is out.
        (Some(_), Some(_)) if state != Told::Published => {
            return Verdict::Undecided("several posts of this time look the same".into());
        }
        // Any image without words looks like any other.
        (Some(_), None) if state != Told::Published && is_wordless(view) => {
            return Verdict::Undecided("a post without words is like every other".into());
        }
        (Some(id), _) => {
            let remote_id = id.to_owned();
            position.stage = Stage::Link { media_id: remote_id.clone() };
            return Verdict::Found { checkpoint: position.save(), remote_id };
        }
        (None, _) => {}
    }
    drop(ids);
    let is_complete = view.intended_at.is_some_and(|intended_at| posts.reaches_back(intended_at));
    let after = posts.paging.after().filter(|_| !is_complete);
    if after.is_some() && round + 1 < ROUNDS_MAX {
        position.stage = Stage::Publish { search: Some(Search { state, after }) };
        return Verdict::More(position.save());
    }
    match state {
        Told::Published => found_by_container(position, reply),
        _ if after.is_some() => {
            Verdict::Undecided("the list of posts does not reach back to the call".into())
        }
        // What is broken cannot be published any more.
        Told::Broken => Verdict::Absent(position.renewed().save()),
        Told::Lost => {
            let told = "the container is not there any more, and the list does not show the post";
            Verdict::Undecided(told.into())
        }
    }
}

fn is_wordless(view: &View<'_>) -> bool {
    view.content.segments.iter().all(|segment| segment.text.trim().is_empty())
}

/// It is out, but not in the list yet: its container proves it until its id is seen.
fn found_by_container(mut position: Position, reply: &Reply) -> Verdict {
    let Some(remote_id) = position.own().map(|own| own.id().to_owned()) else {
        return Verdict::Undecided("nothing of this post was under way".into());
    };
    position.find(reply.at);
    Verdict::Found { checkpoint: position.save(), remote_id }
}
