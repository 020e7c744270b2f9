//! The figures of the simulated LinkedIn that a test may change, and its throttles by the day.

use super::super::LIMITS;
use super::refusal::Refusal;
use super::state::{Caller, State};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

const DAY_MS: i64 = 24 * 3_600 * 1_000;

/// The figures in force, in the shape of `GET /_sim/limits`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Limits {
    /// Calls of an account a day, by endpoint.
    member_day: BTreeMap<String, u32>,
    /// Calls of a client id a day, by endpoint.
    application_day: BTreeMap<String, u32>,
    /// The life of a code.
    code_life_s: u64,
    /// The life of an access token.
    token_life_s: u64,
    /// The life of a refresh token, from the consent on.
    refresh_life_s: u64,
    /// The app belongs to an approved partner.
    pub gives_refresh_tokens: bool,
    /// How long a fresh token is called revoked.
    fresh_token_grace_ms: u64,
    /// How long a file is processed.
    processing_ms: u64,
    /// The life of an upload's address.
    upload_life_s: u64,
    /// How large the parts of a film are.
    part_bytes: u64,
    /// How long a post stays out of answers.
    visibility_delay_ms: u64,
    /// How long the same words are refused.
    duplicate_window_s: u64,
    /// Grants of people may not look at images and documents.
    pub hides_image_status: bool,
    /// The oldest version that is active.
    version_oldest: u32,
    /// The newest version that is active; that of the present month without one.
    version_newest: Option<u32>,
}

/// The calls of one day.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Day {
    number: i64,
    used: u32,
}

/// Whose calls a throttle counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Whose {
    Account(usize),
    App(usize),
}

impl Default for Limits {
    fn default() -> Self {
        let of = |limit: &domain::limit::Limit| (limit.endpoint.to_owned(), limit.calls_max);
        Self {
            // Third parties cite it; LinkedIn publishes none.
            member_day: LIMITS.iter().map(of).collect(),
            application_day: BTreeMap::new(),
            // 30 min: general knowledge.
            code_life_s: 1_800,
            // 60 days and 365 days: documented.
            token_life_s: 60 * 86_400,
            refresh_life_s: 365 * 86_400,
            gives_refresh_tokens: true,
            fresh_token_grace_ms: 0,
            processing_ms: 500,
            // A day: assumed, the answer names the end and the documentation no length.
            upload_life_s: 86_400,
            // 4 MB: documented.
            part_bytes: 4 * 1024 * 1024,
            visibility_delay_ms: 0,
            // A day: assumed, LinkedIn names none.
            duplicate_window_s: 86_400,
            hides_image_status: false,
            // A version lives at least twelve months.
            version_oldest: 202_508,
            version_newest: None,
        }
    }
}

impl Limits {
    pub fn show(&self) -> Value {
        serde_json::to_value(self).unwrap_or(Value::Null)
    }

    /// Puts the named figures in place of the old ones; those not named stay.
    pub fn replace(&mut self, limits: &Value) -> bool {
        let (Value::Object(mut all), Value::Object(new)) = (self.show(), limits) else {
            return false;
        };
        for (name, value) in new {
            match (all.get_mut(name), value) {
                (Some(Value::Object(old)), Value::Object(new)) => old.extend(new.clone()),
                _ => drop(all.insert(name.clone(), value.clone())),
            }
        }
        serde_json::from_value(Value::Object(all)).map(|new| *self = new).is_ok()
    }

    /// A version serves from its release, at the beginning of its month, until it is too old.
    pub fn is_active(&self, version: u32, now: Timestamp) -> bool {
        let is_month = (1..=12).contains(&(version % 100));
        let newest = self.version_newest.unwrap_or_else(|| month(now));
        is_month && (self.version_oldest..=newest).contains(&version)
    }

    pub fn code_life(&self) -> Duration {
        Duration::from_secs(self.code_life_s)
    }

    pub fn token_life(&self) -> Duration {
        Duration::from_secs(self.token_life_s)
    }

    pub fn refresh_life(&self) -> Duration {
        Duration::from_secs(self.refresh_life_s)
    }

    pub fn fresh_token_grace(&self) -> Duration {
        Duration::from_millis(self.fresh_token_grace_ms)
    }

    pub fn processing(&self) -> Duration {
        Duration::from_millis(self.processing_ms)
    }

    pub fn upload_life(&self) -> Duration {
        Duration::from_secs(self.upload_life_s)
    }

    pub fn part_bytes(&self) -> u64 {
        self.part_bytes.max(1)
    }

    pub fn visibility_delay(&self) -> Duration {
        Duration::from_millis(self.visibility_delay_ms)
    }

    pub fn duplicate_window(&self) -> Duration {
        Duration::from_secs(self.duplicate_window_s)
    }
}

/// The month of an instant as versions write it, as 202611.
fn month(at: Timestamp) -> u32 {
    let digits: String = at.to_string().chars().take(7).filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_default()
}

impl State {
    /// Takes a place in the day of the account and of the app. `false` when nothing counts this
    /// route.
    pub fn meter(
        &mut self,
        route: &'static str,
        caller: Caller,
        now: Timestamp,
    ) -> Result<bool, Refusal> {
        let today = now.ms().div_euclid(DAY_MS);
        if let Some(until) = self.blocks.until(route, caller.author.number(), now) {
            // The only end that LinkedIn's words can tell is that of the day.
            let is_day = until.ms().div_euclid(DAY_MS) > today;
            return Err(Refusal::throttled(if is_day { "MEMBER DAY" } else { "MEMBER" }));
        }
        let throttles = [
            (Whose::Account(caller.author.number()), &self.limits.member_day, "MEMBER DAY"),
            (Whose::App(caller.app), &self.limits.application_day, "APPLICATION DAY"),
        ];
        let mut counted = Vec::new();
        for (whose, limits, told) in throttles {
            let Some(calls_max) = limits.get(route) else { continue };
            let day = self.days.get(&(route, whose)).filter(|day| day.number == today);
            let used = day.map_or(0, |day| day.used);
            if used >= *calls_max {
                return Err(Refusal::throttled(told));
            }
            counted.push((whose, Day { number: today, used: used + 1 }));
        }
        let is_counted = !counted.is_empty();
        self.days.extend(counted.into_iter().map(|(whose, day)| ((route, whose), day)));
        Ok(is_counted)
    }
}
