//! Finding out what became of a publication that nobody answered.
//!
//! The container is asked first, for it knows; the list of posts then tells the id, or that of
//! replies when the segment is one. A container that is published, but not in the list yet, is
//! found under its own id, and the post is looked for again on the way to the receipt. The list is
//! read without a start time, so that an older post in it proves that it reached back far enough.
//! Invariant: `Absent` is said only of a container that says that it was not published; where it
//! says that it is broken, only beside a list that shows the newest of our posts, or all of them.

use super::publish::{Look, Made, Position, Stage, Why, list, look_after, status};
use super::wire::{List, Listed, Named};
use super::{Threads, errors};
use crate::meta;
use crate::port::{Call, Checkpoint, Reconcile, Reply, Verdict, View};
use domain::content::MediaKind;
use domain::failure::Effect;
use domain::time::Timestamp;
use std::time::Duration;

/// How far the platform's clock may be behind ours.
const SKEW: Duration = Duration::from_secs(60);
/// The question after the container and pages of 100 posts: more than six days at the quota.
const ROUNDS_MAX: u32 = 16;

impl Reconcile for Threads {
    fn ask(&self, at: &Checkpoint, round: u32, view: &View<'_>) -> Option<Call> {
        view.intended_at?;
        let position = Position::load(at)?;
        let container = container(&position)?;
        if round >= ROUNDS_MAX {
            return None;
        }
        match look(&position, round) {
            None => Some(status(container)),
            Some(look) => Some(list(&position, look.page.as_deref())),
        }
    }

    /// The container is what can be asked.
    fn finds_by_wording(&self, _view: &View<'_>) -> bool {
        false
    }

    /// Their links carry a short code, which is not the id.
    fn page_hosts(&self) -> &'static [&'static str] {
        &["www.threads.com", "threads.com", "www.threads.net", "threads.net"]
    }

    fn adopt(&self, at: &Checkpoint, remote_id: &str, view: &View<'_>) -> Option<Checkpoint> {
        let position = Position::load(at)?;
        let is_known = position.posts.iter().any(|out| out.id == remote_id);
        if is_known || container(&position).is_none() {
            return None;
        }
        let is_last = position.is_last(view);
        let out = position.out_as(remote_id, None, view.now, view);
        Some(if is_last { out.linked(remote_id, None, view) } else { out }.save())
    }

    fn judge(&self, at: &Checkpoint, round: u32, reply: &Reply, view: &View<'_>) -> Verdict {
        let asked = Position::load(at).and_then(|position| {
            let container = container(&position).cloned()?;
            Some((position, container))
        });
        let Some((position, container)) = asked else {
            return Verdict::Undecided("no container of this post was under way".into());
        };
        match look(&position, round).cloned() {
            None => judge_status(position, container, reply),
            Some(look) => Listing { position, container, look, round }.judge(reply, view),
        }
    }
}

/// The container whose publication is in question.
fn container(position: &Position) -> Option<&Made> {
    match &position.stage {
        Stage::Check { container, .. }
        | Stage::Publish { container }
        | Stage::Find { container, .. } => Some(container),
        Stage::Quota { container } => container.as_ref(),
        Stage::Create { .. } | Stage::Link { .. } | Stage::Done { .. } => None,
    }
}

/// Every look-up begins with the container; what an earlier one left behind is not taken up.
fn look(position: &Position, round: u32) -> Option<&Look> {
    position.look.as_ref().filter(|_| round > 0)
}

fn judge_status(position: Position, container: Made, reply: &Reply) -> Verdict {
    let ask_list = |position: Position, why| {
        let look = Some(Look { why, page: None, reaches_back: false, is_seen: false });
        Verdict::More(Position { look, ..position }.save())
    };
    if errors::proves_publication(reply) {
        return ask_list(position, Why::Out);
    }
    if reply.status.is_client_error() || reply.status.is_server_error() {
        let failure = errors::failure(Effect::Repeatable, reply);
        return if meta::is_gone(&failure) || meta::is_not_ready(&failure) {
            ask_list(position, Why::Lost)
        } else {
            Verdict::Undecided(format!("the container answered: {}", failure.detail()))
        };
    }
    let told: Option<Named> = serde_json::from_slice(&reply.body).ok();
    let doubted = Position { is_doubted: true, ..position.clone() };
    match told.and_then(|named| named.status).as_deref() {
        Some("PUBLISHED") => ask_list(position, Why::Out),
        // The same container goes on, and is looked at once more right before its publication:
        // the lost call may still be on its way.
        Some("FINISHED" | "IN_PROGRESS") => {
            Verdict::Absent(doubted.check(container, reply.at).save())
        }
        Some("ERROR") => ask_list(position, Why::Broken),
        // It may have been published before, and is forgotten now.
        Some("EXPIRED") => ask_list(position, Why::Lost),
        _ => Verdict::Undecided("the container's status is not one of the documented".into()),
    }
}

/// The newest post of ours that the list has to show: of the chain, where that was a reply too.
fn control<'a>(position: &'a Position, view: &View<'a>) -> Option<&'a str> {
    match position.posts.as_slice() {
        [] => view.known.first().map(String::as_str),
        [_] => None,
        [.., last] => Some(&last.id),
    }
}

/// A page of the list that is looked through.
struct Listing {
    position: Position,
    container: Made,
    look: Look,
    round: u32,
}

impl Listing {
    fn judge(self, reply: &Reply, view: &View<'_>) -> Verdict {
        let list: Option<List> = match errors::classify(Effect::Repeatable, reply) {
            None => serde_json::from_slice(&reply.body).ok(),
            Some(_) => None,
        };
        let Some(list) = list else {
            return self.without_list(reply);
        };
        let wanted = Wanted::of(&self.position, view);
        let mut fitting = list.data.iter().filter(|post| wanted.fits(post));
        match (fitting.next(), fitting.next()) {
            (Some(_), Some(_)) if self.look.why != Why::Out => {
                return Verdict::Undecided("several posts of this time look the same".into());
            }
            // The newest, where the container says that it is out.
            (Some(post), _) => {
                let (remote_id, link) = (post.id.clone(), post.permalink.as_deref());
                let out = self.position.out_as(&remote_id, link, reply.at, view);
                return Verdict::Found { checkpoint: out.save(), remote_id };
            }
            (None, _) => {}
        }
        let control = control(&self.position, view);
        let shows = |id: &str| list.data.iter().any(|post| post.id == id);
        let is_seen = self.look.is_seen || control.is_some_and(shows);
        // A post that does not say when it was made proves nothing.
        let reaches_back =
            self.look.reaches_back || list.data.iter().any(|post| wanted.is_before(post));
        // An old list must not pass for one without the post.
        let is_enough = reaches_back && (is_seen || self.look.why != Why::Broken);
        // The last page has a cursor too: only an empty one behind it is the end.
        let cursor = list.paging.cursors.after.filter(|cursor| !cursor.is_empty());
        match cursor.filter(|_| !is_enough && !list.data.is_empty()) {
            Some(page) if self.round + 1 < ROUNDS_MAX => {
                let look = Look { why: self.look.why, page: Some(page), reaches_back, is_seen };
                Verdict::More(Position { look: Some(look), ..self.position }.save())
            }
            Some(_) => self.without_list(reply),
            None if self.look.why != Why::Broken => self.without_list(reply),
            None => match control.filter(|_| !is_seen) {
                Some(id) => {
                    Verdict::Stale(format!("post {id} is out, and the list does not show it"))
                }
                None => Verdict::Absent(self.position.renewed().save()),
            },
        }
    }

    /// The verdict where the list does not show the post, and proves nothing by that.
    fn without_list(self, reply: &Reply) -> Verdict {
        match self.look.why {
            Why::Out => {
                let (looks, look_at) = (0, reply.at + look_after(0));
                let remote_id = self.container.id.clone();
                let container = self.container;
                let find = Stage::Find { container, looks, look_at, is_out: true };
                Verdict::Found { checkpoint: self.position.at(find).save(), remote_id }
            }
            Why::Broken => Verdict::Undecided("the list of posts cannot be read".into()),
            Why::Lost => Verdict::Undecided("neither container nor post can be seen".into()),
        }
    }
}

/// What is looked for.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    text: &'a str,
    /// The words that the platform has for such a post when it is read.
    media_types: &'static [&'static str],
    /// What it answers.
    parent: Option<&'a str>,
    /// Posts that are known for others: they are not this one, however alike they are.
    known: &'a [String],
    not_before: Timestamp,
}

impl<'a> Wanted<'a> {
    /// The segment that is next, from the time of the first intent on.
    pub fn of(position: &'a Position, view: &View<'a>) -> Self {
        let segment = position.segment(view);
        let first = view.assets.get(position.first_asset(view));
        let media_types: &[&str] = match (segment.media.len(), first) {
            (0, _) => &["TEXT_POST", "TEXT"],
            (1, Some(facts)) if facts.kind == MediaKind::Video => &["VIDEO"],
            (1, _) => &["IMAGE"],
            _ => &["CAROUSEL_ALBUM", "CAROUSEL"],
        };
        let not_before = view.intended_at.unwrap_or(view.now) - SKEW;
        let parent = position.parent().map(|parent| parent.id.as_str());
        Self { text: &segment.text, media_types, parent, known: view.known, not_before }
    }

    /// The listed post has this wording, this form, this place and an age that is possible.
    pub fn fits(self, post: &Listed) -> bool {
        let is_form =
            post.media_type.as_deref().is_none_or(|form| self.media_types.contains(&form));
        let replied_to = post.replied_to.as_ref().map(|replied| replied.id.as_str());
        // The platform trims; whatever else differs is another post.
        is_form
            && replied_to == self.parent
            && !self.known.contains(&post.id)
            && post.text.trim() == self.text.trim()
            && made_at(post).is_some_and(|at| at >= self.not_before)
    }

    fn is_before(self, post: &Listed) -> bool {
        made_at(post).is_some_and(|at| at < self.not_before)
    }
}

/// `2024-09-12T23:17:39+0000`, as the platform writes an instant.
fn made_at(post: &Listed) -> Option<Timestamp> {
    Timestamp::parse(post.timestamp.as_deref()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_read_as_the_platform_writes_it() {
        let post = |timestamp: &str| Listed {
            id: "1".into(),
            text: String::new(),
            timestamp: Some(timestamp.into()),
            permalink: None,
            media_type: None,
            replied_to: None,
        };
        let at = made_at(&post("2024-09-12T23:17:39+0000"));
        assert_eq!(at, Timestamp::parse("2024-09-12T23:17:39Z"));
        assert_eq!(made_at(&post("yesterday")), None);
    }
}
