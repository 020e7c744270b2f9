//! The API described: one table of operations, from which the document and its page are made.
//!
//! Invariant: every operation of `/v1` stands in the table and nothing else does; what a route
//! takes and what may turn a request away is derived, never written down twice.

mod document;
mod operation;
mod page;
mod schemas;
mod shapes;
mod table;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use std::sync::LazyLock;

/// The document as it goes out; it is the same for everybody, for as long as the process lives.
static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| document::document().to_string().into());

/// `GET /v1/openapi.json`
pub(crate) async fn document() -> Response {
    let headers =
        [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "public, max-age=300, no-transform")];
    (headers, DOCUMENT.clone()).into_response()
}

/// `GET /docs`
pub(crate) async fn page() -> Response {
    page::page()
}
