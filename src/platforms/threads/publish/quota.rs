//! How many posts a profile may still make: asked, for other tools of its owner post too.
//!
//! The refusal of a post beyond the quota is not documented, so the platform is not brought to
//! it. Invariant: an answer that cannot be read stands in nobody's way.

use super::super::API;
use super::super::limits::{Usage, usage};
use super::position::{Made, Position, Stage};
use crate::meta;
use crate::port::{Call, Reply, View};
use domain::failure::{Failure, Scope};
use domain::time::Timestamp;
use std::time::Duration;

/// Places come free one by one in a rolling day, and no answer says when. Assumed: a question
/// each quarter of an hour.
const ASK_AFTER: Duration = Duration::from_secs(15 * 60);

/// Asks what the profile has used. What concerns replies is asked for by chains alone, for it
/// needs a permission of its own (docs, retrieve-and-manage-replies).
pub(super) fn ask(position: &Position, view: &View<'_>) -> Call {
    let fields = match wanted(position, view) {
        [_, 0] => "quota_usage,config",
        [_, _] => "quota_usage,config,reply_quota_usage,reply_config",
    };
    let url = format!("{API}/v1.0/me/threads_publishing_limit");
    meta::get("threads.quota", &url, &[("fields", fields)])
}

/// Where the answer leads: on, or to a wait. A chain begins only when all of it may go out.
pub(super) fn read(
    position: Position,
    container: Option<Made>,
    reply: &Reply,
    view: &View<'_>,
) -> Result<Position, Failure> {
    let [posts, replies] = wanted(&position, view);
    let told = usage(reply);
    let short = [("posts", posts, told.posts), ("replies", replies, told.replies)];
    let lacks = |(_, wanted, usage): &&(_, u64, Option<Usage>)| {
        usage.is_some_and(|usage| usage.left() < *wanted)
    };
    if let Some((noun, wanted, Some(Usage { used, total }))) = short.iter().find(lacks) {
        let detail = format!("{used} of {total} {noun} of a day are used, and {wanted} are needed");
        let (scope, retry_at) = (Scope::Account, reply.at + ASK_AFTER);
        return Err(Failure::RateLimit { scope, retry_at, detail });
    }
    Ok(onward(position, container, reply.at))
}

/// Whoever waits for a place asks again; any other failure of the question does not hold it up.
pub(super) fn recover(
    position: Position,
    container: Option<Made>,
    why: &Failure,
    now: Timestamp,
) -> Position {
    match why {
        Failure::RateLimit { .. } => position,
        _ => onward(position, container, now),
    }
}

/// A container that was refused is looked at before it is published again.
fn onward(position: Position, container: Option<Made>, now: Timestamp) -> Position {
    match container {
        Some(container) => position.check(container, now),
        None => position.at(Stage::default()),
    }
}

/// Posts and replies that are still to be made.
fn wanted(position: &Position, view: &View<'_>) -> [u64; 2] {
    let (out, all) = (position.posts.len(), view.content.segments.len());
    let posts = u64::from(out == 0);
    let left = u64::try_from(all.saturating_sub(out)).unwrap_or(u64::MAX);
    [posts, left.saturating_sub(posts)]
}
