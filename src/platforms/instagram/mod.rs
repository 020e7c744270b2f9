//! Instagram, content publishing by the Graph API v25.0
//! (developers.facebook.com/docs/instagram-platform, 2026).
//!
//! Quirks: two logins with hosts, scopes and tokens of their own; media are fetched from a URL,
//! images as JPEG only, but under Facebook Login films are sent to a host of their own; a post is
//! a container first, which lives a day and is then published by the one irreversible call; limits
//! come as HTTP 400 and name minutes; how many posts a day has is asked for; a container tells that
//! it was published, but not as what, so an unknown outcome is settled by its state and its id
//! looked for in the list of posts; a single video is a reel.
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
mod version;
mod wire;

use crate::port::{Adapter, Auth, Platform, Publish, Reconcile, Reply, Versioned};
use crate::sim::Simulator;
use domain::capability::{Capabilities, Profile};
use domain::content::Content;
use domain::failure::{Effect, Failure};
use domain::limit::{Limit, Told};
use domain::rejection::Rejection;
use domain::request::Draft;
use serde_json::Value;
use std::time::Duration;

/// Assumed: the docs give no figure, and the list of posts is said to lag by seconds.
const VISIBILITY_DELAY: Duration = Duration::from_secs(30);

/// The platform Instagram and its dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instagram;

impl Platform for Instagram {
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

    fn content(&self, _profile: Profile, draft: &Draft, problems: &mut Vec<Rejection>) -> Content {
        options::content(draft, problems)
    }

    fn written(&self) -> Value {
        options::written()
    }

    fn adapter(&self) -> Option<&'static dyn Adapter> {
        Some(&Instagram)
    }

    fn simulator(&self) -> Option<Box<dyn Simulator>> {
        Some(Box::new(sim::InstagramSim::new()))
    }
}

impl Adapter for Instagram {
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
        ["media.publish"; 2]
    }

    fn hosts(&self) -> &'static [&'static str] {
        &["graph.facebook.com", "graph.instagram.com", "api.instagram.com", "rupload.facebook.com"]
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

    fn versioned(&self) -> Option<&dyn Versioned> {
        Some(self)
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
}
