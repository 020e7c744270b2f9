//! Reposts of the simulated X: one account shows a post anew, or takes that back.
//!
//! Both may be repeated, and answer as if it had been the first time (x.md section 4).

use super::state::{Caller, State};
use super::tweets::{self, Tweet};
use super::wire::Repost;
use super::{Outcome, Refusal, json_body};
use crate::sim::{Accepted, Inbound};
use domain::time::Timestamp;
use http::StatusCode;
use serde_json::json;

/// `POST /2/users/{id}/retweets`.
pub(super) fn repost(
    state: &mut State,
    caller: Caller,
    user: &str,
    request: &Inbound,
    now: Timestamp,
) -> Outcome {
    is_oneself(state, caller, user)?;
    let body: Repost = json_body(request)?;
    let id = body.tweet_id.0;
    let Some(source) = tweets::find(state, &id) else {
        return Err(Refusal::not_found(&format!("Could not find tweet with id: [{id}].")));
    };
    if of(state, caller, source).is_none() {
        let original = &state.tweets[source];
        let text = format!("RT @{}: {}", state.account(original.account).handle, original.text);
        record(state, caller, "retweets.create", &id, &text, now);
        let at = state.tweets.len();
        state.tweets.push(Tweet {
            account: caller.account,
            text,
            files: Vec::new(),
            poll: None,
            parent: None,
            repost_of: Some(source),
            replaces: None,
            is_listed: true,
            created_at: now,
            is_deleted: false,
        });
        state.account_mut(caller.account).own.posts.push(at);
    }
    Ok((StatusCode::OK, json!({ "data": { "retweeted": true, "rest_id": id } })))
}

/// `DELETE /2/users/{id}/retweets/{source_tweet_id}`.
pub(super) fn undo(
    state: &mut State,
    caller: Caller,
    [user, id]: [&str; 2],
    now: Timestamp,
) -> Outcome {
    is_oneself(state, caller, user)?;
    let repost = tweets::find(state, id).and_then(|source| of(state, caller, source));
    if let Some(at) = repost {
        state.tweets[at].is_deleted = true;
        let text = state.tweets[at].text.clone();
        record(state, caller, "retweets.delete", id, &text, now);
    }
    Ok((StatusCode::OK, json!({ "data": { "retweeted": false } })))
}

/// The position of the caller's living repost of a post.
fn of(state: &State, caller: Caller, source: usize) -> Option<usize> {
    let own = state.account(caller.account).own.posts.iter().copied();
    own.rev().find(|at| {
        let tweet = &state.tweets[*at];
        tweet.repost_of == Some(source) && !tweet.is_deleted
    })
}

fn is_oneself(state: &State, caller: Caller, user: &str) -> Result<(), Refusal> {
    if state.account(caller.account).id == user {
        return Ok(());
    }
    let told = "The `id` in the path is not the id of the user who is signed in.";
    Err(Refusal::forbidden(told))
}

fn record(state: &mut State, caller: Caller, route: &str, id: &str, text: &str, now: Timestamp) {
    let ids = [state.account(caller.account).id.as_str(), id];
    let accepted = Accepted::new(["x", route], ids, text, now);
    state.accepted.push(accepted);
}
