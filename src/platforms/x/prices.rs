//! What X charges for calls: pay-per-use since 2026 (x.md section 4).
//!
//! Where X names no price of its own, the nearest one is assumed and says so. Invariant: what was
//! spent is a figure for the operator's eyes; what a tenant may spend is decided by the price of
//! what is to go out.

use crate::port::{Body, Call, Part, Reply};
use domain::content::{Content, Segment};
use domain::text;
use serde_json::Value;

/// A post.
const CREATE: u64 = 15_000;
/// A post with a link in it.
const CREATE_WITH_LINK: u64 = 200_000;
/// A repost: assumed to cost what a post does.
const REPOST: u64 = 15_000;
/// Taking something back.
const DELETE: u64 = 10_000;
/// What is said of a file.
const METADATA: u64 = 5_000;
/// One post or profile of the account itself that is read.
const READ_OWN: u64 = 1_000;

/// The price of a call in millionths of a US dollar. A refusal is assumed to cost nothing; after
/// silence or a server error the call may have been taken.
pub(super) fn cost_microdollars(call: &Call, reply: Option<&Reply>) -> u64 {
    if reply.is_some_and(|reply| reply.status.is_client_error()) {
        return 0;
    }
    match call.endpoint {
        "tweets.create" => created(call.request.body()),
        "retweets.create" => REPOST,
        "tweets.delete" | "retweets.delete" => DELETE,
        "media.metadata" => METADATA,
        "users.me" | "tweets.lookup" | "users.tweets" => READ_OWN * read(reply),
        // Uploads and tokens are free.
        _ => 0,
    }
}

/// The price of a content: each part is a post, and what is said of a file is charged beside it.
pub(super) fn price_microdollars(content: &Content) -> u64 {
    let described = |part: &Segment| part.media.iter().filter(|one| one.alt_text.is_some()).count();
    let part = |part: &Segment| of(&part.text) + METADATA * described(part) as u64;
    content.segments.iter().map(part).sum()
}

fn of(wording: &str) -> u64 {
    if text::all_links(wording).is_empty() { CREATE } else { CREATE_WITH_LINK }
}

fn created(body: &Body) -> u64 {
    let parts = body.0.iter().filter_map(|part| match part {
        Part::Inline(bytes) => Some(bytes.as_slice()),
        Part::Asset { .. } => None,
    });
    let body: Value =
        serde_json::from_slice(&parts.collect::<Vec<_>>().concat()).unwrap_or_default();
    of(body["text"].as_str().unwrap_or_default())
}

/// How many things a reply brings; one where it is not known.
fn read(reply: Option<&Reply>) -> u64 {
    let Some(reply) = reply else {
        return 1;
    };
    match &reply.json()["data"] {
        Value::Array(list) => list.len() as u64,
        Value::Object(_) => 1,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth;
    use domain::failure::Effect;
    use domain::time::Timestamp;
    use http::{HeaderMap, Method, StatusCode};
    use std::time::Duration;

    fn call(endpoint: &'static str, body: &str) -> Call {
        let body = Body::inline(body);
        let request = oauth::request(Method::POST, "https://api.x.com/2", None, body);
        Call { endpoint, effect: Effect::Irreversible, request, deadline: Duration::ZERO }
    }

    fn reply(status: u16, body: &str) -> Reply {
        let status = StatusCode::from_u16(status).unwrap();
        let at = Timestamp::from_seconds(0);
        Reply { status, headers: HeaderMap::new(), body: body.into(), at }
    }

    #[test]
    fn a_link_in_the_wording_is_what_makes_a_post_dear() {
        let table = [
            (r#"{"text":"Hello"}"#, 15_000),
            (r#"{"text":"See https://example.com/a"}"#, 200_000),
            (r#"{"text":"See example.com"}"#, 200_000),
            (r#"{"text":"mail me@example.com"}"#, 15_000),
            (r#"{"text":"","media":{"media_ids":["1"]}}"#, 15_000),
        ];
        for (body, price) in table {
            assert_eq!(cost_microdollars(&call("tweets.create", body), None), price, "{body}");
        }
    }

    // case: Q-price
    #[test]
    fn a_content_costs_what_its_parts_do() {
        let part = |text: &str, alts: &[Option<&str>]| {
            let media = |alt: &Option<&str>| {
                let id = "med_00000000000000000000000000000001".parse().unwrap();
                domain::content::MediaUse { id, alt_text: alt.map(str::to_owned) }
            };
            Segment { text: text.to_owned(), media: alts.iter().map(media).collect() }
        };
        let price = |segments| price_microdollars(&Content { segments, ..Content::default() });
        assert_eq!(price(vec![part("Hello", &[])]), 15_000);
        assert_eq!(price(vec![part("See example.com", &[]), part("2", &[])]), 215_000);
        assert_eq!(price(vec![part("Look", &[Some("A cat"), None])]), 20_000);
    }

    #[test]
    fn what_is_read_is_paid_by_the_piece_and_a_refusal_is_free() {
        let two = reply(200, r#"{"data":[{"id":"1"},{"id":"2"}],"meta":{}}"#);
        let none = reply(200, r#"{"meta":{"result_count":0}}"#);
        let list = call("users.tweets", "");
        assert_eq!(cost_microdollars(&list, Some(&two)), 2_000);
        assert_eq!(cost_microdollars(&list, Some(&none)), 0);
        assert_eq!(cost_microdollars(&list, None), 1_000);
        let me = call("users.me", "");
        assert_eq!(cost_microdollars(&me, Some(&reply(200, r#"{"data":{"id":"1"}}"#))), 1_000);
        let create = call("tweets.create", r#"{"text":"Hello"}"#);
        assert_eq!(cost_microdollars(&create, Some(&reply(403, "{}"))), 0);
        assert_eq!(cost_microdollars(&create, Some(&reply(503, ""))), 15_000);
        assert_eq!(cost_microdollars(&call("media.append", ""), None), 0);
        assert_eq!(cost_microdollars(&call("media.metadata", ""), None), 5_000);
        assert_eq!(cost_microdollars(&call("tweets.delete", ""), None), 10_000);
    }
}
