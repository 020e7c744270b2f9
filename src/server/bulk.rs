//! `POST /v1/posts/bulk`: many posts in one request, a line of JSON or a row of a table each.
//!
//! Invariant: memory is bounded by the largest body and the requests that are read at once.

mod table;

use crate::envelope::{Answered, Denied, Refusal, success};
use crate::extract::{Authenticated, drain, finish, too_slow, torn};
use crate::posts::idempotency_key;
use app::App;
use app::bulk::{Asked, BadLine, Mode, ROWS_MAX, Report, Row, bulk, digest};
use axum::Json;
use axum::extract::{Query, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use domain::rejection::{Rejection, Rule};
use domain::request::Fields;
use futures::StreamExt;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value};
use std::time::Duration;

/// The largest body: 5,000 posts of three thousand bytes.
pub(crate) const BODY_SIZE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How long it may take to arrive.
const BODY_WITHIN: Duration = Duration::from_secs(60);
/// A line of JSON for each post.
const LINES: [&str; 3] = ["application/x-ndjson", "application/ndjson", "application/jsonl"];
/// A row of a table for each post.
const TABLE: &str = "text/csv";

/// How the posts are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Lines,
    Table,
}

/// `POST /v1/posts/bulk`
pub(crate) async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Query(asked): Query<Vec<(String, String)>>,
    request: Request,
) -> Answered {
    let (mode, is_dry_run) = read_query(asked)?;
    let headers = request.headers().clone();
    let key = idempotency_key(&headers)?;
    let form = form(&headers)?;
    // Bodies wait outside until there is room for them.
    let Some(_turn) = app.bulk_turn().await else { return Err(busy().into()) };
    let body = match tokio::time::timeout(BODY_WITHIN, read_body(request)).await {
        Ok(read) => Bytes::from(read?),
        Err(_) => return Err(too_slow(BODY_WITHIN).into()),
    };
    let rows = match form {
        Form::Lines => lines(&body),
        Form::Table => table::rows(&body)?,
    };
    if rows.is_empty() || rows.len() > ROWS_MAX {
        return Err(wrong_number(rows.len()).into());
    }
    let asked = Asked { rows, sha256: digest(&body), key, mode, is_dry_run };
    Ok(answer(bulk(&app, &caller, asked).await??))
}

/// A violation, with the line that it is on.
#[derive(Serialize)]
struct Placed<'a> {
    line: u64,
    #[serde(flatten)]
    why: &'a Rejection,
}

#[derive(Serialize)]
struct Failed<'a> {
    success: bool,
    error: &'static str,
    message: String,
    details: Vec<Placed<'a>>,
    data: &'a Report,
}

/// Where none is accepted for what is wrong with some, that is a refusal.
fn answer(report: Report) -> Response {
    let is_refused = report.mode == Mode::All && !report.dry_run && report.refused > 0;
    if !is_refused {
        let is_new = report.posts.iter().any(|post| !post.again);
        return success(if is_new { StatusCode::CREATED } else { StatusCode::OK }, report);
    }
    let message = format!(
        "Of {} rows {} cannot be accepted, so none is. Correct them, or send `mode=valid` to have \
         the others accepted.",
        report.rows, report.refused
    );
    let details = report.errors.iter().flat_map(placed).collect();
    let error = "rows_refused";
    let failed = Failed { success: false, error, message, details, data: &report };
    (StatusCode::UNPROCESSABLE_ENTITY, Json(failed)).into_response()
}

fn placed(bad: &BadLine) -> impl Iterator<Item = Placed<'_>> {
    bad.details.iter().map(|why| Placed { line: bad.line, why })
}

fn read_query(asked: Vec<(String, String)>) -> Result<(Mode, bool), Refusal> {
    let read = |(name, value): (String, String)| {
        let flag = (name == "dryRun").then(|| value.parse::<bool>().ok()).flatten();
        (name, flag.map_or(Value::String(value), Value::from))
    };
    let asked: Map<String, Value> = asked.into_iter().map(read).collect();
    let mut fields = Fields::new(Some(&asked), "", None);
    let mode = fields.choice("mode", &[("all", Mode::All), ("valid", Mode::Valid)]);
    let is_dry_run = fields.flag("dryRun").unwrap_or(false);
    finish(fields)?;
    Ok((mode.unwrap_or_default(), is_dry_run))
}

fn form(headers: &HeaderMap) -> Result<Form, Refusal> {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if LINES.contains(&kind.as_str()) {
        return Ok(Form::Lines);
    }
    if kind == TABLE {
        return Ok(Form::Table);
    }
    let message = "Many posts come as lines of JSON or as a table; the Content-Type says which.";
    let why = Rejection::request(Rule::NotSupported, "Content-Type", message)
        .bounds(vec![LINES[0], TABLE], given)
        .resolve(format!("Send `Content-Type: {}` or `{TABLE}`.", LINES[0]));
    let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    Err(Refusal::new(status, "unsupported_media_type", message).with(why))
}

async fn read_body(request: Request) -> Result<Vec<u8>, Denied> {
    let declared = request.headers().get(CONTENT_LENGTH);
    let declared: Option<usize> = declared.and_then(|length| length.to_str().ok()?.parse().ok());
    let mut chunks = request.into_body().into_data_stream();
    if let Some(declared) = declared.filter(|size| *size > BODY_SIZE_BYTES_MAX) {
        drain(&mut chunks).await;
        return Err(too_large(declared).into());
    }
    let mut body = Vec::with_capacity(declared.unwrap_or(0));
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|why| torn(&why))?;
        if body.len() + chunk.len() > BODY_SIZE_BYTES_MAX {
            let rest = drain(&mut chunks).await;
            return Err(too_large(body.len() + chunk.len() + rest).into());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The lines of a body that hold something.
fn lines(body: &Bytes) -> Vec<Row> {
    let (mut rows, mut start) = (Vec::new(), 0);
    for (number, line) in body.split(|byte| *byte == b'\n').enumerate() {
        let json = body.slice(start..start + line.len());
        start += line.len() + 1;
        if !line.iter().all(u8::is_ascii_whitespace) {
            rows.push(Row { line: number as u64 + 1, json: Ok(json) });
        }
        if rows.len() > ROWS_MAX {
            break;
        }
    }
    rows
}

fn wrong_number(actual: usize) -> Refusal {
    let (rule, status, told) = match actual {
        0 => (Rule::Required, StatusCode::UNPROCESSABLE_ENTITY, "There is no post in the body."),
        _ => {
            (Rule::TooMuch, StatusCode::PAYLOAD_TOO_LARGE, "There are too many posts in the body.")
        }
    };
    let message = format!("{told} A request brings 1 to {ROWS_MAX}.");
    let why = Rejection::request(rule, "body", message.clone())
        .bounds(ROWS_MAX, actual)
        .resolve("Split them over several requests, each with an Idempotency-Key of its own.");
    Refusal::new(status, "wrong_number_of_rows", message).with(why)
}

fn busy() -> Refusal {
    let message = "Other requests with many posts are being read. Send it again in a moment.";
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message)
}

fn too_large(actual: usize) -> Refusal {
    let message = format!("The body has {actual} bytes; at most {BODY_SIZE_BYTES_MAX} are read.");
    let why = Rejection::request(Rule::TooMuch, "body", message.clone())
        .bounds(BODY_SIZE_BYTES_MAX, actual)
        .resolve("Split the posts over several requests.");
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message).with(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    // case: B-lines
    #[test]
    fn lines_are_counted_from_one_and_empty_ones_are_passed_over() {
        let body = Bytes::from_static(b"{\"a\":1}\n\n  \r\n{\"b\":2}\r\nnonsense");
        let rows = lines(&body);
        let told: Vec<(u64, &[u8])> =
            rows.iter().map(|row| (row.line, row.json.as_ref().unwrap().as_ref())).collect();
        assert_eq!(told, [(1, &b"{\"a\":1}"[..]), (4, b"{\"b\":2}\r"), (5, b"nonsense")]);
        assert!(lines(&Bytes::from_static(b"\n \n")).is_empty());
        let many = Bytes::from("{}\n".repeat(ROWS_MAX + 7));
        assert_eq!(lines(&many).len(), ROWS_MAX + 1, "what is too much is not gathered");
    }

    // case: B-lines
    #[test]
    fn the_content_type_says_how_posts_are_written() {
        let of = |kind: &'static str| {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, kind.parse().unwrap())]);
            form(&headers).map_err(|refusal| refusal.status)
        };
        assert_eq!(of("application/x-ndjson; charset=utf-8"), Ok(Form::Lines));
        assert_eq!(of("Text/CSV"), Ok(Form::Table));
        assert_eq!(of("application/json"), Err(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        assert!(form(&HeaderMap::new()).is_err());
    }

    #[test]
    fn a_query_says_what_becomes_of_the_good_rows() {
        let asked = |pairs: &[(&str, &str)]| {
            read_query(pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect())
        };
        assert_eq!(asked(&[]), Ok((Mode::All, false)));
        assert_eq!(asked(&[("mode", "valid"), ("dryRun", "true")]), Ok((Mode::Valid, true)));
        for (name, value) in [("mode", "some"), ("dryRun", "perhaps"), ("dryrun", "true")] {
            assert_eq!(asked(&[(name, value)]).unwrap_err().details[0].field, name);
        }
    }
}
