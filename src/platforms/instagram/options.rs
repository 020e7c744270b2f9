//! What a post may say to Instagram alone: feed or reel, the reel's cover, collaborators.

use crate::options::{
    content as assemble, first_segment, marked_words, reader, refuse_chain, refuse_poll,
};
use domain::content::Content;
use domain::id::AssetId;
use domain::rejection::{Rejection, Rule};
use domain::request::{Draft, Fields};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(super) const NAME: &str = "instagram";
/// Business and Creator accounts take the same; others cannot be connected.
pub(super) const ACCOUNT_KIND: &str = "business";

/// The reference of `ig-user/media`.
const COLLABORATORS_MAX: usize = 3;
const HASHTAGS_MAX: usize = 30;
const MENTIONS_MAX: usize = 20;

/// `story` and `dm` are known so that their refusal can say why.
const KINDS: [(&str, Asked); 4] = [
    ("feed", Asked::Kind(Kind::Feed)),
    ("reel", Asked::Kind(Kind::Reel)),
    ("story", Asked::Refused("Stories are not published by this product.")),
    ("dm", Asked::Refused("Direct messages are no posts; this product sends none.")),
];

#[derive(Clone, Copy)]
enum Asked {
    Kind(Kind),
    Refused(&'static str),
}

/// The typed options, as they stand in [`Content::options`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Options {
    /// Feed post or reel; without it, a single video is a reel and all else a feed post.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kind: Option<Kind>,
    /// A reel's cover, a file of its own.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cover_media_id: Option<AssetId>,
    /// The instant of the reel that is its cover.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub thumb_offset_ms: Option<u64>,
    /// Names of the accounts that are asked to appear as authors.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub collaborators: Vec<String>,
    /// A reel appears in the feed too.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub share_to_feed: Option<bool>,
}

/// What a post becomes on Instagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// An image or a carousel.
    Feed,
    /// A video.
    Reel,
}

impl Options {
    /// The options of a content that [`content`] made.
    pub fn read(content: &Content) -> Self {
        serde_json::from_value(Value::Object(content.options.clone())).unwrap_or_default()
    }
}

/// What a post may say here alone, as the API's document has it.
pub(super) fn written() -> Value {
    json!({
        "kind": {"enum": ["feed", "reel"],
            "description": "Without it, a single video is a reel and all else a feed post."},
        "coverMediaId": {"type": "string", "description": "A reel's cover, a file of its own."},
        "thumbOffsetMs": {"type": "integer", "minimum": 0,
            "description": "The instant of the reel that is its cover."},
        "collaborators": {"type": "array", "maxItems": COLLABORATORS_MAX,
            "items": {"type": "string", "minLength": 1},
            "description": "Accounts that are asked to appear as authors."},
        "shareToFeed": {"type": "boolean", "description": "A reel appears in the feed too."},
    })
}

/// The post as Instagram will carry it.
pub fn content(draft: &Draft, problems: &mut Vec<Rejection>) -> Content {
    let mut fields = reader(NAME, draft);
    let mut options = Options {
        kind: read_kind(&mut fields),
        cover_media_id: fields.id("coverMediaId"),
        thumb_offset_ms: fields.number("thumbOffsetMs"),
        collaborators: read_collaborators(&mut fields),
        share_to_feed: fields.flag("shareToFeed"),
    };
    for name in ["coverMediaId", "thumbOffsetMs", "shareToFeed"] {
        let is_asked = fields.value(name).is_some();
        if is_asked && options.kind == Some(Kind::Feed) {
            let message = format!("`{}` belongs to a reel, not to a feed post.", fields.path(name));
            let rejection = fields.broken(Rule::Conflict, fields.path(name), message);
            let resolution = format!("Leave `{name}` out, or set `kind` to `reel`.");
            fields.reject(rejection.bounds("reel", "feed").resolve(resolution));
        } else if is_asked {
            // Only a reel has these, so asking for one asks for a reel.
            options.kind = Some(Kind::Reel);
        }
    }
    if options.cover_media_id.is_some() && options.thumb_offset_ms.is_some() {
        let message = "A reel has one cover: a file or an instant of the video.".to_owned();
        let rejection = fields.broken(Rule::Conflict, fields.path("thumbOffsetMs"), message);
        let resolution = "Leave `coverMediaId` or `thumbOffsetMs` out.";
        fields.reject(rejection.bounds(1, 2).resolve(resolution));
    }
    refuse_chain(&mut fields);
    refuse_poll(&mut fields);
    let segment = first_segment(NAME, draft);
    let hashtags = marked_words(&segment.text, '#');
    refuse_beyond(&mut fields, "hashtags", HASHTAGS_MAX, hashtags);
    let mentions = marked_words(&segment.text, '@');
    refuse_beyond(&mut fields, "mentions", MENTIONS_MAX, mentions);
    problems.extend(fields.finish());
    assemble(vec![segment], &options)
}

fn read_kind(fields: &mut Fields<'_>) -> Option<Kind> {
    let shown = fields.value("kind").cloned().unwrap_or_default();
    match fields.choice("kind", &KINDS)? {
        Asked::Kind(kind) => Some(kind),
        Asked::Refused(reason) => {
            let rejection =
                fields.broken(Rule::NotSupported, fields.path("kind"), reason.to_owned());
            let bounded = rejection.bounds(vec!["feed", "reel"], shown);
            fields.reject(bounded.resolve("Publish it as `feed` or `reel`."));
            None
        }
    }
}

fn read_collaborators(fields: &mut Fields<'_>) -> Vec<String> {
    let names = fields.texts("collaborators").unwrap_or_default();
    if names.len() > COLLABORATORS_MAX {
        fields.too_many("collaborators", COLLABORATORS_MAX, names.len());
    }
    for (index, name) in names.iter().enumerate() {
        if bare(name).is_empty() {
            let field = fields.path(format_args!("collaborators[{index}]"));
            let message = format!("`{field}` is empty; it is the name of an account.");
            let rejection = fields.broken(Rule::Required, field, message);
            fields.reject(rejection.bounds(1, 0).resolve("Name the account, or leave it out."));
        }
    }
    names.into_iter().map(|name| bare(name).to_owned()).collect()
}

/// A name without the sign that people write in front of it.
fn bare(name: &str) -> &str {
    name.trim().trim_start_matches('@')
}

fn refuse_beyond(fields: &mut Fields<'_>, noun: &str, limit: usize, actual: usize) {
    if actual > limit {
        let message = format!("A caption on {NAME} has at most {limit} {noun}, not {actual}.");
        let rejection = fields.broken(Rule::TooMuch, fields.path("text"), message);
        let resolution = format!("Leave out {} of the {noun}.", actual - limit);
        fields.reject(rejection.bounds(limit, actual).resolve(resolution));
    }
}
