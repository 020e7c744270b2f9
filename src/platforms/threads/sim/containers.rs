//! Containers of the simulated Threads: fetched for, looked at, published. They are made in
//! `making.rs`.

use super::params::Params;
use super::posts::{self, Post, unknown};
use super::quotas;
use super::state::State;
use super::{Caller, Outcome, Refusal};
use crate::meta::sim::fetched_type;
use crate::sim::{Accepted, Fetched};
use domain::time::Timestamp;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Container ids begin here, so that they look like Meta's and grow with time.
const FIRST: u64 = 17_900_000_000_000_000;
/// docs, posts: a container that is not published expires.
const LIFE: Duration = Duration::from_secs(86_400);
const IMAGE_BYTES_MAX: usize = 8 * 1024 * 1024;
const VIDEO_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// What a container holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Image,
    Video,
    Carousel,
}

/// What will be a post, or a file of one.
#[derive(Debug, PartialEq)]
pub(super) struct Container {
    pub account: usize,
    pub kind: Kind,
    pub text: String,
    /// Where its file is fetched.
    pub url: Option<String>,
    pub alt_text: String,
    pub reply_control: Option<String>,
    /// The position of the post that it answers.
    pub reply_to: Option<usize>,
    /// The options of its poll.
    pub poll: Vec<String>,
    /// Positions of the containers in it.
    pub children: Vec<usize>,
    pub file: Option<File>,
    pub is_child: bool,
    pub made_at: Timestamp,
    pub progress: Progress,
}

/// A file that was fetched.
#[derive(Debug, PartialEq)]
pub(super) struct File {
    pub mime: String,
    pub bytes: Vec<u8>,
}

/// How far a container is.
#[derive(Debug, PartialEq)]
pub(super) enum Progress {
    Fetching,
    /// In processing until then, finished afterwards.
    Ready(Timestamp),
    Failed(&'static str),
    Published,
}

/// The id of the container at a position.
pub(super) fn id(at: usize) -> String {
    (FIRST + at as u64).to_string()
}

/// The position of a container.
pub(super) fn find(state: &State, id: &str) -> Option<usize> {
    let at = usize::try_from(id.parse::<u64>().ok()?.checked_sub(FIRST)?).ok()?;
    (at < state.containers.len()).then_some(at)
}

impl Container {
    /// In the words of the documentation.
    pub fn status(&self, now: Timestamp) -> &'static str {
        match self.progress {
            Progress::Published => "PUBLISHED",
            _ if now.since(self.made_at) >= LIFE => "EXPIRED",
            Progress::Failed(_) => "ERROR",
            Progress::Ready(at) if at <= now => "FINISHED",
            Progress::Ready(_) | Progress::Fetching => "IN_PROGRESS",
        }
    }

    /// Stays in processing until then, when it is not finished yet.
    pub fn hold(&mut self, until: Timestamp, now: Timestamp) {
        if let Progress::Ready(at) = &mut self.progress
            && *at > now
        {
            *at = until.max(*at);
        }
    }
}

/// When what goes into processing now is done.
pub(super) fn processed(state: &State, now: Timestamp) -> Timestamp {
    (now + Duration::from_millis(state.limits.processing_ms)).max(state.stuck_until)
}

/// Takes in the file of a container.
pub(super) fn fetched(state: &mut State, key: &str, fetched: &Fetched, now: Timestamp) {
    let ready_at = processed(state, now);
    let Some(at) = find(state, key) else {
        return;
    };
    let container = &mut state.containers[at];
    if container.progress != Progress::Fetching {
        return;
    }
    let mime = fetched_type(fetched);
    let (mimes, size_max) = match container.kind {
        Kind::Video => (["video/mp4", "video/quicktime"], VIDEO_BYTES_MAX),
        Kind::Image | Kind::Text | Kind::Carousel => (["image/jpeg", "image/png"], IMAGE_BYTES_MAX),
    };
    let is_video = container.kind == Kind::Video;
    // The documented words are all of films; of a picture the platform says UNKNOWN.
    container.progress = if fetched.status != 200 || fetched.body.is_empty() {
        Progress::Failed(if is_video { "FAILED_DOWNLOADING_VIDEO" } else { "UNKNOWN" })
    } else if !mimes.contains(&mime) || fetched.body.len() > size_max {
        Progress::Failed(if is_video { "FAILED_PROCESSING_VIDEO" } else { "UNKNOWN" })
    } else {
        container.file = Some(File { mime: mime.to_owned(), bytes: fetched.body.clone() });
        Progress::Ready(ready_at)
    };
}

/// `GET /{container}?fields=status`.
pub(super) fn status(state: &State, id: &str, params: &Params, caller: Caller) -> Outcome {
    params.only(&["fields"])?;
    let Some(at) = find(state, id).filter(|at| state.containers[*at].account == caller.account)
    else {
        // A post has no status, and a number that is nothing has no fields at all.
        let is_post = posts::find(state, id).is_some();
        let told = "Tried accessing nonexisting field (status) on node type (ThreadsMedia)";
        return Err(if is_post { Refusal::parameter(told) } else { unknown(id) });
    };
    let container = &state.containers[at];
    let mut shown = Map::new();
    for name in params.fields(&["id", "status", "error_message"])? {
        let value = match (name, &container.progress) {
            ("id", _) => json!(id),
            ("status", _) => json!(container.status(caller.now)),
            (_, Progress::Failed(told)) => json!(told),
            _ => continue,
        };
        shown.insert(name.into(), value);
    }
    Ok(Value::Object(shown))
}

/// `POST /me/threads_publish`.
pub(super) fn publish(state: &mut State, params: &Params, caller: Caller) -> Outcome {
    params.only(&["creation_id"])?;
    let Caller { account, now } = caller;
    let own = find(state, params.required("creation_id")?)
        .filter(|at| state.containers[*at].account == account);
    let at = own.ok_or_else(not_found)?;
    let container = &state.containers[at];
    let visible_at = container.made_at + Duration::from_millis(state.limits.visible_after_ms);
    if now < visible_at {
        return Err(not_found());
    }
    if container.is_child {
        return Err(Refusal::parameter("A carousel item is not published by itself."));
    }
    // The codes of the sibling platform: those of Threads are not documented.
    match container.status(now) {
        "FINISHED" => {}
        "IN_PROGRESS" => {
            return Err(Refusal::new(
                400,
                (9_007, 2_207_027),
                "Media is not ready to be published",
            ));
        }
        "EXPIRED" => return Err(Refusal::new(400, (24, 2_207_008), "The container has expired.")),
        "PUBLISHED" => return Err(Refusal::parameter("The container is published already.")),
        _ => return Err(Refusal::parameter("The container could not be processed.")),
    }
    let (used, max, route) = match container.reply_to {
        None => (quotas::posts(state, caller), state.limits.posts_per_day, "threads.publish"),
        Some(_) => {
            (quotas::replies(state, caller), state.limits.replies_per_day, "replies.publish")
        }
    };
    if used >= max as usize {
        let told = "The account reached its maximum of posts within a moving 24 hour period.";
        return Err(Refusal::new(400, (9, 2_207_042), told));
    }
    let id = posts::id(state.posts.len());
    let ids = [state.accounts.at(account).id.as_str(), &id];
    let accepted = Accepted::new(["threads", route], ids, &state.containers[at].text, now);
    state.containers[at].progress = Progress::Published;
    for child in state.containers[at].children.clone() {
        state.containers[child].progress = Progress::Published;
    }
    state.accepted.push(accepted);
    state.accounts.at_mut(account).own.posts.push(state.posts.len());
    state.posts.push(Post { account, container: at, created_at: now, is_deleted: false });
    Ok(json!({ "id": id }))
}

/// As it was seen on containers that were too young.
pub(super) fn not_found() -> Refusal {
    Refusal::new(400, (24, 4_279_009), "The requested resource does not exist")
}
