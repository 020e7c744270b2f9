//! YouTube Data API v3 (developers.google.com/youtube/v3, discovery revision 20261104): the rules.
//!
//! Quirks: the text is the description and counts bytes; exactly one video; a title is required.
//! The dialect is not spoken yet. Invariant: this file only forwards.

pub mod capabilities;
pub mod options;

use crate::port::{Adapter, Platform};
use crate::sim::Simulator;
use domain::capability::{Capabilities, Profile};
use domain::content::Content;
use domain::rejection::Rejection;
use domain::request::Draft;

/// The platform YouTube.
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
