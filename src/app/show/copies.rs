//! Copies of a post that is out, as the API shows them.

use super::EndView;
use domain::id::PostId;
use domain::post;
use domain::time::Timestamp;
use serde::Serialize;
use store::copies::{Copy, Republished};
use utoipa::ToSchema;

/// How a post is published anew.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Copies)]
#[serde(rename_all = "camelCase")]
pub struct CopiesView {
    /// When the next copy is due; unknown before the post is out.
    pub next_at: Option<Timestamp>,
    /// Why there will be no more: `done`, `until`, `missed`, `cancelled`, `archived`, `removed`,
    /// `disconnected`, `no_variation`, `no_rule` or `broken`.
    pub ended: Option<EndView>,
    /// Those that were made, in order.
    pub copies: Vec<CopyView>,
}

/// A copy.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Copy)]
#[serde(rename_all = "camelCase")]
pub struct CopyView {
    /// Which one, from 1.
    pub number: i32,
    /// The post that it is.
    pub post_id: PostId,
    /// Where that stands.
    pub status: post::Status,
    /// When it was to be out.
    pub due_at: Timestamp,
}

/// Shows them.
pub(super) fn view(republished: &Republished) -> CopiesView {
    let copy = |one: &Copy| CopyView {
        number: one.number,
        post_id: one.post,
        status: one.status,
        due_at: one.due_at,
    };
    CopiesView {
        next_at: republished.next_at,
        ended: republished.ended.map(|(end, at)| EndView { reason: end.as_str(), at }),
        copies: republished.copies.iter().map(copy).collect(),
    }
}
