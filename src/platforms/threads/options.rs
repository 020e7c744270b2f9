//! What a post may say to Threads alone: who may reply; beyond the product's table a chain and a
//! poll.

use crate::options::{
    Open, Poll, PollRule, content as assemble, first_segment, read_poll, read_thread, reader,
    refuse_chain, refuse_poll,
};
use domain::capability::Profile;
use domain::content::Content;
use domain::rejection::{Rejection, Rule};
use domain::request::{Draft, Fields};
use domain::text;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub(super) const NAME: &str = "threads";
/// Threads knows one kind of account.
pub(super) const ACCOUNT_KIND: &str = "standard";

/// Different links in one post (changelog, 2025-12-22).
const LINKS_MAX: usize = 5;

/// docs, create-posts/polls, 2026: two to four options of 1 to 25 characters. No parameter says
/// how long a poll is open; it is a day, as in the platform's own apps (assumed: no document
/// states it, and the end is told only when a poll is read).
const POLL: PollRule = PollRule {
    question_chars_max: None,
    options: 2..=4,
    option_chars_max: 25,
    open: Open::OneOf(&[1_440]),
};

/// docs, reply-management: the values of `reply_control`. The product's table has the first three.
const REPLY_CONTROLS: [(&str, ReplyControl); 5] = [
    ("everyone", ReplyControl::Everyone),
    ("accounts_you_follow", ReplyControl::AccountsYouFollow),
    ("mentioned_only", ReplyControl::MentionedOnly),
    ("parent_post_author_only", ReplyControl::ParentPostAuthorOnly),
    ("followers_only", ReplyControl::FollowersOnly),
];
/// How many of them the product's table has.
const REPLY_CONTROLS_SPEC: usize = 3;

/// The typed options, as they stand in [`Content::options`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Options {
    /// Who may reply; the account's own setting without one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reply_control: Option<ReplyControl>,
    /// The question is the text of the first segment.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub poll: Option<Poll>,
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
    /// The author of the post that it answers.
    ParentPostAuthorOnly,
    /// Those who follow the account.
    FollowersOnly,
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
            Self::ParentPostAuthorOnly => "parent_post_author_only",
            Self::FollowersOnly => "followers_only",
        }
    }
}

/// What a post may say here alone, as the API's document has it.
pub(super) fn written() -> Value {
    json!({
        "replyControl": {"enum": REPLY_CONTROLS.map(|(word, _)| word),
            "description": "Who may reply; the account's own setting without it."},
        "thread": {"type": "array", "items": {"$ref": "#/components/schemas/ThreadItem"},
            "description": "What follows the post, each part a reply to the one before."},
        "poll": {"$ref": "#/components/schemas/Poll"},
    })
}

/// The post as Threads will carry it.
pub fn content(profile: Profile, draft: &Draft, problems: &mut Vec<Rejection>) -> Content {
    let mut fields = reader(NAME, draft);
    let mut segments = vec![first_segment(NAME, draft)];
    let (controls, poll) = match profile {
        Profile::Spec => {
            refuse_chain(&mut fields);
            refuse_poll(&mut fields);
            (&REPLY_CONTROLS[..REPLY_CONTROLS_SPEC], None)
        }
        Profile::Extended => {
            segments.extend(read_thread(NAME, &mut fields));
            refuse_poll_with_media(&mut fields, segments[0].media.len());
            (&REPLY_CONTROLS[..], read_poll(NAME, &POLL, &mut fields))
        }
    };
    let options = Options { reply_control: fields.choice("replyControl", controls), poll };
    for (index, segment) in segments.iter().enumerate() {
        refuse_links(&mut fields, index, &segment.text);
    }
    problems.extend(fields.finish());
    assemble(segments, &options)
}

/// docs, create-posts/polls: only a post of text alone has a poll.
fn refuse_poll_with_media(fields: &mut Fields<'_>, files: usize) {
    if fields.value("poll").is_some() && files > 0 {
        let message = format!("A post on {NAME} holds a poll or media, not both.");
        let rejection = fields.broken(Rule::Conflict, fields.path("poll"), message);
        let resolution = format!("Leave the poll out, or say `\"media\": []` in `{NAME}`.");
        fields.reject(rejection.bounds(0, files).resolve(resolution));
    }
}

fn refuse_links(fields: &mut Fields<'_>, index: usize, words: &str) {
    let links = text::links(words).into_iter().collect::<BTreeSet<_>>().len();
    if links > LINKS_MAX {
        let field = match index {
            0 => fields.path("text"),
            _ => fields.path(format_args!("thread[{}].text", index - 1)),
        };
        let message =
            format!("A post on {NAME} has at most {LINKS_MAX} different links, not {links}.");
        let rejection = fields.broken(Rule::TooMuch, field, message);
        let resolution = format!("Leave out {} of the links.", links - LINKS_MAX);
        fields.reject(rejection.bounds(LINKS_MAX, links).resolve(resolution));
    }
}
