//! LinkedIn, versioned REST (learn.microsoft.com/linkedin, views 2025-11 to 2026-05), version
//! 202607: the Posts, Images, Videos, Documents, Poll and Organization APIs and Sign In with LinkedIn.
//!
//! Quirks: two OAuth apps, for people and for organizations, whose text limits differ; PKCE breaks
//! the exchange; most apps get no refresh token; a fresh token may be called revoked for seconds.
//! Every call names a version that dies within about a year. The id of a post comes in a header,
//! with an empty body. Commentaries are little text, which is cut silently where a reserved
//! character stands bare. Throttles go by the UTC day and no header tells of them. No idempotency
//! key: pages of organizations can be searched for a lost post, those of people cannot, but a
//! second try is refused with the name of the first.
//! Invariant: this file only forwards.

mod auth;
pub mod capabilities;
mod errors;
mod little;
pub mod options;
mod publish;
mod reconcile;
pub mod sim;
#[cfg(test)]
mod tests;
mod version;
mod wire;

use crate::port::{Adapter, Auth, Operation, Platform, Publish, Reconcile, Reply, Versioned};
use crate::sim::Simulator;
use domain::capability::{Capabilities, Profile};
use domain::content::Content;
use domain::failure::{Effect, Failure, Scope};
use domain::limit::Limit;
use domain::rejection::Rejection;
use domain::request::Draft;
use std::time::Duration;

/// Where every call but those for tokens and uploads goes.
const API: &str = "https://api.linkedin.com";

/// Assumed: the documentation only hints that a post may be missing for a moment.
const VISIBILITY_DELAY: Duration = Duration::from_secs(90);

/// LinkedIn publishes no figures; third parties cite 100 to 150 posts of a member a day.
static LIMITS: [Limit; 1] = [Limit {
    endpoint: "posts.create",
    scope: Scope::Account,
    calls_max: 150,
    window: Duration::from_secs(24 * 3_600),
}];

/// The platform LinkedIn and its dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkedIn;

impl Platform for LinkedIn {
    fn name(&self) -> &'static str {
        options::NAME
    }

    fn capabilities(&self, profile: Profile, account_kind: &str) -> &'static Capabilities {
        capabilities::of(profile, account_kind)
    }

    fn account_kinds(&self) -> &'static [&'static str] {
        &[capabilities::PERSONAL, capabilities::ORGANIZATION]
    }

    fn default_account_kind(&self, draft: &Draft) -> &'static str {
        options::account_kind(draft)
    }

    fn content(&self, profile: Profile, draft: &Draft, problems: &mut Vec<Rejection>) -> Content {
        options::content(profile, draft, problems)
    }

    fn adapter(&self) -> Option<&'static dyn Adapter> {
        Some(&LinkedIn)
    }

    fn simulator(&self) -> Option<Box<dyn Simulator>> {
        Some(Box::new(sim::LinkedInSim::new()))
    }
}

impl Adapter for LinkedIn {
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

    fn publishing(&self) -> [&'static str; 2] {
        ["posts.create"; 2]
    }

    fn hosts(&self) -> &'static [&'static str] {
        &["api.linkedin.com", "www.linkedin.com"]
    }

    fn visibility_delay(&self) -> Duration {
        VISIBILITY_DELAY
    }

    fn pulls_media(&self) -> bool {
        false
    }

    fn has_secret_checkpoints(&self) -> bool {
        true
    }

    fn operations(&self) -> &'static [Operation] {
        &[Operation::Publish, Operation::Delete]
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
