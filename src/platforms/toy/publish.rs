//! Publishing on the toy: one call.

use super::auth::call;
use super::wire::{Create, Post};
use super::{API, Toy, errors};
use crate::port::{Checkpoint, Publish, Receipt, Reply, Step, View};
use domain::failure::{Effect, Failure};
use serde_json::json;

impl Publish for Toy {
    fn start(&self, _view: &View<'_>) -> Checkpoint {
        Checkpoint(json!({ "v": "1" }))
    }

    fn reads(&self, at: &Checkpoint) -> bool {
        at.0["v"] == "1"
    }

    fn next(&self, at: &Checkpoint, view: &View<'_>) -> Step {
        if let Some(id) = at.0["id"].as_str() {
            let permalink = format!("{API}/posts/{id}");
            return Step::Published(Receipt { remote_id: id.into(), permalink });
        }
        let text = view.content.segments.first().map_or("", |segment| &segment.text).to_owned();
        let body = serde_json::to_vec(&Create { text }).unwrap_or_default();
        let create = call("posts.create", Effect::Irreversible, "POST /posts", Some(body));
        Step::Call(Box::new(create))
    }

    fn read(&self, _: &Checkpoint, reply: &Reply, _: &View<'_>) -> Result<Checkpoint, Failure> {
        let post: Post = serde_json::from_slice(&reply.body)
            .map_err(|_| errors::unreadable(Effect::Irreversible))?;
        Ok(published(&post.id))
    }

    fn recover(&self, at: &Checkpoint, _why: &Failure, _view: &View<'_>) -> Checkpoint {
        at.clone()
    }
}

/// The checkpoint of a post that is out.
pub(super) fn published(id: &str) -> Checkpoint {
    Checkpoint(json!({ "v": "1", "id": id }))
}
