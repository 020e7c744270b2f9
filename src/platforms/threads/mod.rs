//! Threads API 1.0, by its documentation of 2026 (developers.facebook.com/docs/threads) and
//! Meta's sample collection (github.com/fbsamples/threads_api).
//!
//! Quirks: an emoji counts as many characters as its UTF-8 has bytes; media are fetched by the
//! platform from a public URL; a post is made in two steps, a container that expires after a day
//! and its publication; a limit is told with HTTP 400 and a code; a token lives sixty days and
//! renews itself while it lives; PKCE is not documented and not sent. No idempotency key, but the
//! container says whether it was published. A chain is a post and answers to it, each with a
//! container of its own; a fresh post may be out of sight for minutes before it can be answered.
//! Invariant: this file only forwards.

mod auth;
pub mod capabilities;
mod errors;
mod limits;
pub mod options;
mod publish;
mod reconcile;
pub mod sim;
#[cfg(test)]
mod tests;
mod wire;

use crate::port::{Adapter, Auth, Operation, Platform, Publish, Reconcile, Reply};
use crate::sim::Simulator;
use domain::capability::{Capabilities, Profile};
use domain::content::Content;
use domain::failure::{Effect, Failure};
use domain::limit::{Limit, Told};
use domain::rejection::Rejection;
use domain::request::Draft;
use serde_json::Value;
use std::time::Duration;

/// Where every call goes.
const API: &str = "https://graph.threads.net";

/// Assumed: no figure is published; the docs advise 30 s between container and publication.
const VISIBILITY_DELAY: Duration = Duration::from_secs(30);

/// The platform Threads and its dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threads;

impl Platform for Threads {
    fn name(&self) -> &'static str {
        options::NAME
    }

    fn capabilities(&self, profile: Profile, _account_kind: &str) -> &'static Capabilities {
        capabilities::of(profile)
    }

    fn account_kinds(&self) -> &'static [&'static str] {
        &[options::ACCOUNT_KIND]
    }

    fn default_account_kind(&self, _draft: &Draft) -> &'static str {
        options::ACCOUNT_KIND
    }

    fn content(&self, profile: Profile, draft: &Draft, problems: &mut Vec<Rejection>) -> Content {
        options::content(profile, draft, problems)
    }

    fn written(&self) -> Value {
        options::written()
    }

    fn adapter(&self) -> Option<&'static dyn Adapter> {
        Some(&Threads)
    }

    fn simulator(&self) -> Option<Box<dyn Simulator>> {
        Some(Box::new(sim::ThreadsSim::new()))
    }
}

impl Adapter for Threads {
    fn auth(&self) -> &dyn Auth {
        self
    }

    fn publish(&self) -> &dyn Publish {
        self
    }

    fn reconcile(&self) -> &dyn Reconcile {
        self
    }

    fn limits(&self) -> &'static [Limit] {
        &limits::LIMITS
    }

    fn publishing(&self) -> [&'static str; 2] {
        ["threads.publish", "replies.publish"]
    }

    fn hosts(&self) -> &'static [&'static str] {
        &["graph.threads.net"]
    }

    fn visibility_delay(&self) -> Duration {
        VISIBILITY_DELAY
    }

    fn pulls_media(&self) -> bool {
        true
    }

    fn has_secret_checkpoints(&self) -> bool {
        false
    }

    fn classify(&self, effect: Effect, reply: &Reply) -> Option<Failure> {
        errors::classify(effect, reply)
    }

    fn unmapped(&self, effect: Effect, reply: &Reply) -> Option<String> {
        errors::unmapped(effect, reply)
    }

    fn operations(&self) -> &'static [Operation] {
        &[Operation::Publish, Operation::Delete]
    }

    fn told(&self, endpoint: &'static str, reply: &Reply) -> Vec<Told> {
        limits::told(endpoint, reply)
    }
}
