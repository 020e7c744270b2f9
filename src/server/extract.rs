//! Reads a request: who is calling, the JSON it carries, the names in its path.
//!
//! Invariant: a body has a limit in bytes and in time, and nothing a caller sends is a fault.

use crate::envelope::{Denied, Refusal};
use app::Refused;
use app::caller::Caller;
use axum::body::HttpBody;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use bytes::Bytes;
use domain::id::{
    AccountId, ApiKeyId, AssetId, DeliveryId, ErasureId, Id, Kind, PostId, WebhookId,
};
use domain::rejection::{Rejection, Rule, excerpt};
use domain::request::Fields;
use futures::{Stream, StreamExt};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, EXPECT};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use std::fmt::Display;
use std::time::Duration;

/// The largest JSON body.
pub(crate) const BODY_SIZE_BYTES_MAX: usize = 1024 * 1024;
/// How long a JSON body may take to arrive.
pub(crate) const BODY_WITHIN: Duration = Duration::from_secs(30);
/// What is read of a refused body, so that its sender gets to see the answer and no reset.
const DRAIN_SIZE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How long that may take.
const DRAIN_WITHIN: Duration = Duration::from_secs(5);
/// No key is longer; a longer one is not looked up.
const API_KEY_SIZE_BYTES_MAX: usize = 256;

/// A caller whose key was found.
pub(crate) struct Authenticated(pub Caller);

impl<S: Send + Sync> FromRequestParts<S> for Authenticated {
    type Rejection = Denied;

    /// The caller that `guard` let in; where it stands before no route, nobody comes in.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Denied> {
        let caller = parts.extensions.get::<Caller>().cloned();
        Ok(Self(caller.ok_or_else(|| Refusal::unauthorized(None))?))
    }
}

/// The key that a request shows.
pub(crate) fn api_key(headers: &HeaderMap) -> Option<&str> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let bearer = text(AUTHORIZATION.as_str()).and_then(|credentials| {
        let (scheme, key) = credentials.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    });
    bearer.or_else(|| text("x-api-key")).filter(|key| key.len() <= API_KEY_SIZE_BYTES_MAX)
}

/// A name in the path, as a brand's slug.
pub(crate) struct Named(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Denied> {
        match Path::<String>::from_request_parts(parts, state).await {
            // Postgres takes no NUL, and nothing is named with control characters.
            Ok(Path(name)) if !name.contains(char::is_control) => Ok(Self(name)),
            _ => Err(nowhere()),
        }
    }
}

/// The path names what is no name of anything.
pub(crate) fn nowhere() -> Denied {
    Refused::NotFound("Nothing has the name in the path.".to_owned()).into()
}

/// Two names in the path, as those of a platform and of a registration there.
pub(crate) struct NamedTwice(pub String, pub String);

impl<S: Send + Sync> FromRequestParts<S> for NamedTwice {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Denied> {
        match Path::<(String, String)>::from_request_parts(parts, state).await {
            Ok(Path((first, second)))
                if !first.contains(char::is_control) && !second.contains(char::is_control) =>
            {
                Ok(Self(first, second))
            }
            _ => Err(Refused::NotFound("Nothing has the names in the path.".to_owned()).into()),
        }
    }
}

/// The post that the path names.
pub(crate) struct PostAt(pub PostId);

impl<S: Send + Sync> FromRequestParts<S> for PostAt {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Denied> {
        named_in_path(parts, state, "post").await.map(Self)
    }
}

/// The key that the path names.
pub(crate) struct KeyAt(pub ApiKeyId);

impl<S: Send + Sync> FromRequestParts<S> for KeyAt {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Denied> {
        named_in_path(parts, state, "key").await.map(Self)
    }
}

/// The delivery that the path names.
pub(crate) struct DeliveryAt(pub DeliveryId);

impl<S: Send + Sync> FromRequestParts<S> for DeliveryAt {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Denied> {
        named_in_path(parts, state, "delivery").await.map(Self)
    }
}

/// The account that the path names.
pub(crate) struct AccountAt(pub AccountId);

impl<S: Send + Sync> FromRequestParts<S> for AccountAt {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Denied> {
        named_in_path(parts, state, "account").await.map(Self)
    }
}

/// The webhook that the path names.
pub(crate) struct WebhookAt(pub WebhookId);

impl<S: Send + Sync> FromRequestParts<S> for WebhookAt {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Denied> {
        named_in_path(parts, state, "webhook").await.map(Self)
    }
}

/// The erasure that the path names.
pub(crate) struct ErasureAt(pub ErasureId);

impl<S: Send + Sync> FromRequestParts<S> for ErasureAt {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Denied> {
        named_in_path(parts, state, "erasure").await.map(Self)
    }
}

/// The file, or the upload that becomes one, that the path names.
pub(crate) struct AssetAt(pub AssetId);

impl<S: Send + Sync> FromRequestParts<S> for AssetAt {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Denied> {
        named_in_path(parts, state, "media file").await.map(Self)
    }
}

/// The identifier in the path; what is none names nothing that is here.
async fn named_in_path<K: Kind, S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
    what: &str,
) -> Result<Id<K>, Denied> {
    let Named(name) = Named::from_request_parts(parts, state).await?;
    let unknown = |why: &dyn Display| {
        Refused::NotFound(format!("There is no {what} {:?}: {why}.", excerpt(&name)))
    };
    Ok(name.parse().map_err(|why| unknown(&why))?)
}

/// The JSON that the request carries.
pub(crate) struct JsonBody(pub Value);

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = Denied;

    async fn from_request(request: Request, _: &S) -> Result<Self, Denied> {
        match tokio::time::timeout(BODY_WITHIN, read_json(request)).await {
            Ok(read) => Ok(Self(read?)),
            Err(_) => Err(too_slow(BODY_WITHIN).into()),
        }
    }
}

/// The JSON that the request carries, if it carries anything.
pub(crate) struct MaybeJson(pub Option<Value>);

impl<S: Send + Sync> FromRequest<S> for MaybeJson {
    type Rejection = Denied;

    async fn from_request(request: Request, state: &S) -> Result<Self, Denied> {
        if request.body().is_end_stream() {
            return Ok(Self(None));
        }
        let JsonBody(body) = JsonBody::from_request(request, state).await?;
        Ok(Self(Some(body)))
    }
}

/// A reader of the body's fields. Refused when it is no object.
pub(crate) fn fields(body: &Value) -> Result<Fields<'_>, Refusal> {
    let mut fields = Fields::new(body.as_object(), "", None);
    if body.is_object() {
        return Ok(fields);
    }
    fields.wrong_type("body".to_owned(), "an object", body);
    Err(Refusal::invalid(fields.finish()))
}

/// Everything that was found wrong, or nothing.
pub(crate) fn finish(fields: Fields<'_>) -> Result<(), Refusal> {
    let problems = fields.finish();
    if problems.is_empty() { Ok(()) } else { Err(Refusal::invalid(problems)) }
}

pub(crate) async fn read_json(request: Request) -> Result<Value, Refusal> {
    let (parts, body) = request.into_parts();
    let declared = parts.headers.get(CONTENT_LENGTH);
    let declared: Option<usize> = declared.and_then(|length| length.to_str().ok()?.parse().ok());
    let mut chunks = body.into_data_stream();
    if let Some(declared) = declared.filter(|size| *size > BODY_SIZE_BYTES_MAX) {
        // Who asks before sending has not sent anything yet.
        if !parts.headers.contains_key(EXPECT) {
            drain(&mut chunks).await;
        }
        return Err(too_large(declared));
    }
    let mut body = Vec::with_capacity(declared.unwrap_or(0));
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|why| torn(&why))?;
        if body.len() + chunk.len() > BODY_SIZE_BYTES_MAX {
            let rest = drain(&mut chunks).await;
            return Err(too_large(body.len() + chunk.len() + rest));
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body).map_err(|why| malformed(&why))
}

/// Reads on and forgets, within bounds. Returns how much there was.
pub(crate) async fn drain<E>(chunks: &mut (impl Stream<Item = Result<Bytes, E>> + Unpin)) -> usize {
    let mut size_bytes = 0;
    let reading = async {
        while size_bytes < DRAIN_SIZE_BYTES_MAX {
            let Some(Ok(chunk)) = chunks.next().await else { break };
            size_bytes += chunk.len();
        }
    };
    // Whether all of it came or the time was up, the answer is the same.
    let _ = tokio::time::timeout(DRAIN_WITHIN, reading).await;
    size_bytes
}

fn too_large(actual: usize) -> Refusal {
    let message = format!("The body has {actual} bytes; at most {BODY_SIZE_BYTES_MAX} are read.");
    let rejection = Rejection::request(Rule::TooMuch, "body", message.clone())
        .bounds(BODY_SIZE_BYTES_MAX, actual)
        .resolve("Upload files with POST /v1/media and name them by id.");
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message).with(rejection)
}

fn malformed(why: &serde_json::Error) -> Refusal {
    let message = format!("The body is not JSON: {why}.");
    let rejection = Rejection::request(Rule::WrongType, "body", message.clone())
        .bounds("one JSON object in UTF-8", why.to_string())
        .resolve("Correct the body at that place and send it again.");
    Refusal::new(StatusCode::BAD_REQUEST, "malformed_json", message).with(rejection)
}

/// The body ended before it was complete.
pub(crate) fn torn(why: &dyn Display) -> Refusal {
    let message = "The body broke off before its end.";
    let rejection = Rejection::request(Rule::WrongType, "body", message)
        .bounds("a complete body", why.to_string())
        .resolve("Send the request again.");
    Refusal::new(StatusCode::BAD_REQUEST, "incomplete_body", message).with(rejection)
}

/// The body did not come in time.
pub(crate) fn too_slow(within: Duration) -> Refusal {
    let message = format!("The body did not come within {} s.", within.as_secs());
    Refusal::new(StatusCode::REQUEST_TIMEOUT, "too_slow", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use futures::stream;
    use serde_json::json;
    use std::io;

    async fn read(body: impl Into<Body>) -> Result<Value, Refusal> {
        read_json(Request::new(body.into())).await
    }

    #[tokio::test]
    async fn json_is_read_and_a_second_key_of_the_same_name_wins() {
        assert_eq!(read("{\"a\": 1, \"a\": 2}").await, Ok(json!({"a": 2})));
    }

    #[tokio::test]
    async fn what_is_no_json_is_400_with_the_place() {
        let deep = "[".repeat(100_000);
        let bodies: [&[u8]; 6] =
            [b"", b"{\"a\": }", b"\xff\xfe{}", b"{} {}", br#""\ud800""#, deep.as_bytes()];
        for body in bodies {
            let refusal = read(body.to_vec()).await.unwrap_err();
            assert_eq!((refusal.status, refusal.code), (StatusCode::BAD_REQUEST, "malformed_json"));
            let detail = &refusal.details[0];
            assert_eq!(detail.field, "body");
            assert!(detail.actual.as_str().unwrap().contains("line 1"), "{detail:?}");
        }
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit_and_refused_beyond() {
        let longest = format!("\"{}\"", "a".repeat(BODY_SIZE_BYTES_MAX - 2));
        assert!(read(longest.clone()).await.is_ok());
        let refusal = read(format!("{longest} ")).await.unwrap_err();
        assert_eq!((refusal.status, refusal.code), (StatusCode::PAYLOAD_TOO_LARGE, "too_large"));
        let detail = &refusal.details[0];
        assert_eq!(detail.limit, json!(BODY_SIZE_BYTES_MAX));
        assert_eq!(detail.actual, json!(BODY_SIZE_BYTES_MAX + 1));

        let announced = Request::builder().header(CONTENT_LENGTH, "5000000").body(Body::empty());
        let refusal = read_json(announced.unwrap()).await.unwrap_err();
        assert_eq!(refusal.details[0].actual, json!(5_000_000));
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_not_our_fault() {
        let chunks = [Ok("{\"a\":"), Err(io::Error::other("reset"))];
        let refusal = read(Body::from_stream(stream::iter(chunks))).await.unwrap_err();
        assert_eq!((refusal.status, refusal.code), (StatusCode::BAD_REQUEST, "incomplete_body"));
    }

    #[test]
    fn a_key_is_found_in_either_header() {
        let key = |name: &'static str, value: &'static str| {
            let headers = HeaderMap::from_iter([(
                http::HeaderName::from_static(name),
                http::HeaderValue::from_static(value),
            )]);
            api_key(&headers).map(str::to_owned)
        };
        assert_eq!(key("authorization", "bearer pf_1").as_deref(), Some("pf_1"));
        assert_eq!(key("x-api-key", "pf_2").as_deref(), Some("pf_2"));
        assert_eq!(key("authorization", "Basic cGY6"), None);
        assert_eq!(api_key(&HeaderMap::new()), None);
    }
}
