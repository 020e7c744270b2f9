//! What can be done with a post that is out: delete it, repost it, take the repost back.
//!
//! Every call here may be repeated: what is gone stays gone, and a post is reposted or not
//! (x.md sections 4 and 9). So an unknown outcome is settled by calling again: a repost that
//! arrived is answered as if it were the first, or with "already retweeted" (v1.1, code 327).
//! Invariant: a chain is deleted from its end, so that no part is left answering a part that is
//! gone; and a post is looked at before it is reposted.

use super::super::wire::{Answer, Deleted, LookedUp, Repost, Reposted};
use super::super::{API, errors};
use super::{Position, Stored, digits, post, receipt};
use crate::oauth;
use crate::port::{Body, Call, Operation, Reply, Step, View};
use domain::failure::{Effect, Failure};
use domain::repost::End;
use http::Method;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long each of these calls may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// What is left to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Operating {
    /// The ids of the segments that were out when it began, in order.
    posts: Vec<String>,
    /// The calls that are left, in order.
    acts: Vec<Act>,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Act {
    /// See whether it is there, as it was written.
    Look(String),
    Delete(String),
    Repost(String),
    Undo(String),
}

impl Operating {
    /// Everything that the operation asks of the post that went out before.
    pub fn start(view: &View<'_>) -> Self {
        let posts = match view.ended.map(Stored::load) {
            Some(Stored::V1(Position { posts, .. }) | Stored::Operation(Self { posts, .. })) => {
                posts
            }
            None => Vec::new(),
        };
        let posts = match (posts.is_empty(), view.receipt) {
            (true, Some(id)) => vec![id.to_owned()],
            _ => posts,
        };
        let first = || posts.first().cloned().into_iter();
        let acts = match view.operation {
            Operation::Publish => Vec::new(),
            Operation::Delete => posts.iter().rev().cloned().map(Act::Delete).collect(),
            // X refuses nothing that is not reposted, and a repost of what is reposted already
            // would show it to nobody.
            Operation::Repost => {
                let acts = [Act::Look, Act::Undo, Act::Repost];
                first().flat_map(|id| acts.map(|act| act(id.clone()))).collect()
            }
            Operation::Undo => first().map(Act::Undo).collect(),
        };
        Self { posts, acts }
    }

    /// The next call, or the post it was about when none is left.
    pub fn next(&self, view: &View<'_>) -> Step {
        let Some(act) = self.acts.first() else {
            return Step::Published(receipt(&self.posts, view));
        };
        let user = digits(&view.account.remote_id);
        let call = match act {
            Act::Look(id) => look(id),
            Act::Delete(id) => delete("tweets.delete", &format!("/2/tweets/{}", digits(id))),
            Act::Undo(id) => {
                let path = format!("/2/users/{user}/retweets/{}", digits(id));
                delete("retweets.delete", &path)
            }
            Act::Repost(id) => {
                let path = format!("/2/users/{user}/retweets");
                let body = Repost { tweet_id: id };
                post("retweets.create", Effect::Repeatable, &path, &body, DEADLINE)
            }
        };
        Step::Call(Box::new(call))
    }

    /// The position after a success that says what it did.
    pub fn read(self, reply: &Reply) -> Result<Self, Failure> {
        let is_done = match self.acts.first() {
            None => true,
            Some(Act::Look(id)) => return seen(id, reply).map(|()| self.without_first()),
            Some(Act::Delete(_)) => told::<Deleted>(reply).is_some_and(|told| told.deleted),
            Some(Act::Repost(_)) => told::<Reposted>(reply).is_some_and(|told| told.retweeted),
            Some(Act::Undo(_)) => told::<Reposted>(reply).is_some_and(|told| !told.retweeted),
        };
        if is_done { Ok(self.without_first()) } else { Err(errors::unreadable(REPEATABLE, reply)) }
    }

    /// What is not there any more needs no taking back; it cannot be shown anew either. What is
    /// reposted already is reposted.
    pub fn recover(self, why: &Failure) -> Self {
        let is_done = match self.acts.first() {
            Some(Act::Delete(_) | Act::Undo(_)) => errors::is_upload_gone(why),
            Some(Act::Repost(_)) => matches!(why, Failure::Duplicate { .. }),
            Some(Act::Look(_)) | None => false,
        };
        if is_done { self.without_first() } else { self }
    }

    /// The post cannot be shown anew, now or later.
    pub fn stops(&self, why: &Failure) -> Option<End> {
        match self.acts.first() {
            Some(Act::Look(_)) if errors::is_edited(why) => Some(End::OriginEdited),
            Some(Act::Look(_) | Act::Repost(_)) if errors::is_upload_gone(why) => {
                Some(End::OriginGone)
            }
            _ => None,
        }
    }

    fn without_first(mut self) -> Self {
        if !self.acts.is_empty() {
            self.acts.remove(0);
        }
        self
    }
}

const REPEATABLE: Effect = Effect::Repeatable;

/// The same question that look-ups put about posts by id, of which X says every version that they
/// have (docs.x.com, edit posts: `edit_history_tweet_ids`, the newest last).
fn look(id: &str) -> Call {
    let uri = format!("{API}/2/tweets?ids={}", digits(id));
    let request = oauth::request(Method::GET, &uri, None, Body::empty());
    Call { endpoint: "tweets.lookup", effect: REPEATABLE, request, deadline: DEADLINE }
}

/// The post is there, and nothing has replaced it.
fn seen(id: &str, reply: &Reply) -> Result<(), Failure> {
    let told: LookedUp =
        serde_json::from_slice(&reply.body).map_err(|_| errors::unreadable(REPEATABLE, reply))?;
    if told.errors.iter().any(|missing| missing.is_gone(id)) {
        return Err(errors::gone("X has no post with this id any more"));
    }
    let Some(post) = told.data.iter().find(|post| post.id == id) else {
        return Err(errors::unreadable(REPEATABLE, reply));
    };
    // Ids grow with time and have as many digits, but for the oldest.
    let age = |id: &String| (id.len(), id.clone());
    let newest = post.edit_history_tweet_ids.iter().max_by_key(|id| age(id));
    match newest.filter(|newest| *newest != id) {
        Some(newest) => Err(errors::edited(newest)),
        None => Ok(()),
    }
}

fn told<T: DeserializeOwned>(reply: &Reply) -> Option<T> {
    serde_json::from_slice::<Answer<T>>(&reply.body).ok().map(|answer| answer.data)
}

fn delete(endpoint: &'static str, path: &str) -> Call {
    let uri = format!("{API}{path}");
    let request = oauth::request(Method::DELETE, &uri, None, Body::empty());
    Call { endpoint, effect: REPEATABLE, request, deadline: DEADLINE }
}
