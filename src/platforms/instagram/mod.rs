//! Instagram, content publishing by the Graph API v25.0
//! (developers.facebook.com/docs/instagram-platform, 2026).
//!
//! Quirks: two logins with hosts, scopes and tokens of their own; media are fetched from a URL,
//! images as JPEG only; a post is a container first, which lives a day and is then published by
//! the one irreversible call; limits come as HTTP 400 and name minutes; a container tells that
//! it was published, but not as what, so an unknown outcome is settled by its state and its id
//! looked for in the list of posts; a single video is a reel.
//! Invariant: this file only forwards.

mod auth;
pub mod capabilities;
mod errors;
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
use domain::failure::{Effect, Failure, Scope};
use domain::limit::Limit;
use domain::rejection::Rejection;
use domain::request::Draft;
use std::time::Duration;

/// The version of the Graph API, out since 2026-02-18.
/// A day: the window of both limits.
const DAY: Duration = Duration::from_secs(24 * 3_600);
/// Assumed: the docs give no figure, and the list of posts is said to lag by seconds.
const VISIBILITY_DELAY: Duration = Duration::from_secs(30);

/// docs 2026: 400 containers; posts are 100 on one page and 50 on another, so 50.
static LIMITS: [Limit; 2] = [per_account("media.publish", 50), per_account("media.create", 400)];

const fn per_account(endpoint: &'static str, calls_max: u32) -> Limit {
    Limit { endpoint, scope: Scope::Account, calls_max, window: DAY }
}

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
        &LIMITS
    }

    fn hosts(&self) -> &'static [&'static str] {
        &["graph.facebook.com", "graph.instagram.com", "api.instagram.com"]
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
}
