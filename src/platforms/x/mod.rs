//! X, API v2, by the documentation of August 2026 and its OpenAPI 2.167 (docs.x.com).
//!
//! Quirks: a code lives 30 s; a refresh token works once, and presenting a spent one kills the
//! whole family; a limit is told by `x-rate-limit-reset` in epoch seconds, never by `Retry-After`;
//! a chain is a row of replies to ourselves and can stop half-way; no idempotency key, so an
//! unknown outcome is looked for in the user's own timeline, behind t.co links.
//! Invariant: this file only forwards.

mod auth;
pub mod capabilities;
mod errors;
mod limits;
pub mod options;
mod prices;
mod publish;
mod reconcile;
pub mod sim;
#[cfg(test)]
mod tests;
mod wire;

use crate::port::{Adapter, Auth, Call, Operation, Platform, Publish, Reconcile, Reply};
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
const API: &str = "https://api.x.com";

/// Assumed: X publishes no figure, its timeline is said to lag by seconds (x.md section 9).
const VISIBILITY_DELAY: Duration = Duration::from_secs(90);

/// The platform X and its dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct X;

impl Platform for X {
    fn name(&self) -> &'static str {
        "x"
    }

    fn capabilities(&self, profile: Profile, account_kind: &str) -> &'static Capabilities {
        capabilities::of(profile, account_kind)
    }

    fn account_kinds(&self) -> &'static [&'static str] {
        &[auth::STANDARD, auth::PREMIUM]
    }

    fn default_account_kind(&self, _draft: &Draft) -> &'static str {
        auth::STANDARD
    }

    fn content(&self, _profile: Profile, draft: &Draft, problems: &mut Vec<Rejection>) -> Content {
        options::content(draft, problems)
    }

    fn written(&self) -> Value {
        options::written()
    }

    fn adapter(&self) -> Option<&'static dyn Adapter> {
        Some(&X)
    }

    fn simulator(&self) -> Option<Box<dyn Simulator>> {
        Some(Box::new(sim::XSim::new()))
    }
}

impl Adapter for X {
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
        ["tweets.create"; 2]
    }

    fn hosts(&self) -> &'static [&'static str] {
        &["api.x.com"]
    }

    fn visibility_delay(&self) -> Duration {
        VISIBILITY_DELAY
    }

    fn pulls_media(&self) -> bool {
        false
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

    fn told(&self, endpoint: &'static str, reply: &Reply) -> Vec<Told> {
        limits::told(endpoint, reply)
    }

    fn operations(&self) -> &'static [Operation] {
        &[Operation::Publish, Operation::Delete, Operation::Repost, Operation::Undo]
    }

    fn cost_microdollars(&self, call: &Call, reply: Option<&Reply>) -> u64 {
        prices::cost_microdollars(call, reply)
    }

    fn price_microdollars(&self, content: &Content) -> u64 {
        prices::price_microdollars(content)
    }
}
