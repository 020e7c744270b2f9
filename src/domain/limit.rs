//! How often a platform lets us call, in the platform's own form: windows with a count.

use crate::failure::Scope;
use std::time::Duration;

/// So many calls of one endpoint in one window, per account or per app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Endpoint names ([`crate::courier`]) that count against it.
    pub endpoint: &'static str,
    /// Whose calls are counted together.
    pub scope: Scope,
    /// Calls allowed in one window.
    pub calls_max: u32,
    /// The length of the window.
    pub window: Duration,
}
