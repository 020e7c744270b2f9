//! The limits of the simulated X: windows that open with the first call in them.

use super::super::limits::{LIMITS, QUARTER};
use super::state::{Caller, State};
use domain::failure::Scope;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// The limits in force, in the shape of `GET /_sim/limits`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Limits {
    /// By endpoint, for each account.
    #[serde(default)]
    account: BTreeMap<String, Setting>,
    /// By endpoint, for each client id.
    #[serde(default)]
    app: BTreeMap<String, Setting>,
    /// How long a post stays out of timelines.
    #[serde(default)]
    pub timeline_delay_ms: u64,
}

/// So many calls in so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Setting {
    calls_max: u32,
    window_s: u64,
}

/// A window that has been opened.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Window {
    used: u32,
    ends_at: Timestamp,
}

/// Whose calls a window counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Whose {
    Account(usize),
    App(usize),
}

/// What the headers tell of one window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown {
    pub calls_max: i64,
    pub remaining: i64,
    pub reset_s: i64,
}

/// Whether a call may go on, and what the headers tell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Permit {
    pub is_open: bool,
    pub account: Option<Shown>,
    pub app: Option<Shown>,
}

impl Default for Limits {
    fn default() -> Self {
        let of = |scope: Scope| {
            // A day's limit of an account is told on X's small tiers alone.
            let is_told = |limit: &domain::limit::Limit| {
                limit.scope == scope && (scope == Scope::App || limit.window == QUARTER)
            };
            let limits = LIMITS.iter().filter(|limit| is_told(limit));
            let setting = |limit: &domain::limit::Limit| Setting {
                calls_max: limit.calls_max,
                window_s: limit.window.as_secs(),
            };
            limits.map(|limit| (limit.endpoint.to_owned(), setting(limit))).collect()
        };
        Self { account: of(Scope::Account), app: of(Scope::App), timeline_delay_ms: 0 }
    }
}

impl Limits {
    pub fn show(&self) -> Value {
        serde_json::to_value(self).unwrap_or(Value::Null)
    }

    /// Puts the named limits in place of the old ones; those not named stay.
    pub fn replace(&mut self, limits: &Value) -> bool {
        let Ok(new) = serde_json::from_value::<Self>(limits.clone()) else {
            return false;
        };
        self.account.extend(new.account);
        self.app.extend(new.app);
        self.timeline_delay_ms = new.timeline_delay_ms;
        true
    }
}

impl State {
    /// Takes a place in the windows of a route, when there is one in all of them.
    pub fn meter(&mut self, route: &'static str, caller: Caller, now: Timestamp) -> Permit {
        let account = self.limits.account.get(route).copied();
        let app = self.limits.app.get(route).copied();
        let mut permit = Permit {
            is_open: true,
            account: account
                .map(|limit| self.look(route, Whose::Account(caller.account), limit, now)),
            app: app.map(|limit| self.look(route, Whose::App(caller.app), limit, now)),
        };
        if let Some(until) = self.blocks.until(route, caller.account, now) {
            let calls_max = account.map_or(0, |limit| i64::from(limit.calls_max));
            let reset_s = seconds(until);
            permit.account = Some(Shown { calls_max, remaining: 0, reset_s });
        }
        let windows = [&mut permit.account, &mut permit.app];
        permit.is_open = windows.iter().all(|shown| shown.is_none_or(|w| w.remaining > 0));
        if permit.is_open {
            for shown in windows.into_iter().flatten() {
                shown.remaining -= 1;
            }
            for (whose, limit) in
                [(Whose::Account(caller.account), account), (Whose::App(caller.app), app)]
            {
                if let Some(limit) = limit {
                    let ends_at = now + Duration::from_secs(limit.window_s);
                    let window =
                        self.windows.entry((route, whose)).or_insert(Window { used: 0, ends_at });
                    if window.ends_at <= now {
                        *window = Window { used: 0, ends_at };
                    }
                    window.used += 1;
                }
            }
        }
        permit
    }

    fn look(&self, route: &'static str, whose: Whose, limit: Setting, now: Timestamp) -> Shown {
        let open = self.windows.get(&(route, whose)).filter(|window| window.ends_at > now);
        let ends_at = open.map_or(now + Duration::from_secs(limit.window_s), |w| w.ends_at);
        let used = open.map_or(0, |window| window.used);
        let calls_max = i64::from(limit.calls_max);
        let remaining = (calls_max - i64::from(used)).max(0);
        Shown { calls_max, remaining, reset_s: seconds(ends_at) }
    }
}

/// The epoch second at which an instant is over: a client that obeys is never too early.
fn seconds(at: Timestamp) -> i64 {
    at.ms().div_euclid(1000) + i64::from(at.ms().rem_euclid(1000) > 0)
}
