//! `/v1/events`: what happened, under the same ids as webhooks bring it.

use crate::envelope::{Answered, Refusal, success};
use crate::extract::{Authenticated, Named, finish};
use crate::lists::object;
use crate::webhooks::limit;
use app::events::{self, Filter, Place};
use app::{App, Refused};
use axum::Json;
use axum::extract::{Query, State};
use axum::response::IntoResponse;
use domain::rejection::{Rejection, Rule, excerpt};
use domain::request::Fields;
use domain::webhook::{EventId, fault_of_pattern};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};

/// Events of a page, at most and when nothing is said.
const PAGE_MAX: u32 = 500;
const PAGE: u32 = 100;

/// `GET /v1/events`
pub(crate) async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Query(asked): Query<Vec<(String, String)>>,
) -> Answered {
    let asked = object(asked);
    let (after, filter, limit) = read(&asked)?;
    let (data, place) = events::list(&app, &caller, &after, filter, limit).await?;
    let has_more = data.len() >= limit as usize;
    let page = Page { success: true, data, next_cursor: place.text(), has_more };
    Ok(Json(page).into_response())
}

/// `GET /v1/events/{id}`
pub(crate) async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Named(name): Named,
) -> Answered {
    let id: EventId = name.parse().map_err(|why| {
        Refused::NotFound(format!("There is no event {:?}: {why}.", excerpt(&name)))
    })?;
    Ok(success(StatusCode::OK, events::show(&app, &caller, id).await??))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    success: bool,
    data: Vec<Value>,
    /// What `after` is for what happens next; good for ever, also when nothing is left now.
    next_cursor: String,
    /// There is more at once.
    has_more: bool,
}

fn read(asked: &Map<String, Value>) -> Result<(Place, Filter<'_>, u32), Refusal> {
    let mut fields = Fields::new(Some(asked), "", None);
    let word = fields.text("after");
    let after = word.map(Place::parse);
    if let (Some(word), Some(None)) = (word, &after) {
        let rejection = Rejection::request(Rule::OutOfRange, "after", "`after` is no place here.")
            .bounds("the `nextCursor` of a page, or the id of an event", word)
            .resolve("Send `nextCursor` back as it came, or leave it out to begin at the first.");
        fields.reject(rejection);
    }
    let kind = fields.text("type");
    if let Some(rejection) = kind.and_then(|kind| fault_of_pattern("type", kind)) {
        fields.reject(rejection);
    }
    let subject = fields.text("subject");
    let limit = limit(&mut fields, PAGE, PAGE_MAX);
    finish(fields)?;
    Ok((after.flatten().unwrap_or_default(), Filter { kind, subject }, limit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_query_for_events_is_read_and_refused_by_name() {
        let asked = json!({"after": "evt_0000000000000007", "type": "post.*", "limit": 5});
        let (after, filter, limit) = read(asked.as_object().unwrap()).unwrap();
        assert_eq!(after.text(), "evt_0000000000000007");
        assert_eq!((filter.kind, filter.subject, limit), (Some("post.*"), None, 5));
        assert_eq!(read(&Map::new()).unwrap().2, PAGE);
        for (name, value) in [
            ("after", json!("soon")),
            ("type", json!("posts.*")),
            ("limit", json!(501)),
            ("limit", json!(0)),
            ("before", json!("x")),
        ] {
            let asked = json!({ name: value });
            let refusal = read(asked.as_object().unwrap()).unwrap_err();
            assert_eq!(refusal.details[0].field, name, "{asked}");
        }
    }
}
