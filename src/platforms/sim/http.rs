//! Reading requests and writing answers, as every simulator does it.

use crate::sim::{Accepted, Answered};
use domain::time::Timestamp;
use http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::{Url, form_urlencoded};

/// The value of a query or form field; of the first one where it stands twice.
pub(crate) fn field(form: &str, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(form.as_bytes());
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// Every value of a form's field, in order.
pub(crate) fn every(form: &str, name: &str) -> Vec<String> {
    let pairs = form_urlencoded::parse(form.as_bytes());
    pairs.filter(|(key, _)| key == name).map(|(_, value)| value.into_owned()).collect()
}

/// A header as text.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The token of a request.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    header(headers, AUTHORIZATION.as_str())?.strip_prefix("Bearer ")
}

/// An answer in JSON.
pub(crate) fn json(status: StatusCode, body: &Value) -> Response<Vec<u8>> {
    typed(status, "application/json", body.to_string().into_bytes())
}

/// An answer without a body.
pub(crate) fn empty(status: StatusCode) -> Response<Vec<u8>> {
    let mut response = Response::new(Vec::new());
    *response.status_mut() = status;
    response
}

/// An answer of a media type.
pub(crate) fn typed(status: StatusCode, mime: &str, body: Vec<u8>) -> Response<Vec<u8>> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    set(&mut response, CONTENT_TYPE.as_str(), mime);
    response
}

/// Sends the browser on.
pub(crate) fn found(target: &Url) -> Response<Vec<u8>> {
    let mut response = empty(StatusCode::FOUND);
    set(&mut response, LOCATION.as_str(), target.as_str());
    response
}

/// Writes a header; names and values here are always writable.
pub(crate) fn set(response: &mut Response<Vec<u8>>, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// Bytes in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// SHA-256 in hexadecimal digits.
pub(crate) fn digest(text: impl AsRef<[u8]>) -> String {
    hex(&Sha256::digest(text))
}

impl Answered {
    /// An answer that changed nothing.
    pub(crate) fn of(response: Response<Vec<u8>>) -> Self {
        Self { response, is_kept: false, accepted: None, account: None, fetches: Vec::new() }
    }

    /// It changed the state.
    pub(crate) fn kept(self) -> Self {
        Self { is_kept: true, ..self }
    }
}

impl Accepted {
    /// A write that was accepted at `now`.
    pub(crate) fn new(
        [platform, route]: [&str; 2],
        [account, remote_id]: [&str; 2],
        text: &str,
        at: Timestamp,
    ) -> Self {
        Self {
            platform: platform.into(),
            route: route.into(),
            account: account.into(),
            remote_id: remote_id.into(),
            text: text.into(),
            digest: digest(text),
            at,
        }
    }
}
