//! `/v1/posts`: accept, check, show, take back, send again.

use crate::envelope::{Answered, Refusal, success};
use crate::extract::{Authenticated, JsonBody, MaybeJson, PostAt};
use crate::lists;
use app::accept::{Acceptance, KEY_MAX};
use app::show::PostView;
use app::{
    App, accept, cancel, copies, edit as edits, lists as lists_of, order, retry, show,
    validate as checks,
};
use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use domain::id::PostId;
use domain::rejection::{Rejection, Rule};
use domain::request::{Change, hold as read_hold, parse_change};
use http::header::LOCATION;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// `POST /v1/posts`
pub(crate) async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Answered {
    let key = idempotency_key(&headers)?;
    Ok(accepted(accept::accept(&app, &caller, &body, key).await??))
}

/// The answer to a post that is stored.
fn accepted(acceptance: Acceptance) -> Response {
    let status = if acceptance.is_again { StatusCode::OK } else { StatusCode::CREATED };
    let place = HeaderValue::from_str(&format!("/v1/posts/{}", acceptance.view.id));
    let mut response = success(status, acceptance.view);
    if let Ok(place) = place {
        response.headers_mut().insert(LOCATION, place);
    }
    if acceptance.is_again {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

/// `PATCH /v1/posts/{id}`
pub(crate) async fn edit(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PostAt(id): PostAt,
    JsonBody(body): JsonBody,
) -> Answered {
    let change = parse_change(&body).map_err(Refusal::invalid)?;
    Ok(success(StatusCode::OK, edits::edit(&app, &caller, id, &change).await??))
}

/// `POST /v1/posts/{id}/hold`
pub(crate) async fn hold(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PostAt(id): PostAt,
    JsonBody(body): JsonBody,
) -> Answered {
    let hold = read_hold(&body).map_err(Refusal::invalid)?;
    Ok(success(StatusCode::OK, order::hold(&app, &caller, id, hold).await??))
}

/// `POST /v1/posts/{id}/release`
pub(crate) async fn release(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PostAt(id): PostAt,
) -> Answered {
    Ok(success(StatusCode::OK, order::release(&app, &caller, id).await??))
}

/// `POST /v1/posts/{id}/unschedule`
pub(crate) async fn unschedule(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PostAt(id): PostAt,
) -> Answered {
    Ok(success(StatusCode::OK, order::unschedule(&app, &caller, id).await??))
}

/// `POST /v1/posts/{id}/archive`
pub(crate) async fn archive(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PostAt(id): PostAt,
) -> Answered {
    Ok(success(StatusCode::OK, order::archive(&app, &caller, id).await??))
}

/// `POST /v1/posts/{id}/duplicate`
pub(crate) async fn duplicate(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    headers: HeaderMap,
    PostAt(id): PostAt,
) -> Answered {
    let key = idempotency_key(&headers)?;
    Ok(accepted(order::duplicate(&app, &caller, id, key).await??))
}

/// `POST /v1/posts/{id}/copies/cancel`
pub(crate) async fn cancel_copies(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PostAt(id): PostAt,
) -> Answered {
    Ok(success(StatusCode::OK, copies::cancel(&app, &caller, id).await??))
}

/// `POST /v1/posts/validate`
pub(crate) async fn validate(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    JsonBody(body): JsonBody,
) -> Answered {
    let checked = checks::preview(&app, &caller, &body).await??;
    let target =
        |(account, platform): &(_, &str)| json!({ "accountId": account, "platform": platform });
    let targets: Vec<Value> = checked.targets.iter().map(target).collect();
    let local = checked.draft.scheduled_local;
    let data = json!({
        "valid": true,
        "scheduledAt": checked.draft.scheduled_at,
        "scheduledLocal": local.as_ref().map(|local| &local.time),
        "timeZone": local.as_ref().map(|local| &local.time_zone),
        "scheduledAtNote": local.and_then(|local| local.note),
        "targets": targets,
    });
    Ok(success(StatusCode::OK, data))
}

/// `GET /v1/posts`
pub(crate) async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Query(asked): Query<Vec<(String, String)>>,
) -> Answered {
    let (asked, reference, limit) = lists::posts(asked)?;
    let posts = lists_of::posts(&app, &caller, asked, reference.as_deref()).await?;
    Ok(Page::of(posts, limit as usize).into_response())
}

/// `GET /v1/posts/{id}`
pub(crate) async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PostAt(id): PostAt,
) -> Answered {
    Ok(success(StatusCode::OK, show::post(&app, &caller, id).await??))
}

/// `POST /v1/posts/{id}/cancel`
pub(crate) async fn cancel(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PostAt(id): PostAt,
) -> Answered {
    Ok(success(StatusCode::OK, cancel::cancel(&app, &caller, id).await??))
}

/// `POST /v1/posts/{id}/retry`
pub(crate) async fn retry(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PostAt(id): PostAt,
    MaybeJson(body): MaybeJson,
) -> Answered {
    let change = match body {
        Some(body) => parse_change(&body).map_err(Refusal::invalid)?,
        None => Change::default(),
    };
    let view = match change.patch.is_empty() {
        true => retry::retry(&app, &caller, id).await??,
        false => edits::retry(&app, &caller, id, &change).await??,
    };
    Ok(success(StatusCode::OK, view))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    success: bool,
    data: Vec<PostView>,
    /// What `before` is for the next page; `null` on the last.
    next_cursor: Option<PostId>,
}

impl Page {
    fn of(mut posts: Vec<PostView>, limit: usize) -> Self {
        let has_more = posts.len() > limit;
        posts.truncate(limit);
        let next_cursor = posts.last().filter(|_| has_more).map(|post| post.id);
        Self { success: true, data: posts, next_cursor }
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}

pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let rejected = |rule, message: String, actual: Value| {
        let rejection = Rejection::request(rule, "Idempotency-Key", message)
            .bounds(KEY_MAX, actual)
            .resolve("Use a short key of your own for each post, as a UUID.");
        Refusal::invalid(vec![rejection])
    };
    match value.to_str() {
        Ok("") => {
            Err(rejected(Rule::Required, "The Idempotency-Key is empty.".to_owned(), json!(0)))
        }
        Ok(key) if key.len() <= KEY_MAX => Ok(Some(key)),
        Ok(key) => {
            let message = format!(
                "An Idempotency-Key has at most {KEY_MAX} characters; this one has {}.",
                key.len()
            );
            Err(rejected(Rule::TooMuch, message, json!(key.len())))
        }
        Err(_) => {
            let message = "An Idempotency-Key consists of visible ASCII characters.".to_owned();
            Err(rejected(Rule::OutOfRange, message, json!("other characters")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idempotency_key_has_1_to_255_visible_characters() {
        let read = |value: &[u8]| {
            let value = HeaderValue::from_bytes(value).unwrap();
            let headers = HeaderMap::from_iter([(IDEMPOTENCY_KEY, value)]);
            idempotency_key(&headers).map(|key| key.map(str::to_owned))
        };
        let longest = "k".repeat(255);
        assert_eq!(read(longest.as_bytes()), Ok(Some(longest.clone())));
        let refusal = read(format!("{longest}k").as_bytes()).unwrap_err();
        assert_eq!(refusal.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(refusal.details[0].actual, json!(256));
        assert!(read(b"").is_err() && read("ü".as_bytes()).is_err());
        assert_eq!(idempotency_key(&HeaderMap::new()), Ok(None));
    }
}
