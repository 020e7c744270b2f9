//! Reads the rule by which a post that is out is shown anew, or published anew, from its JSON.

use super::{Beat, Flaw, Quiet, Rule};
use crate::rejection::Rule as Broken;
use crate::request::Fields;
use crate::time::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

/// The ways to say when, of which a rule has one.
const WAYS: [&str; 3] = ["after", "at", "every"];
const INSTANT: &str = "Write it with its offset, as 2026-12-01T09:00:00Z.";

/// What a rule may say, where it is about this.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// What it is called in a sentence, as `An auto-repost`.
    pub name: &'static str,
    /// What it makes, as `repost`.
    pub one: &'static str,
    /// The shortest of its durations, and how that is written.
    pub shortest: (Duration, &'static str),
    /// The longest of its durations, and how that is written.
    pub longest: (Duration, &'static str),
    /// The two in words.
    pub told: &'static str,
    /// How often at most.
    pub times_max: u32,
    /// How often behind `after`, where that is not said.
    pub times_unsaid: u32,
    /// What it makes can be taken back.
    pub can_undo: bool,
}

/// Reads a rule of a post that is due then; what is wrong with it is noted in `rule`.
pub fn read(rule: &mut Fields<'_>, due_at: Option<Timestamp>, bounds: &Bounds) -> Option<Rule> {
    let given: Vec<&str> = WAYS.into_iter().filter(|way| rule.value(way).is_some()).collect();
    if given.len() != 1 {
        let field = rule.path(given.get(1).copied().unwrap_or("after"));
        let message = match given.len() {
            0 => format!("{} says when: `after`, `at` or `every`.", bounds.name),
            _ => format!("{} says when in one way, not in {}.", bounds.name, given.join(" and ")),
        };
        let broken = if given.is_empty() { Broken::Required } else { Broken::Conflict };
        let rejection = rule.broken(broken, field, message).bounds(json!(WAYS), json!(given));
        rule.reject(rejection.resolve("Give one of `after`, `at` and `every`."));
    }
    let min_gap = duration(rule, "minGap", bounds);
    let undo_after = match bounds.can_undo {
        true => duration(rule, "undoAfter", bounds),
        false => None,
    };
    let until = instant(rule, "until");
    let quiet_hours = quiet(rule);
    let after = duration(rule, "after", bounds);
    let every = duration(rule, "every", bounds);
    let instants = instants(rule, bounds);
    let named = (given.as_slice(), instants.as_deref(), until.is_some());
    let times = times(rule, named, bounds);
    let min_gap = min_gap.unwrap_or(bounds.shortest.0);
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
            let message =
                format!("`{field}` ({until}) lies before the first {} ({first}).", bounds.one);
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
    (given, instants, has_end): (&[&str], Option<&[Timestamp]>, bool),
    bounds: &Bounds,
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
        let most = bounds.times_max;
        let times = rule.number("times");
        if let Some(actual) = times.filter(|times| !(1..=u64::from(most)).contains(times)) {
            let field = rule.path("times");
            let message = format!("`{field}` is from 1 to {most} times, not {actual}.");
            let rejection = rule.broken(Broken::OutOfRange, field, message);
            let bounded = rejection.bounds(json!([1, most]), actual);
            rule.reject(bounded.resolve(format!("Choose from 1 to {most} times.")));
        }
        return u32::try_from(times.unwrap_or_default()).unwrap_or(0).max(1);
    }
    if given == ["every"] && !has_end {
        rule.missing("times", "Say how often in `times`, or until when in `until`.");
    }
    match (given, instants) {
        (_, Some(at)) => u32::try_from(at.len()).unwrap_or(bounds.times_max),
        (["every"], _) => bounds.times_max,
        _ => bounds.times_unsaid,
    }
}

fn instants(rule: &mut Fields<'_>, bounds: &Bounds) -> Option<Vec<Timestamp>> {
    let words = rule.texts("at")?;
    let count = words.len();
    let limit = usize::try_from(bounds.times_max).unwrap_or(usize::MAX);
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

/// A duration that may stand here.
fn duration(rule: &mut Fields<'_>, name: &'static str, bounds: &Bounds) -> Option<Duration> {
    let words = rule.text(name)?;
    let read = seconds(words).map(Duration::from_secs);
    let (shortest, longest) = (bounds.shortest, bounds.longest);
    let fitting = read.filter(|length| (shortest.0..=longest.0).contains(length));
    if fitting.is_none() {
        let field = rule.path(name);
        let message = format!("`{field}` is a duration from {}.", bounds.told);
        let rejection = rule.broken(Broken::OutOfRange, field, message);
        let bounded = rejection.bounds(json!([shortest.1, longest.1]), words);
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
