//! The host for uploads of the simulated Instagram: a film that is sent, from a byte on.
//!
//! docs, instagram-platform/content-publishing/resumable-uploads, 2026-03. Its refusals have an
//! envelope of their own; their types and statuses were seen with the uploads of other products of
//! Meta on the same host.

use super::files;
use super::state::State;
use crate::sim::Inbound;
use crate::sim::http::{header, json};
use domain::time::Timestamp;
use http::header::AUTHORIZATION;
use http::{Response, StatusCode};
use serde_json::{Value, json};

/// A film on its way.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Upload {
    bytes: Vec<u8>,
    /// How long it is going to be, once that was told.
    size: Option<u64>,
    is_whole: bool,
}

/// What the host for uploads says no with: status, another try may help, type, words.
type No = (u16, bool, &'static str, &'static str);

const NOT_AUTHORIZED: No =
    (400, false, "NotAuthorizedError", "User not authorized to perform this request");
const NO_OFFSET: No = (
    400,
    false,
    "ParameterValidationError",
    "HeaderValuePredicate: Header Offset not convertable to unsigned long",
);
const NO_SIZE: No = (
    400,
    false,
    "ParameterValidationError",
    "HeaderValuePredicate: Header file_size not convertable to unsigned long",
);
const WRONG_OFFSET: No = (412, true, "OffsetInvalidError", "Request starting offset is invalid");
const PARTIAL: No =
    (206, true, "PartialRequestError", "Partial request (did not match length of file)");
const FAILED: No = (400, false, "ProcessingFailedError", "Request processing failed");
const BUSY: No = (503, true, "ServiceUnavailable", "Upload service busy");

impl Upload {
    /// What `video_status` tells of it.
    pub fn show(&self, state: &str) -> Value {
        let status = match (self.is_whole, self.bytes.len()) {
            (true, _) => "complete",
            (false, 0) => "not_started",
            (false, _) => "in_progress",
        };
        let transferred = if self.is_whole { self.size } else { Some(self.bytes.len() as u64) };
        let processing = match (self.is_whole, state) {
            (false, _) => "not_started",
            (true, "IN_PROGRESS") => "in_progress",
            (true, "ERROR") => "error",
            (true, _) => "complete",
        };
        json!({
            "uploading_phase": {
                "status": status, "bytes_transferred": transferred, "source_file_size": self.size,
            },
            "processing_phase": { "status": processing },
        })
    }
}

/// `POST /ig-api-upload/{version}/{container}`; with the id of the account, once it is known.
pub(super) fn send(
    state: &mut State,
    id: &str,
    request: &Inbound,
    now: Timestamp,
) -> (Response<Vec<u8>>, Option<String>) {
    let Ok(caller) = state.caller(token(request), request, now) else {
        return (refused(NOT_AUTHORIZED), None);
    };
    let account = Some(state.account(caller.account).id.clone());
    let is_blocked = state.blocked("media.upload", caller, now).is_some();
    let answer = match is_blocked {
        true => Err(BUSY),
        false => take(state, (caller.account, id), request, now),
    };
    let response = match answer {
        Ok(()) => {
            let body = json!({ "success": true, "message": "Upload successful." });
            json(StatusCode::OK, &body)
        }
        Err(no) => refused(no),
    };
    (response, account)
}

/// The token that an upload shows: in a header, with a scheme that only this host has.
pub(super) fn token(request: &Inbound) -> Option<&str> {
    header(&request.headers, AUTHORIZATION.as_str())?.strip_prefix("OAuth ")
}

fn take(
    state: &mut State,
    (account, id): (usize, &str),
    request: &Inbound,
    now: Timestamp,
) -> Result<(), No> {
    let number = |name| header(&request.headers, name).and_then(|text| text.parse::<u64>().ok());
    let offset = number("offset").ok_or(NO_OFFSET)?;
    let size = number("file_size").ok_or(NO_SIZE)?;
    let kept_max = usize::try_from(state.limits.upload_bytes_max).unwrap_or(usize::MAX);
    let own = state.containers.get_mut(id).filter(|found| found.account == account);
    let container = own.ok_or(NOT_AUTHORIZED)?;
    let is_over = container.state(now).0 != "IN_PROGRESS";
    let upload = container.upload.as_mut().filter(|_| !is_over).ok_or(FAILED)?;
    if upload.is_whole || offset != upload.bytes.len() as u64 {
        return Err(WRONG_OFFSET);
    }
    let is_fitting = offset + request.body.len() as u64 <= size;
    if !is_fitting || upload.size.is_some_and(|told| told != size) || size == 0 {
        return Err(FAILED);
    }
    upload.size = Some(size);
    let kept = request.body.len().min(kept_max);
    upload.bytes.extend_from_slice(&request.body[..kept]);
    if (upload.bytes.len() as u64) < size {
        return Err(PARTIAL);
    }
    upload.is_whole = true;
    let film = std::mem::take(&mut upload.bytes);
    files::sent(state, id, film, now);
    Ok(())
}

fn refused((status, is_retriable, kind, message): No) -> Response<Vec<u8>> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let info = json!({ "retriable": is_retriable, "type": kind, "message": message });
    json(status, &json!({ "debug_info": info }))
}
