//! From a reply of the toy to the class of failure.

use crate::port::Reply;
use domain::failure::{Effect, Failure, Sent, no_reply, server_error};

/// The class of `reply`; `None` for a success.
pub(super) fn classify(effect: Effect, reply: &Reply) -> Option<Failure> {
    let detail = || reply.json()["error"].as_str().unwrap_or_default().to_owned();
    match reply.status.as_u16() {
        200..=299 => None,
        401 => Some(Failure::Auth { revoked: true, detail: detail() }),
        400..=499 => Some(Failure::Content { field: None, detail: detail() }),
        status => Some(server_error(effect, status)),
    }
}

/// A success without what it must hold.
pub(super) fn unreadable(effect: Effect) -> Failure {
    no_reply(effect, Sent::Maybe, "a success without the documented body".into())
}
