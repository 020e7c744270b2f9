//! `/v1/webhooks`: endpoints of upstream apps that are told of events.

use crate::envelope::{Answered, Refusal, success};
use crate::extract::{Authenticated, JsonBody, WebhookAt, fields, finish};
use crate::lists::object;
use app::App;
use app::webhooks::{self, Asked, MessageView, Replay};
use axum::Json;
use axum::extract::{Query, State};
use axum::response::IntoResponse;
use domain::rejection::{Rejection, Rule};
use domain::request::Fields;
use domain::webhook::{EventId, PATTERNS_MAX, fault_of_pattern};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

/// The longest description, in characters.
const DESCRIPTION_CHARS_MAX: usize = 200;
/// Messages of a page, at most and when nothing is said.
const PAGE_MAX: u32 = 100;
const PAGE: u32 = 50;
/// What a message may be.
const STATUSES: [(&str, &str); 3] =
    [("waiting", "waiting"), ("delivered", "delivered"), ("failed", "failed")];

/// `POST /v1/webhooks`
pub(crate) async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    JsonBody(body): JsonBody,
) -> Answered {
    let asked = read(&body, true)?;
    Ok(success(StatusCode::CREATED, webhooks::create(&app, &caller, asked).await??))
}

/// `GET /v1/webhooks`
pub(crate) async fn list(State(app): State<App>, Authenticated(caller): Authenticated) -> Answered {
    Ok(success(StatusCode::OK, webhooks::list(&app, &caller).await?))
}

/// `GET /v1/webhooks/{id}`
pub(crate) async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    WebhookAt(id): WebhookAt,
) -> Answered {
    Ok(success(StatusCode::OK, webhooks::show(&app, &caller, id).await??))
}

/// `PATCH /v1/webhooks/{id}`
pub(crate) async fn edit(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    WebhookAt(id): WebhookAt,
    JsonBody(body): JsonBody,
) -> Answered {
    let asked = read(&body, false)?;
    Ok(success(StatusCode::OK, webhooks::edit(&app, &caller, id, asked).await??))
}

/// `DELETE /v1/webhooks/{id}`
pub(crate) async fn delete(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    WebhookAt(id): WebhookAt,
) -> Answered {
    webhooks::delete(&app, &caller, id).await??;
    Ok(success(StatusCode::OK, json!({})))
}

/// `POST /v1/webhooks/{id}/secret`
pub(crate) async fn renew_secret(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    WebhookAt(id): WebhookAt,
) -> Answered {
    Ok(success(StatusCode::CREATED, webhooks::renew_secret(&app, &caller, id).await??))
}

/// `POST /v1/webhooks/{id}/test`
pub(crate) async fn test(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    WebhookAt(id): WebhookAt,
) -> Answered {
    Ok(success(StatusCode::ACCEPTED, webhooks::test(&app, &caller, id).await??))
}

/// `GET /v1/webhooks/{id}/messages`
pub(crate) async fn messages(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    WebhookAt(id): WebhookAt,
    Query(asked): Query<Vec<(String, String)>>,
) -> Answered {
    let asked = object(asked);
    let mut fields = Fields::new(Some(&asked), "", None);
    let status = fields.choice("status", &STATUSES);
    let before = event(&mut fields, "before");
    let limit = limit(&mut fields, PAGE, PAGE_MAX);
    finish(fields)?;
    // One more than shown tells whether there is a next page.
    let page = (status, before, limit + 1);
    let mut data = webhooks::messages(&app, &caller, id, page).await??;
    let has_more = data.len() > limit as usize;
    data.truncate(limit as usize);
    let next_cursor = data.last().filter(|_| has_more).map(|message| message.event_id);
    Ok(Json(Page { success: true, data, next_cursor }).into_response())
}

/// `POST /v1/webhooks/{id}/redeliver`
pub(crate) async fn redeliver(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    WebhookAt(id): WebhookAt,
    JsonBody(body): JsonBody,
) -> Answered {
    let what = read_replay(&body)?;
    Ok(success(StatusCode::ACCEPTED, webhooks::redeliver(&app, &caller, id, what).await??))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    success: bool,
    data: Vec<MessageView>,
    /// What `before` is for the next page; `null` on the last.
    next_cursor: Option<EventId>,
}

/// How many are shown.
pub(crate) fn limit(fields: &mut Fields<'_>, usual: u32, most: u32) -> u32 {
    let limit = fields.number("limit").unwrap_or(usual.into());
    if !(1..=u64::from(most)).contains(&limit) {
        let message = format!("`limit` is a number from 1 to {most}, not {limit}.");
        let rejection = Rejection::request(Rule::OutOfRange, "limit", message)
            .bounds(most, limit)
            .resolve("Ask for fewer and follow `nextCursor`.");
        fields.reject(rejection);
    }
    u32::try_from(limit).unwrap_or(most).min(most)
}

/// The id of an event.
fn event<'a>(fields: &mut Fields<'a>, name: &'a str) -> Option<EventId> {
    let word = fields.text(name)?;
    let read = word.parse();
    if let Err(why) = &read {
        let message = format!("`{name}` is no event: {why}.");
        let rejection = Rejection::request(Rule::OutOfRange, name, message)
            .bounds("evt_ and 16 hexadecimal digits", word)
            .resolve("Use the id exactly as `webhook-id` or GET /v1/events gave it.");
        fields.reject(rejection);
    }
    read.ok()
}

fn read(body: &Value, is_new: bool) -> Result<Asked, Refusal> {
    let mut fields = fields(body)?;
    let url = match is_new {
        true => fields.required_text("url", "Name the https address that is to be told."),
        false => fields.text("url"),
    };
    let description = fields.text("description").map(base::text::clean);
    let long = description.as_ref().map_or(0, |text| text.chars().count());
    if long > DESCRIPTION_CHARS_MAX {
        let message = format!(
            "`description` has at most {DESCRIPTION_CHARS_MAX} characters; this one has {long}."
        );
        let rejection = Rejection::request(Rule::TooMuch, "description", message)
            .bounds(DESCRIPTION_CHARS_MAX, long)
            .resolve("Shorten it.");
        fields.reject(rejection);
    }
    let events = fields.texts("events");
    let count = events.as_ref().map_or(0, Vec::len);
    if count > PATTERNS_MAX {
        fields.too_many("events", PATTERNS_MAX, count);
    }
    for (place, pattern) in events.iter().flatten().enumerate() {
        if let Some(rejection) = fault_of_pattern(&format!("events[{place}]"), pattern) {
            fields.reject(rejection);
        }
    }
    let enabled = fields.flag("enabled");
    finish(fields)?;
    Ok(Asked {
        url: url.map(|url| url.trim().to_owned()),
        description,
        events: events.map(|events| events.into_iter().map(str::to_owned).collect()),
        enabled,
    })
}

fn read_replay(body: &Value) -> Result<Replay, Refusal> {
    let mut fields = fields(body)?;
    let one = event(&mut fields, "eventId");
    let status = fields.choice("status", &[("failed", "failed"), ("delivered", "delivered")]);
    let since = fields.instant("since");
    let until = fields.instant("until");
    let has_one = body.get("eventId").is_some_and(|value| !value.is_null());
    let has_range = ["status", "since", "until"].iter().any(|name| body.get(name).is_some());
    if has_one == has_range {
        let message = "Either `eventId` is sent once more, or what `status`, `since` and `until` \
                       have in common.";
        let rejection = Rejection::request(Rule::Conflict, "eventId", message)
            .bounds("one of both", if has_one { "both" } else { "neither" })
            .resolve("Name one event, or say {\"status\": \"failed\"} for all that failed.");
        fields.reject(rejection);
    }
    finish(fields)?;
    Ok(match one {
        Some(event) => Replay::One(event),
        None => Replay::Range { status, since, until },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_of_a_webhook_is_read_and_refused_by_name() {
        let body = json!({"url": " https://a.example/x ", "events": ["post.*"], "enabled": false});
        let asked = read(&body, true).unwrap();
        assert_eq!(asked.url.as_deref(), Some("https://a.example/x"));
        assert_eq!((asked.enabled, asked.description), (Some(false), None));
        assert_eq!(read(&json!({}), false).unwrap(), Asked::default());
        let many: Vec<String> = (0..=PATTERNS_MAX).map(|_| "post.*".to_owned()).collect();
        for (body, field) in [
            (json!({}), "url"),
            (json!({"url": "u", "events": ["posts.*"]}), "events[0]"),
            (json!({"url": "u", "events": many}), "events"),
            (json!({"url": "u", "event": []}), "event"),
            (json!({"url": "u", "description": "x".repeat(201)}), "description"),
            (json!({"url": "u", "enabled": "yes"}), "enabled"),
        ] {
            assert_eq!(read(&body, true).unwrap_err().details[0].field, field, "{body}");
        }
    }

    #[test]
    fn one_event_or_a_range_is_sent_once_more_never_both_or_neither() {
        let one = json!({"eventId": "evt_000000000000000a"});
        assert_eq!(read_replay(&one).unwrap(), Replay::One(EventId(10)));
        let failed = Replay::Range { status: Some("failed"), since: None, until: None };
        assert_eq!(read_replay(&json!({"status": "failed"})).unwrap(), failed);
        for body in [
            json!({}),
            json!({"eventId": "evt_000000000000000a", "status": "failed"}),
            json!({"eventId": "10"}),
        ] {
            assert_eq!(read_replay(&body).unwrap_err().details[0].field, "eventId", "{body}");
        }
    }
}
