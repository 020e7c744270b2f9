//! What a post may say to LinkedIn alone: who sees it, which of the two apps it goes through, a
//! poll, the title of a document.
//!
//! Hashtags and mentions stand in the text itself (`little.rs` says how).

use super::capabilities::{ORGANIZATION, PERSONAL};
use super::little;
pub use crate::options::Poll;
use crate::options::{
    Open, PollRule, content as assemble, first_segment, read_poll, reader, refuse_chain,
    refuse_poll,
};
use domain::capability::Profile;
use domain::content::{Content, Segment};
use domain::rejection::{Rejection, Rule};
use domain::request::{Draft, Fields};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(super) const NAME: &str = "linkedin";

const VISIBILITIES: [(&str, Visibility); 3] = [
    ("PUBLIC", Visibility::Public),
    ("CONNECTIONS", Visibility::Connections),
    ("LOGGED_IN", Visibility::LoggedIn),
];

const APPS: [(&str, OAuthApp); 2] =
    [(PERSONAL, OAuthApp::Personal), (ORGANIZATION, OAuthApp::Organization)];

/// Every other name under which the field's products ask for a repost.
const REPOST_NAMES: [&str; 8] = [
    "repost",
    "reposts",
    "reshare",
    "repostOf",
    "reshareOf",
    "reshareContext",
    "reshareUrl",
    "retweet",
];

/// Poll API: a question of 140 characters, two to four options of 30, for one, three, seven or
/// fourteen days.
const POLL: PollRule = PollRule {
    question_chars_max: Some(140),
    options: 2..=4,
    option_chars_max: 30,
    open: Open::OneOf(&[1_440, 4_320, 10_080, 20_160]),
};

/// Assumed to be that of an article's title, which is general knowledge; the Documents API names
/// none.
pub(super) const TITLE_CHARS_MAX: usize = 400;

/// The typed options, as they stand in [`Content::options`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Options {
    /// Who sees the post.
    #[serde(default)]
    pub visibility: Visibility,
    /// Only accounts connected through this app are meant; all of them without one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub app: Option<OAuthApp>,
    /// A question with answers to choose from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub poll: Option<Poll>,
    /// What stands above a document; the first line of the text without one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub document_title: Option<String>,
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

/// What a post may say here alone, as the API's document has it.
pub(super) fn written() -> Value {
    json!({
        "visibility": {"enum": VISIBILITIES.map(|(word, _)| word), "description": "Who sees it."},
        "app": {"enum": APPS.map(|(word, _)| word),
            "description": "Only accounts connected through this registration are meant."},
        "poll": {"$ref": "#/components/schemas/Poll"},
        "documentTitle": {"type": "string", "maxLength": TITLE_CHARS_MAX,
            "description": "What stands above a document."},
    })
}

/// The post as LinkedIn will carry it.
pub fn content(profile: Profile, draft: &Draft, problems: &mut Vec<Rejection>) -> Content {
    let mut fields = reader(NAME, draft);
    let segment = first_segment(NAME, draft);
    let mut options = Options {
        visibility: fields.choice("visibility", &VISIBILITIES).unwrap_or_default(),
        app: fields.choice("app", &APPS),
        ..Options::default()
    };
    match profile {
        Profile::Spec => {
            refuse_poll(&mut fields);
            fields.refuse(
                "documentTitle",
                "Documents are not in this profile.",
                "Leave the title out.",
            );
        }
        Profile::Extended => {
            options.poll = poll(&mut fields, &segment);
            options.document_title = document_title(&mut fields);
        }
    }
    for name in REPOST_NAMES {
        fields.refuse(
            name,
            "LinkedIn has no programmatic repost.",
            "Leave it out and repost by hand, or write a post of its own.",
        );
    }
    refuse_chain(&mut fields);
    refuse_mentions(&mut fields, &segment.text);
    problems.extend(fields.finish());
    assemble(vec![segment], &options)
}

/// The poll; a post has one kind of content.
fn poll(fields: &mut Fields<'_>, segment: &Segment) -> Option<Poll> {
    if fields.value("poll").is_some() && !segment.media.is_empty() {
        let message = "A post on linkedin holds a poll or media, not both.".to_owned();
        let rejection = fields.broken(Rule::Conflict, fields.path("poll"), message);
        let resolution = "Leave the poll out, or say `\"media\": []` in `linkedin`.";
        fields.reject(rejection.bounds(0, segment.media.len()).resolve(resolution));
    }
    read_poll(NAME, &POLL, fields)
}

fn document_title(fields: &mut Fields<'_>) -> Option<String> {
    let title = fields.text("documentTitle")?;
    let length = title.chars().count();
    if title.trim().is_empty() || length > TITLE_CHARS_MAX {
        let field = fields.path("documentTitle");
        let message =
            format!("`{field}` has 1 to {TITLE_CHARS_MAX} characters, this one has {length}.");
        let rejection = fields.broken(Rule::OutOfRange, field, message);
        let bounded = rejection.bounds(json!([1, TITLE_CHARS_MAX]), length);
        fields.reject(bounded.resolve("Word it within the limit, or leave it out."));
    }
    Some(title.to_owned())
}

/// What is written like a mention and names nobody would be shown to everybody as markup.
fn refuse_mentions(fields: &mut Fields<'_>, text: &str) {
    for urn in little::broken_mentions(text) {
        let field = fields.path("text");
        let message =
            format!("A mention on linkedin names a person or an organization, not `{urn}`.");
        let rejection = fields.broken(Rule::OutOfRange, field, message);
        let form = ["urn:li:organization:<number>", "urn:li:person:<id>"];
        let way = "Write it as @[Name](urn:li:organization:123), or leave the mark-up out.";
        fields.reject(rejection.bounds(form, urn).resolve(way));
    }
}
