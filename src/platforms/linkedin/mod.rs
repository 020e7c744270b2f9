//! LinkedIn, versioned REST (learn.microsoft.com/linkedin, views 2025-11 to 2026-05): the rules.
//!
//! Quirks: two OAuth apps, for people and for organizations; the text limit depends on which.
//! The dialect is not spoken yet. Invariant: this file only forwards.

pub mod capabilities;
pub mod options;

use crate::port::{Adapter, Platform};
use crate::sim::Simulator;
use domain::capability::{Capabilities, Profile};
use domain::content::Content;
use domain::rejection::Rejection;
use domain::request::Draft;

/// The platform LinkedIn.
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
        &["personal", "organization"]
    }

    fn default_account_kind(&self, draft: &Draft) -> &'static str {
        options::account_kind(draft)
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
