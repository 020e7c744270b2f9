//! The adapter against the simulator, in virtual time.

mod document;
mod operating;
mod publishing;
mod reconciling;
mod subscribing;
mod switches;

use super::X;
use crate::oauth;
use crate::port::{Body, Call};
use crate::rig::Rig;
use domain::failure::Effect;
use http::Method;
use serde_json::Value;
use std::time::Duration;

/// A simulator with this account connected.
pub(super) fn connected(handle: &str) -> Rig {
    Rig::connected(&X, "default", handle)
}

/// The account's timeline, newest first.
fn timeline(rig: &mut Rig) -> Vec<Value> {
    let id = &rig.facts.remote_id;
    let fields = "created_at,entities,attachments,referenced_tweets";
    let uri =
        format!("https://api.x.com/2/users/{id}/tweets?max_results=100&tweet.fields={fields}");
    let request = oauth::request(Method::GET, &uri, None, Body::empty());
    let (endpoint, effect) = ("users.tweets", Effect::Repeatable);
    let reply = rig.carry(&Call { endpoint, effect, request, deadline: Duration::ZERO }).json();
    reply["data"].as_array().cloned().unwrap_or_default()
}
