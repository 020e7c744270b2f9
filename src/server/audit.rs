//! `/v1/audit`: who did what, newest first.

use crate::envelope::Answered;
use crate::extract::{Authenticated, finish};
use app::App;
use app::audits::{self, EntryView};
use axum::Json;
use axum::extract::{Query, State};
use axum::response::IntoResponse;
use domain::rejection::{Rejection, Rule};
use domain::request::Fields;
use serde::Serialize;
use serde_json::{Map, Value};

/// Rows of a page, at most and when nothing is said.
const PAGE_MAX: u64 = 100;
const PAGE: u64 = 50;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    success: bool,
    data: Vec<EntryView>,
    /// What `before` is for the next page; `null` on the last.
    next_cursor: Option<String>,
}

/// `GET /v1/audit`
pub(crate) async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Query(asked): Query<Vec<(String, String)>>,
) -> Answered {
    let number = |(name, value): (String, String)| {
        let number = value.parse::<u64>().ok();
        (name, number.map_or(Value::String(value), Value::from))
    };
    let asked: Map<String, Value> = asked.into_iter().map(number).collect();
    let mut fields = Fields::new(Some(&asked), "", None);
    let before = fields.number("before").map(|no| i64::try_from(no).unwrap_or(i64::MAX));
    let limit = fields.number("limit").unwrap_or(PAGE);
    if !(1..=PAGE_MAX).contains(&limit) {
        let message = format!("`limit` is a number from 1 to {PAGE_MAX}, not {limit}.");
        let rejection = Rejection::request(Rule::OutOfRange, "limit", message)
            .bounds(PAGE_MAX, limit)
            .resolve("Ask for fewer and follow `nextCursor` with `before`.");
        fields.reject(rejection);
    }
    finish(fields)?;
    let limit = u32::try_from(limit).unwrap_or(1);
    // One more than shown tells whether there is a next page.
    let mut data = audits::list(&app, &caller, before, limit + 1).await?;
    let has_more = data.len() > limit as usize;
    data.truncate(limit as usize);
    let next_cursor = data.last().filter(|_| has_more).map(|entry| entry.no.to_string());
    Ok(Json(Page { success: true, data, next_cursor }).into_response())
}
