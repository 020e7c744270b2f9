//! `/v1/calendar`: what a brand plans and has published between two times, and its free slots.

use crate::envelope::{Answered, Refusal};
use crate::extract::{Authenticated, finish};
use app::App;
use app::calendar::{self, Cursor, Entry, Part};
use axum::Json;
use axum::extract::{Query, State};
use axum::response::IntoResponse;
use domain::local::{TimeZone, Wall};
use domain::rejection::{Rejection, Rule};
use domain::request::{Fields, read_moment};
use domain::time::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

/// Days between the ends of what is shown: two months, and none has more than 31 days.
const DAYS_MAX: u64 = 62;
/// Entries of one page, at most and when nothing is said.
const PAGE_MAX: u32 = 100;
const PAGE: u32 = 50;

/// `GET /v1/calendar`
pub(crate) async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Query(asked): Query<Vec<(String, String)>>,
) -> Answered {
    let asked = object(asked);
    let brand = asked.get("brand").and_then(Value::as_str).map(str::trim);
    let brand = brand.filter(|slug| !slug.is_empty() && !slug.contains('\0'));
    if brand.is_none() {
        // No brand, no zone; what else is wrong is told all the same.
        read(&asked, &TimeZone::UTC)?;
    }
    let calendar = calendar::open(&app, &caller, brand.unwrap_or_default()).await??;
    let part = read(&asked, &calendar.zone)?;
    let (data, next_cursor) = calendar::page(&app, &caller, &calendar, part).await?;
    let time_zone = calendar.zone.name().to_owned();
    Ok(Json(Page { success: true, data, time_zone, next_cursor }).into_response())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    success: bool,
    data: Vec<Entry>,
    /// The zone of the brand, in which times without an offset are read.
    time_zone: String,
    /// What `after` is for the next page; `null` on the last.
    next_cursor: Option<Cursor>,
}

/// A query as an object, with the numbers that its texts are.
fn object(asked: Vec<(String, String)>) -> Map<String, Value> {
    let read = |(name, value): (String, String)| {
        let number = (name == "limit").then(|| value.parse::<u64>().ok()).flatten();
        (name, number.map_or(Value::String(value), Value::from))
    };
    asked.into_iter().map(read).collect()
}

/// The part of a calendar that is asked for, by the clocks of a zone.
fn read(asked: &Map<String, Value>, zone: &TimeZone) -> Result<Part, Refusal> {
    let mut fields = Fields::new(Some(asked), "", None);
    fields.required_text("brand", "Name the brand by its slug.");
    let from = edge(&mut fields, "from", zone);
    let to = edge(&mut fields, "to", zone);
    if let (Some(from), Some(to)) = (from, to) {
        bound(&mut fields, zone, from, to);
    }
    let word = fields.text("after");
    let after = word.and_then(|word| word.parse().ok());
    if let Some(actual) = word.filter(|_| after.is_none()) {
        let rejection = Rejection::request(Rule::OutOfRange, "after", "`after` is no place here.")
            .bounds("the `nextCursor` of a page", actual)
            .resolve("Send `nextCursor` back as it came, or leave it out for the first page.");
        fields.reject(rejection);
    }
    let limit = fields.number("limit").unwrap_or(PAGE.into());
    if !(1..=u64::from(PAGE_MAX)).contains(&limit) {
        let message = format!("`limit` is a number from 1 to {PAGE_MAX}, not {limit}.");
        let rejection = Rejection::request(Rule::OutOfRange, "limit", message)
            .bounds(PAGE_MAX, limit)
            .resolve("Ask for fewer and follow `nextCursor` with `after`.");
        fields.reject(rejection);
    }
    finish(fields)?;
    Ok(Part {
        from: from.unwrap_or_default(),
        to: to.unwrap_or_default(),
        after,
        limit: usize::try_from(limit).unwrap_or(1),
    })
}

/// One end: an instant, a time on the wall, or the midnight with which a day begins.
fn edge<'a>(fields: &mut Fields<'a>, name: &'a str, zone: &TimeZone) -> Option<Timestamp> {
    let word = fields.required_text(name, "Name a day, as 2026-12-01, or a time.")?;
    let day = Wall::parse_date(word).and_then(|midnight| zone.instant(midnight));
    day.map(|(at, _)| at).or_else(|| read_moment(fields, name, zone).map(|moment| moment.at))
}

fn bound(fields: &mut Fields<'_>, zone: &TimeZone, from: Timestamp, to: Timestamp) {
    if to <= from {
        let message = format!("`to` ({to}) does not lie behind `from` ({from}).");
        let rejection = Rejection::request(Rule::Conflict, "to", message)
            .bounds(from.to_string(), to.to_string())
            .resolve("Name a later one; `to` itself is not shown.");
        fields.reject(rejection);
        return;
    }
    // Days on the wall, so that a change of the clocks makes no window too long.
    let walls = zone.wall(from).zip(zone.wall(to));
    let seconds = walls.map_or(u64::MAX, |(from, to)| to.since(from).as_secs());
    if seconds > DAYS_MAX * 86_400 {
        let days = seconds.div_ceil(86_400);
        let message = format!("From `from` to `to` are at most {DAYS_MAX} days, not {days}.");
        let rejection = Rejection::request(Rule::TooMuch, "to", message)
            .bounds(DAYS_MAX, days)
            .resolve("Ask for shorter parts, one after the other.");
        fields.reject(rejection);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(from: &str, to: &str) -> Result<Part, Refusal> {
        let zone = TimeZone::named("Europe/Berlin").unwrap();
        let pairs = [("brand", "acme"), ("from", from), ("to", to)];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        read(&object(pairs.into()), &zone)
    }

    #[test]
    fn the_ends_of_a_calendar_are_days_or_times_of_its_brand() {
        let at = |text| Timestamp::parse(text).unwrap();
        let part = asked("2026-10-01", "2026-12-02").unwrap();
        assert_eq!(part.from, at("2026-09-30T22:00:00Z"));
        assert_eq!(part.to, at("2026-12-01T23:00:00Z"), "62 days, and an hour of the clocks");
        let part = asked("2026-12-01T09:00", "2026-12-01T09:00:00Z").unwrap();
        assert_eq!((part.from, part.to), (at("2026-12-01T08:00:00Z"), at("2026-12-01T09:00:00Z")));
        assert_eq!((part.limit, part.after), (50, None));
    }

    #[test]
    fn a_calendar_has_bounds() {
        for (from, to, field) in [
            ("2026-10-01", "2026-12-03", "to"),
            ("2026-10-01", "2026-10-01", "to"),
            ("2026-10-32", "2026-12-03", "from"),
            ("soon", "2026-12-03", "from"),
        ] {
            let refusal = asked(from, to).unwrap_err();
            assert_eq!(refusal.details.len(), 1, "{refusal:?}");
            assert_eq!(refusal.details[0].field, field, "{from} to {to}");
        }
        for (name, value) in [("limit", "0"), ("limit", "101"), ("after", "x"), ("until", "x")] {
            let pairs = [("brand", "a"), ("from", "2026-10-01"), ("to", "2026-10-02")];
            let pairs = pairs.into_iter().chain([(name, value)]);
            let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let refusal = read(&object(pairs.collect()), &TimeZone::UTC).unwrap_err();
            assert_eq!(refusal.details[0].field, name, "{name}={value}");
        }
        let fields: Vec<_> = read(&Map::new(), &TimeZone::UTC).unwrap_err().details;
        let fields: Vec<&str> = fields.iter().map(|detail| detail.field.as_str()).collect();
        assert_eq!(fields, ["brand", "from", "to"]);
    }
}
