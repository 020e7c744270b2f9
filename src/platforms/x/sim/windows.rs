//! The limits of the simulated X: windows that open with the first call in them.

use super::super::limits::{DAY, LIMITS, QUARTER};
use super::state::{Caller, State};
use domain::failure::Scope;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// The limits in force and the other switches, in the shape of `GET /_sim/limits`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Limits {
    /// By endpoint, for each account.
    account: BTreeMap<String, Setting>,
    /// By endpoint, for each account and day; X's small tiers alone have them.
    account_day: BTreeMap<String, Setting>,
    /// By endpoint, for each client id.
    app: BTreeMap<String, Setting>,
    /// How long a post stays out of timelines.
    pub timeline_delay_ms: u64,
    /// The headers of a day's windows are written.
    day_headers: bool,
    /// Nothing is paid for any more: every call is answered with 402.
    pub credits_depleted: bool,
    /// By handle, what an account has subscribed to, where it is not what its handle says.
    pub subscriptions: BTreeMap<String, String>,
    /// A wording may be posted again at once: what a test of ours must not hide behind.
    pub takes_duplicates: bool,
}

/// What a test puts in place of what is in force; what it does not name stays.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Change {
    #[serde(default)]
    account: BTreeMap<String, Setting>,
    #[serde(default)]
    account_day: BTreeMap<String, Setting>,
    #[serde(default)]
    app: BTreeMap<String, Setting>,
    timeline_delay_ms: Option<u64>,
    day_headers: Option<bool>,
    credits_depleted: Option<bool>,
    takes_duplicates: Option<bool>,
    #[serde(default)]
    subscriptions: BTreeMap<String, String>,
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
    AccountDay(usize),
    App(usize),
}

/// What the headers of one family tell of one window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown {
    /// How the names of the headers begin; `None` where X writes none.
    pub prefix: Option<&'static str>,
    pub calls_max: i64,
    pub remaining: i64,
    pub reset_s: i64,
}

/// Whether a call may go on, and what the headers tell.
#[derive(Debug, Clone)]
pub(super) struct Permit {
    pub is_open: bool,
    pub shown: Vec<Shown>,
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
        Self {
            account: of(Scope::Account),
            account_day: BTreeMap::new(),
            app: of(Scope::App),
            timeline_delay_ms: 0,
            day_headers: true,
            credits_depleted: false,
            subscriptions: BTreeMap::new(),
            takes_duplicates: false,
        }
    }
}

impl Limits {
    pub fn show(&self) -> Value {
        serde_json::to_value(self).unwrap_or(Value::Null)
    }

    /// Puts what is named in place of what was; the rest stays.
    pub fn replace(&mut self, limits: &Value) -> bool {
        let Ok(new) = serde_json::from_value::<Change>(limits.clone()) else {
            return false;
        };
        self.account.extend(new.account);
        self.account_day.extend(new.account_day);
        self.app.extend(new.app);
        self.timeline_delay_ms = new.timeline_delay_ms.unwrap_or(self.timeline_delay_ms);
        self.day_headers = new.day_headers.unwrap_or(self.day_headers);
        self.credits_depleted = new.credits_depleted.unwrap_or(self.credits_depleted);
        self.subscriptions.extend(new.subscriptions);
        self.takes_duplicates = new.takes_duplicates.unwrap_or(self.takes_duplicates);
        true
    }

    /// The windows that a call is counted in.
    fn of(&self, route: &str, caller: Caller) -> Vec<(Whose, Setting)> {
        let account = self.account.get(route).map(|s| (Whose::Account(caller.account), *s));
        let day = self.account_day.get(route).map(|s| (Whose::AccountDay(caller.account), *s));
        let app = self.app.get(route).map(|s| (Whose::App(caller.app), *s));
        [account, day, app].into_iter().flatten().collect()
    }

    /// How the headers of a window begin; X tells of no quarter of an app.
    fn prefix(&self, whose: Whose, limit: Setting) -> Option<&'static str> {
        let is_day = limit.window_s == DAY.as_secs();
        match whose {
            Whose::Account(_) => Some("x-rate-limit-"),
            Whose::AccountDay(_) => self.day_headers.then_some("x-user-limit-24hour-"),
            Whose::App(_) => (is_day && self.day_headers).then_some("x-app-limit-24hour-"),
        }
    }
}

impl State {
    /// Takes a place in the windows of a route, when there is one in all of them.
    pub fn meter(&mut self, route: &'static str, caller: Caller, now: Timestamp) -> Permit {
        let counted = self.limits.of(route, caller);
        let looks = counted.iter().map(|(whose, limit)| self.look(route, *whose, *limit, now));
        let mut shown: Vec<Shown> = looks.collect();
        if let Some(until) = self.blocks.until(route, caller.account, now) {
            let prefix = Some("x-rate-limit-");
            let old = shown.iter().position(|window| window.prefix == prefix);
            let calls_max = old.map_or(0, |at| shown.remove(at).calls_max);
            shown.push(Shown { prefix, calls_max, remaining: 0, reset_s: seconds(until) });
        }
        let is_open = shown.iter().all(|window| window.remaining > 0);
        if is_open {
            for window in &mut shown {
                window.remaining -= 1;
            }
            for (whose, limit) in counted {
                let ends_at = now + Duration::from_secs(limit.window_s);
                let fresh = Window { used: 0, ends_at };
                let window = self.windows.entry((route, whose)).or_insert(fresh);
                if window.ends_at <= now {
                    *window = fresh;
                }
                window.used += 1;
            }
        }
        Permit { is_open, shown }
    }

    fn look(&self, route: &'static str, whose: Whose, limit: Setting, now: Timestamp) -> Shown {
        let open = self.windows.get(&(route, whose)).filter(|window| window.ends_at > now);
        let ends_at = open.map_or(now + Duration::from_secs(limit.window_s), |w| w.ends_at);
        let used = open.map_or(0, |window| window.used);
        let calls_max = i64::from(limit.calls_max);
        let remaining = (calls_max - i64::from(used)).max(0);
        let prefix = self.limits.prefix(whose, limit);
        Shown { prefix, calls_max, remaining, reset_s: seconds(ends_at) }
    }
}

/// The epoch second at which an instant is over: a client that obeys is never too early.
fn seconds(at: Timestamp) -> i64 {
    at.ms().div_euclid(1000) + i64::from(at.ms().rem_euclid(1000) > 0)
}
