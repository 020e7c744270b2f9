//! What a post may say to X alone: a chain, a poll, who may reply, reposts of itself.

pub use crate::options::Poll;
use crate::options::{
    Open, PollRule, content as assemble, first_segment, read_poll, read_thread, reader,
    required_number,
};
use domain::content::Content;
use domain::rejection::{Rejection, Rule};
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

/// Ours: sooner would be spam, later is another campaign.
const REPOST_AFTER_S: std::ops::RangeInclusive<u64> = 900..=30 * 86_400;
const REPOST_TIMES: std::ops::RangeInclusive<u64> = 1..=10;

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
    pub auto_repost: Option<AutoRepost>,
}

/// Reposts of a post, one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AutoRepost {
    /// Seconds from the post to the first, and from each to the next.
    pub after_s: u64,
    /// How many.
    pub times: u32,
}

impl Options {
    /// The options of a content that [`content`] made.
    pub fn read(content: &Content) -> Self {
        serde_json::from_value(Value::Object(content.options.clone())).unwrap_or_default()
    }
}

/// The post as X will carry it.
pub fn content(draft: &Draft, problems: &mut Vec<Rejection>) -> Content {
    let mut fields = reader(NAME, draft);
    let mut segments = vec![first_segment(NAME, draft)];
    segments.extend(read_thread(NAME, &mut fields));
    let asks_poll = fields.value("poll").is_some();
    if asks_poll && !segments[0].media.is_empty() {
        let message = "A post on x holds a poll or media, not both.".to_owned();
        let rejection = Rejection::content(NAME, Rule::Conflict, "x.poll", message);
        let resolution = "Leave the poll out, or say `\"media\": []` in `x`.";
        fields.reject(rejection.bounds(0, segments[0].media.len()).resolve(resolution));
    }
    let options = Options {
        poll: read_poll(NAME, &POLL, &mut fields),
        reply_settings: fields.choice("replySettings", &REPLY_SETTINGS).map(str::to_owned),
        auto_repost: read_auto_repost(&mut fields),
    };
    for (index, segment) in segments.iter().enumerate() {
        refuse_cashtags(&mut fields, index, &segment.text);
    }
    problems.extend(fields.finish());
    assemble(segments, &options)
}

/// Reads and checks it, and refuses it all the same: a part that nobody carries out yet must not
/// be dropped without a word.
fn read_auto_repost(fields: &mut Fields<'_>) -> Option<AutoRepost> {
    let mut repost = fields.object("autoRepost")?;
    let words = repost.required_text("after", "Write a duration, as PT8H.");
    let after_s = words.and_then(seconds);
    if let Some(words) = words.filter(|_| !after_s.is_some_and(|s| REPOST_AFTER_S.contains(&s))) {
        let field = repost.path("after");
        let message = format!("`{field}` is a duration from 15 minutes to 30 days.");
        let rejection = repost.broken(Rule::OutOfRange, field, message);
        let bounded = rejection.bounds(json!(["PT15M", "P30D"]), words);
        repost.reject(bounded.resolve("Write an ISO 8601 duration of days, hours and minutes."));
    }
    let times = required_number(&mut repost, "times", REPOST_TIMES, "times");
    fields.absorb(repost);
    let rejection = Rejection::content(
        NAME,
        Rule::NotSupported,
        "x.autoRepost",
        "Auto-reposts on x are not carried out yet.",
    );
    let bounded = rejection.bounds(Value::Null, json!({"after": words, "times": times}));
    fields.reject(bounded.resolve("Leave `x.autoRepost` out."));
    Some(AutoRepost { after_s: after_s?, times: times.try_into().ok()? })
}

fn refuse_cashtags(fields: &mut Fields<'_>, index: usize, text: &str) {
    let found = cashtags(text);
    if found > CASHTAGS_MAX {
        let field = match index {
            0 => fields.path("text"),
            _ => fields.path(format_args!("thread[{}].text", index - 1)),
        };
        let message = format!("A post on x has at most one cashtag; this one has {found}.");
        let rejection = fields.broken(Rule::TooMuch, field, message);
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

/// The seconds of an ISO 8601 duration in weeks, days, hours, minutes and seconds, as `P1DT8H`.
fn seconds(words: &str) -> Option<u64> {
    let rest = words.strip_prefix('P')?;
    let (days, times) = rest.split_once('T').map_or((rest, None), |(d, t)| (d, Some(t)));
    if days.is_empty() && times.is_none() || times == Some("") {
        return None;
    }
    let days = sum(days, &[('W', 604_800), ('D', 86_400)])?;
    let times = sum(times.unwrap_or_default(), &[('H', 3_600), ('M', 60), ('S', 1)])?;
    days.checked_add(times)
}

/// The sum of numbers with units, each unit at most once and in this order.
fn sum(words: &str, units: &[(char, u64)]) -> Option<u64> {
    let mut rest = words;
    let mut total = 0_u64;
    for (unit, length) in units {
        if let Some((number, behind)) = rest.split_once(*unit) {
            let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
            let number: u64 = number.parse().ok().filter(|_| is_number)?;
            total = total.checked_add(number.checked_mul(*length)?)?;
            rest = behind;
        }
    }
    rest.is_empty().then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_strictly() {
        let table = [
            ("PT8H", Some(28_800)),
            ("P1DT2H3M4S", Some(93_784)),
            ("P2W", Some(1_209_600)),
            ("PT", None),
            ("P", None),
            ("8H", None),
            ("PT1M1H", None),
            ("PT-1H", None),
            ("P99999999999999999D", None),
        ];
        for (words, expected) in table {
            assert_eq!(seconds(words), expected, "{words}");
        }
    }

    #[test]
    fn a_cashtag_is_a_short_word_of_letters() {
        assert_eq!(cashtags("$ACME, $b. costs $5 a$c $TOOLONGX $ $é $$D"), 2);
    }
}
