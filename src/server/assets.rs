//! `/v1/media`: users' files, shown, fetched from an address, given an address to be put at, and
//! taken away.

use crate::envelope::{Answered, Refusal, success};
use crate::extract::{AssetAt, Authenticated, JsonBody, MaybeJson, fields, finish};
use crate::lists::object;
use crate::webhooks::limit;
use app::App;
use app::media::{self, AssetView};
use axum::Json;
use axum::extract::{Query, State};
use axum::response::IntoResponse;
use domain::content::MediaKind;
use domain::id::AssetId;
use domain::request::Fields;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::json;

/// Files of a page, at most and when nothing is said.
const PAGE_MAX: u32 = 100;
const PAGE: u32 = 50;
const KINDS: [(&str, MediaKind); 4] = [
    ("image", MediaKind::Image),
    ("gif", MediaKind::Gif),
    ("video", MediaKind::Video),
    ("document", MediaKind::Document),
];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    success: bool,
    data: Vec<AssetView>,
    /// What `before` is for the next page; `null` on the last.
    next_cursor: Option<AssetId>,
}

/// `GET /v1/media`
pub(crate) async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Query(asked): Query<Vec<(String, String)>>,
) -> Answered {
    let asked = object(asked);
    let mut fields = Fields::new(Some(&asked), "", None);
    let which = (fields.id("before"), fields.choice("kind", &KINDS));
    let limit = limit(&mut fields, PAGE, PAGE_MAX);
    finish(fields)?;
    // One more than shown tells whether there is a next page.
    let mut data = media::list(&app, &caller, which, limit + 1).await?;
    let has_more = data.len() > limit as usize;
    data.truncate(limit as usize);
    let next_cursor = data.last().filter(|_| has_more).map(|asset| asset.facts.id);
    Ok(Json(Page { success: true, data, next_cursor }).into_response())
}

/// `GET /v1/media/{id}`
pub(crate) async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    AssetAt(id): AssetAt,
) -> Answered {
    Ok(success(StatusCode::OK, media::show(&app, &caller, id).await??))
}

/// `DELETE /v1/media/{id}`
pub(crate) async fn delete(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    AssetAt(id): AssetAt,
) -> Answered {
    media::remove(&app, &caller, id).await??;
    Ok(success(StatusCode::OK, json!({})))
}

/// `GET /v1/media/{id}/thumbnail`
pub(crate) async fn thumbnail(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    AssetAt(id): AssetAt,
) -> Answered {
    let small = media::thumbnail(&app, &caller, id).await??;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("image/jpeg")),
        // A file never changes.
        (CACHE_CONTROL, HeaderValue::from_static("private, max-age=86400")),
    ];
    Ok((headers, small).into_response())
}

/// `POST /v1/media/import`
pub(crate) async fn import(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    JsonBody(body): JsonBody,
) -> Answered {
    let mut fields = fields(&body)?;
    let url = fields.required_text("url", "Name the https address of the file in `url`.");
    let url = url.map(|url| url.trim().to_owned());
    finish(fields)?;
    let brought = media::import(&app, &caller, &url.unwrap_or_default()).await??;
    Ok(success(StatusCode::CREATED, brought))
}

/// `POST /v1/media/presign`
pub(crate) async fn presign(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    MaybeJson(body): MaybeJson,
) -> Answered {
    if let Some(body) = &body {
        finish(fields(body)?)?;
    }
    Ok(success(StatusCode::CREATED, media::offer(&app, &caller).await??))
}

/// `POST /v1/media/{id}/complete`
pub(crate) async fn complete(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    AssetAt(id): AssetAt,
) -> Answered {
    Ok(success(StatusCode::CREATED, media::complete(&app, &caller, id).await??))
}

/// A file of more bytes than are taken.
pub(crate) fn too_large(refusal: Refusal) -> Refusal {
    Refusal { status: StatusCode::PAYLOAD_TOO_LARGE, code: "too_large", ..refusal }
}
