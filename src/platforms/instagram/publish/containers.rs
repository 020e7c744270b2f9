//! Containers: what Instagram is told of a post before it is public.
//!
//! Invariant: everything here can be sent again; a container that is never published lapses.

use super::{Container, Position, account, node, upload};
use crate::instagram::options::Options;
use crate::meta;
use crate::port::{Call, View};
use domain::content::{MediaKind, MediaUse};
use domain::failure::Effect;

/// Parameters of a call.
type Pairs = Vec<(&'static str, String)>;

/// How many items the carousel has; 0 when the post is none.
pub(super) fn items(view: &View<'_>) -> usize {
    match files(view).len() {
        0 | 1 => 0,
        count => count,
    }
}

/// The call that makes the next container: of an item, or of the post itself.
pub(super) fn create(position: &Position, view: &View<'_>) -> Call {
    let pairs = match items(view) {
        count if position.items.len() < count => {
            let mut pairs = file(position.items.len(), "VIDEO", view);
            pairs.push(("is_carousel_item", "true".into()));
            pairs
        }
        0 => with_words(single(view), view),
        _ => {
            let ids: Vec<&str> = position.items.iter().map(Container::id).collect();
            let pairs = vec![("media_type", "CAROUSEL".into()), ("children", ids.join(","))];
            with_words(pairs, view)
        }
    };
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (*name, &**value)).collect();
    let url = format!("{}/media", account(view));
    meta::post("media.create", Effect::Repeatable, &url, &pairs)
}

/// The call that asks for a container's state.
pub(super) fn status(container: &Container, view: &View<'_>) -> Call {
    let url = node(view, &meta::digits(&container.id));
    meta::get("media.status", &url, &[("fields", "status_code,status")])
}

/// An image, or a film as a reel.
fn single(view: &View<'_>) -> Pairs {
    let mut pairs = file(0, "REELS", view);
    let options = Options::read(view.content);
    if !is_film(0, view) {
        return pairs;
    }
    if options.cover_media_id.is_some() {
        // The files that options name come after those of the post.
        pairs.push(("cover_url", address(files(view).len(), view)));
    } else if let Some(offset) = options.thumb_offset_ms {
        pairs.push(("thumb_offset", offset.to_string()));
    }
    pairs.extend(options.share_to_feed.map(|flag| ("share_to_feed", flag.to_string())));
    pairs
}

/// One file. Only images can be described.
fn file(index: usize, film: &str, view: &View<'_>) -> Pairs {
    let url = address(index, view);
    if is_film(index, view) {
        let source = match upload::is_sent(index, view) {
            true => ("upload_type", "resumable".into()),
            false => ("video_url", url),
        };
        return vec![("media_type", film.into()), source];
    }
    let described = files(view).get(index).and_then(|file| file.alt_text.clone());
    let mut pairs = vec![("image_url", url)];
    pairs.extend(described.filter(|words| !words.is_empty()).map(|words| ("alt_text", words)));
    pairs
}

/// The wording and the other authors stand on the post itself, never on an item.
fn with_words(mut pairs: Pairs, view: &View<'_>) -> Pairs {
    let text = view.content.segments.first().map_or("", |segment| segment.text.as_str());
    if !text.is_empty() {
        pairs.push(("caption", text.into()));
    }
    let names = Options::read(view.content).collaborators;
    if !names.is_empty() {
        let list = serde_json::Value::from(names);
        pairs.push(("collaborators", list.to_string()));
    }
    pairs
}

fn files<'a>(view: &View<'a>) -> &'a [MediaUse] {
    view.content.segments.first().map_or(&[], |segment| &segment.media)
}

pub(super) fn is_film(index: usize, view: &View<'_>) -> bool {
    view.assets.get(index).is_some_and(|asset| asset.kind == MediaKind::Video)
}

fn address(index: usize, view: &View<'_>) -> String {
    view.asset_urls.get(index).cloned().unwrap_or_default()
}
