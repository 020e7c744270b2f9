//! What lists of posts and deliveries are asked for.

use crate::envelope::Refusal;
use crate::extract::finish;
use app::lists::{DeliveriesAsked, PostsAsked};
use domain::delivery;
use domain::failure::PUBLIC_TYPES;
use domain::post::Status;
use domain::rejection::{Rejection, Rule};
use domain::request::{CLIENT_REF_CHARS_MAX, Fields};
use domain::time::Timestamp;
use serde_json::{Map, Value};

/// Entries of one page, at most and when nothing is said.
pub(crate) const PAGE_MAX: u32 = 100;
const PAGE: u32 = 20;
/// The longest text that is sought, in characters.
const WORDS_CHARS_MAX: usize = 200;

pub(crate) type Pairs = Vec<(String, String)>;

/// What `GET /v1/posts` asks for: what posts have in common, the sender's own reference, and how
/// many.
pub(crate) fn posts(asked: Pairs) -> Result<(PostsAsked, Option<String>, u32), Refusal> {
    let given = object(asked);
    let mut fields = Fields::new(Some(&given), "", None);
    let statuses = Status::ALL.map(|status| (status.as_str(), status.as_str()));
    let due = (fields.instant("dueFrom"), fields.instant("dueTo"));
    let created = (fields.instant("createdFrom"), fields.instant("createdTo"));
    ordered(&mut fields, ("dueFrom", "dueTo"), due);
    ordered(&mut fields, ("createdFrom", "createdTo"), created);
    let limit = limit(&mut fields);
    let posts = PostsAsked {
        before: fields.id("before"),
        brand: words(&mut fields, "brand", WORDS_CHARS_MAX),
        status: fields.choice("status", &statuses),
        platform: platform(&mut fields),
        account: fields.id("account"),
        due,
        created,
        words: words(&mut fields, "q", WORDS_CHARS_MAX),
        ..PostsAsked::default()
    };
    let reference = words(&mut fields, "clientRef", CLIENT_REF_CHARS_MAX);
    finish(fields)?;
    // One more than shown tells whether there is a next page.
    Ok((PostsAsked { limit: i64::from(limit) + 1, ..posts }, reference, limit))
}

/// What `GET /v1/deliveries` asks for, and how many.
pub(crate) fn deliveries(asked: Pairs) -> Result<(DeliveriesAsked, u32), Refusal> {
    let given = object(asked);
    let mut fields = Fields::new(Some(&given), "", None);
    let statuses = delivery::Status::ALL.iter().map(|status| status.as_str());
    let statuses: Vec<_> = statuses.chain(["parked"]).map(|word| (word, word)).collect();
    let types = PUBLIC_TYPES.map(|word| (word, word));
    let limit = limit(&mut fields);
    let deliveries = DeliveriesAsked {
        before: fields.id("before"),
        brand: words(&mut fields, "brand", WORDS_CHARS_MAX),
        status: fields.choice("status", &statuses),
        platform: platform(&mut fields),
        account: fields.id("account"),
        error_type: fields.choice("errorType", &types),
        limit: i64::from(limit) + 1,
        only: None,
    };
    finish(fields)?;
    Ok((deliveries, limit))
}

/// A query as an object, with the number that the text of its limit is.
pub(crate) fn object(asked: Pairs) -> Map<String, Value> {
    let read = |(name, value): (String, String)| {
        let number = (name == "limit").then(|| value.parse::<u64>().ok()).flatten();
        (name, number.map_or(Value::String(value), Value::from))
    };
    asked.into_iter().map(read).collect()
}

fn limit(fields: &mut Fields<'_>) -> u32 {
    let limit = fields.number("limit").unwrap_or(PAGE.into());
    let fitting = u32::try_from(limit).ok().filter(|limit| (1..=PAGE_MAX).contains(limit));
    if fitting.is_none() {
        let message = format!("`limit` is a number from 1 to {PAGE_MAX}, not {limit}.");
        let rejection = Rejection::request(Rule::OutOfRange, "limit", message)
            .bounds(PAGE_MAX, limit)
            .resolve("Ask for fewer and follow `nextCursor` with `before`.");
        fields.reject(rejection);
    }
    fitting.unwrap_or(PAGE)
}

fn platform(fields: &mut Fields<'_>) -> Option<&'static str> {
    let names: Vec<_> = app::capabilities::names().into_iter().map(|name| (name, name)).collect();
    fields.choice("platform", &names)
}

/// Words that Postgres takes.
fn words<'a>(fields: &mut Fields<'a>, name: &'a str, max: usize) -> Option<String> {
    let text = fields.text(name)?.trim();
    let count = text.chars().count();
    if count > max || text.contains('\0') {
        let message = format!("`{name}` has at most {max} characters, none of them NUL.");
        let rejection = Rejection::request(Rule::TooMuch, name, message).bounds(max, count);
        fields.reject(rejection.resolve("Shorten it."));
        return None;
    }
    Some(text.to_owned())
}

fn ordered<'a>(
    fields: &mut Fields<'a>,
    (from, to): (&'a str, &'a str),
    span: (Option<Timestamp>, Option<Timestamp>),
) {
    let (Some(first), Some(last)) = span else { return };
    if last <= first {
        let message = format!("`{to}` ({last}) is not after `{from}` ({first}).");
        let rejection = Rejection::request(Rule::Conflict, to, message)
            .bounds(first.to_string(), last.to_string())
            .resolve(format!("Name an instant after `{from}`."));
        fields.reject(rejection);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::StatusCode;
    use serde_json::json;

    fn pairs(pairs: &[(&str, &str)]) -> Pairs {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    // case: S-filters
    #[test]
    fn a_page_has_bounds_and_every_filter_is_read() {
        let id = "pst_00000000000000000000000000000007";
        let of = |given: &[(&str, &str)]| posts(pairs(given));
        let (none, reference, limit) = of(&[]).unwrap();
        assert_eq!((none, reference), (PostsAsked { limit: 21, ..PostsAsked::default() }, None));
        assert_eq!(limit, 20);
        let (all, reference, _) = of(&[
            ("status", "partial"),
            ("brand", "acme"),
            ("platform", "x"),
            ("account", "acc_00000000000000000000000000000007"),
            ("dueFrom", "2026-12-01T00:00:00Z"),
            ("dueTo", "2026-12-02T00:00:00Z"),
            ("createdFrom", "2026-11-01T00:00:00Z"),
            ("q", " launch \"day one\" "),
            ("clientRef", "r-1"),
            ("before", id),
            ("limit", "100"),
        ])
        .unwrap();
        assert_eq!((all.before, all.status), (id.parse().ok(), Some("partial")));
        assert_eq!((all.platform, all.limit), (Some("x"), 101));
        assert_eq!(all.words.as_deref(), Some("launch \"day one\""));
        assert!(all.due.0.is_some() && all.due.1.is_some() && all.created.0.is_some());
        assert_eq!(reference.as_deref(), Some("r-1"));
        for limit in ["0", "101", "99999999999"] {
            let refusal = of(&[("limit", limit)]).unwrap_err();
            assert_eq!(refusal.status, StatusCode::UNPROCESSABLE_ENTITY, "{limit}");
        }
        assert_eq!(of(&[("limit", "many")]).unwrap_err().status, StatusCode::BAD_REQUEST);
    }

    // case: S-filters
    #[test]
    fn what_no_list_knows_is_refused_by_name() {
        let long = "a".repeat(201);
        for (name, value) in [
            ("before", "x"),
            ("status", "fine"),
            ("platform", "myspace"),
            ("account", "x"),
            ("dueFrom", "tomorrow"),
            ("q", long.as_str()),
            ("clientRef", "a\0b"),
        ] {
            let refusal = posts(pairs(&[(name, value)])).unwrap_err();
            assert_eq!(refusal.details[0].field, name, "{refusal:?}");
        }
        let unknown = posts(pairs(&[("limits", "3")])).unwrap_err();
        assert_eq!(unknown.details[0].resolution, "Did you mean `limit`?");
        let span = [("dueFrom", "2026-12-02T00:00:00Z"), ("dueTo", "2026-12-02T00:00:00Z")];
        assert_eq!(posts(pairs(&span)).unwrap_err().details[0].field, "dueTo");
        let (parked, _) = deliveries(pairs(&[("status", "parked")])).unwrap();
        assert_eq!((parked.status, parked.limit), (Some("parked"), 21));
        let refusal = deliveries(pairs(&[("errorType", "Sad")])).unwrap_err();
        assert_eq!(refusal.details[0].actual, json!("Sad"));
    }
}
