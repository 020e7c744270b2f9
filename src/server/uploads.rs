//! `/v1/uploads`: files that come in parts and go on where they broke off, by the protocol tus 1.0.0
//! with its extensions creation, termination and checksum.
//!
//! Invariant: whoever asks for an upload that is not his is told that there is none, whatever else
//! is wrong with the request.

use crate::assets::too_large;
use crate::envelope::{Answered, Denied, Refusal, success};
use crate::extract::{AssetAt, Authenticated, drain};
use crate::media::{blame, pieces};
use app::App;
use app::media::{self, ALGORITHMS, Appended, Arriving, Checksum};
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::rejection::{Rejection, Rule, excerpt};
use futures::StreamExt;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::json;

const VERSION: &str = "1.0.0";
const EXTENSIONS: &str = "creation,termination,checksum";
/// The type of a body that goes on with an upload.
const OFFSET_STREAM: &str = "application/offset+octet-stream";
/// What a sender may say of his file, in characters.
const METADATA_SIZE_BYTES_MAX: usize = 2_000;
/// The checksum does not fit (tus 1.0.0, checksum).
const CHECKSUM_MISMATCH: u16 = 460;

const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
const TUS_EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
const TUS_MAX_SIZE: HeaderName = HeaderName::from_static("tus-max-size");
const TUS_CHECKSUM: HeaderName = HeaderName::from_static("tus-checksum-algorithm");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const UPLOAD_CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");

/// `OPTIONS /v1/uploads`
pub(crate) async fn abilities(State(app): State<App>) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    set(&mut response, TUS_VERSION, VERSION);
    set(&mut response, TUS_EXTENSION, EXTENSIONS);
    set(&mut response, TUS_CHECKSUM, &ALGORITHMS.join(","));
    set(&mut response, TUS_MAX_SIZE, &media::size_bytes_max(&app).to_string());
    tus(response)
}

/// `POST /v1/uploads`
pub(crate) async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    headers: HeaderMap,
) -> Answered {
    check_version(&headers)?;
    let size_bytes = number(&headers, &UPLOAD_LENGTH)?;
    if size_bytes == 0 {
        let rejection = Rejection::request(Rule::OutOfRange, "Upload-Length", "No file is empty.");
        let rejection = rejection.bounds(1, 0).resolve("Upload a file that holds something.");
        return Err(Refusal::invalid(vec![rejection]).into());
    }
    let metadata = metadata(&headers)?;
    let most = media::size_bytes_max(&app);
    let begun = media::begin(&app, &caller, size_bytes, metadata).await?;
    let upload = begun.map_err(|refused| {
        let refusal = Refusal::from(refused);
        if size_bytes > most { too_large(refusal) } else { refusal }
    })?;
    let mut response = success(StatusCode::CREATED, json!({ "id": upload.id }));
    set(&mut response, LOCATION, &format!("{}/v1/uploads/{}", app.public_url(), upload.id));
    set(&mut response, UPLOAD_OFFSET, "0");
    Ok(tus(response))
}

/// `HEAD` and `GET /v1/uploads/{id}`
pub(crate) async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    AssetAt(id): AssetAt,
) -> Answered {
    let upload = media::standing(&app, &caller, id).await??;
    let mut response = success(
        StatusCode::OK,
        json!({
            "id": upload.id,
            "offset": upload.offset_bytes,
            "length": upload.size_bytes,
            "expiresAt": upload.expires_at,
            "complete": upload.has_ended,
        }),
    );
    set(&mut response, UPLOAD_OFFSET, &upload.offset_bytes.to_string());
    if let Some(size_bytes) = upload.size_bytes {
        set(&mut response, UPLOAD_LENGTH, &size_bytes.to_string());
    }
    if !upload.metadata.is_empty() {
        set(&mut response, UPLOAD_METADATA, &upload.metadata);
    }
    Ok(tus(response))
}

/// `PATCH /v1/uploads/{id}`
pub(crate) async fn append(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    AssetAt(id): AssetAt,
    headers: HeaderMap,
    body: Body,
) -> Answered {
    let mut chunks = pieces(body);
    let appended = match take(&app, &caller, id, &headers, &mut chunks).await {
        Ok(Appended::At(offset)) => {
            let mut response = StatusCode::NO_CONTENT.into_response();
            set(&mut response, UPLOAD_OFFSET, &offset.to_string());
            return Ok(tus(response));
        }
        Ok(other) => Ok(other),
        Err(denied) => Err(denied),
    };
    // So that its sender gets to see the answer and no reset.
    drain(&mut chunks).await;
    let refusal = match appended? {
        Appended::At(_) | Appended::Busy => busy(),
        Appended::Elsewhere(offset) => elsewhere(offset),
        Appended::Mismatch => mismatch(),
        Appended::TooMany(size_bytes) => too_many(size_bytes),
    };
    Ok(tus(refusal.into_response()))
}

async fn take(
    app: &App,
    caller: &app::caller::Caller,
    id: domain::id::AssetId,
    headers: &HeaderMap,
    chunks: &mut crate::media::Pieces,
) -> Result<Appended, Denied> {
    media::standing(app, caller, id).await??;
    check_version(headers)?;
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind != OFFSET_STREAM {
        return Err(wrong_type(kind).into());
    }
    let from = number(headers, &UPLOAD_OFFSET)?;
    let checksum = match headers.get(&UPLOAD_CHECKSUM) {
        None => None,
        Some(text) => {
            let text = text.to_str().unwrap_or_default();
            Some(Checksum::parse(text).ok_or_else(|| unknown_checksum(text))?)
        }
    };
    let arriving = Arriving { from, chunks: chunks.boxed(), checksum };
    Ok(media::append(app, caller, id, arriving).await.map_err(blame)??)
}

/// `DELETE /v1/uploads/{id}`
pub(crate) async fn end(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    AssetAt(id): AssetAt,
    headers: HeaderMap,
) -> Answered {
    media::standing(&app, &caller, id).await??;
    check_version(&headers)?;
    media::forget_upload(&app, &caller, id).await??;
    Ok(tus(StatusCode::NO_CONTENT.into_response()))
}

fn tus(mut response: Response) -> Response {
    set(&mut response, TUS_RESUMABLE, VERSION);
    response
}

fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn check_version(headers: &HeaderMap) -> Result<(), Denied> {
    let version = headers.get(&TUS_RESUMABLE).and_then(|version| version.to_str().ok());
    if version == Some(VERSION) {
        return Ok(());
    }
    let message = format!("Uploads speak tus {VERSION}; the header Tus-Resumable says so.");
    let rejection = Rejection::request(Rule::NotSupported, "Tus-Resumable", message.clone())
        .bounds(VERSION, version)
        .resolve("Use a client of tus 1.0.0, or send the header Tus-Resumable: 1.0.0.");
    Err(Refusal::new(StatusCode::PRECONDITION_FAILED, "wrong_version", message)
        .with(rejection)
        .into())
}

/// The number that a header has to hold.
fn number(headers: &HeaderMap, name: &HeaderName) -> Result<u64, Refusal> {
    let text = headers.get(name).and_then(|text| text.to_str().ok());
    let number = text.and_then(|text| text.parse().ok());
    number.filter(|number| i64::try_from(*number).is_ok()).ok_or_else(|| {
        let message = format!("The header {name} is a whole number from 0.");
        let rejection = Rejection::request(Rule::WrongType, name.as_str(), message)
            .bounds("a whole number of bytes", text.map(excerpt))
            .resolve("Send it; a client of tus 1.0.0 does so by itself.");
        Refusal::invalid(vec![rejection])
    })
}

fn metadata(headers: &HeaderMap) -> Result<&str, Refusal> {
    let Some(value) = headers.get(&UPLOAD_METADATA) else { return Ok("") };
    match value.to_str() {
        Ok(text) if text.len() <= METADATA_SIZE_BYTES_MAX => Ok(text),
        _ => {
            let message = format!(
                "The header Upload-Metadata holds at most {METADATA_SIZE_BYTES_MAX} characters of \
                 ASCII."
            );
            let rejection = Rejection::request(Rule::TooMuch, "Upload-Metadata", message)
                .bounds(METADATA_SIZE_BYTES_MAX, value.len())
                .resolve("Say less of the file; what it is, is found in its content.");
            Err(Refusal::invalid(vec![rejection]))
        }
    }
}

fn wrong_type(kind: &str) -> Refusal {
    let message = format!("Bytes of an upload are sent as {OFFSET_STREAM}.");
    let rejection = Rejection::request(Rule::WrongType, "Content-Type", message.clone())
        .bounds(OFFSET_STREAM, excerpt(kind))
        .resolve("Send that Content-Type.");
    Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong_content_type", message).with(rejection)
}

fn unknown_checksum(text: &str) -> Refusal {
    let message = "The header Upload-Checksum names an algorithm and a digest in base64.";
    let rejection = Rejection::request(Rule::NotSupported, "Upload-Checksum", message)
        .bounds(ALGORITHMS.to_vec(), excerpt(text))
        .resolve("Use one of the algorithms of the limit, or leave the header out.");
    let refusal = Refusal::invalid(vec![rejection]);
    Refusal { status: StatusCode::BAD_REQUEST, ..refusal }
}

fn busy() -> Refusal {
    let message = "The last bytes of this upload have come by another request, which is being \
                   carried out. Ask for the offset in a moment.";
    Refusal::new(StatusCode::CONFLICT, "in_progress", message)
}

fn elsewhere(offset: u64) -> Refusal {
    let message = format!("The upload stands at {offset}. Ask for its offset, and go on there.");
    Refusal::new(StatusCode::CONFLICT, "wrong_offset", message)
}

fn mismatch() -> Refusal {
    let status = StatusCode::from_u16(CHECKSUM_MISMATCH).unwrap_or(StatusCode::BAD_REQUEST);
    let message = "The bytes are not those of the checksum; none of them counts. Send them again.";
    Refusal::new(status, "checksum_mismatch", message)
}

fn too_many(size_bytes: u64) -> Refusal {
    let message = format!(
        "The upload was begun with {size_bytes} bytes, and more have come. Begin another one with \
         the whole length."
    );
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
}
