//! Looking for a post of an organization after its create call went unanswered: at the post that
//! LinkedIn named when it refused ours as a duplicate, then among all of them.
//!
//! The URN of a file belongs to one upload, so a post that holds it is ours. A post of words or of
//! a poll is known by them and by its time. Of a person nothing can be asked: reading the posts of
//! members is a closed permission.
//! Invariant: `Absent` is said only of a list that was seen whole back to the intent and that shows
//! the newest of our posts that exists, and never while LinkedIn names a post that would be the
//! same.

use super::capabilities::ORGANIZATION;
use super::options::{Options, Poll};
use super::publish::{Control, Named, Position, Stage, is_post, page};
use super::wire::{Elements, Listed, ListedContent, ListedMedia};
use super::{LinkedIn, VISIBILITY_DELAY, auth, little};
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
/// How long an answer may take.
const DEADLINE: Duration = Duration::from_secs(30);

impl Reconcile for LinkedIn {
    fn ask(&self, at: &Checkpoint, round: u32, view: &View<'_>) -> Option<Call> {
        view.intended_at?;
        let stage = Position::load(at).due(view.now, view).stage;
        let Stage::Create { start, .. } = &stage else {
            return None;
        };
        if view.account.kind != ORGANIZATION || round >= PAGES_MAX {
            return None;
        }
        let (endpoint, request) = match single(&stage) {
            Some(urn) => {
                let path = format!("posts/{}?viewContext=AUTHOR", auth::encoded(urn));
                ("posts.get", auth::rest(Method::GET, &path, None))
            }
            None => {
                let author = auth::encoded(&view.account.remote_id);
                let start = start.unwrap_or_default();
                let query =
                    format!("author={author}&q=author&count={COUNT}&start={start}&sortBy=CREATED");
                let mut request = auth::rest(Method::GET, &format!("posts?{query}"), None);
                request.headers_mut().insert("x-restli-method", HeaderValue::from_static("FINDER"));
                ("posts.finder", request)
            }
        };
        Some(Call { endpoint, effect: Effect::Repeatable, request, deadline: DEADLINE })
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

    fn clue(&self, at: &Checkpoint) -> Option<String> {
        match Position::load(at).stage {
            Stage::Create { named: Some(Named { urn, .. }), .. } => {
                Some(format!("LinkedIn has it already as {urn}, by its own word: {}", page(&urn)))
            }
            _ => None,
        }
    }

    fn judge(&self, at: &Checkpoint, round: u32, reply: &Reply, view: &View<'_>) -> Verdict {
        let position = Position::load(at).due(view.now, view);
        let (Some(intended_at), Stage::Create { start, named, control }) =
            (view.intended_at, position.stage.clone())
        else {
            return Verdict::Undecided("this post was not being made".into());
        };
        let options = Options::read(view.content);
        let wanted = Wanted {
            author: &view.account.remote_id,
            text: view.content.segments.first().map_or("", |segment| segment.text.as_str()),
            files: position.files.iter().map(|file| file.urn.clone()).collect(),
            poll: options.poll.as_ref(),
            not_before: intended_at - SKEW,
        };
        match (named, control) {
            (Some(named), _) if named.told.is_none() => {
                position.judge_named(&wanted, named, reply, view)
            }
            (named, Some(Control::Asking(urn))) => position.judge_control(&urn, named, reply),
            (named, control) => {
                let look = Look { start, named, is_controlled: control.is_some() };
                position.judge_page(&wanted, look, (round, view.known), reply)
            }
        }
    }
}

/// The post that is asked for by itself, where one is.
fn single(stage: &Stage) -> Option<&str> {
    match stage {
        Stage::Create { named: Some(Named { urn, told: None }), .. }
        | Stage::Create { control: Some(Control::Asking(urn)), .. } => Some(urn),
        _ => None,
    }
}

/// How far the look at the list has come.
struct Look {
    start: Option<usize>,
    named: Option<Named>,
    /// The newest post of ours that the list lacks does not exist.
    is_controlled: bool,
}

impl Position {
    /// What the post shows that LinkedIn named.
    fn judge_named(
        mut self,
        wanted: &Wanted<'_>,
        named: Named,
        reply: &Reply,
        view: &View<'_>,
    ) -> Verdict {
        let urn = named.urn;
        let told = match reply.status {
            StatusCode::OK => {
                let Ok(post) = serde_json::from_slice::<Listed>(&reply.body) else {
                    return Verdict::Undecided(format!("{urn} is not in the documented form"));
                };
                // What another delivery holds is not ours, however alike it is.
                let is_anothers = view.known.contains(&urn);
                match wanted.fit(&post) {
                    Fit::Exact if post.id == urn && !is_anothers => return self.found(urn),
                    Fit::Pending => return Verdict::Stale(format!("{urn} is not out yet")),
                    _ => "it is another post",
                }
            }
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                // A post that was just made may be missing for a moment.
                let age = view.intended_at.map_or(Duration::MAX, |at| view.now.since(at));
                if age < VISIBILITY_DELAY {
                    return Verdict::Stale(format!("{urn} is not shown yet"));
                }
                "it does not exist any more"
            }
            status => {
                return Verdict::Undecided(format!("{urn} answered HTTP {}", status.as_u16()));
            }
        };
        let named = Some(Named { urn, told: Some(told.to_owned()) });
        self.stage = Stage::Create { start: None, named, control: None };
        Verdict::More(self.save())
    }

    /// Whether the newest post of ours exists, which the list lacks.
    fn judge_control(mut self, urn: &str, named: Option<Named>, reply: &Reply) -> Verdict {
        match reply.status {
            StatusCode::OK => {
                Verdict::Stale(format!("the list of posts lacks {urn}, which exists"))
            }
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                self.stage = Stage::Create { start: None, named, control: Some(Control::Gone) };
                Verdict::More(self.save())
            }
            status => Verdict::Undecided(format!("{urn} answered HTTP {}", status.as_u16())),
        }
    }

    /// What a page of the list shows.
    fn judge_page(
        mut self,
        wanted: &Wanted<'_>,
        look: Look,
        (round, known): (u32, &[String]),
        reply: &Reply,
    ) -> Verdict {
        let Look { start, named, is_controlled } = look;
        if reply.status != StatusCode::OK {
            let status = reply.status.as_u16();
            return Verdict::Undecided(format!("the list of posts answered HTTP {status}"));
        }
        let Ok(list) = serde_json::from_slice::<Elements<Listed>>(&reply.body) else {
            return Verdict::Undecided("the list of posts is not in the documented form".into());
        };
        let fits = |fit: Fit| list.elements.iter().filter(move |post| wanted.fit(post) == fit);
        let mut exact = fits(Fit::Exact);
        match (exact.next(), exact.next()) {
            (Some(_), Some(_)) => {
                return Verdict::Undecided("several posts of this time look the same".into());
            }
            (Some(post), None) => return self.found(post.id.clone()),
            (None, _) => {}
        }
        if let Some(post) = fits(Fit::Pending).next() {
            return Verdict::Stale(format!("{} is not out yet", post.id));
        }
        if let Some(post) = fits(Fit::Likely).next() {
            return Verdict::Undecided(format!("post {} looks like it, but not in all", post.id));
        }
        // A post that does not say when it was made proves nothing, nor does a page that is only
        // short: posts that this grant may not see are left out of one.
        let reaches_back = list.elements.iter().any(|post| post.is_before(wanted.not_before));
        let is_complete = reaches_back || list.elements.is_empty();
        if !is_complete && round + 1 >= PAGES_MAX {
            return Verdict::Undecided("the list of posts does not reach back to the call".into());
        }
        // The first page shows the newest of all posts.
        let newest = known.first().filter(|_| start.is_none() && !is_controlled);
        if let Some(urn) = newest.filter(|urn| list.lacks(urn)) {
            let control = Some(Control::Asking(urn.clone()));
            self.stage = Stage::Create { start: None, named, control };
            return Verdict::More(self.save());
        }
        let control = is_controlled.then_some(Control::Gone);
        if !is_complete {
            let next = start.unwrap_or_default() + list.elements.len();
            self.stage = Stage::Create { start: Some(next), named, control };
            return Verdict::More(self.save());
        }
        // It would be refused again, so it cannot be sent again.
        if let Some(Named { urn, told: Some(told) }) = named {
            return Verdict::Undecided(format!("{urn} is named as the same post, but {told}"));
        }
        self.stage = Stage::CREATE;
        Verdict::Absent(self.save())
    }

    fn found(mut self, remote_id: String) -> Verdict {
        self.publish(remote_id.clone());
        Verdict::Found { checkpoint: self.save(), remote_id }
    }
}

/// What is looked for.
struct Wanted<'a> {
    author: &'a str,
    text: &'a str,
    files: Vec<String>,
    poll: Option<&'a Poll>,
    not_before: Timestamp,
}

/// How well a listed post fits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fit {
    Exact,
    /// It holds our files, and LinkedIn has still to put it out.
    Pending,
    /// Our words with other content, or our files in a post that LinkedIn did not put out.
    Likely,
    None,
}

impl Wanted<'_> {
    fn fit(&self, post: &Listed) -> Fit {
        let theirs = post.files();
        let holds_ours = self.files.iter().any(|urn| theirs.contains(&urn.as_str()));
        let is_worded = little::plain(&post.commentary).trim() == self.text.trim();
        let is_young = !post.is_before(self.not_before);
        // A list is of one author; a post that does not tell its author was found in one.
        let is_by_us = post.author.is_empty() || post.author == self.author;
        let is_ours = if !self.files.is_empty() {
            holds_ours
        } else {
            is_worded && is_young && is_by_us && self.is_asked_alike(post)
        };
        match (is_ours, post.lifecycle_state.as_deref()) {
            (true, None | Some("PUBLISHED")) if is_post(&post.id) => Fit::Exact,
            (true, Some("PUBLISH_REQUESTED")) => Fit::Pending,
            (true, _) => Fit::Likely,
            (false, _) if is_worded && is_young && is_by_us && !self.text.is_empty() => Fit::Likely,
            (false, _) => Fit::None,
        }
    }

    /// It holds our poll and nothing else, or nothing like us.
    fn is_asked_alike(&self, post: &Listed) -> bool {
        let Some(content) = &post.content else { return self.poll.is_none() };
        if content.holds_more() {
            return false;
        }
        match (self.poll, &content.poll) {
            (None, None) => true,
            (Some(ours), Some(theirs)) => {
                let options = theirs.options.iter().map(|option| option.text.as_str());
                ours.question.as_deref().unwrap_or_default() == theirs.question
                    && options.eq(ours.options.iter().map(String::as_str))
            }
            _ => false,
        }
    }
}

impl ListedContent {
    /// It holds files, or something that we never post.
    fn holds_more(&self) -> bool {
        self.media.is_some() || self.multi_image.is_some() || !self.others.is_empty()
    }
}

impl Elements<Listed> {
    /// A post is missing that would stand among these: the numbers in URNs grow with time.
    fn lacks(&self, urn: &str) -> bool {
        let oldest = self.elements.iter().filter_map(|post| number(&post.id)).min();
        let is_younger = oldest.is_none_or(|oldest| number(urn).is_some_and(|n| n >= oldest));
        is_younger && !self.elements.iter().any(|post| post.id == urn)
    }
}

fn number(urn: &str) -> Option<u64> {
    urn.rsplit(':').next()?.parse().ok()
}

impl Listed {
    fn is_before(&self, limit: Timestamp) -> bool {
        self.created_at.is_some_and(|at| Timestamp::from_ms(at) < limit)
    }

    fn files(&self) -> Vec<&str> {
        let Some(content) = &self.content else { return Vec::new() };
        let several = content.multi_image.iter().flat_map(|several| &several.images);
        let all = content.media.iter().chain(several);
        all.map(|ListedMedia { id }| id.as_str()).collect()
    }
}
