//! Looking for a post in the account's own list.

use super::Toy;
use super::auth::call;
use super::publish::published;
use super::wire::Post;
use crate::port::{Call, Checkpoint, Reconcile, Reply, Verdict, View};
use domain::failure::Effect;

impl Reconcile for Toy {
    fn ask(&self, _at: &Checkpoint, _round: u32, view: &View<'_>) -> Option<Call> {
        view.intended_at?;
        Some(call("posts.list", Effect::Repeatable, "GET /posts", None))
    }

    fn finds_by_wording(&self, _view: &View<'_>) -> bool {
        true
    }

    fn page_hosts(&self) -> &'static [&'static str] {
        &["toy.example"]
    }

    fn id_in_page(&self, path: &str) -> Option<String> {
        path.strip_prefix("/posts/").map(str::to_owned)
    }

    fn judge(&self, at: &Checkpoint, _: u32, reply: &Reply, view: &View<'_>) -> Verdict {
        let Ok(posts) = serde_json::from_slice::<Vec<Post>>(&reply.body) else {
            return Verdict::Undecided("the list cannot be read".into());
        };
        let text = view.content.segments.first().map(|segment| segment.text.as_str());
        let is_ours = |post: &&Post| {
            Some(post.text.as_str()) == text && view.intended_at.is_some_and(|at| post.at >= at)
        };
        match posts.iter().find(is_ours) {
            Some(post) => {
                let checkpoint = published(&post.id);
                Verdict::Found { checkpoint, remote_id: post.id.clone() }
            }
            None => Verdict::Absent(at.clone()),
        }
    }
}
