//! What can be done with a post that is out: delete it, repost it, take the repost back.
//!
//! Every call here may be repeated: what is gone stays gone, and a post is reposted or not
//! (x.md sections 4 and 9). Invariant: a chain is deleted from its end, so that no part is left
//! answering a part that is gone.

use super::super::wire::{Answer, Deleted, Repost, Reposted};
use super::super::{API, errors};
use super::{Position, Stored, digits, post, receipt};
use crate::oauth;
use crate::port::{Body, Call, Operation, Reply, Step, View};
use domain::failure::{Effect, Failure};
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
        let first = || posts.first().cloned().into_iter();
        let acts = match view.operation {
            Operation::Publish => Vec::new(),
            Operation::Delete => posts.iter().rev().cloned().map(Act::Delete).collect(),
            // X refuses nothing that is not reposted, and a repost of what is reposted already
            // would show it to nobody.
            Operation::Repost => first().map(Act::Undo).chain(first().map(Act::Repost)).collect(),
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
            Some(Act::Delete(_)) => told::<Deleted>(reply).is_some_and(|told| told.deleted),
            Some(Act::Repost(_)) => told::<Reposted>(reply).is_some_and(|told| told.retweeted),
            Some(Act::Undo(_)) => told::<Reposted>(reply).is_some_and(|told| !told.retweeted),
        };
        if is_done { Ok(self.without_first()) } else { Err(errors::unreadable(REPEATABLE, reply)) }
    }

    /// What is not there any more needs no taking back; it cannot be shown anew either.
    pub fn recover(self, why: &Failure) -> Self {
        let takes_back = matches!(self.acts.first(), Some(Act::Delete(_) | Act::Undo(_)));
        if takes_back && errors::is_upload_gone(why) { self.without_first() } else { self }
    }

    fn without_first(mut self) -> Self {
        if !self.acts.is_empty() {
            self.acts.remove(0);
        }
        self
    }
}

const REPEATABLE: Effect = Effect::Repeatable;

fn told<T: DeserializeOwned>(reply: &Reply) -> Option<T> {
    serde_json::from_slice::<Answer<T>>(&reply.body).ok().map(|answer| answer.data)
}

fn delete(endpoint: &'static str, path: &str) -> Call {
    let uri = format!("{API}{path}");
    let request = oauth::request(Method::DELETE, &uri, None, Body::empty());
    Call { endpoint, effect: REPEATABLE, request, deadline: DEADLINE }
}
