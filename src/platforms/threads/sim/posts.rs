//! Posts of the simulated Threads: the profile, the lists, one post, its end.

use super::containers::{self, Container, Kind};
use super::params::Params;
use super::quotas;
use super::state::State;
use super::{Caller, Outcome, Refusal};
use crate::sim::http::digest;
use domain::time::Timestamp;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Post ids begin here, apart from those of containers.
const FIRST: u64 = 18_000_000_000_000_000;
/// Characters of a shortcode.
const CODE_CHARS: usize = 11;
/// Posts on a page, without a wish and at most (the Graph API's limits).
const PAGE: usize = 25;
const PAGE_MAX: usize = 100;

/// The fields of a post, docs, retrieve-and-discover-posts.
const FIELDS: [&str; 14] = [
    "id",
    "media_product_type",
    "media_type",
    "media_url",
    "permalink",
    "owner",
    "username",
    "text",
    "timestamp",
    "shortcode",
    "is_quote_post",
    "has_replies",
    "alt_text",
    "poll_attachment",
];

/// The fields that answers have beside those, docs, retrieve-and-manage-replies.
const REPLY_FIELDS: [&str; 4] = ["is_reply", "is_reply_owned_by_me", "root_post", "replied_to"];

/// A published container.
#[derive(Debug, PartialEq)]
pub(super) struct Post {
    pub account: usize,
    pub container: usize,
    pub created_at: Timestamp,
    pub is_deleted: bool,
}

/// The id of the post at a position.
pub(super) fn id(at: usize) -> String {
    (FIRST + at as u64).to_string()
}

/// The position of a post.
pub(super) fn find(state: &State, id: &str) -> Option<usize> {
    let at = usize::try_from(id.parse::<u64>().ok()?.checked_sub(FIRST)?).ok()?;
    (at < state.posts.len()).then_some(at)
}

/// What stands for the post in its address.
pub(super) fn code(at: usize) -> String {
    digest(id(at)).chars().take(CODE_CHARS).collect()
}

/// There is nothing of this name.
pub(super) fn unknown(name: &str) -> Refusal {
    let told = format!("Unsupported request. Object with ID '{name}' does not exist.");
    Refusal::new(400, (100, 33), told)
}

/// `GET /me`.
pub(super) fn me(state: &State, params: &Params, caller: Caller) -> Outcome {
    params.only(&["fields"])?;
    let account = state.accounts.at(caller.account);
    let known = ["id", "username", "name", "threads_biography", "is_verified"];
    let mut shown = Map::new();
    for name in params.fields(&known)? {
        let value = match name {
            "id" => json!(account.id),
            "username" | "name" => json!(account.handle),
            "is_verified" => json!(false),
            // What is empty is left out.
            _ => continue,
        };
        shown.insert(name.into(), value);
    }
    Ok(Value::Object(shown))
}

/// `GET /{post}`.
pub(super) fn get(state: &State, id: &str, params: &Params, caller: Caller) -> Outcome {
    params.only(&["fields"])?;
    let is_own = |post: &Post| post.account == caller.account && !post.is_deleted;
    let own = find(state, id).filter(|at| is_own(&state.posts[*at]));
    let known: Vec<&str> = FIELDS.into_iter().chain(REPLY_FIELDS).collect();
    let fields = params.fields(&known)?;
    own.map(|at| show(state, at, &fields)).ok_or_else(|| unknown(id))
}

/// `GET /me/threads`, or `GET /me/replies`: newest first.
pub(super) fn list(state: &State, params: &Params, is_of_replies: bool, caller: Caller) -> Outcome {
    params.only(&["fields", "limit", "since", "until", "after"])?;
    let more: &[&str] = if is_of_replies { &REPLY_FIELDS } else { &[] };
    let known: Vec<&str> = FIELDS.iter().chain(more).copied().collect();
    let fields = params.fields(&known)?;
    let limit = params.get("limit").map_or(Some(PAGE), |text| text.parse().ok());
    let limit = limit
        .filter(|limit| (1..=PAGE_MAX).contains(limit))
        .ok_or_else(|| Refusal::parameter("Param limit must be a number from 1 to 100."))?;
    let (since, until) = (moment(params, "since")?, moment(params, "until")?);
    let before = match params.get("after") {
        None => usize::MAX,
        Some(cursor) => cursor
            .strip_prefix("sim")
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(|| Refusal::parameter("Invalid cursors values"))?,
    };
    let shown_until = caller.now - Duration::from_millis(state.limits.list_delay_ms);
    let listed = state.accounts.at(caller.account).own.posts.iter().rev().filter(|at| {
        let post = &state.posts[**at];
        let made_at = post.created_at;
        let is_reply = state.containers[post.container].reply_to.is_some();
        **at < before
            && !post.is_deleted
            && is_reply == is_of_replies
            && made_at <= shown_until
            && since.is_none_or(|since| made_at >= since)
            && until.is_none_or(|until| made_at <= until)
    });
    let page: Vec<usize> = listed.take(limit).copied().collect();
    let data: Vec<Value> = page.iter().map(|at| show(state, *at, &fields)).collect();
    let mut answer = json!({ "data": data });
    // The cursors stand on the last page too, and on an empty one not at all.
    if let (Some(first), Some(last)) = (page.first(), page.last()) {
        let cursors = json!({ "before": format!("sim{first}"), "after": format!("sim{last}") });
        answer["paging"] = json!({ "cursors": cursors });
    }
    Ok(answer)
}

/// `DELETE /{post}`.
pub(super) fn delete(state: &mut State, id: &str, params: &Params, caller: Caller) -> Outcome {
    params.only(&[])?;
    let own = find(state, id).filter(|at| state.posts[*at].account == caller.account);
    let at = own.filter(|at| !state.posts[*at].is_deleted).ok_or_else(|| unknown(id))?;
    if quotas::deletes(state, caller) >= state.limits.deletes_per_day as usize {
        let told = "The account reached its maximum of deletions within a moving 24 hour period.";
        return Err(Refusal::new(400, (9, 0), told));
    }
    state.posts[at].is_deleted = true;
    state.accounts.at_mut(caller.account).own.deleted_at.push(caller.now);
    Ok(json!({ "success": true, "deleted_id": id }))
}

/// A post as the API shows it, with the fields that were asked for.
fn show(state: &State, at: usize, fields: &[&str]) -> Value {
    let post = &state.posts[at];
    let container = &state.containers[post.container];
    let account = state.accounts.at(post.account);
    let mut shown = Map::new();
    shown.insert("id".into(), id(at).into());
    for name in fields {
        let value = match *name {
            "media_product_type" => json!("THREADS"),
            "media_type" => json!(media_type(container)),
            "media_url" => json!(container.url),
            "permalink" => {
                let handle = &account.handle;
                json!(format!("https://www.threads.net/@{handle}/post/{}", code(at)))
            }
            "owner" => json!({ "id": account.id }),
            "username" => json!(account.handle),
            "text" => json!(Some(&container.text).filter(|text| !text.is_empty())),
            "timestamp" => json!(written(post.created_at)),
            "shortcode" => json!(code(at)),
            "is_quote_post" => json!(false),
            "has_replies" => json!(is_answered(state, at)),
            "is_reply" | "is_reply_owned_by_me" => json!(container.reply_to.is_some()),
            "replied_to" => json!(container.reply_to.map(|at| json!({ "id": id(at) }))),
            "root_post" => json!(container.reply_to.map(|at| json!({ "id": id(root(state, at)) }))),
            "poll_attachment" => poll(container),
            "alt_text" => json!(Some(&container.alt_text).filter(|text| !text.is_empty())),
            _ => continue,
        };
        // What is empty is left out.
        if !value.is_null() {
            shown.insert((*name).into(), value);
        }
    }
    Value::Object(shown)
}

fn is_answered(state: &State, at: usize) -> bool {
    let is_it = |post: &Post| state.containers[post.container].reply_to == Some(at);
    state.posts[at..].iter().any(|post| is_it(post) && !post.is_deleted)
}

/// The post at the beginning of the chain that this one stands in.
fn root(state: &State, mut at: usize) -> usize {
    while let Some(parent) = state.containers[state.posts[at].container].reply_to {
        at = parent;
    }
    at
}

/// The poll of a post, by the names of its options; nothing without one.
fn poll(container: &Container) -> Value {
    let names = ["option_a", "option_b", "option_c", "option_d"];
    let options = names.into_iter().zip(&container.poll);
    let object: Map<String, Value> =
        options.map(|(name, option)| (name.to_owned(), json!(option))).collect();
    if object.is_empty() { Value::Null } else { Value::Object(object) }
}

fn media_type(container: &Container) -> &'static str {
    match container.kind {
        Kind::Text => "TEXT_POST",
        Kind::Image => "IMAGE",
        Kind::Video => "VIDEO",
        Kind::Carousel => "CAROUSEL_ALBUM",
    }
}

/// An instant as the platform writes it: whole seconds, and an offset without a colon.
fn written(at: Timestamp) -> String {
    let text = at.to_string();
    format!("{}+0000", text.split('.').next().unwrap_or_default())
}

fn moment(params: &Params, name: &str) -> Result<Option<Timestamp>, Refusal> {
    let Some(text) = params.get(name) else {
        return Ok(None);
    };
    let told = || Refusal::parameter(format!("Param {name} must be a Unix timestamp."));
    text.parse().map(Timestamp::from_seconds).map(Some).map_err(|_| told())
}

/// The containers whose files a post shows, in order, with their ids.
pub(super) fn files<'a>(state: &'a State, post: &Post) -> Vec<(String, &'a Container)> {
    let container = &state.containers[post.container];
    let own = container.file.is_some().then_some(post.container);
    let all = own.iter().chain(&container.children);
    all.map(|at| (containers::id(*at), &state.containers[*at])).collect()
}
