//! Looking for a post among those of its organization after its create call went unanswered.
//!
//! The URN of an image belongs to one upload, so a post that holds it is ours. A post of words
//! alone is known by its words and its time. Of a person nothing can be asked: reading the posts
//! of members is a closed permission.
//! Invariant: `Absent` is said only of a list that was seen whole back to the intent.

use super::capabilities::ORGANIZATION;
use super::publish::{Position, Stage, is_post};
use super::wire::{Elements, Listed, ListedContent, ListedMedia};
use super::{LinkedIn, auth, little};
use crate::port::{Call, Checkpoint, Reconcile, Reply, Verdict, View};
use domain::failure::Effect;
use domain::time::Timestamp;
use http::{HeaderValue, Method, StatusCode};
use std::time::Duration;

/// How far LinkedIn's clock may be behind ours.
const SKEW: Duration = Duration::from_secs(60);
/// The largest page (Posts API, authors finder).
const COUNT: usize = 100;
/// Assumed: a thousand posts between an intent and a look at them are not ours to search.
const PAGES_MAX: u32 = 10;
/// How long the list may take.
const DEADLINE: Duration = Duration::from_secs(30);

impl Reconcile for LinkedIn {
    fn ask(&self, at: &Checkpoint, round: u32, view: &View<'_>) -> Option<Call> {
        view.intended_at?;
        let Stage::Create { start } = Position::load(at).due(view.now, view).stage else {
            return None;
        };
        if view.account.kind != ORGANIZATION || round >= PAGES_MAX {
            return None;
        }
        let author = auth::encoded(&view.account.remote_id);
        let start = start.unwrap_or_default();
        let query = format!("author={author}&q=author&count={COUNT}&start={start}&sortBy=CREATED");
        let mut request = auth::rest(Method::GET, &format!("posts?{query}"), None);
        request.headers_mut().insert("x-restli-method", HeaderValue::from_static("FINDER"));
        let (endpoint, effect) = ("posts.finder", Effect::Repeatable);
        Some(Call { endpoint, effect, request, deadline: DEADLINE })
    }

    fn finds_by_wording(&self, view: &View<'_>) -> bool {
        view.account.kind == ORGANIZATION
    }

    fn page_hosts(&self) -> &'static [&'static str] {
        &["www.linkedin.com", "linkedin.com"]
    }

    /// `/feed/update/<urn>`, with what a browser appends to it.
    fn id_in_page(&self, path: &str) -> Option<String> {
        let urn = path.strip_prefix("/feed/update/")?.split(['/', '?']).next()?;
        Some(urn.replace("%3A", ":")).filter(|urn| is_post(urn))
    }

    fn judge(&self, at: &Checkpoint, round: u32, reply: &Reply, view: &View<'_>) -> Verdict {
        let mut position = Position::load(at).due(view.now, view);
        let (Some(intended_at), Stage::Create { start }) = (view.intended_at, &position.stage)
        else {
            return Verdict::Undecided("this post was not being made".into());
        };
        if reply.status != StatusCode::OK {
            let status = reply.status.as_u16();
            return Verdict::Undecided(format!("the list of posts answered HTTP {status}"));
        }
        let Ok(list) = serde_json::from_slice::<Elements<Listed>>(&reply.body) else {
            return Verdict::Undecided("the list of posts is not in the documented form".into());
        };
        let wanted = Wanted {
            text: view.content.segments.first().map_or("", |segment| segment.text.as_str()),
            images: position.images.iter().map(|image| image.urn.as_str()).collect(),
            not_before: intended_at - SKEW,
        };
        let wanted = &wanted;
        let fits = |fit: Fit| list.elements.iter().filter(move |post| wanted.fit(post) == fit);
        let mut exact = fits(Fit::Exact);
        match (exact.next(), exact.next()) {
            (Some(_), Some(_)) => {
                return Verdict::Undecided("several posts of this time look the same".into());
            }
            (Some(post), None) => {
                let remote_id = post.id.clone();
                position.publish(remote_id.clone());
                return Verdict::Found { checkpoint: position.save(), remote_id };
            }
            (None, _) => {}
        }
        if let Some(post) = fits(Fit::Likely).next() {
            return Verdict::Undecided(format!("post {} looks like it, but not in all", post.id));
        }
        // A post that does not say when it was made proves nothing, nor does a page that is only
        // short: posts that this grant may not see are left out of one.
        let not_before = intended_at - SKEW;
        let reaches_back = list.elements.iter().any(|post| post.is_before(not_before));
        let is_complete = reaches_back || list.elements.is_empty();
        if !is_complete && round + 1 >= PAGES_MAX {
            return Verdict::Undecided("the list of posts does not reach back to the call".into());
        }
        let next = start.unwrap_or_default() + list.elements.len();
        position.stage = Stage::Create { start: (!is_complete).then_some(next) };
        let checkpoint = position.save();
        if is_complete { Verdict::Absent(checkpoint) } else { Verdict::More(checkpoint) }
    }
}

/// What is looked for.
struct Wanted<'a> {
    text: &'a str,
    images: Vec<&'a str>,
    not_before: Timestamp,
}

/// How well a listed post fits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fit {
    Exact,
    /// Our words with other files, or our images in a post that LinkedIn has not put out.
    Likely,
    None,
}

impl Wanted<'_> {
    fn fit(&self, post: &Listed) -> Fit {
        let theirs = post.images();
        let holds_ours = self.images.iter().any(|urn| theirs.contains(urn));
        let is_worded = little::plain(&post.commentary).trim() == self.text.trim();
        let is_young = !post.is_before(self.not_before);
        let is_out = matches!(post.lifecycle_state.as_deref(), None | Some("PUBLISHED"));
        let is_ours = if self.images.is_empty() {
            is_worded && is_young && post.is_words_only()
        } else {
            holds_ours
        };
        if is_ours && is_out && is_post(&post.id) {
            Fit::Exact
        } else if is_ours || (is_worded && is_young && !self.text.is_empty()) {
            Fit::Likely
        } else {
            Fit::None
        }
    }
}

impl Listed {
    fn is_before(&self, limit: Timestamp) -> bool {
        self.created_at.is_some_and(|at| Timestamp::from_ms(at) < limit)
    }

    fn is_words_only(&self) -> bool {
        let is_empty = |content: &ListedContent| {
            content.media.is_none() && content.multi_image.is_none() && content.others.is_empty()
        };
        self.content.as_ref().is_none_or(is_empty)
    }

    fn images(&self) -> Vec<&str> {
        let Some(content) = &self.content else { return Vec::new() };
        let several = content.multi_image.iter().flat_map(|several| &several.images);
        let all = content.media.iter().chain(several);
        all.map(|ListedMedia { id }| id.as_str()).collect()
    }
}
