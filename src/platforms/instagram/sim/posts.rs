//! Posts of the simulated Instagram: publishing, the list, the quota.

use super::containers::{self, Container, Kind};
use super::state::{Caller, Own, State, unknown_object};
use super::{Done, NAME, Outcome, fields_asked, shown};
use crate::meta::sim::Refusal;
use crate::sim::Accepted;
use crate::sim::http::field;
use domain::time::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

/// Ids of posts begin here, so that they look like Instagram's and grow with time.
const FIRST_POST: u64 = 17_920_000_000_000_000;
/// Posts on a page of the list: without a wish, and at most.
const PAGE: usize = 25;
const PAGE_MAX: usize = 100;
/// What a post can be asked for.
pub(in crate::instagram) const FIELDS: [&str; 10] = [
    "id",
    "permalink",
    "shortcode",
    "media_type",
    "media_product_type",
    "caption",
    "timestamp",
    "owner",
    "username",
    "alt_text",
];

/// Something that is out.
#[derive(Debug, PartialEq)]
pub(super) struct Post {
    pub account: usize,
    pub container: String,
    pub at: Timestamp,
}

/// The id of the post at a position.
fn id(at: usize) -> u64 {
    FIRST_POST + 1 + at as u64
}

/// The position of the post with this id.
fn position(state: &State, id: &str) -> Option<usize> {
    let at = id.parse::<u64>().ok()?.checked_sub(FIRST_POST + 1)?;
    usize::try_from(at).ok().filter(|at| *at < state.posts.len())
}

/// The position of the post with this short code.
pub(super) fn by_code(state: &State, code: &str) -> Option<usize> {
    (0..state.posts.len()).find(|at| short_code(*at) == code)
}

/// Instagram's short code: the id in digits of 64.
fn short_code(at: usize) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut rest = id(at);
    let mut code = Vec::new();
    while rest > 0 {
        code.push(char::from(DIGITS[(rest % 64) as usize]));
        rest /= 64;
    }
    code.iter().rev().collect()
}

/// The path of a post's own page.
pub(super) fn path(at: usize, container: &Container) -> String {
    let kind = if container.kind == Kind::Reel { "reel" } else { "p" };
    format!("{kind}/{}/", short_code(at))
}

/// `POST /{user}/media_publish`.
pub(super) fn publish(state: &mut State, caller: Caller, params: &str, now: Timestamp) -> Outcome {
    let wanted = field(params, "creation_id").unwrap_or_default();
    if wanted.is_empty() {
        return Err(Refusal::parameter("(#100) The parameter creation_id is required"));
    }
    let published = &state.account(caller.account).own.published;
    if Own::in_day(published, now) >= state.limits.posts_per_day {
        let told = "You reached maximum number of posts that is allowed to be published by \
                    Content Publishing API.";
        return Err(Refusal::new(400, (9, 2_207_042), told));
    }
    let container = containers::find(state, caller, &wanted)?;
    containers::check_ready(container, now)?;
    if container.is_item {
        return Err(Refusal::parameter("(#100) A carousel item cannot be published alone"));
    }
    let (text, children) = (container.caption.clone(), container.children.clone());
    for id in children.iter().chain([&wanted]) {
        if let Some(container) = state.containers.get_mut(id) {
            container.is_published = true;
        }
    }
    let media_id = id(state.posts.len()).to_string();
    let account = state.account(caller.account).id.clone();
    let made = Accepted::new([NAME, "media.publish"], [&account, &media_id], &text, now);
    state.posts.push(Post { account: caller.account, container: wanted, at: now });
    state.account_mut(caller.account).own.published.push(now);
    state.accepted.push(made.clone());
    let body = json!({ "id": media_id });
    Ok(Done { body, is_kept: true, accepted: Some(made), ..Done::default() })
}

/// `GET /{media}`.
pub(super) fn get(state: &State, caller: Caller, id: &str, params: &str) -> Outcome {
    let asked = fields_asked(params, &FIELDS)?;
    let own = |at: &usize| state.posts[*at].account == caller.account;
    let at = position(state, id).filter(own).ok_or_else(|| unknown_object(id))?;
    Ok(Done { body: shown(&whole(state, at), &asked), ..Done::default() })
}

/// `GET /{user}/media`: newest first, what has arrived in the list.
pub(super) fn list(
    state: &State,
    caller: Caller,
    (params, address): (&str, &str),
    now: Timestamp,
) -> Outcome {
    let asked = fields_asked(params, &FIELDS)?;
    let number = |name: &str| -> Result<Option<i64>, Refusal> {
        let parsed = field(params, name).map(|text| text.parse());
        let told = format!("(#100) Param {name} must be an integer");
        parsed.transpose().map_err(|_| Refusal::parameter(told))
    };
    let limit = number("limit")?.map_or(PAGE, |limit| usize::try_from(limit).unwrap_or(1));
    let (since, until) = (number("since")?, number("until")?);
    let after = field(params, "after");
    let start = match &after {
        None => state.posts.len(),
        Some(cursor) => {
            position(state, cursor).ok_or_else(|| Refusal::parameter("(#100) Invalid cursor"))?
        }
    };
    let delay = Duration::from_millis(state.limits.list_delay_ms);
    let seconds = |at: usize| state.posts[at].at.ms().div_euclid(1_000);
    let mut found = (0..start).rev().filter(|at| {
        let post = &state.posts[*at];
        post.account == caller.account
            && post.at + delay <= now
            && since.is_none_or(|since| seconds(*at) >= since)
            && until.is_none_or(|until| seconds(*at) <= until)
    });
    let page: Vec<usize> = found.by_ref().take(limit.clamp(1, PAGE_MAX)).collect();
    let data: Vec<Value> = page.iter().map(|at| shown(&whole(state, *at), &asked)).collect();
    let mut body = json!({ "data": data });
    if let (Some(first), Some(last)) = (page.first(), page.last()) {
        let (before, after) = (id(*first).to_string(), id(*last).to_string());
        body["paging"] = json!({ "cursors": { "before": before, "after": after } });
        if found.next().is_some() {
            let next = format!("{address}?limit={limit}&after={after}");
            body["paging"]["next"] = next.into();
        }
    }
    Ok(Done { body, ..Done::default() })
}

/// `GET /{user}/content_publishing_limit`.
pub(super) fn quota(state: &State, caller: Caller, params: &str, now: Timestamp) -> Outcome {
    let asked = fields_asked(params, &["id", "config", "quota_usage"])?;
    let used = Own::in_day(&state.account(caller.account).own.published, now);
    let config = json!({ "quota_total": state.limits.posts_per_day, "quota_duration": 86_400 });
    let whole = json!({ "quota_usage": used, "config": config });
    Ok(Done { body: json!({ "data": [shown(&whole, &asked)] }), ..Done::default() })
}

/// All that can be told of a post.
fn whole(state: &State, at: usize) -> Value {
    let post = &state.posts[at];
    let account = state.account(post.account);
    let Some(container) = state.containers.get(&post.container) else {
        return Value::Null;
    };
    let (media_type, product) = match container.kind {
        Kind::Image => ("IMAGE", "FEED"),
        Kind::Carousel => ("CAROUSEL_ALBUM", "FEED"),
        Kind::Film | Kind::Reel => ("VIDEO", "REELS"),
    };
    let told = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let seconds = Timestamp::from_seconds(post.at.ms().div_euclid(1_000)).to_string();
    json!({
        "id": id(at).to_string(),
        "permalink": format!("https://www.instagram.com/{}", path(at, container)),
        "shortcode": short_code(at),
        "media_type": media_type,
        "media_product_type": product,
        "caption": told(&container.caption),
        "alt_text": told(&container.alt_text),
        "timestamp": seconds.replace(".000Z", "+0000"),
        "owner": { "id": account.id },
        "username": account.handle,
    })
}
