//! Auto-reposts: how often and when a post is shown anew, read alike for every platform that
//! can repost.

use super::required_number;
use domain::rejection::Rule as Broken;
use domain::repost::{Beat, Flaw, GAP_MAX, GAP_MIN, Quiet, Rule, TIMES_MAX};
use domain::request::{Draft, Fields};
use domain::time::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

/// The ways to say when, of which a rule has one.
const WAYS: [&str; 3] = ["after", "at", "every"];
const INSTANT: &str = "Write it with its offset, as 2026-12-01T09:00:00Z.";

/// The rule under `autoRepost`, if there is one; what is wrong with it is noted in `fields`.
pub(crate) fn read_reposts(draft: &Draft, fields: &mut Fields<'_>) -> Option<Rule> {
    let mut rule = fields.object("autoRepost")?;
    let read = read(draft, &mut rule);
    fields.absorb(rule);
    read
}

/// Refuses the rule where the platform lets no program repost.
pub(super) fn refuse_reposts(platform: &str, fields: &mut Fields<'_>) {
    fields.refuse(
        "autoRepost",
        &format!("{platform} has no programmatic repost here, by its capabilities."),
        "Leave `autoRepost` out, or write a post of its own.",
    );
}

fn read(draft: &Draft, rule: &mut Fields<'_>) -> Option<Rule> {
    let given: Vec<&str> = WAYS.into_iter().filter(|way| rule.value(way).is_some()).collect();
    if given.len() != 1 {
        let field = rule.path(given.get(1).copied().unwrap_or("after"));
        let message = match given.len() {
            0 => "An auto-repost says when: `after`, `at` or `every`.".to_owned(),
            _ => format!("An auto-repost says when in one way, not in {}.", given.join(" and ")),
        };
        let broken = if given.is_empty() { Broken::Required } else { Broken::Conflict };
        let rejection = rule.broken(broken, field, message).bounds(json!(WAYS), json!(given));
        rule.reject(rejection.resolve("Give one of `after`, `at` and `every`."));
    }
    let min_gap = duration(rule, "minGap");
    let undo_after = duration(rule, "undoAfter");
    let until = instant(rule, "until");
    let quiet_hours = quiet(rule);
    let after = duration(rule, "after");
    let every = duration(rule, "every");
    let instants = instants(rule);
    let times = times(rule, &given, instants.as_deref(), until.is_some());
    let min_gap = min_gap.unwrap_or(GAP_MIN);
    let due_at = draft.scheduled_at;
    if let Some(at) = &instants {
        check_instants(rule, at, min_gap, due_at);
    }
    for (name, step) in [("after", after), ("every", every)] {
        if let Some(step) = step.filter(|step| *step < min_gap) {
            let field = rule.path("minGap");
            let message = format!("`{field}` is longer than `{name}` and would always hold it up.");
            let rejection = rule.broken(Broken::Conflict, field, message);
            let bounded = rejection.bounds(step.as_secs(), min_gap.as_secs());
            rule.reject(bounded.resolve(format!("Make it no longer than `{name}`.")));
        }
    }
    if let (Some(until), Some(due_at)) = (until, due_at) {
        let first = due_at + after.or(every).unwrap_or(min_gap);
        if until < first {
            let field = rule.path("until");
            let message = format!("`{field}` ({until}) lies before the first repost ({first}).");
            let rejection = rule.broken(Broken::Conflict, field, message);
            let bounded = rejection.bounds(first.to_string(), until.to_string());
            rule.reject(bounded.resolve("Name a later instant, or leave it out."));
        }
    }
    let beat = match (after, instants, every) {
        (Some(after), ..) => Beat::AfterS(after.as_secs()),
        (_, Some(at), _) => Beat::At(at),
        (.., Some(every)) => Beat::EveryS(every.as_secs()),
        (None, None, None) => return None,
    };
    let undo_after_s = undo_after.map(|after| after.as_secs());
    let min_gap_s = min_gap.as_secs();
    Some(Rule { beat, times, until, quiet_hours, undo_after_s, min_gap_s })
}

/// How often: once behind `after`, as often as there are instants in `at`; a beat has to end.
fn times(
    rule: &mut Fields<'_>,
    given: &[&str],
    instants: Option<&[Timestamp]>,
    has_end: bool,
) -> u32 {
    if rule.value("times").is_some() {
        if given == ["at"] {
            let field = rule.path("times");
            let message = format!("`{field}` is the number of instants in `at`.");
            let actual = rule.value("times").cloned().unwrap_or(Value::Null);
            let rejection = rule.broken(Broken::Conflict, field, message);
            let bounded = rejection.bounds(instants.map_or(0, <[_]>::len), actual);
            rule.reject(bounded.resolve("Leave `times` out."));
        }
        let times = required_number(rule, "times", 1..=u64::from(TIMES_MAX), "times");
        return u32::try_from(times).unwrap_or(0).max(1);
    }
    if given == ["every"] && !has_end {
        rule.missing("times", "Say how often in `times`, or until when in `until`.");
    }
    match (given, instants) {
        (_, Some(at)) => u32::try_from(at.len()).unwrap_or(TIMES_MAX),
        (["every"], _) => TIMES_MAX,
        _ => 1,
    }
}

fn instants(rule: &mut Fields<'_>) -> Option<Vec<Timestamp>> {
    let words = rule.texts("at")?;
    let count = words.len();
    let limit = usize::try_from(TIMES_MAX).unwrap_or(usize::MAX);
    if count > limit {
        rule.too_many("at", limit, count);
    } else if count == 0 {
        rule.missing("at", "Name the instants, or leave `at` out.");
    }
    let mut read = Vec::new();
    for (index, word) in words.into_iter().take(limit).enumerate() {
        match Timestamp::parse(word) {
            Some(at) => read.push(at),
            None => no_instant(rule, rule.path(format_args!("at[{index}]")), word),
        }
    }
    Some(read)
}

/// They come in order, far enough apart, and behind the post.
fn check_instants(
    rule: &mut Fields<'_>,
    instants: &[Timestamp],
    gap: Duration,
    due_at: Option<Timestamp>,
) {
    let mut before = due_at;
    for (index, at) in instants.iter().enumerate() {
        if let Some(earliest) = before.map(|before| before + gap).filter(|least| at < least) {
            let field = rule.path(format_args!("at[{index}]"));
            let what = if index == 0 { "the post" } else { "the one before" };
            let message = format!("`{field}` ({at}) lies less than `minGap` behind {what}.");
            let rejection = rule.broken(Broken::OutOfRange, field, message);
            let bounded = rejection.bounds(earliest.to_string(), at.to_string());
            rule.reject(bounded.resolve(format!("Name {earliest} or a later instant.")));
        }
        before = Some(*at);
    }
}

fn instant(rule: &mut Fields<'_>, name: &'static str) -> Option<Timestamp> {
    let word = rule.text(name)?;
    let read = Timestamp::parse(word);
    if read.is_none() {
        no_instant(rule, rule.path(name), word);
    }
    read
}

fn no_instant(rule: &mut Fields<'_>, field: String, word: &str) {
    let message = format!("`{field}` is no instant.");
    let rejection = rule.broken(Broken::OutOfRange, field, message);
    let bounded = rejection.bounds("an RFC 3339 date and time with an offset", word);
    rule.reject(bounded.resolve(INSTANT));
}

/// A duration that may stand here: from a quarter of an hour to thirty days.
fn duration(rule: &mut Fields<'_>, name: &'static str) -> Option<Duration> {
    let words = rule.text(name)?;
    let read = seconds(words).map(Duration::from_secs);
    let fitting = read.filter(|length| (GAP_MIN..=GAP_MAX).contains(length));
    if fitting.is_none() {
        let field = rule.path(name);
        let message = format!("`{field}` is a duration from 15 minutes to 30 days.");
        let rejection = rule.broken(Broken::OutOfRange, field, message);
        let bounded = rejection.bounds(json!(["PT15M", "P30D"]), words);
        rule.reject(bounded.resolve("Write an ISO 8601 duration of days, hours and minutes."));
    }
    fitting
}

fn quiet(rule: &mut Fields<'_>) -> Option<Quiet> {
    let mut hours = rule.object("quietHours")?;
    let time = "Name a time of the day, as 22:00.";
    let from = hours.required_text("from", time);
    let to = hours.required_text("to", time);
    let zone = hours.required_text("timeZone", "Name a time zone, as Europe/Berlin.");
    let mut read = None;
    if let (Some(from), Some(to), Some(zone)) = (from, to, zone) {
        match Quiet::read(from, to, zone) {
            Ok(quiet) => read = Some(quiet),
            Err(flaw) => refuse_hours(&mut hours, flaw, [from, to, zone]),
        }
    }
    rule.absorb(hours);
    read
}

fn refuse_hours(hours: &mut Fields<'_>, flaw: Flaw, [from, to, zone]: [&str; 3]) {
    let (name, told, limit, actual) = match flaw {
        Flaw::From => ("from", "is no time of the day", "00:00 to 23:59", from),
        Flaw::To => ("to", "is no time of the day", "00:00 to 23:59", to),
        Flaw::Same => ("to", "is the same as `from`: no hour or all of them", "another time", to),
        Flaw::Zone => ("timeZone", "is no time zone", "a name of the IANA database", zone),
    };
    let field = hours.path(name);
    let message = format!("`{field}` {told}.");
    let rejection = hours.broken(Broken::OutOfRange, field, message).bounds(limit, actual);
    let way = "Write `from` and `to` as 22:00, and the zone as Europe/Berlin.";
    hours.reject(rejection.resolve(way));
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
    use domain::rejection::Rejection;

    fn read(rule: Value, scheduled_at: Option<&str>) -> (Option<Rule>, Vec<Rejection>) {
        let options = json!({ "autoRepost": rule });
        let scheduled_at = scheduled_at.and_then(Timestamp::parse);
        let draft = Draft { scheduled_at, ..Draft::default() };
        let mut fields = Fields::new(options.as_object(), "x", Some("x"));
        let read = read_reposts(&draft, &mut fields);
        (read, fields.finish())
    }

    // case: S-repost-refused
    #[test]
    fn every_flaw_of_a_rule_is_named() {
        let due = Some("2026-12-01T09:00:00Z");
        let table = [
            (json!({}), "x.autoRepost.after", Broken::Required),
            (json!({"after": "PT8H", "every": "P1D"}), "x.autoRepost.every", Broken::Conflict),
            (json!({"after": "PT14M59S"}), "x.autoRepost.after", Broken::OutOfRange),
            (json!({"after": "P30DT1S"}), "x.autoRepost.after", Broken::OutOfRange),
            (json!({"after": "8 hours"}), "x.autoRepost.after", Broken::OutOfRange),
            (json!({"after": "PT8H", "times": 11}), "x.autoRepost.times", Broken::OutOfRange),
            (json!({"after": "PT8H", "times": 0}), "x.autoRepost.times", Broken::OutOfRange),
            (json!({"after": "PT8H", "minGap": "PT9H"}), "x.autoRepost.minGap", Broken::Conflict),
            (
                json!({"after": "PT8H", "undoAfter": "PT1M"}),
                "x.autoRepost.undoAfter",
                Broken::OutOfRange,
            ),
            (
                json!({"after": "PT8H", "until": "2026-12-01T16:59:59Z"}),
                "x.autoRepost.until",
                Broken::Conflict,
            ),
            (
                json!({"after": "PT8H", "until": "tomorrow"}),
                "x.autoRepost.until",
                Broken::OutOfRange,
            ),
            (json!({"every": "P1D"}), "x.autoRepost.times", Broken::Required),
            (json!({"at": []}), "x.autoRepost.at", Broken::Required),
            (json!({"at": ["soon"]}), "x.autoRepost.at[0]", Broken::OutOfRange),
            (json!({"at": ["2026-12-01T09:14:59Z"]}), "x.autoRepost.at[0]", Broken::OutOfRange),
            (
                json!({"at": ["2026-12-02T09:00:00Z", "2026-12-02T09:00:00Z"]}),
                "x.autoRepost.at[1]",
                Broken::OutOfRange,
            ),
            (
                json!({"at": ["2026-12-02T09:00:00Z"], "times": 2}),
                "x.autoRepost.times",
                Broken::Conflict,
            ),
            (json!({"at": vec!["2026-12-02T09:00:00Z"; 11]}), "x.autoRepost.at", Broken::TooMuch),
            (
                json!({"after": "PT8H", "quietHours": {"from": "22:00", "to": "07:00"}}),
                "x.autoRepost.quietHours.timeZone",
                Broken::Required,
            ),
            (
                json!({"after": "PT8H", "quietHours":
                {"from": "22", "to": "07:00", "timeZone": "UTC"}}),
                "x.autoRepost.quietHours.from",
                Broken::OutOfRange,
            ),
            (
                json!({"after": "PT8H", "quietHours":
                {"from": "22:00", "to": "07:00", "timeZone": "Berlin"}}),
                "x.autoRepost.quietHours.timeZone",
                Broken::OutOfRange,
            ),
            (json!({"after": "PT8H", "often": true}), "x.autoRepost.often", Broken::UnknownField),
        ];
        for (rule, field, broken) in table {
            let (_, found) = read(rule.clone(), due);
            let is_it = |one: &&Rejection| one.field == field && one.rule == broken;
            let named = found.iter().find(is_it).unwrap_or_else(|| panic!("{rule}: {found:?}"));
            assert!(!named.message.is_empty() && !named.resolution.is_empty(), "{named:?}");
        }
    }

    #[test]
    fn a_whole_rule_is_read() {
        let (rule, found) = read(
            json!({
                "every": "P1D", "until": "2026-12-24T00:00:00Z", "minGap": "PT2H",
                "undoAfter": "PT6H",
                "quietHours": {"from": "22:00", "to": "07:30", "timeZone": "Europe/Berlin"},
            }),
            None,
        );
        assert_eq!(found, []);
        let rule = rule.unwrap();
        assert_eq!((&rule.beat, rule.times), (&Beat::EveryS(86_400), TIMES_MAX));
        assert_eq!((rule.undo_after_s, rule.min_gap_s), (Some(21_600), 7_200));
        // It is stored and read again as it is.
        let stored = serde_json::to_value(&rule).unwrap();
        assert_eq!(serde_json::from_value::<Rule>(stored).unwrap(), rule);
        let (rule, found) = read(json!({"after": "PT8H"}), None);
        assert_eq!((rule.unwrap().times, found), (1, vec![]));
    }

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
}
