//! Finding a post in the account's list, which is the only place that tells the id of one whose
//! publication went unanswered.
//!
//! Invariant: a listed post is ours only with our wording, our kind, and a time not before ours.

use super::account;
use crate::instagram::wire::{Listed, Posts};
use crate::meta;
use crate::port::{Call, Reply, View};
use domain::content::MediaKind;
use domain::failure::{Effect, Failure};
use domain::time::Timestamp;
use std::time::Duration;

/// How far Instagram's clock may be behind ours (assumed).
const SKEW: Duration = Duration::from_secs(60);
/// Posts on a page of the list.
const PAGE: &str = "50";

/// The call that asks for a page of the list.
pub(in crate::instagram) fn call(after: Option<&str>, view: &View<'_>) -> Call {
    let mut pairs = vec![("fields", "id,caption,timestamp,media_type"), ("limit", PAGE)];
    pairs.extend(after.map(|after| ("after", after)));
    meta::get("media.list", &format!("{}/media", account(view)), &pairs)
}

/// The page in a reply.
pub(in crate::instagram) fn read(reply: &Reply) -> Result<Posts, Failure> {
    serde_json::from_slice(&reply.body).map_err(|_| meta::unreadable(Effect::Repeatable, reply))
}

impl Posts {
    /// The ids of those that are ours by all that can be seen, newest first.
    pub fn found<'a>(&'a self, view: &View<'a>) -> impl Iterator<Item = &'a str> {
        let text = view.content.segments.first().map_or("", |segment| segment.text.as_str());
        let kind = kind(view);
        // Without an intent nothing can be ours.
        let not_before = view.intended_at.map(|intended_at| intended_at - SKEW);
        let is_ours = move |post: &&Listed| {
            post.caption.trim() == text.trim()
                && post.media_type.as_deref().is_none_or(|listed| listed == kind)
                && not_before.is_some_and(|limit| post.at().is_some_and(|at| at >= limit))
        };
        self.data.iter().filter(is_ours).map(|post| post.id.as_str())
    }

    /// It shows a post from before the intent, so none since is missing.
    pub fn reaches_back(&self, intended_at: Timestamp) -> bool {
        self.data.iter().any(|post| post.at().is_some_and(|at| at < intended_at - SKEW))
    }
}

impl Listed {
    /// When it was published. Instagram writes `2026-11-01T10:00:00+0000`.
    fn at(&self) -> Option<Timestamp> {
        Timestamp::parse(&self.timestamp.replace("+0000", "Z"))
    }
}

/// What the list calls a post such as ours.
fn kind(view: &View<'_>) -> &'static str {
    let files = view.content.media().count();
    match view.assets.first().map(|asset| asset.kind) {
        _ if files > 1 => "CAROUSEL_ALBUM",
        Some(MediaKind::Video) => "VIDEO",
        // Documents are refused before anything is scheduled.
        Some(MediaKind::Image | MediaKind::Gif | MediaKind::Document) | None => "IMAGE",
    }
}
