//! `/v1/media`: takes a user's file in, as a stream.
//!
//! Invariant: memory does not grow with the size of the file, and a caller who breaks off is not
//! a fault of ours.

use crate::envelope::{Answered, Denied, Refusal, success};
use crate::extract::{Authenticated, drain, too_slow, torn};
use app::App;
use app::media::bring;
use axum::body::Body;
use axum::extract::State;
use axum::extract::multipart::{Field, Multipart, MultipartRejection};
use base::Fault;
use bytes::Bytes;
use domain::rejection::{Rejection, Rule, excerpt};
use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use http::StatusCode;
use std::error::Error;
use std::fmt;
use std::time::Duration;

/// The field that holds the file.
const FIELD: &str = "file";
/// How long the next piece of a file may take.
const PIECE_WITHIN: Duration = Duration::from_secs(30);

/// `POST /v1/media`
pub(crate) async fn upload(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    form: Result<Multipart, MultipartRejection>,
) -> Answered {
    let mut form = form.map_err(|why| malformed(&why.body_text()))?;
    let field = next_field(&mut form).await?.ok_or_else(missing)?;
    if field.name() != Some(FIELD) {
        return Err(unknown(field.name().unwrap_or_default()).into());
    }
    let mut chunks = chunks(field);
    let brought = bring(&app, &caller, &mut chunks).await.map_err(blame)?;
    if brought.is_err() {
        drain(&mut chunks).await;
    }
    drop(chunks);
    let facts = brought?;
    match next_field(&mut form).await? {
        None => Ok(success(StatusCode::CREATED, facts)),
        Some(further) => Err(unknown(further.name().unwrap_or_default()).into()),
    }
}

async fn next_field(form: &mut Multipart) -> Result<Option<Field<'_>>, Refusal> {
    match tokio::time::timeout(PIECE_WITHIN, form.next_field()).await {
        Ok(next) => next.map_err(|why| malformed(&why.body_text())),
        Err(_) => Err(too_slow(PIECE_WITHIN)),
    }
}

fn chunks(field: Field<'_>) -> BoxStream<'_, Result<Bytes, Fault>> {
    let pieces = stream::unfold(Some(field), |field| async {
        let mut field = field?;
        match tokio::time::timeout(PIECE_WITHIN, field.chunk()).await {
            Ok(Ok(piece)) => piece.map(|piece| (Ok(piece), Some(field))),
            Ok(Err(why)) => Some((Err(BrokenOff::Torn(why.body_text()).into()), None)),
            Err(_) => Some((Err(BrokenOff::TooSlow.into()), None)),
        }
    });
    // What was read to its end is asked once more when the verb turns it away.
    pieces.fuse().boxed()
}

/// The caller stopped sending; it travels through the verb as a fault and is told apart after.
#[derive(Debug)]
enum BrokenOff {
    Torn(String),
    TooSlow,
}

impl fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Torn(why) => f.write_str(why),
            Self::TooSlow => f.write_str("the next piece of the file did not come in time"),
        }
    }
}

impl Error for BrokenOff {}

/// The bytes of a body, as they come.
pub(crate) type Pieces = BoxStream<'static, Result<Bytes, Fault>>;

/// Takes a body apart; what its sender does wrong travels as a fault that [`blame`] knows.
pub(crate) fn pieces(body: Body) -> Pieces {
    let pieces = stream::unfold(Some(body.into_data_stream()), |body| async {
        let mut body = body?;
        match tokio::time::timeout(PIECE_WITHIN, body.next()).await {
            Ok(Some(Ok(piece))) => Some((Ok(piece), Some(body))),
            Ok(Some(Err(why))) => Some((Err(BrokenOff::Torn(why.to_string()).into()), None)),
            Ok(None) => None,
            Err(_) => Some((Err(BrokenOff::TooSlow.into()), None)),
        }
    });
    pieces.fuse().boxed()
}

pub(crate) fn blame(fault: Fault) -> Denied {
    match fault.find::<BrokenOff>() {
        Some(BrokenOff::Torn(why)) => torn(why).into(),
        Some(BrokenOff::TooSlow) => too_slow(PIECE_WITHIN).into(),
        None => fault.into(),
    }
}

fn malformed(why: &str) -> Refusal {
    let message = format!("The body is no form with a file: {why}.");
    let rejection = Rejection::request(Rule::WrongType, "body", message.clone())
        .bounds("multipart/form-data with the field `file`", why)
        .resolve("Send the file as multipart/form-data, as `curl -F file=@photo.jpg` does.");
    Refusal::new(StatusCode::BAD_REQUEST, "malformed_multipart", message).with(rejection)
}

fn missing() -> Refusal {
    let rejection = Rejection::request(Rule::Required, FIELD, "`file` is required; it is missing.")
        .bounds(1, 0)
        .resolve("Send the file in the field `file` of the form.");
    Refusal::invalid(vec![rejection])
}

fn unknown(name: &str) -> Refusal {
    let message = "The form takes one file, in one field `file`, and nothing else.";
    let rejection = Rejection::request(Rule::UnknownField, excerpt(name), message)
        .bounds(vec![FIELD], name)
        .resolve("Send each file in a request of its own, in the field `file`.");
    Refusal::invalid(vec![rejection])
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::extract::{FromRequest, Request};
    use futures::TryStreamExt;
    use http::header::CONTENT_TYPE;

    const START: &str = "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n";

    async fn form(body: String) -> Multipart {
        let request = Request::builder().header(CONTENT_TYPE, "multipart/form-data; boundary=b");
        Multipart::from_request(request.body(Body::from(body)).unwrap(), &()).await.unwrap()
    }

    #[tokio::test]
    async fn the_file_is_streamed_as_it_is() {
        let mut form = form(format!("{START}bytes\r\n--b--\r\n")).await;
        let field = next_field(&mut form).await.unwrap().unwrap();
        assert_eq!(field.name(), Some(FIELD));
        let mut chunks = chunks(field);
        let read: Vec<Bytes> = (&mut chunks).try_collect().await.unwrap();
        assert_eq!(read.concat(), b"bytes");
        assert_eq!(drain(&mut chunks).await, 0, "a file that was read may be asked for more");
        drop(chunks);
        assert!(next_field(&mut form).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_file_that_breaks_off_is_the_callers() {
        let mut form = form(format!("{START}byt")).await;
        let field = next_field(&mut form).await.unwrap().unwrap();
        let fault = chunks(field).try_collect::<Vec<_>>().await.unwrap_err();
        let denied = blame(fault.context("writing media"));
        let Denied::Caller(refusal) = denied else { panic!("{denied:?}") };
        assert_eq!((refusal.status, refusal.code), (StatusCode::BAD_REQUEST, "incomplete_body"));
        assert!(matches!(blame(Fault::new("disk full")), Denied::Fault(_)));
    }

    #[tokio::test]
    async fn what_is_no_form_is_refused() {
        let mut form = form("nothing of the sort".to_owned()).await;
        let refusal = next_field(&mut form).await.unwrap_err();
        assert_eq!(refusal.code, "malformed_multipart");
    }
}
