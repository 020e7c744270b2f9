//! Threads API (developers.facebook.com/docs/threads, 2026): the rules.
//!
//! Quirks: an emoji counts as many characters as its UTF-8 has bytes; media are fetched by the
//! platform from a public URL. The dialect is not spoken yet. Invariant: this file only forwards.

pub mod capabilities;
pub mod options;

use crate::port::{Adapter, Platform};
use crate::sim::Simulator;
use domain::capability::{Capabilities, Profile};
use domain::content::Content;
use domain::rejection::Rejection;
use domain::request::Draft;

/// The platform Threads.
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

    fn content(&self, draft: &Draft, problems: &mut Vec<Rejection>) -> Content {
        options::content(draft, problems)
    }

    fn adapter(&self) -> Option<&'static dyn Adapter> {
        None
    }

    fn simulator(&self) -> Option<Box<dyn Simulator>> {
        None
    }
}
