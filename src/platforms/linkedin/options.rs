//! What a post may say to LinkedIn alone: who sees it, and which of the two apps it goes through.

use super::capabilities::{ORGANIZATION, PERSONAL};
use crate::options::{content as assemble, first_segment, reader, refuse_chain, refuse_poll};
use domain::capability::Profile;
use domain::content::Content;
use domain::rejection::Rejection;
use domain::request::Draft;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(super) const NAME: &str = "linkedin";

const VISIBILITIES: [(&str, Visibility); 3] = [
    ("PUBLIC", Visibility::Public),
    ("CONNECTIONS", Visibility::Connections),
    ("LOGGED_IN", Visibility::LoggedIn),
];

const APPS: [(&str, OAuthApp); 2] =
    [(PERSONAL, OAuthApp::Personal), (ORGANIZATION, OAuthApp::Organization)];

/// Every name under which the field's products ask for a repost.
const REPOST_NAMES: [&str; 5] = ["repost", "reshare", "repostOf", "reshareOf", "autoRepost"];

/// The typed options, as they stand in [`Content::options`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Options {
    /// Who sees the post.
    #[serde(default)]
    pub visibility: Visibility,
    /// Only accounts connected through this app are meant; all of them without one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub app: Option<OAuthApp>,
}

/// Who sees a post (Posts API, `visibility`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Visibility {
    /// Anyone.
    #[default]
    Public,
    /// The connections of the member.
    Connections,
    /// Anyone who is signed in.
    LoggedIn,
}

/// Our two registrations on LinkedIn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OAuthApp {
    /// For people.
    Personal,
    /// For pages of organizations.
    Organization,
}

impl Options {
    /// The options of a content that [`content`] made.
    pub fn read(content: &Content) -> Self {
        serde_json::from_value(Value::Object(content.options.clone())).unwrap_or_default()
    }
}

/// The kind of account that the post means, as far as it tells.
pub(super) fn account_kind(draft: &Draft) -> &'static str {
    let app = draft.options.get(NAME).and_then(|options| options.get("app"));
    if app.and_then(Value::as_str) == Some(ORGANIZATION) { ORGANIZATION } else { PERSONAL }
}

/// The post as LinkedIn will carry it.
pub fn content(_profile: Profile, draft: &Draft, problems: &mut Vec<Rejection>) -> Content {
    let mut fields = reader(NAME, draft);
    let options = Options {
        visibility: fields.choice("visibility", &VISIBILITIES).unwrap_or_default(),
        app: fields.choice("app", &APPS),
    };
    for name in REPOST_NAMES {
        fields.refuse(
            name,
            "LinkedIn has no programmatic repost.",
            "Leave it out and repost by hand, or write a post of its own.",
        );
    }
    refuse_chain(&mut fields);
    refuse_poll(&mut fields);
    problems.extend(fields.finish());
    assemble(vec![first_segment(NAME, draft)], &options)
}
