//! What a post may say to X alone: a chain, a poll, who may reply, reposts of itself.

pub use crate::options::Poll;
use crate::options::{
    Open, PollRule, content as assemble, first_segment, read_poll, read_reposts, read_thread,
    reader,
};
use domain::content::Content;
use domain::rejection::{Rejection, Rule as Broken};
use domain::repost::Rule;
use domain::request::{Draft, Fields};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const NAME: &str = "x";

/// `POST /2/tweets`, field `poll` (OpenAPI 2.167).
const POLL: PollRule = PollRule {
    question_chars_max: None,
    options: 2..=4,
    option_chars_max: 25,
    open: Open::Minutes(5..=10_080),
};

/// `POST /2/tweets`, field `reply_settings`; without it everyone may reply.
const REPLY_SETTINGS: [(&str, &str); 4] = [
    ("following", "following"),
    ("mentionedUsers", "mentionedUsers"),
    ("subscribers", "subscribers"),
    ("verified", "verified"),
];

/// X refuses a second one since 2026.
const CASHTAGS_MAX: usize = 1;

/// The typed options, as they stand in [`Content::options`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Options {
    /// The question is the text of the first segment.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub poll: Option<Poll>,
    /// Who may reply, in X's own word; everyone without one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reply_settings: Option<String>,
    /// Reposts of the post by its own account.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub auto_repost: Option<Rule>,
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
        "thread": {"type": "array", "items": {"$ref": "#/components/schemas/ThreadItem"},
            "description": "What follows the post, each part a reply to the one before."},
        "poll": {"$ref": "#/components/schemas/Poll"},
        "replySettings": {"enum": REPLY_SETTINGS.map(|(word, _)| word),
            "description": "Who may reply; everyone without it."},
        "autoRepost": {"$ref": "#/components/schemas/AutoRepost"},
    })
}

/// The post as X will carry it.
pub fn content(draft: &Draft, problems: &mut Vec<Rejection>) -> Content {
    let mut fields = reader(NAME, draft);
    let mut segments = vec![first_segment(NAME, draft)];
    segments.extend(read_thread(NAME, &mut fields));
    let asks_poll = fields.value("poll").is_some();
    if asks_poll && !segments[0].media.is_empty() {
        let message = "A post on x holds a poll or media, not both.".to_owned();
        let rejection = Rejection::content(NAME, Broken::Conflict, "x.poll", message);
        let resolution = "Leave the poll out, or say `\"media\": []` in `x`.";
        fields.reject(rejection.bounds(0, segments[0].media.len()).resolve(resolution));
    }
    let options = Options {
        poll: read_poll(NAME, &POLL, &mut fields),
        reply_settings: fields.choice("replySettings", &REPLY_SETTINGS).map(str::to_owned),
        auto_repost: read_reposts(draft, &mut fields),
    };
    for (index, segment) in segments.iter().enumerate() {
        refuse_cashtags(&mut fields, index, &segment.text);
    }
    problems.extend(fields.finish());
    assemble(segments, &options)
}

fn refuse_cashtags(fields: &mut Fields<'_>, index: usize, text: &str) {
    let found = cashtags(text);
    if found > CASHTAGS_MAX {
        let field = match index {
            0 => fields.path("text"),
            _ => fields.path(format_args!("thread[{}].text", index - 1)),
        };
        let message = format!("A post on x has at most one cashtag; this one has {found}.");
        let rejection = fields.broken(Broken::TooMuch, field, message);
        let resolution = "Keep one cashtag; write the others without `$`.";
        fields.reject(rejection.bounds(CASHTAGS_MAX, found).resolve(resolution));
    }
}

/// Words such as `$ACME`: one to six letters behind a dollar sign that begins a word.
fn cashtags(text: &str) -> usize {
    let words = text.split_whitespace().filter_map(|word| word.strip_prefix('$'));
    let is_cashtag = |word: &&str| {
        let letters = word.chars().take_while(char::is_ascii_alphabetic).count();
        let ends = word[letters..].chars().next().is_none_or(|c| c.is_ascii_punctuation());
        (1..=6).contains(&letters) && ends && !word[letters..].starts_with('$')
    };
    words.filter(is_cashtag).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cashtag_is_a_short_word_of_letters() {
        assert_eq!(cashtags("$ACME, $b. costs $5 a$c $TOOLONGX $ $é $$D"), 2);
    }
}
