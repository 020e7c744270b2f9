//! `/v1/accounts`: shown, renewed, paused, limited, retried and taken away.

use crate::envelope::{Answered, Refusal, success};
use crate::extract::{AccountAt, Authenticated, JsonBody, fields, finish};
use app::accounts::{AccountPage, Asked, BrandAccounts};
use app::{App, accounts, amends, disconnect as ends, pause as pauses};
use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use domain::account::Status;
use domain::id::AccountId;
use domain::limit::Own;
use domain::rejection::{Rejection, Rule};
use domain::request::Fields;
use domain::time::Timestamp;
use http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Accounts of a page, unless the caller says otherwise.
const PAGE: u32 = 50;
/// Accounts of a page at most.
const PAGE_MAX: u32 = 100;
/// The longest reason, in characters; the audit keeps as many.
const REASON_CHARS_MAX: usize = 500;

type Pairs = Vec<(String, String)>;

/// `GET /v1/accounts`
pub(crate) async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Query(asked): Query<Pairs>,
) -> Answered {
    let given = object(asked);
    let (mut asked, limit) = read_list(&given)?;
    // One more than shown tells whether there is a next page.
    asked.limit = limit + 1;
    let mut found = accounts::list(&app, &caller, asked).await??;
    let has_more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next_cursor = found.last().filter(|_| has_more).map(|account| account.id);
    Ok(Json(Page { success: true, data: found, next_cursor }).into_response())
}

/// `GET /v1/accounts/{id}`
pub(crate) async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    AccountAt(id): AccountAt,
) -> Answered {
    Ok(success(StatusCode::OK, accounts::show(&app, &caller, id).await??))
}

/// `DELETE /v1/accounts/{id}`
pub(crate) async fn disconnect(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    AccountAt(id): AccountAt,
) -> Answered {
    Ok(success(StatusCode::OK, ends::disconnect(&app, &caller, id).await??))
}

/// `POST /v1/accounts/{id}/refresh`
pub(crate) async fn refresh(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    AccountAt(id): AccountAt,
) -> Answered {
    // It is owed, not done: the account shows when it was.
    Ok(success(StatusCode::ACCEPTED, accounts::refresh(&app, &caller, id).await??))
}

/// `POST /v1/accounts/{id}/pause`
pub(crate) async fn pause(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    AccountAt(id): AccountAt,
    JsonBody(body): JsonBody,
) -> Answered {
    let reason = read_reason(&body)?;
    Ok(success(StatusCode::OK, pauses::pause(&app, &caller, id, &reason).await??))
}

/// `POST /v1/accounts/{id}/resume`
pub(crate) async fn resume(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    AccountAt(id): AccountAt,
) -> Answered {
    Ok(success(StatusCode::OK, pauses::resume(&app, &caller, id).await??))
}

/// `PUT /v1/accounts/{id}/limits`
pub(crate) async fn limits(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    AccountAt(id): AccountAt,
    JsonBody(body): JsonBody,
) -> Answered {
    let own = read_limits(&body)?;
    Ok(success(StatusCode::OK, accounts::limit(&app, &caller, id, own).await??))
}

/// `POST /v1/accounts/{id}/retry`
pub(crate) async fn retry(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    AccountAt(id): AccountAt,
    Query(asked): Query<Pairs>,
) -> Answered {
    let given = object(asked);
    let (before, is_preview) = read_retry(&given)?;
    let amends = match is_preview {
        true => amends::preview(&app, &caller, id, before).await??,
        false => amends::retry(&app, &caller, id, before).await??,
    };
    Ok(success(StatusCode::OK, amends))
}

/// The accounts of a brand, with how many are how beside them.
pub(crate) fn of_brand(found: BrandAccounts) -> Response {
    let BrandAccounts { accounts, summary } = found;
    Json(Summed { success: true, data: accounts, summary }).into_response()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    success: bool,
    data: Vec<AccountPage>,
    /// What `before` is for the next page; `null` on the last.
    next_cursor: Option<AccountId>,
}

#[derive(Serialize)]
struct Summed {
    success: bool,
    data: Vec<AccountPage>,
    summary: BTreeMap<&'static str, u64>,
}

/// A query as an object, with the numbers and flags that its texts are.
fn object(asked: Pairs) -> Map<String, Value> {
    let read = |(name, value): (String, String)| {
        let typed = match name.as_str() {
            "limit" => value.parse::<u64>().ok().map(Value::from),
            "preview" => value.parse::<bool>().ok().map(Value::from),
            _ => None,
        };
        (name, typed.unwrap_or(Value::String(value)))
    };
    asked.into_iter().map(read).collect()
}

/// What a list is asked for, and how many.
fn read_list(given: &Map<String, Value>) -> Result<(Asked<'_>, u32), Refusal> {
    let mut fields = Fields::new(Some(given), "", None);
    let words = Status::ALL.map(|status| (status.as_str(), status));
    let asked = Asked {
        brand: fields.text("brand"),
        platform: fields.text("platform"),
        status: fields.choice("status", &words),
        before: fields.id("before"),
        limit: PAGE,
    };
    let limit = fields.number("limit").unwrap_or(PAGE.into());
    let fitting = u32::try_from(limit).ok().filter(|limit| (1..=PAGE_MAX).contains(limit));
    if fitting.is_none() {
        let message = format!("`limit` is a number from 1 to {PAGE_MAX}, not {limit}.");
        let rejection = Rejection::request(Rule::OutOfRange, "limit", message)
            .bounds(PAGE_MAX, limit)
            .resolve("Ask for fewer and follow `nextCursor` with `before`.");
        fields.reject(rejection);
    }
    finish(fields)?;
    Ok((asked, fitting.unwrap_or(PAGE)))
}

/// Before which instant something failed that is retried, and whether it is only looked at.
fn read_retry(given: &Map<String, Value>) -> Result<(Option<Timestamp>, bool), Refusal> {
    let mut fields = Fields::new(Some(given), "", None);
    let is_preview = fields.flag("preview").unwrap_or(false);
    let text = fields.text("before");
    let before = text.and_then(Timestamp::parse);
    if let Some(actual) = text.filter(|_| before.is_none()) {
        let message = "`before` is an RFC 3339 time with an offset, as 2026-12-01T09:00:00Z.";
        let rejection = Rejection::request(Rule::OutOfRange, "before", message)
            .bounds("an RFC 3339 time", actual)
            .resolve("Send back the `asOf` of a preview, or leave it out.");
        fields.reject(rejection);
    }
    finish(fields)?;
    Ok((before, is_preview))
}

/// Both limits; what is missing or `null` is none.
fn read_limits(body: &Value) -> Result<Own, Refusal> {
    let mut fields = fields(body)?;
    let own = Own {
        posts_per_day: bounded(&mut fields, "postsPerDay", Own::POSTS_PER_DAY_MAX),
        min_gap_s: bounded(&mut fields, "minGapS", Own::MIN_GAP_S_MAX),
    };
    finish(fields)?;
    Ok(own)
}

fn bounded<'a>(fields: &mut Fields<'a>, name: &'a str, max: u32) -> Option<u32> {
    let number = fields.number(name)?;
    let fitting = u32::try_from(number).ok().filter(|number| (1..=max).contains(number));
    if fitting.is_none() {
        let message = format!("`{name}` is a number from 1 to {max}, not {number}.");
        let rejection = Rejection::request(Rule::OutOfRange, name, message)
            .bounds(max, number)
            .resolve("Leave it out for no limit; pause the account to publish nothing.");
        fields.reject(rejection);
    }
    fitting
}

/// Why something is paused.
pub(crate) fn read_reason(body: &Value) -> Result<String, Refusal> {
    let mut fields = fields(body)?;
    let reason = fields.required_text("reason", "Say why; it is shown beside what waits.");
    bound_reason(&mut fields, reason);
    finish(fields)?;
    Ok(base::text::clean(reason.unwrap_or_default().trim()))
}

fn bound_reason(fields: &mut Fields<'_>, reason: Option<&str>) {
    let Some(actual) = reason.map(|reason| reason.chars().count()) else { return };
    if actual > REASON_CHARS_MAX {
        let message = format!("`reason` has at most {REASON_CHARS_MAX} characters, not {actual}.");
        let rejection = Rejection::request(Rule::TooMuch, "reason", message)
            .bounds(REASON_CHARS_MAX, actual)
            .resolve("Shorten it.");
        fields.reject(rejection);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn query(pairs: &[(&str, &str)]) -> Map<String, Value> {
        object(pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn a_list_has_bounds_and_knows_its_words() {
        let given = query(&[("brand", "acme"), ("status", "damaged"), ("limit", "100")]);
        let (asked, limit) = read_list(&given).unwrap();
        assert_eq!((asked.brand, asked.status, limit), (Some("acme"), Some(Status::Damaged), 100));
        for (name, value) in [("limit", "0"), ("limit", "101"), ("status", "fine")] {
            let refusal = read_list(&query(&[(name, value)])).unwrap_err();
            assert_eq!(refusal.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}={value}");
            assert_eq!(refusal.details[0].field, name);
        }
        let unknown = read_list(&query(&[("stats", "x")])).unwrap_err();
        assert_eq!(unknown.details[0].resolution, "Did you mean `status`?");
    }

    #[test]
    fn limits_are_numbers_from_one_or_none() {
        let none = Own::default();
        assert_eq!(read_limits(&json!({})), Ok(none));
        assert_eq!(read_limits(&json!({"postsPerDay": null})), Ok(none));
        let both = Own { posts_per_day: Some(3), min_gap_s: Some(60) };
        assert_eq!(read_limits(&json!({"postsPerDay": 3, "minGapS": 60})), Ok(both));
        for (body, field) in [
            (json!({"postsPerDay": 0}), "postsPerDay"),
            (json!({"postsPerDay": 100_001}), "postsPerDay"),
            (json!({"minGapS": 86_401}), "minGapS"),
            (json!({"minGapS": -1}), "minGapS"),
            (json!({"minGap": 1}), "minGap"),
        ] {
            assert_eq!(read_limits(&body).unwrap_err().details[0].field, field, "{body}");
        }
    }

    #[test]
    fn a_retry_reads_the_instant_of_a_preview() {
        let given = query(&[("preview", "true")]);
        assert_eq!(read_retry(&given), Ok((None, true)));
        let given = query(&[("before", "2026-12-01T09:00:00.250Z")]);
        let at = Timestamp::parse("2026-12-01T09:00:00.250Z");
        assert_eq!(read_retry(&given), Ok((at, false)));
        for (name, value) in [("before", "yesterday"), ("preview", "perhaps"), ("after", "x")] {
            assert_eq!(read_retry(&query(&[(name, value)])).unwrap_err().details[0].field, name);
        }
    }
}
