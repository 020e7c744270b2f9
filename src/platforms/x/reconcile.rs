//! Looking for a segment in the user's own timeline after its create call went unanswered.
//!
//! The list is asked for without a start time, so that an older post in it proves that it reached
//! back far enough. Links come back as t.co and some characters escaped; both are undone before
//! wording is compared (x.md section 9).
//! Invariant: `Absent` is said only of a list that was seen whole back to the intent.

use super::publish::{Position, Stage};
use super::wire::{Link, Listed, Timeline};
use super::{API, X};
use crate::oauth;
use crate::port::{Body, Call, Checkpoint, Reconcile, Reply, Verdict, View};
use domain::content::Segment;
use domain::failure::Effect;
use domain::time::Timestamp;
use http::{Method, StatusCode};
use std::time::Duration;
use url::{Url, form_urlencoded};

/// How far X's clock may be behind ours.
const SKEW: Duration = Duration::from_secs(60);
/// X shows 3 200 posts of a timeline, 100 a page.
const PAGES_MAX: u32 = 32;
/// How long the list may take.
const DEADLINE: Duration = Duration::from_secs(30);

impl Reconcile for X {
    fn ask(&self, at: &Checkpoint, round: u32, view: &View<'_>) -> Option<Call> {
        view.intended_at?;
        let Stage::Create { page } = Position::load(at).stage else {
            return None;
        };
        if round >= PAGES_MAX {
            return None;
        }
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("max_results", "100");
        let fields = "created_at,text,entities,attachments,referenced_tweets,note_tweet";
        query.append_pair("tweet.fields", fields);
        if let Some(page) = page {
            query.append_pair("pagination_token", &page);
        }
        let user = super::publish::digits(&view.account.remote_id);
        let uri = format!("{API}/2/users/{user}/tweets?{}", query.finish());
        let request = oauth::request(Method::GET, &uri, None, Body::empty());
        let (endpoint, effect) = ("users.tweets", Effect::Repeatable);
        Some(Call { endpoint, effect, request, deadline: DEADLINE })
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
        let mut position = Position::load(at);
        let is_known = position.posts.iter().any(|id| id == remote_id);
        if is_known || !matches!(position.stage, Stage::Create { .. }) {
            return None;
        }
        position.publish(remote_id.to_owned(), view);
        Some(position.save())
    }

    fn judge(&self, at: &Checkpoint, round: u32, reply: &Reply, view: &View<'_>) -> Verdict {
        let mut position = Position::load(at);
        let (Some(intended_at), Some(segment)) = (view.intended_at, position.segment(view)) else {
            return Verdict::Undecided("no segment of this post was under way".into());
        };
        if reply.status != StatusCode::OK {
            let status = reply.status.as_u16();
            return Verdict::Undecided(format!("the timeline answered HTTP {status}"));
        }
        let Ok(list) = serde_json::from_slice::<Timeline>(&reply.body) else {
            return Verdict::Undecided("the timeline is not in the documented form".into());
        };
        let wanted = Wanted {
            segment,
            parent: position.posts.last().map(String::as_str),
            not_before: intended_at - SKEW,
        };
        let fits = |fit: Fit| list.data.iter().filter(move |post| wanted.fit(post) == fit);
        let mut exact = fits(Fit::Exact);
        match (exact.next(), exact.next()) {
            (Some(_), Some(_)) => {
                return Verdict::Undecided("several posts of this time look the same".into());
            }
            (Some(post), None) => {
                let remote_id = post.id.clone();
                position.publish(remote_id.clone(), view);
                return Verdict::Found { checkpoint: position.save(), remote_id };
            }
            (None, _) => {}
        }
        if let Some(post) = fits(Fit::Likely).next() {
            return Verdict::Undecided(format!("post {} looks like it, but not in all", post.id));
        }
        // A post that does not say when it was made proves nothing.
        let reaches_back = list.data.iter().any(|post| post.is_before(wanted.not_before));
        let page = list.meta.next_token.filter(|token| !token.is_empty() && !reaches_back);
        if page.is_some() && round + 1 >= PAGES_MAX {
            return Verdict::Undecided("the timeline does not reach back to the call".into());
        }
        let is_complete = page.is_none();
        position.stage = Stage::Create { page };
        let checkpoint = position.save();
        if is_complete { Verdict::Absent(checkpoint) } else { Verdict::More(checkpoint) }
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

/// A piece of a listed wording.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Words(String),
    /// Where a link stood, as it was before X shortened it.
    Link(String),
}

/// A listed wording with its links as they were, without those that stand for files.
fn pieces(text: &str, links: &[Link]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = text;
    loop {
        let found = links
            .iter()
            .filter(|link| !link.url.is_empty())
            .filter_map(|link| rest.find(&link.url).map(|at| (at, link)))
            .min_by_key(|(at, _)| *at);
        let Some((at, link)) = found else {
            break;
        };
        pieces.push(Piece::Words(unescaped(&rest[..at])));
        if !stands_for_file(link) {
            pieces.push(Piece::Link(link.expanded_url.clone()));
        }
        rest = &rest[at + link.url.len()..];
    }
    pieces.push(Piece::Words(unescaped(rest)));
    tidy(pieces)
}

/// Neighbouring words become one piece with even spaces, empty ones go.
fn tidy(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut joined: Vec<Piece> = Vec::new();
    for piece in pieces {
        match (joined.last_mut(), piece) {
            (Some(Piece::Words(before)), Piece::Words(words)) => before.push_str(&words),
            (_, piece) => joined.push(piece),
        }
    }
    let last = joined.len().saturating_sub(1);
    for (at, piece) in joined.iter_mut().enumerate() {
        if let Piece::Words(words) = piece {
            let mut text = single_spaced(words);
            if at == 0 {
                text = text.trim_start().into();
            }
            if at == last {
                text = text.trim_end().into();
            }
            *words = text;
        }
    }
    joined.retain(|piece| !matches!(piece, Piece::Words(words) if words.is_empty()));
    joined
}

/// X writes a link to each attached file at the end of the wording.
fn stands_for_file(link: &Link) -> bool {
    let is_page = |kind| link.expanded_url.contains(kind);
    link.media_key.is_some()
        || (link.expanded_url.contains("/status/") && (is_page("/photo/") || is_page("/video/")))
}

/// X escapes three characters of a wording.
fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// Spaces as X might even them out: at the ends none, elsewhere one.
fn even(text: &str) -> String {
    single_spaced(text).trim().into()
}

fn single_spaced(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let c = if c.is_whitespace() { ' ' } else { c };
        if c != ' ' || !out.ends_with(' ') {
            out.push(c);
        }
    }
    out
}

/// `ours` is the pieces one after the other, links compared by `same`.
fn matches(ours: &str, pieces: &[Piece], same: &dyn Fn(&str, &str) -> bool) -> bool {
    match pieces {
        [] => ours.is_empty(),
        [Piece::Words(words), after @ ..] => {
            ours.strip_prefix(words.as_str()).is_some_and(|rest| matches(rest, after, same))
        }
        // A link of ours ends where the next piece begins; its words may occur in the link too.
        [Piece::Link(link), after @ ..] => {
            let run = ours.find(' ').unwrap_or(ours.len());
            let ends = ours.char_indices().map(|(at, _)| at).chain([ours.len()]);
            ends.skip(1)
                .take_while(|end| *end <= run)
                .any(|end| same(&ours[..end], link) && matches(&ours[end..], after, same))
        }
    }
}

/// The same link, with or without the scheme that X adds where a user wrote none.
fn same_link(ours: &str, theirs: &str) -> bool {
    let bare = |link: &str| parsed(link).map(|url| url.as_str().trim_end_matches('/').to_owned());
    ours == theirs || bare(ours).is_some_and(|link| Some(link) == bare(theirs))
}

/// A link to the same host.
fn same_host(ours: &str, theirs: &str) -> bool {
    let host = |link: &str| parsed(link)?.host_str().map(str::to_owned);
    host(ours).is_some_and(|name| Some(name) == host(theirs))
}

/// The link as an URL, its scheme evened out: X adds `http` where a user wrote none.
fn parsed(link: &str) -> Option<Url> {
    let bare = link.split_once("://").map_or(link, |(_, rest)| rest);
    Url::parse(&format!("https://{bare}")).ok().filter(|url| url.has_host())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(url: &str, expanded_url: &str) -> Link {
        Link { url: url.into(), expanded_url: expanded_url.into(), media_key: None }
    }

    fn same(ours: &str, theirs: &str, links: &[Link]) -> bool {
        matches(&even(ours), &pieces(theirs, links), &same_link)
    }

    #[test]
    fn a_wording_is_recognised_behind_links_and_escapes() {
        let links = [link("https://t.co/a1", "http://example.com")];
        assert!(same("Q&A <now>: example.com.", "Q&amp;A &lt;now&gt;: https://t.co/a1.", &links));
        assert!(!same("Q&A now: example.org.", "Q&amp;A now: https://t.co/a1.", &links));

        let links = [
            link("https://t.co/a1", "https://example.com/a?b=1&c=ü"),
            link("https://t.co/b2", "https://x.com/acme/status/12/photo/1"),
        ];
        let theirs = "See https://t.co/a1, and\n\nmore https://t.co/b2";
        assert!(same("See https://example.com/a?b=1&c=ü, and\n\nmore", theirs, &links));
    }

    #[test]
    fn an_escape_that_the_user_wrote_stays() {
        assert!(same("write &amp; for &", "write &amp;amp; for &amp;", &[]));
    }

    #[test]
    fn another_link_to_the_same_host_is_only_likely() {
        let links = [link("https://t.co/a1", "https://example.com/2")];
        let theirs = pieces("New: https://t.co/a1", &links);
        assert!(!matches("New: https://example.com/1", &theirs, &same_link));
        assert!(matches("New: https://example.com/1", &theirs, &same_host));
    }

    #[test]
    fn a_wording_that_is_only_a_file_has_no_pieces() {
        let links = [link("https://t.co/b2", "https://x.com/acme/status/12/photo/1")];
        assert!(same("", "https://t.co/b2", &links));
    }
}
