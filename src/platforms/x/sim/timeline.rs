//! How the simulated X shows posts: in the timeline of an account, and by id.

use super::state::State;
use super::wire::Id;
use super::{Outcome, Refusal, links, query, tweets};
use crate::sim::Inbound;
use crate::sim::http::field;
use domain::capability::Counting;
use domain::text;
use domain::time::Timestamp;
use http::StatusCode;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// How far back a timeline goes, docs.x.com.
const TIMELINE_MAX: usize = 3_200;
/// OpenAPI 2.167: ids of one look-up.
const IDS_MAX: usize = 100;
/// A longer wording is cut off in `text` and stands whole in `note_tweet`.
const LENGTH_SHOWN_MAX: usize = 280;

/// `GET /2/users/{id}/tweets`: newest first.
pub(super) fn list(state: &State, id: &str, request: &Inbound, now: Timestamp) -> Outcome {
    let Some(account) = state.account_by_id(id) else {
        let told = format!("Could not find user with id: [{id}].");
        let error = Refusal::not_found(&told).body;
        return Ok((StatusCode::OK, json!({ "errors": [error] })));
    };
    let asked = |name: &str| field(&request.query, name);
    let count = asked("max_results").map_or(Some(10), |text| text.parse::<usize>().ok());
    let count = count.filter(|count| (5..=100).contains(count)).ok_or_else(|| {
        Refusal::invalid("max_results", "max_results has to lie between 5 and 100.")
    })?;
    let start_time = moment(&request.query, "start_time")?;
    let end_time = moment(&request.query, "end_time")?;
    let before = match asked("pagination_token") {
        None => usize::MAX,
        Some(token) => token
            .strip_prefix("sim")
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(|| Refusal::invalid("pagination_token", "It is not one of ours."))?,
    };
    let [since, until] = ["since_id", "until_id"].map(|name| bound(&request.query, name));
    let (since, until) = (since?, until?);
    let left_out = asked("exclude").unwrap_or_default();
    let leaves_out = |kind: &str| left_out.split(',').any(|name| name == kind);
    if !left_out.split(',').all(|name| ["", "replies", "retweets"].contains(&name)) {
        return Err(Refusal::invalid("exclude", "exclude is replies, retweets or both."));
    }
    let fields = query::of_posts(request)?;
    let seen_until = now - Duration::from_millis(state.limits.timeline_delay_ms);
    let posts = &state.account(account).own.posts;
    let mut listed = posts.iter().rev().take(TIMELINE_MAX).filter(|at| {
        let tweet = &state.tweets[**at];
        **at < before
            && !tweet.is_deleted
            && tweet.is_listed
            && tweet.created_at <= seen_until
            && start_time.is_none_or(|start| tweet.created_at >= start)
            && end_time.is_none_or(|end| tweet.created_at < end)
            && since.is_none_or(|since| tweets::id(**at) > since)
            && until.is_none_or(|until| tweets::id(**at) < until)
            && !(tweet.parent.is_some() && leaves_out("replies"))
            && !(tweet.repost_of.is_some() && leaves_out("retweets"))
    });
    let page: Vec<usize> = listed.by_ref().take(count).copied().collect();
    let mut meta = json!({ "result_count": page.len() });
    let (Some(newest), Some(oldest)) = (page.first(), page.last()) else {
        return Ok((StatusCode::OK, json!({ "meta": meta })));
    };
    meta["newest_id"] = tweets::id(*newest).to_string().into();
    meta["oldest_id"] = tweets::id(*oldest).to_string().into();
    if listed.next().is_some() {
        meta["next_token"] = format!("sim{oldest}").into();
    }
    let data: Vec<Value> = page.iter().map(|at| show(state, *at, &fields)).collect();
    Ok((StatusCode::OK, json!({ "data": data, "meta": meta })))
}

/// `GET /2/tweets?ids=…`: those that exist, and what is to be said of the others. It knows a post
/// before the timelines do.
pub(super) fn look_up(state: &State, request: &Inbound) -> Outcome {
    let ids = field(&request.query, "ids").unwrap_or_default();
    let ids: Vec<&str> = ids.split(',').collect();
    if ids.len() > IDS_MAX || !ids.iter().all(|id| Id::is_one(id)) {
        return Err(Refusal::invalid("ids", "1 to 100 ids are named, each of 1 to 19 digits."));
    }
    let fields = query::of_posts(request)?;
    let (mut data, mut errors) = (Vec::new(), Vec::new());
    for id in ids {
        match tweets::find(state, id) {
            Some(at) => data.push(show(state, at, &fields)),
            None => errors.push(missing("ids", id)),
        }
    }
    let mut told = Map::new();
    for (name, list) in [("data", data), ("errors", errors)] {
        if !list.is_empty() {
            told.insert(name.into(), list.into());
        }
    }
    Ok((StatusCode::OK, told.into()))
}

/// `GET /2/tweets/{id}`: the same of one post.
pub(super) fn one(state: &State, id: &str, request: &Inbound) -> Outcome {
    let fields = query::of_posts(request)?;
    let told = match tweets::find(state, id) {
        Some(at) => json!({ "data": show(state, at, &fields) }),
        None => json!({ "errors": [missing("id", id)] }),
    };
    Ok((StatusCode::OK, told))
}

/// What is said of a post that is not there.
fn missing(parameter: &str, id: &str) -> Value {
    json!({
        "value": id, "resource_id": id, "parameter": parameter, "resource_type": "tweet",
        "title": "Not Found Error",
        "detail": format!("Could not find tweet with {parameter}: [{id}]."),
        "type": "https://api.x.com/2/problems/resource-not-found",
    })
}

/// A post as the API shows it, with the fields that were asked for.
fn show(state: &State, at: usize, fields: &[String]) -> Value {
    let tweet = &state.tweets[at];
    let wording = shown(state, at);
    let mut post = Map::new();
    post.insert("id".into(), tweets::id(at).to_string().into());
    let is_long = text::count(Counting::Weighted, &tweet.text) > LENGTH_SHOWN_MAX;
    let shortened = || wording.text.chars().take(LENGTH_SHOWN_MAX - 1).chain(['…']).collect();
    let text = if is_long { shortened() } else { wording.text.clone() };
    post.insert("text".into(), text.into());
    post.insert("edit_history_tweet_ids".into(), json!(tweets::versions(state, at)));
    for name in fields {
        let value = match name.as_str() {
            "created_at" => json!(tweet.created_at),
            "author_id" => json!(state.account(tweet.account).id),
            "entities" if !wording.urls.is_empty() => json!({ "urls": wording.urls }),
            "attachments" if !tweet.files.is_empty() => {
                json!({ "media_keys": keys(state, &tweet.files) })
            }
            "in_reply_to_user_id" => match tweet.parent {
                Some(at) => json!(state.account(state.tweets[at].account).id),
                None => continue,
            },
            "conversation_id" => json!(tweets::id(root(state, at)).to_string()),
            "referenced_tweets" => {
                let answered = tweet.parent.map(|at| ("replied_to", at));
                let Some((kind, at)) = tweet.repost_of.map(|at| ("retweeted", at)).or(answered)
                else {
                    continue;
                };
                json!([{ "type": kind, "id": tweets::id(at).to_string() }])
            }
            "note_tweet" if is_long => {
                json!({ "text": wording.text, "entities": { "urls": wording.urls } })
            }
            // Always told, or nothing to tell.
            _ => continue,
        };
        post.insert(name.clone(), value);
    }
    Value::Object(post)
}

/// The post that a thread began with.
fn root(state: &State, at: usize) -> usize {
    // A parent is older than its answer, so this ends.
    state.tweets[at].parent.map_or(at, |parent| root(state, parent))
}

/// The wording of a post with its links shortened.
pub(super) fn shown(state: &State, at: usize) -> links::Shown {
    let tweet = &state.tweets[at];
    let id = tweets::id(at);
    let handle = &state.account(tweet.account).handle;
    let media_keys = keys(state, &tweet.files);
    let page = format!("https://x.com/{handle}/status/{id}/photo/1");
    links::show(id, &tweet.text, &media_keys, &page)
}

fn keys(state: &State, files: &[String]) -> Vec<String> {
    files.iter().filter_map(|id| state.files.get(id).map(|file| file.key(id))).collect()
}

fn bound(query: &str, name: &str) -> Result<Option<u64>, Refusal> {
    let Some(id) = field(query, name) else {
        return Ok(None);
    };
    let number = id.parse().ok().filter(|_| Id::is_one(&id));
    number.map(Some).ok_or_else(|| Refusal::invalid(name, "An id is 1 to 19 digits."))
}

fn moment(query: &str, name: &str) -> Result<Option<Timestamp>, Refusal> {
    let Some(text) = field(query, name) else {
        return Ok(None);
    };
    let told = "A time is written as YYYY-MM-DDTHH:mm:ssZ.";
    Timestamp::parse(&text).map(Some).ok_or_else(|| Refusal::invalid(name, told))
}
