//! Containers of the simulated Threads: made, fetched for, looked at, published.

use super::params::Params;
use super::posts::{self, Post, unknown};
use super::state::State;
use super::{Caller, Outcome, Refusal};
use crate::meta::sim::fetched_type;
use crate::sim::{Accepted, Fetched};
use domain::capability::Counting;
use domain::text;
use domain::time::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// Container ids begin here, so that they look like Meta's and grow with time.
const FIRST: u64 = 17_900_000_000_000_000;
/// docs, posts: a container that is not published expires.
const LIFE: Duration = Duration::from_secs(86_400);
/// docs, overview: characters of a text.
const LENGTH_MAX: usize = 500;
/// docs, changelog 2025-12-22: different links.
const LINKS_MAX: usize = 5;
/// General knowledge: characters of an alternative text.
const ALT_TEXT_MAX: usize = 1_000;
/// docs, overview.
const CHILDREN: std::ops::RangeInclusive<usize> = 2..=20;
const IMAGE_BYTES_MAX: usize = 8 * 1024 * 1024;
const VIDEO_BYTES_MAX: usize = 1024 * 1024 * 1024;

const REPLY_CONTROLS: [&str; 5] = [
    "everyone",
    "accounts_you_follow",
    "mentioned_only",
    "parent_post_author_only",
    "followers_only",
];

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
    /// Positions of the containers in it.
    pub children: Vec<usize>,
    pub file: Option<File>,
    is_child: bool,
    made_at: Timestamp,
    progress: Progress,
}

/// A file that was fetched.
#[derive(Debug, PartialEq)]
pub(super) struct File {
    pub mime: String,
    pub bytes: Vec<u8>,
}

#[derive(Debug, PartialEq)]
enum Progress {
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

/// `POST /me/threads`.
pub(super) fn create(state: &mut State, params: &Params, caller: Caller) -> Outcome {
    let known = [
        "media_type",
        "text",
        "image_url",
        "video_url",
        "alt_text",
        "is_carousel_item",
        "children",
        "reply_control",
    ];
    params.only(&known)?;
    let (kind, url) = kind(params)?;
    let is_child = is_child(params, kind)?;
    let children = match params.get("children") {
        None if kind == Kind::Carousel => return Err(count_of_children(0)),
        Some(ids) if kind == Kind::Carousel => children(state, ids, caller)?,
        None => Vec::new(),
        Some(_) => return Err(Refusal::parameter("children belong to a CAROUSEL alone.")),
    };
    let reply_control = params.get("reply_control");
    if reply_control.is_some_and(|word| !REPLY_CONTROLS.contains(&word)) {
        return Err(Refusal::parameter("reply_control is not one of the documented values."));
    }
    let alt_text = params.get("alt_text").unwrap_or_default();
    if params.get("alt_text").is_some() && url.is_none() {
        return Err(Refusal::parameter("alt_text belongs to an IMAGE or VIDEO."));
    }
    if alt_text.chars().count() > ALT_TEXT_MAX {
        return Err(Refusal::parameter("Param alt_text must be at most 1000 characters long."));
    }
    let progress = match kind {
        Kind::Text => Progress::Ready(caller.now),
        Kind::Image | Kind::Video => Progress::Fetching,
        Kind::Carousel => Progress::Ready(processed(state, caller.now)),
    };
    state.containers.push(Container {
        account: caller.account,
        kind,
        text: wording(params, kind)?.into(),
        url,
        alt_text: alt_text.into(),
        reply_control: reply_control.map(Into::into),
        children,
        file: None,
        is_child,
        made_at: caller.now,
        progress,
    });
    Ok(json!({ "id": id(state.containers.len() - 1) }))
}

/// What is made, and where its file is.
fn kind(params: &Params) -> Result<(Kind, Option<String>), Refusal> {
    let (kind, wanted) = match params.required("media_type")? {
        "TEXT" => (Kind::Text, None),
        "IMAGE" => (Kind::Image, Some("image_url")),
        "VIDEO" => (Kind::Video, Some("video_url")),
        "CAROUSEL" => (Kind::Carousel, None),
        _ => {
            let told = "Param media_type must be one of {TEXT, IMAGE, VIDEO, CAROUSEL}.";
            return Err(Refusal::parameter(told));
        }
    };
    for name in ["image_url", "video_url"] {
        if params.get(name).is_some() && wanted != Some(name) {
            return Err(Refusal::parameter(format!("{name} does not belong to this media_type.")));
        }
    }
    let Some(name) = wanted else {
        return Ok((kind, None));
    };
    let url = params.required(name)?;
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    if !is_web || !url.is_ascii() || url::Url::parse(url).is_err() {
        return Err(Refusal::parameter("The media could not be fetched from this URI."));
    }
    Ok((kind, Some(url.to_owned())))
}

fn is_child(params: &Params, kind: Kind) -> Result<bool, Refusal> {
    match params.get("is_carousel_item") {
        None | Some("false") => return Ok(false),
        Some("true") => {}
        Some(_) => return Err(Refusal::parameter("is_carousel_item is true or false.")),
    }
    if !matches!(kind, Kind::Image | Kind::Video) {
        return Err(Refusal::parameter("Only an IMAGE or VIDEO is a carousel item."));
    }
    for name in ["text", "reply_control"] {
        if params.get(name).is_some() {
            return Err(Refusal::parameter(format!("A carousel item has no {name}.")));
        }
    }
    Ok(true)
}

/// The text, as long as it may be.
fn wording(params: &Params, kind: Kind) -> Result<&str, Refusal> {
    let wording = params.get("text").unwrap_or_default();
    if kind == Kind::Text && wording.trim().is_empty() {
        return Err(Refusal::parameter("Param text can't be blank."));
    }
    if text::count(Counting::EmojiBytes, wording) > LENGTH_MAX {
        return Err(Refusal::parameter("Param text must be at most 500 characters long."));
    }
    let links = text::links(wording).into_iter().collect::<BTreeSet<_>>().len();
    if links > LINKS_MAX {
        return Err(Refusal::parameter("THREADS_API__LINK_LIMIT_EXCEEDED"));
    }
    Ok(wording)
}

/// The positions of a carousel's children: the caller's own, finished, made as such.
fn children(state: &State, ids: &str, caller: Caller) -> Result<Vec<usize>, Refusal> {
    let mut found = Vec::new();
    for id in ids.split(',').filter(|id| !id.is_empty()) {
        let own = find(state, id).filter(|at| state.containers[*at].account == caller.account);
        let at = own.ok_or_else(not_found)?;
        let child = &state.containers[at];
        let is_good = child.is_child && child.status(caller.now) == "FINISHED";
        if !is_good || found.contains(&at) {
            let told = format!("{id} is not a finished carousel item, or stands there twice.");
            return Err(Refusal::parameter(told));
        }
        found.push(at);
    }
    if CHILDREN.contains(&found.len()) { Ok(found) } else { Err(count_of_children(found.len())) }
}

fn count_of_children(count: usize) -> Refusal {
    Refusal::parameter(format!("A CAROUSEL has 2 to 20 children, not {count}."))
}

/// When what goes into processing now is done.
fn processed(state: &State, now: Timestamp) -> Timestamp {
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
    if posts::used_today(state, caller) >= state.limits.posts_per_day as usize {
        let told = "The account reached its maximum of posts within a moving 24 hour period.";
        return Err(Refusal::new(400, (9, 2_207_042), told));
    }
    let id = posts::id(state.posts.len());
    let ids = [state.accounts.at(account).id.as_str(), &id];
    let accepted =
        Accepted::new(["threads", "threads.publish"], ids, &state.containers[at].text, now);
    state.containers[at].progress = Progress::Published;
    for child in state.containers[at].children.clone() {
        state.containers[child].progress = Progress::Published;
    }
    state.accepted.push(accepted);
    state.accounts.at_mut(account).own.posts.push(state.posts.len());
    state.posts.push(Post { account, container: at, created_at: now });
    Ok(json!({ "id": id }))
}

/// As it was seen on containers that were too young.
fn not_found() -> Refusal {
    Refusal::new(400, (24, 4_279_009), "The requested resource does not exist")
}
