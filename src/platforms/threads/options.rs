//! What a post may say to Threads alone: who may reply.

use crate::options::{content as assemble, first_segment, reader, refuse_chain, refuse_poll};
use domain::capability::Profile;
use domain::content::Content;
use domain::rejection::{Rejection, Rule};
use domain::request::Draft;
use domain::text;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;

pub(super) const NAME: &str = "threads";
/// Threads knows one kind of account.
pub(super) const ACCOUNT_KIND: &str = "standard";

/// Different links in one post (changelog, 2025-12-22).
const LINKS_MAX: usize = 5;

const REPLY_CONTROLS: [(&str, ReplyControl); 3] = [
    ("everyone", ReplyControl::Everyone),
    ("accounts_you_follow", ReplyControl::AccountsYouFollow),
    ("mentioned_only", ReplyControl::MentionedOnly),
];

/// The typed options, as they stand in [`Content::options`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Options {
    /// Who may reply; the account's own setting without one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reply_control: Option<ReplyControl>,
}

/// Who may reply (create-posts, `reply_control`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplyControl {
    /// Anyone.
    Everyone,
    /// Those whom the account follows.
    AccountsYouFollow,
    /// Those whom the post mentions.
    MentionedOnly,
}

impl Options {
    /// The options of a content that [`content`] made.
    pub fn read(content: &Content) -> Self {
        serde_json::from_value(Value::Object(content.options.clone())).unwrap_or_default()
    }
}

impl ReplyControl {
    /// The platform's own word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Everyone => "everyone",
            Self::AccountsYouFollow => "accounts_you_follow",
            Self::MentionedOnly => "mentioned_only",
        }
    }
}

/// The post as Threads will carry it.
pub fn content(_profile: Profile, draft: &Draft, problems: &mut Vec<Rejection>) -> Content {
    let mut fields = reader(NAME, draft);
    let options = Options { reply_control: fields.choice("replyControl", &REPLY_CONTROLS) };
    refuse_chain(&mut fields);
    refuse_poll(&mut fields);
    let segment = first_segment(NAME, draft);
    let links = text::links(&segment.text).into_iter().collect::<BTreeSet<_>>().len();
    if links > LINKS_MAX {
        let message =
            format!("A post on {NAME} has at most {LINKS_MAX} different links, not {links}.");
        let rejection = fields.broken(Rule::TooMuch, fields.path("text"), message);
        let resolution = format!("Leave out {} of the links.", links - LINKS_MAX);
        fields.reject(rejection.bounds(LINKS_MAX, links).resolve(resolution));
    }
    problems.extend(fields.finish());
    assemble(vec![segment], &options)
}
