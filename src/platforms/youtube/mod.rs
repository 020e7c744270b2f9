//! YouTube Data API v3 (developers.google.com/youtube/v3, discovery revision 20261104) with
//! resumable uploads (…/guides/using_resumable_upload_protocol) and Google's OAuth 2.0.
//!
//! Quirks: the text is the description and counts bytes; exactly one video, a title is required;
//! a video exists from the moment its last byte arrives, so only the last piece is irreversible;
//! the address of an upload session is as good as a token, and tells exactly what became of it;
//! a session that goes on answers 308, one that is gone 404 or 410, and both are answers, not
//! failures; limits come as 403 and 400 without a time, the daily ones end at midnight Pacific; a
//! refresh token serves for years and is not replaced.
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
mod wire;

use crate::port::{Adapter, Auth, Platform, Publish, Reconcile, Reply};
use crate::sim::Simulator;
use domain::capability::{Capabilities, Profile};
use domain::content::Content;
use domain::failure::{Effect, Failure, Scope};
use domain::limit::Limit;
use domain::rejection::Rejection;
use domain::request::Draft;
use domain::zone::Zone;
use serde_json::Value;
use std::time::Duration;

/// Where every call but those for tokens goes; the documentation's own examples use this host.
const API: &str = "https://www.googleapis.com";

/// Assumed: no figure is published. The session itself answers exactly and at once; a list of
/// uploads is asked only when the session is gone, and has its own patience.
const VISIBILITY_DELAY: Duration = Duration::from_secs(5);

/// determine_quota_cost, 2026: quotas begin anew at midnight Pacific.
const DAY_IN: Zone = Zone::Pacific;
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The bucket of everything but uploads; no call has this name.
const UNITS: &str = "units";

/// developers.google.com/youtube/v3/determine_quota_cost, 2026: uploads have a bucket of their
/// own, for the whole project; everything else shares its units.
static LIMITS: [Limit; 2] = [
    Limit { endpoint: "videos.open", scope: Scope::App, calls_max: 100, window: DAY },
    Limit { endpoint: UNITS, scope: Scope::App, calls_max: 10_000, window: DAY },
];

/// What a call costs of the units of a project's day. The pieces of a file cost nothing.
fn units(endpoint: &str) -> u32 {
    match endpoint {
        "channels.list" | "videos.list" | "playlistItems.list" => 1,
        "thumbnails.set" | "playlistItems.insert" => 50,
        _ => 0,
    }
}

/// The platform YouTube and its dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct YouTube;

impl Platform for YouTube {
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
        Some(&YouTube)
    }

    fn simulator(&self) -> Option<Box<dyn Simulator>> {
        Some(Box::new(sim::YouTubeSim::new()))
    }
}

impl Adapter for YouTube {
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

    fn cost_in(&self, limit: &Limit, endpoint: &str) -> u32 {
        if limit.endpoint == UNITS {
            units(endpoint)
        } else {
            u32::from(limit.endpoint == endpoint)
        }
    }

    fn day_in(&self, _limit: &Limit) -> Option<Zone> {
        Some(DAY_IN)
    }

    /// Every upload that was opened ends with its last piece, if it ends; so those that were given
    /// up between are not counted, and the platform's refusal tells of them.
    fn ledger_of(&self, limit: &Limit) -> &'static str {
        if limit.endpoint == "videos.open" { "videos.finish" } else { limit.endpoint }
    }

    fn publishing(&self) -> [&'static str; 2] {
        ["videos.finish"; 2]
    }

    fn hosts(&self) -> &'static [&'static str] {
        &["www.googleapis.com", "youtube.googleapis.com", "oauth2.googleapis.com"]
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

    fn classify(&self, effect: Effect, reply: &Reply) -> Option<Failure> {
        errors::classify(effect, reply)
    }

    fn unmapped(&self, effect: Effect, reply: &Reply) -> Option<String> {
        errors::unmapped(effect, reply)
    }
}
