//! Looking for a segment in the user's own timeline after its create call went unanswered.
//!
//! The list is asked for without a start time, so that an older post in it proves that it reached
//! back far enough. Links come back as t.co and some characters escaped; both are undone before
//! wording is compared (x.md section 9).
//! Invariant: `Absent` is said only of a list that was seen whole back to the intent and that shows
//! the newest of our posts that exists (`look.rs`).

mod look;
mod wording;

pub(super) use look::Look;

use super::publish::{Position, Stage};
use super::wire::{Listed, LookedUp, Missing, Timeline};
use super::{API, X};
use crate::oauth;
use crate::port::{Body, Call, Checkpoint, Reconcile, Reply, Verdict, View};
use domain::content::Segment;
use domain::failure::Effect;
use domain::time::Timestamp;
use http::{Method, StatusCode};
use look::{Page, Progress};
use std::time::Duration;
use url::form_urlencoded;
use wording::{even, matches, pieces, same_host, same_link};

/// How far X's clock may be behind ours.
const SKEW: Duration = Duration::from_secs(60);
/// How long an answer may take.
const DEADLINE: Duration = Duration::from_secs(30);

impl Reconcile for X {
    fn ask(&self, at: &Checkpoint, _round: u32, view: &View<'_>) -> Option<Call> {
        view.intended_at?;
        let Stage::Create { look } = Position::load(at)?.stage else {
            return None;
        };
        let mut query = form_urlencoded::Serializer::new(String::new());
        if let Some(ids) = look.asking() {
            query.append_pair("ids", &ids.join(","));
            return Some(read("tweets.lookup", &format!("/2/tweets?{}", query.finish())));
        }
        query.append_pair("max_results", "100");
        let fields = "created_at,text,entities,attachments,referenced_tweets,note_tweet";
        query.append_pair("tweet.fields", fields);
        if let Some(page) = look.page {
            query.append_pair("pagination_token", &page);
        }
        let user = super::publish::digits(&view.account.remote_id);
        Some(read("users.tweets", &format!("/2/users/{user}/tweets?{}", query.finish())))
    }

    fn finds_by_wording(&self, _view: &View<'_>) -> bool {
        true
    }

    fn page_hosts(&self) -> &'static [&'static str] {
        &["x.com", "www.x.com", "mobile.x.com", "twitter.com", "www.twitter.com"]
    }

    /// `/<handle>/status/<id>`, with what a browser appends to it.
    fn id_in_page(&self, path: &str) -> Option<String> {
        let (_, rest) = path.split_once("/status/")?;
        let id: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let is_whole = rest[id.len()..].is_empty() || rest[id.len()..].starts_with(['/', '?']);
        (is_whole && !id.is_empty()).then_some(id)
    }

    fn adopt(&self, at: &Checkpoint, remote_id: &str, view: &View<'_>) -> Option<Checkpoint> {
        let mut position = Position::load(at)?;
        let is_known = position.posts.iter().any(|id| id == remote_id);
        if is_known || !matches!(position.stage, Stage::Create { .. }) {
            return None;
        }
        position.publish(remote_id.to_owned(), view);
        Some(position.save())
    }

    fn judge(&self, at: &Checkpoint, _round: u32, reply: &Reply, view: &View<'_>) -> Verdict {
        let asked = Position::load(at).and_then(|position| match position.stage.clone() {
            Stage::Create { look } => Some((position, look)),
            _ => None,
        });
        let Some((position, look)) = asked else {
            return Verdict::Undecided("no segment of this post was under way".into());
        };
        if reply.status != StatusCode::OK {
            let status = reply.status.as_u16();
            return Verdict::Undecided(format!("the look-up answered HTTP {status}"));
        }
        if look.asking().is_some() {
            return match serde_json::from_slice::<LookedUp>(&reply.body) {
                Ok(told) => position.after(look.after_ids(&told)),
                Err(_) => Verdict::Undecided("the answer about ids is not as documented".into()),
            };
        }
        match serde_json::from_slice::<Timeline>(&reply.body) {
            Ok(list) => position.judge_page(look, list, view),
            Err(_) => Verdict::Undecided("the timeline is not in the documented form".into()),
        }
    }
}

/// A call that only reads.
fn read(endpoint: &'static str, path: &str) -> Call {
    let request = oauth::request(Method::GET, &format!("{API}{path}"), None, Body::empty());
    Call { endpoint, effect: Effect::Repeatable, request, deadline: DEADLINE }
}

impl Position {
    /// What a page of the timeline shows.
    fn judge_page(mut self, look: Look, list: Timeline, view: &View<'_>) -> Verdict {
        let (Some(intended_at), Some(segment)) = (view.intended_at, self.segment(view)) else {
            return Verdict::Undecided("no segment of this post was under way".into());
        };
        let not_before = intended_at - SKEW;
        let parent = self.posts.last().map(String::as_str);
        let wanted = Wanted { segment, parent, not_before };
        // What another delivery holds is not ours, however alike it is.
        let others = list.data.iter().filter(|post| !view.known.contains(&post.id));
        let fits = |fit: Fit| others.clone().filter(move |post| wanted.fit(post) == fit);
        let mut exact = fits(Fit::Exact);
        match (exact.next(), exact.next()) {
            (Some(_), Some(_)) => {
                return Verdict::Undecided("several posts of this time look the same".into());
            }
            (Some(post), None) => {
                let remote_id = post.id.clone();
                self.publish(remote_id.clone(), view);
                return Verdict::Found { checkpoint: self.save(), remote_id };
            }
            (None, _) => {}
        }
        if let Some(post) = fits(Fit::Likely).next() {
            return Verdict::Undecided(format!("post {} looks like it, but not in all", post.id));
        }
        let next = list.meta.next_token.filter(|token| !token.is_empty());
        let known = look::newest_first(self.posts.iter().chain(view.known));
        let progress = look.after_page(Page {
            posts: &list.data,
            known: &known,
            // A post that does not say when it was made proves nothing.
            reaches_back: list.data.iter().any(|post| post.is_before(not_before)),
            next,
        });
        self.after(progress)
    }

    /// The verdict of a look-up that has found nothing so far.
    fn after(mut self, progress: Progress) -> Verdict {
        match progress {
            Progress::Absent => {
                self.stage = Stage::Create { look: Look::default() };
                Verdict::Absent(self.save())
            }
            Progress::On(look) => {
                self.stage = Stage::Create { look };
                Verdict::More(self.save())
            }
            Progress::Stale(why) => Verdict::Stale(why),
            Progress::CutOff => Verdict::Undecided("the timeline ends too early to tell".into()),
        }
    }
}

impl Missing {
    /// The post with this id does not exist, by X's own word.
    pub(super) fn is_gone(&self, id: &str) -> bool {
        let is_named = self.value == id || self.resource_id == id;
        is_named && self.kind.rsplit('/').next() == Some("resource-not-found")
    }
}

/// What is looked for.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    segment: &'a Segment,
    parent: Option<&'a str>,
    not_before: Timestamp,
}

/// How well a listed post fits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fit {
    Exact,
    /// All but the rest of a link behind its host, or but its files.
    Likely,
    None,
}

impl Wanted<'_> {
    fn fit(&self, post: &Listed) -> Fit {
        let replied = post.referenced_tweets.iter().find(|other| other.kind == "replied_to");
        let (files, ours) = (post.attachments.media_keys.len(), self.segment.media.len());
        // A list that does not tell of files yet must not pass for one without our post.
        let is_silent = files == 0 && ours > 0;
        let is_ours = replied.map(|other| other.id.as_str()) == self.parent
            && (files == ours || is_silent)
            && !post.is_before(self.not_before);
        if !is_ours {
            return Fit::None;
        }
        let (text, links) = match &post.note_tweet {
            Some(note) => (&note.text, &note.entities.urls),
            None => (&post.text, &post.entities.urls),
        };
        let pieces = pieces(text, links);
        let ours = even(&self.segment.text);
        if !is_silent && matches(&ours, &pieces, &same_link) {
            Fit::Exact
        } else if matches(&ours, &pieces, &same_host) {
            Fit::Likely
        } else {
            Fit::None
        }
    }
}

impl Listed {
    fn is_before(&self, limit: Timestamp) -> bool {
        let created_at = self.created_at.as_deref().and_then(Timestamp::parse);
        created_at.is_some_and(|at| at < limit)
    }
}
