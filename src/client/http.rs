//! One request and its answer, in the envelope that every answer has.

use crate::error::{Detail, Error, silent};
use reqwest::{Client, RequestBuilder, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;

// Longer than the server takes for any answer, uploads included.
const ANSWER_WITHIN: Duration = Duration::from_secs(300);
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// How often a request is sent whose effect is open, and how long after the first time; each pause
/// is twice the one before.
const TRIES: u32 = 6;
const PAUSE: Duration = Duration::from_millis(200);

#[derive(Deserialize)]
struct Envelope {
    success: bool,
    #[serde(default)]
    data: Value,
    #[serde(default, rename = "nextCursor")]
    next_cursor: Option<String>,
    #[serde(default)]
    error: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    details: Vec<Detail>,
}

/// A client that resends nothing, follows nothing and uses no proxy.
#[expect(clippy::disallowed_methods, reason = "this crate knows nothing of `base`")]
pub(crate) fn plain() -> Result<Client, Error> {
    // Fails when another part of the process has chosen already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .retry(reqwest::retry::never())
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .http1_only()
        .connect_timeout(CONNECT_WITHIN)
        .timeout(ANSWER_WITHIN)
        .user_agent(concat!("postfleet-client/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| Error::Unusable(error.without_url().to_string()))
}

/// Sends a request and opens the envelope of its answer.
pub(crate) async fn send<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, Error> {
    Ok(send_for_page(request).await?.0)
}

/// The same of a list, with what the next page begins behind.
pub(crate) async fn send_for_page<T: DeserializeOwned>(
    request: RequestBuilder,
) -> Result<(T, Option<String>), Error> {
    let response = request.send().await.map_err(silent)?;
    let status = response.status();
    let text = response.bytes().await.map_err(silent)?;
    open(status.as_u16(), &text)
}

/// Sends a request and opens the envelope of its answer; a refusal that brings data is told by
/// them.
pub(crate) async fn send_for_report<T: DeserializeOwned>(
    request: RequestBuilder,
) -> Result<T, Error> {
    let response = request.send().await.map_err(silent)?;
    let status = response.status().as_u16();
    let text = response.bytes().await.map_err(silent)?;
    match serde_json::from_slice::<Envelope>(&text) {
        Ok(Envelope { success: false, data, .. }) if !data.is_null() => {
            let unreadable =
                |error: serde_json::Error| Error::Unreadable { status, why: error.to_string() };
            serde_json::from_value(data).map_err(unreadable)
        }
        _ => Ok(open(status, &text)?.0),
    }
}

#[expect(clippy::disallowed_methods, reason = "this crate knows nothing of `base`")]
pub(crate) async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

/// Opens the envelope of an answer.
pub(crate) fn open<T: DeserializeOwned>(
    status: u16,
    text: &[u8],
) -> Result<(T, Option<String>), Error> {
    let unreadable =
        |error: serde_json::Error| Error::Unreadable { status, why: error.to_string() };
    let envelope: Envelope = serde_json::from_slice(text).map_err(unreadable)?;
    if envelope.success && (200..300).contains(&status) {
        let data = serde_json::from_value(envelope.data).map_err(unreadable)?;
        return Ok((data, envelope.next_cursor));
    }
    let Envelope { error: code, message, details, .. } = envelope;
    Err(Error::Refused { status, code, message, details })
}

/// Why a request came to nothing, as its answer says.
pub(crate) async fn refusal(response: Response) -> Error {
    let status = response.status().as_u16();
    let told = match response.bytes().await {
        Ok(text) => open::<Value>(status, &text).map(|_| ()),
        Err(error) => Err(silent(error)),
    };
    told.err().unwrap_or(Error::Unreadable { status, why: "it says that all is well".into() })
}

/// Sends a request whose answer tells nothing but that it is done.
pub(crate) async fn nothing(request: RequestBuilder) -> Result<(), Error> {
    let response = request.send().await.map_err(silent)?;
    match response.status().is_success() {
        true => Ok(()),
        false => Err(refusal(response).await),
    }
}

/// Asks again while it is open whether the request had its effect: no answer came, or the fleet
/// says that it cannot answer now. Only what does no harm twice goes this way.
pub(crate) async fn again<T>(
    mut request: impl AsyncFnMut() -> Result<T, Error>,
) -> Result<T, Error> {
    let mut tried = 1;
    loop {
        match request().await {
            Err(error) if tried < TRIES && is_passing(&error) => {
                pause(PAUSE * 2_u32.pow(tried - 1)).await;
                tried += 1;
            }
            settled => return settled,
        }
    }
}

/// May the same request fare better in a moment?
fn is_passing(error: &Error) -> bool {
    match error {
        Error::Silent(_) => true,
        // The same is being carried out by a request before this one.
        Error::Refused { status: 409, code, .. } => code == "in_progress",
        Error::Refused { status, .. } | Error::Unreadable { status, .. } => {
            matches!(status, 408 | 429 | 502 | 503 | 504)
        }
        Error::Nowhere { .. } | Error::Half { .. } | Error::Unusable(_) | Error::Inbox(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::Brand;

    #[test]
    fn a_success_is_unwrapped_and_a_refusal_keeps_its_lesson() {
        let text = br#"{"success":true,"data":{"id":"brd_1","slug":"acme","name":"Acme"}}"#;
        assert_eq!(open::<Brand>(200, text).unwrap().0.slug, "acme");

        let text = br#"{"success":false,"error":"validation_failed","message":"Two rules.",
            "details":[{"type":"PlatformContentError","field":"text","message":"Too long.",
            "limit":280,"actual":300,"resolution":"Shorten it."}]}"#;
        let error = open::<Brand>(422, text).unwrap_err();
        assert_eq!(error.to_string(), "Two rules.\n  text: Too long. Shorten it.");
        let Error::Refused { status: 422, code, details, .. } = error else { panic!("{error}") };
        assert_eq!((code.as_str(), &details[0].actual), ("validation_failed", &300.into()));
    }

    #[test]
    fn what_is_not_from_a_fleet_is_said_to_be_so() {
        let error = open::<Brand>(502, b"<html>").unwrap_err();
        assert!(matches!(error, Error::Unreadable { status: 502, .. }), "{error}");
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let refused = |status| Error::Refused {
            status,
            code: String::new(),
            message: String::new(),
            details: Vec::new(),
        };
        assert!(is_passing(&Error::Silent("reset".into())));
        assert!([429, 503].into_iter().all(|status| is_passing(&refused(status))));
        assert!(is_passing(&Error::Unreadable { status: 502, why: "<html>".into() }));
        assert!([400, 401, 404, 409, 422].into_iter().all(|status| !is_passing(&refused(status))));
        assert!(!is_passing(&Error::Unusable("no URL".into())));
    }
}
