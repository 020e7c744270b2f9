//! The one call that makes the post.

use super::super::little;
use super::super::options::{Options, Poll, TITLE_CHARS_MAX};
use super::super::wire::{
    Attached, CreatePost, Distribution, PollContent, PollOption, PollSettings, PostContent,
};
use super::{Held, Position, post};
use crate::port::{Call, View};
use domain::content::{MediaKind, MediaUse};
use domain::failure::Effect;
use std::time::Duration;

/// How long a create may take, and a delete: assumed, LinkedIn names no number.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);
/// What stands above a document of a post without words.
const UNTITLED: &str = "Document";

/// The irreversible call.
pub(super) fn call(position: &Position, view: &View<'_>) -> Call {
    let text = view.content.segments.first().map_or("", |segment| segment.text.as_str());
    // Options that do not read were refused before anything was scheduled.
    let options = Options::read(view.content);
    let title = title(&options, text);
    let body = CreatePost {
        author: &view.account.remote_id,
        commentary: little::escaped(text),
        visibility: options.visibility,
        distribution: Distribution {
            feed_distribution: "MAIN_FEED",
            target_entities: [],
            third_party_distribution_channels: [],
        },
        content: content(position, view, options.poll.as_ref(), &title),
        lifecycle_state: "PUBLISHED",
        is_reshare_disabled_by_author: false,
    };
    let request = post("posts", &body);
    let (endpoint, effect) = ("posts.create", Effect::Irreversible);
    Call { endpoint, effect, request, deadline: DEADLINE }
}

/// What the post holds besides its words.
fn content<'a>(
    position: &'a Position,
    view: &View<'a>,
    poll: Option<&'a Poll>,
    title: &'a str,
) -> Option<PostContent<'a>> {
    let files = position.files.iter().zip(view.content.media()).enumerate();
    let mut attached: Vec<Attached<'_>> =
        files.map(|(at, (held, used))| attach(held, used, kind(at, view), title)).collect();
    match attached.len() {
        0 => poll.map(|poll| PostContent::Poll(asked(poll))),
        1 => attached.pop().map(PostContent::Media),
        _ => Some(PostContent::MultiImage { images: attached }),
    }
}

fn kind(at: usize, view: &View<'_>) -> MediaKind {
    view.assets.get(at).map_or(MediaKind::Image, |facts| facts.kind)
}

/// Alt texts are for images, titles for documents.
fn attach<'a>(held: &'a Held, used: &'a MediaUse, kind: MediaKind, title: &'a str) -> Attached<'a> {
    let alt_text = used.alt_text.as_deref().filter(|text| !text.is_empty());
    let (alt_text, title) = match kind {
        MediaKind::Image | MediaKind::Gif => (alt_text, None),
        MediaKind::Video => (None, None),
        MediaKind::Document => (None, Some(title)),
    };
    Attached { id: &held.urn, title, alt_text }
}

/// The title that was given, else the first line of the text.
fn title(options: &Options, text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    let title = options.document_title.as_deref().map(str::trim).or(line).unwrap_or(UNTITLED);
    title.chars().take(TITLE_CHARS_MAX).collect()
}

fn asked(poll: &Poll) -> PollContent<'_> {
    let duration = match poll.duration_minutes {
        1_440 => "ONE_DAY",
        4_320 => "THREE_DAYS",
        20_160 => "FOURTEEN_DAYS",
        // Any other number was refused before anything was scheduled.
        _ => "SEVEN_DAYS",
    };
    PollContent {
        question: poll.question.as_deref().unwrap_or_default(),
        options: poll.options.iter().map(|text| PollOption { text }).collect(),
        settings: PollSettings { duration },
    }
}
