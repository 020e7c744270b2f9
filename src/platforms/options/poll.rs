//! Polls: what a post may ask, read alike for every platform that has them.

use domain::rejection::Rule;
use domain::request::Fields;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::ops::RangeInclusive;

/// What a platform's polls are bound by.
#[derive(Debug)]
pub(crate) struct PollRule {
    /// The longest question, in characters, where a poll has one of its own; else the text of the
    /// post asks.
    pub question_chars_max: Option<usize>,
    /// How many options.
    pub options: RangeInclusive<usize>,
    /// The longest option, in characters.
    pub option_chars_max: usize,
    /// How long it may be open.
    pub open: Open,
}

/// How long a poll may be open.
#[derive(Debug)]
pub(crate) enum Open {
    /// Any number of minutes in a range.
    Minutes(RangeInclusive<u64>),
    /// One of these numbers of minutes.
    OneOf(&'static [u64]),
}

/// A poll.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Poll {
    /// What it asks, where that is not the text of the post.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub question: Option<String>,
    /// The answers to choose from.
    pub options: Vec<String>,
    /// How long it is open.
    pub duration_minutes: u32,
}

/// The poll of a post on `platform`, if it has one; what is wrong with it is noted in `fields`.
pub(crate) fn read_poll(
    platform: &'static str,
    rule: &PollRule,
    fields: &mut Fields<'_>,
) -> Option<Poll> {
    let mut poll = fields.object("poll")?;
    let question = rule.question_chars_max.map(|most| {
        let words = poll.required_text("question", "Write what the poll asks.");
        let words = words.unwrap_or_default();
        let field = poll.path("question");
        bound(&mut poll, (platform, "question"), field, words, most);
        words.to_owned()
    });
    let options = poll.texts("options").unwrap_or_default();
    let named = poll.value("options").and_then(serde_json::Value::as_array).map_or(0, Vec::len);
    if !rule.options.contains(&named) {
        let (least, most) = (rule.options.start(), rule.options.end());
        let field = poll.path("options");
        let message =
            format!("A poll on {platform} has {least} to {most} options; this one has {named}.");
        let rejection = poll.broken(Rule::OutOfRange, field, message);
        let resolution = format!("Give it {least} to {most} options.");
        poll.reject(rejection.bounds(json!([least, most]), named).resolve(resolution));
    }
    for (index, option) in options.iter().enumerate() {
        let field = poll.path(format_args!("options[{index}]"));
        bound(&mut poll, (platform, "option"), field, option, rule.option_chars_max);
    }
    let minutes = match &rule.open {
        Open::Minutes(range) => {
            required_number(&mut poll, "durationMinutes", range.clone(), "minutes")
        }
        Open::OneOf(choices) => one_of(&mut poll, "durationMinutes", choices),
    };
    let options = options.into_iter().map(str::to_owned).collect();
    fields.absorb(poll);
    Some(Poll { question, options, duration_minutes: minutes.try_into().ok()? })
}

/// Refuses words of a poll that are empty or too long.
fn bound(
    poll: &mut Fields<'_>,
    (platform, noun): (&str, &str),
    field: String,
    words: &str,
    most: usize,
) {
    let length = words.chars().count();
    if words.trim().is_empty() || length > most {
        let message =
            format!("A poll's {noun} on {platform} has 1 to {most} characters, not {length}.");
        let rejection = poll.broken(Rule::OutOfRange, field, message);
        let bounded = rejection.bounds(json!([1, most]), length);
        poll.reject(bounded.resolve(format!("Word the {noun} in 1 to {most} characters.")));
    }
}

/// A number that has to be there and inside its range; 0 when it is not.
fn required_number(
    fields: &mut Fields<'_>,
    name: &'static str,
    range: RangeInclusive<u64>,
    unit: &str,
) -> u64 {
    let (least, most) = (range.start(), range.end());
    let is_absent = fields.value(name).is_none();
    let number = fields.number(name);
    if is_absent {
        fields.missing(name, &format!("Name a number of {unit} from {least} to {most}."));
    } else if let Some(actual) = number.filter(|number| !range.contains(number)) {
        let field = fields.path(name);
        let message = format!("`{field}` is from {least} to {most} {unit}, not {actual}.");
        let rejection = fields.broken(Rule::OutOfRange, field, message);
        let resolution = format!("Choose from {least} to {most} {unit}.");
        fields.reject(rejection.bounds(json!([least, most]), actual).resolve(resolution));
    }
    number.unwrap_or_default()
}

/// A number of minutes that has to be one of a few; 0 when it is not there.
fn one_of(fields: &mut Fields<'_>, name: &'static str, choices: &'static [u64]) -> u64 {
    let words = choices.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    let is_absent = fields.value(name).is_none();
    let number = fields.number(name);
    if is_absent {
        fields.missing(name, &format!("Name a number of minutes: {words}."));
    } else if let Some(actual) = number.filter(|number| !choices.contains(number)) {
        let field = fields.path(name);
        let message = format!("`{field}` is one of {words} minutes, not {actual}.");
        let rejection = fields.broken(Rule::OutOfRange, field, message);
        let bounded = rejection.bounds(json!(choices), actual);
        fields.reject(bounded.resolve(format!("Choose one of {words}.")));
    }
    number.unwrap_or_default()
}
