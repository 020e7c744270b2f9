//! `/v1/platforms`: what each platform takes, as data.

use crate::envelope::{Answered, success};
use crate::extract::Authenticated;
use http::StatusCode;

/// `GET /v1/platforms`
pub(crate) async fn list(Authenticated(caller): Authenticated) -> Answered {
    Ok(success(StatusCode::OK, app::capabilities::capabilities(&caller)))
}
