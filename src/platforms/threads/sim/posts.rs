//! Posts of the simulated Threads: the profile, the list, one post, the quota.

use super::containers::{self, Container, Kind};
use super::params::Params;
use super::state::State;
use super::{Caller, Outcome, Refusal};
use crate::sim::http::digest;
use domain::time::Timestamp;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Post ids begin here, apart from those of containers.
const FIRST: u64 = 18_000_000_000_000_000;
/// The window of the quotas, docs, overview.
const DAY: Duration = Duration::from_secs(86_400);
/// Characters of a shortcode.
const CODE_CHARS: usize = 11;
/// Posts on a page, without a wish and at most (the Graph API's limits).
const PAGE: usize = 25;
const PAGE_MAX: usize = 100;

/// The fields of a post, docs, retrieve-and-discover-posts.
const FIELDS: [&str; 13] = [
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
];

/// A published container.
#[derive(Debug, PartialEq)]
pub(super) struct Post {
    pub account: usize,
    pub container: usize,
    pub created_at: Timestamp,
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

/// Posts of the last day.
pub(super) fn used_today(state: &State, caller: Caller) -> usize {
    let posts = state.accounts.at(caller.account).own.posts.iter().rev();
    let is_recent = |at: &&usize| caller.now.since(state.posts[**at].created_at) < DAY;
    posts.take_while(is_recent).count()
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
    let own = find(state, id).filter(|at| state.posts[*at].account == caller.account);
    let fields = params.fields(&FIELDS)?;
    own.map(|at| show(state, at, &fields)).ok_or_else(|| unknown(id))
}

/// `GET /me/threads`: newest first.
pub(super) fn list(state: &State, params: &Params, caller: Caller) -> Outcome {
    params.only(&["fields", "limit", "since", "until", "after"])?;
    let fields = params.fields(&FIELDS)?;
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
        let made_at = state.posts[**at].created_at;
        **at < before
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

/// `GET /me/threads_publishing_limit`.
pub(super) fn quota(state: &State, params: &Params, caller: Caller) -> Outcome {
    params.only(&["fields"])?;
    let mut shown = Map::new();
    for name in params.fields(&["quota_usage", "config"])? {
        let value = match name {
            "quota_usage" => json!(used_today(state, caller)),
            _ => json!({
                "quota_total": state.limits.posts_per_day, "quota_duration": DAY.as_secs(),
            }),
        };
        shown.insert(name.into(), value);
    }
    Ok(json!({ "data": [shown] }))
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
            "is_quote_post" | "has_replies" => json!(false),
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
