//! The quotas of a profile on the simulated Threads: posts, replies and deletions of a rolling day.

use super::params::Params;
use super::state::State;
use super::{Caller, Outcome};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The window of the quotas, docs, overview.
const DAY: Duration = Duration::from_secs(86_400);
/// docs, overview: searches for places of a day. Nothing here searches.
const SEARCHES_PER_DAY: u32 = 500;

/// Posts of the last day.
pub(super) fn posts(state: &State, caller: Caller) -> usize {
    published(state, caller, false)
}

/// Replies of the last day.
pub(super) fn replies(state: &State, caller: Caller) -> usize {
    published(state, caller, true)
}

/// Deletions of the last day.
pub(super) fn deletes(state: &State, caller: Caller) -> usize {
    let deleted = state.accounts.at(caller.account).own.deleted_at.iter().rev();
    deleted.take_while(|at| caller.now.since(**at) < DAY).count()
}

/// What was published in the last day and is a reply, or none. What is deleted counts on.
fn published(state: &State, caller: Caller, is_reply: bool) -> usize {
    let posts = state.accounts.at(caller.account).own.posts.iter().rev();
    let posts = posts.map(|at| &state.posts[*at]);
    let recent = posts.take_while(|post| caller.now.since(post.created_at) < DAY);
    recent.filter(|post| state.containers[post.container].reply_to.is_some() == is_reply).count()
}

/// The permission that a field of the quotas needs beside those of all (docs,
/// retrieve-and-manage-replies and posts/delete-posts).
pub(super) fn scope(field: &str) -> Option<&'static str> {
    match field {
        "reply_quota_usage" | "reply_config" => Some("threads_manage_replies"),
        "delete_quota_usage" | "delete_config" => Some("threads_delete"),
        "location_search_quota_usage" | "location_search_config" => {
            Some("threads_location_tagging")
        }
        _ => None,
    }
}

/// `GET /me/threads_publishing_limit`.
pub(super) fn show(state: &State, params: &Params, caller: Caller) -> Outcome {
    params.only(&["fields"])?;
    let limits = &state.limits;
    let known = [
        ("quota_usage", "config", posts(state, caller), limits.posts_per_day),
        ("reply_quota_usage", "reply_config", replies(state, caller), limits.replies_per_day),
        ("delete_quota_usage", "delete_config", deletes(state, caller), limits.deletes_per_day),
        ("location_search_quota_usage", "location_search_config", 0, SEARCHES_PER_DAY),
    ];
    let names: Vec<&str> = known.iter().flat_map(|(usage, config, ..)| [*usage, *config]).collect();
    let mut shown = Map::new();
    for name in params.fields(&names)? {
        for (usage, config, used, total) in known {
            if name == usage {
                shown.insert(name.into(), json!(used));
            } else if name == config {
                let told = json!({ "quota_total": total, "quota_duration": DAY.as_secs() });
                shown.insert(name.into(), told);
            }
        }
    }
    Ok(json!({ "data": [Value::Object(shown)] }))
}
