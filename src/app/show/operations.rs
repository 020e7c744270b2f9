//! What is done with a post that is out, as the API shows it.

use domain::time::Timestamp;
use serde::Serialize;
use serde_json::Value;
use store::operations::{Operation, Repost};
use utoipa::ToSchema;

/// What is done with a post that is out; nothing of it is shown where nothing is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, ToSchema)]
#[schema(as = Operations)]
#[serde(rename_all = "camelCase")]
pub struct OperationsView {
    /// Its reposts so far, and the next one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reposts: Option<Vec<RepostView>>,
    /// Why there will be no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reposts_ended: Option<EndView>,
    /// Its deletion on the platform, where one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_deletion: Option<RemovalView>,
    /// When it was deleted on the platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_deleted_at: Option<Timestamp>,
}

/// A repost.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Repost)]
#[serde(rename_all = "camelCase")]
pub struct RepostView {
    /// Which one, from 1.
    pub number: i32,
    /// `scheduled`, `sending`, `published`, `failed`, `cancelled` or `missed`.
    pub status: &'static str,
    /// When it is due.
    pub due_at: Timestamp,
    /// When it went out or failed.
    pub ended_at: Option<Timestamp>,
    /// When it is to be taken back.
    pub undo_at: Option<Timestamp>,
    /// When it was taken back, by itself or by the next one.
    pub undone_at: Option<Timestamp>,
    /// Why it failed or waits.
    #[schema(value_type = Option<super::ErrorView>)]
    pub error: Option<Value>,
}

/// Why there are no more reposts.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = SeriesEnd)]
pub struct EndView {
    /// `done`, `until`, `missed`, `cancelled`, `removed`, `origin_gone`, `origin_edited`,
    /// `disconnected` or `broken`.
    pub reason: &'static str,
    /// Since when.
    pub at: Timestamp,
}

/// A deletion that was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = RemoteDeletion)]
#[serde(rename_all = "camelCase")]
pub struct RemovalView {
    /// `waiting`, `done` or `failed`.
    pub status: &'static str,
    /// When it was asked for.
    pub asked_at: Option<Timestamp>,
    /// Why it failed or waits.
    #[schema(value_type = Option<super::ErrorView>)]
    pub error: Option<Value>,
}

/// Shows it.
pub(super) fn view(operation: &Operation) -> OperationsView {
    let has_rule = operation.rule.is_some();
    let ended = operation.ended.filter(|_| has_rule);
    OperationsView {
        reposts: has_rule.then(|| operation.reposts.iter().map(repost).collect()),
        reposts_ended: ended.map(|(end, at)| EndView { reason: end.as_str(), at }),
        remote_deletion: operation.removal.map(|removal| RemovalView {
            status: removal.as_str(),
            asked_at: operation.removal_asked_at,
            error: operation.removal_failure.clone(),
        }),
        remote_deleted_at: operation.removed_at,
    }
}

fn repost(one: &Repost) -> RepostView {
    RepostView {
        number: one.number,
        status: one.status.as_str(),
        due_at: one.due_at,
        ended_at: one.ended_at,
        undo_at: one.undo_at,
        undone_at: one.undone_at,
        error: one.failure.clone(),
    }
}
