//! Stand-in until the options of X are written.

use domain::content::{Content, Segment};
use domain::rejection::Rejection;
use domain::request::Draft;
use serde::{Deserialize, Serialize};

/// What a post may say to X alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// A poll under the post.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub poll: Option<Poll>,
    /// Who may answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_settings: Option<String>,
}

/// A poll.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Poll {
    /// The answers to choose from.
    pub options: Vec<String>,
    /// How long it runs.
    pub duration_minutes: u32,
}

/// The post as X will carry it.
pub fn content(draft: &Draft, _problems: &mut Vec<Rejection>) -> Content {
    let segment = Segment { text: draft.text.clone(), media: draft.media.clone() };
    Content { segments: vec![segment], ..Content::default() }
}
