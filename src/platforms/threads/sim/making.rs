//! Making a container of the simulated Threads: every parameter is as documented, or refused.

use super::containers::{Container, Kind, Progress, find, id, not_found, processed};
use super::params::Params;
use super::posts;
use super::state::State;
use super::{Caller, Outcome, Refusal};
use domain::capability::Counting;
use domain::text;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// docs, overview: characters of a text.
const LENGTH_MAX: usize = 500;
/// docs, changelog 2025-12-22: different links.
const LINKS_MAX: usize = 5;
/// docs, reference/publishing: characters of an alternative text.
const ALT_TEXT_MAX: usize = 1_000;
/// docs, overview.
const CHILDREN: std::ops::RangeInclusive<usize> = 2..=20;
/// docs, create-posts/polls: the options by their names, in order.
const POLL_NAMES: [&str; 4] = ["option_a", "option_b", "option_c", "option_d"];

const REPLY_CONTROLS: [&str; 5] = [
    "everyone",
    "accounts_you_follow",
    "mentioned_only",
    "parent_post_author_only",
    "followers_only",
];

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
        "reply_to_id",
        "poll_attachment",
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
    let reply_to = params.get("reply_to_id").map(|id| answered(state, id, caller)).transpose()?;
    let poll = poll(params, kind)?;
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
        reply_to,
        poll,
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
    for name in ["text", "reply_control", "reply_to_id"] {
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

/// The position of the caller's own post that is answered. One that is too young is not seen yet.
fn answered(state: &State, id: &str, caller: Caller) -> Result<usize, Refusal> {
    let at = posts::find(state, id).filter(|at| !state.posts[*at].is_deleted);
    let at = at.ok_or_else(not_found)?;
    let post = &state.posts[at];
    if post.account != caller.account {
        // docs, create-replies: only to whom has threads_keyword_search or a mention.
        return Err(Refusal::new(400, (10, 0), "You are not the owner of the root thread post."));
    }
    let seen_at = post.created_at + Duration::from_millis(state.limits.answerable_after_ms);
    if caller.now < seen_at { Err(not_found()) } else { Ok(at) }
}

/// The options of a poll: two to four, in order, of 1 to 25 characters (docs, create-posts/polls).
fn poll(params: &Params, kind: Kind) -> Result<Vec<String>, Refusal> {
    let Some(words) = params.get("poll_attachment") else {
        return Ok(Vec::new());
    };
    if kind != Kind::Text {
        return Err(Refusal::parameter("A poll belongs to a TEXT alone."));
    }
    let told = || Refusal::parameter("Param poll_attachment is not in the documented form.");
    let object: Map<String, Value> = serde_json::from_str(words).map_err(|_| told())?;
    let options: Vec<&str> =
        POLL_NAMES.iter().map_while(|name| object.get(*name)?.as_str()).collect();
    let is_short = |option: &&str| (1..=25).contains(&option.chars().count());
    if options.len() < 2 || options.len() != object.len() || !options.iter().all(is_short) {
        return Err(told());
    }
    Ok(options.into_iter().map(Into::into).collect())
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
