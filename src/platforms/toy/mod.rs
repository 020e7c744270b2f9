//! A platform that exists in tests alone: the proof that a sixth one is this folder and two lines.
//!
//! It takes texts, answers with an id, and lists what an account posted.
//! Invariant: this file only forwards.

mod auth;
mod capabilities;
mod errors;
mod options;
mod publish;
mod reconcile;
mod sim;
mod wire;

use crate::port::{Adapter, Auth, Platform, Publish, Reconcile, Reply};
use crate::sim::Simulator;
use domain::capability::{Capabilities, Profile};
use domain::content::Content;
use domain::failure::{Effect, Failure, Scope};
use domain::limit::Limit;
use domain::rejection::Rejection;
use domain::request::Draft;
use serde_json::Value;
use std::time::Duration;

/// Where every call goes.
const API: &str = "https://toy.example";

static LIMITS: [Limit; 1] = [Limit {
    endpoint: "posts.create",
    scope: Scope::Account,
    calls_max: 10,
    window: Duration::from_secs(60),
}];

/// The platform and its dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Toy;

impl Platform for Toy {
    fn name(&self) -> &'static str {
        options::NAME
    }

    fn capabilities(&self, _profile: Profile, _account_kind: &str) -> &'static Capabilities {
        &capabilities::TABLE
    }

    fn account_kinds(&self) -> &'static [&'static str] {
        &["standard"]
    }

    fn default_account_kind(&self, _draft: &Draft) -> &'static str {
        "standard"
    }

    fn content(&self, _profile: Profile, draft: &Draft, problems: &mut Vec<Rejection>) -> Content {
        options::content(draft, problems)
    }

    fn written(&self) -> Value {
        options::written()
    }

    fn adapter(&self) -> Option<&'static dyn Adapter> {
        Some(&Toy)
    }

    fn simulator(&self) -> Option<Box<dyn Simulator>> {
        Some(Box::<sim::ToySim>::default())
    }
}

impl Adapter for Toy {
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
        &["toy.example"]
    }

    fn visibility_delay(&self) -> Duration {
        Duration::from_secs(1)
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
}
