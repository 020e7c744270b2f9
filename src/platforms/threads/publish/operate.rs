//! Taking a post back: each of its parts is deleted (docs, posts/delete-posts).
//!
//! Invariant: a chain is deleted from its end, so that no part is left answering a part that is
//! gone; and a post whose own id was never told does not pass for a deleted one.

use super::super::API;
use super::super::wire::Deleted;
use super::call;
use super::position::{Out, Position, Stage, Stored};
use crate::meta::{self, digits};
use crate::port::{Body, Call, Operation, Reply, Step, View};
use domain::failure::{Effect, Failure};
use http::Request;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a deletion may take: Meta answers within seconds or not at all (assumed).
const DEADLINE: Duration = Duration::from_secs(30);

/// What is left to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Operating {
    /// The segments that were out when it began, in order.
    posts: Vec<Out>,
    /// How many of them are still to be deleted, from the end on.
    left: usize,
}

impl Operating {
    /// Everything that the operation asks of the post that went out before.
    pub fn start(view: &View<'_>) -> Self {
        let posts = match view.ended.map(Stored::load) {
            Some(Stored::V1(position)) => out(position, view),
            Some(Stored::Operation(Self { posts, .. })) => posts,
            None => Vec::new(),
        };
        let posts = match (posts.is_empty(), view.receipt) {
            (true, Some(id)) => {
                vec![Out { id: id.to_owned(), link: None, at: view.now, is_unlisted: false }]
            }
            _ => posts,
        };
        let left = if view.operation == Operation::Delete { posts.len() } else { 0 };
        Self { posts, left }
    }

    /// The next call, or the post it was about when none is left.
    pub fn next(&self, view: &View<'_>) -> Step {
        match self.current() {
            Some(post) => Step::Call(Box::new(delete(&post.id))),
            None => {
                let (id, link) = self
                    .posts
                    .first()
                    .map_or(("", None), |first| (first.id.as_str(), first.link.as_deref()));
                Step::Published(call::receipt(id, link, &view.account.handle))
            }
        }
    }

    /// The position after a success that says what it did.
    pub fn read(self, reply: &Reply) -> Result<Self, Failure> {
        let told: Option<Deleted> = serde_json::from_slice(&reply.body).ok();
        if self.current().is_none() || told.is_some_and(|told| told.success) {
            Ok(self.without_last())
        } else {
            Err(meta::unreadable(Effect::Repeatable, reply))
        }
    }

    /// What is not there any more needs no taking back.
    pub fn recover(self, why: &Failure) -> Self {
        let is_listed = self.current().is_some_and(|post| !post.is_unlisted);
        if is_listed && meta::is_gone(why) { self.without_last() } else { self }
    }

    fn current(&self) -> Option<&Out> {
        self.posts.get(self.left.checked_sub(1)?)
    }

    fn without_last(self) -> Self {
        Self { left: self.left.saturating_sub(1), ..self }
    }
}

/// What is out where publishing ended.
fn out(position: Position, view: &View<'_>) -> Vec<Out> {
    match position.stage {
        // A position that was written before chains were spoken.
        Stage::Done { post, link } if position.posts.is_empty() => {
            vec![Out { id: post, link, at: view.now, is_unlisted: false }]
        }
        _ => position.posts,
    }
}

/// What is deleted twice is deleted: the second answer says that it is not there.
fn delete(post: &str) -> Call {
    let request = Request::delete(format!("{API}/v1.0/{}", digits(post))).body(Body::empty());
    let request = match request {
        Ok(request) => request,
        Err(refused) => panic!("a host and digits are a URI: {refused}"),
    };
    Call { endpoint: "threads.delete", effect: Effect::Repeatable, request, deadline: DEADLINE }
}
