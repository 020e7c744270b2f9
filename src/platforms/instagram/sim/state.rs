//! What the simulated Instagram remembers.

use super::Route;
use super::containers::Container;
use super::posts::Post;
use crate::meta::sim::{Refusal, Token, Tokens};
use crate::sim::accounts::{self, Accounts, Blocks};
use crate::sim::http::header;
use crate::sim::{Accepted, Control, Inbound};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;

/// Containers and posts are counted in a rolling day, docs.
const DAY: Duration = Duration::from_secs(86_400);
/// Ids of containers begin here, so that they look like Instagram's.
const FIRST_CONTAINER: u64 = 17_889_000_000_000_000;

/// Everything.
#[derive(Debug, Default, PartialEq)]
pub(super) struct State {
    accounts: Accounts<Own>,
    pub tokens: Tokens,
    pub containers: HashMap<String, Container>,
    pub posts: Vec<Post>,
    pub accepted: Vec<Accepted>,
    pub limits: Limits,
    pub stuck_until: Timestamp,
    blocks: Blocks,
}

/// A person or brand on the platform.
pub(super) type Account = accounts::Account<Own>;

/// What Instagram remembers of an account.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Own {
    /// When containers were made.
    pub made: Vec<Timestamp>,
    /// When something was published.
    pub published: Vec<Timestamp>,
}

/// On whose behalf, and by which login, a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Caller {
    pub account: usize,
    pub is_facebook: bool,
    can: [bool; 3],
}

/// The figures in force, in the shape of `GET /_sim/limits`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Limits {
    /// How long a long token lives; docs: 60 days.
    pub token_life_s: u64,
    /// How old it has to be to be renewed; docs: 24 hours.
    pub refresh_age_s: u64,
    /// How long a film is in processing; images are ready at once.
    pub processing_ms: u64,
    /// How long a post stays out of the list.
    pub list_delay_ms: u64,
    /// Posts of an account in a rolling day; docs: 50 or 100.
    pub posts_per_day: usize,
    /// Containers of an account in a rolling day; docs: 400.
    pub containers_per_day: usize,
    /// Bytes of an upload that are kept, before the line breaks.
    pub upload_bytes_max: u64,
    /// What the usage headers say, in percent: of the account, of the app.
    pub account_usage_percent: u64,
    pub app_usage_percent: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            token_life_s: 60 * 86_400,
            refresh_age_s: 86_400,
            processing_ms: 1_000,
            list_delay_ms: 1_000,
            posts_per_day: 50,
            containers_per_day: 400,
            upload_bytes_max: 1 << 40,
            account_usage_percent: 1,
            app_usage_percent: 1,
        }
    }
}

impl Limits {
    pub fn show(&self) -> Value {
        serde_json::to_value(self).unwrap_or(Value::Null)
    }

    /// Puts the named figures in place of the old ones; those not named stay.
    fn replace(&mut self, limits: &Value) -> bool {
        let mut merged = self.show();
        let (Some(all), Some(new)) = (merged.as_object_mut(), limits.as_object()) else {
            return false;
        };
        all.extend(new.clone());
        match serde_json::from_value(merged) {
            Ok(limits) => *self = limits,
            Err(_) => return false,
        }
        true
    }

    /// How long a long token lives.
    pub fn token_life(&self) -> Duration {
        Duration::from_secs(self.token_life_s)
    }
}

impl Account {
    /// A handle that begins so belongs to a person's private account.
    pub fn is_personal(&self) -> bool {
        self.handle.to_lowercase().starts_with("personal")
    }

    /// What Instagram calls its kind.
    pub fn kind(&self) -> &'static str {
        match self.handle.to_lowercase() {
            _ if self.is_personal() => "PERSONAL",
            handle if handle.starts_with("creator") => "MEDIA_CREATOR",
            _ => "BUSINESS",
        }
    }
}

impl Own {
    /// How many of these instants lie in the last day.
    pub fn in_day(instants: &[Timestamp], now: Timestamp) -> usize {
        instants.iter().filter(|at| **at + DAY > now).count()
    }
}

impl Caller {
    /// Its token has the permission that a route asks for.
    pub fn has(self, route: Route<'_>) -> bool {
        let [facebook, instagram] = route.scopes();
        match if self.is_facebook { facebook } else { instagram } {
            "pages_show_list" => self.can[2],
            "instagram_content_publish" | "instagram_business_content_publish" => self.can[1],
            "instagram_basic" | "instagram_business_basic" => self.can[0],
            _ => false,
        }
    }
}

/// A token of Instagram Login, by what it may do.
pub(super) fn is_of_instagram(token: &Token) -> bool {
    token.scopes.iter().any(|scope| scope.starts_with("instagram_business_"))
}

impl State {
    pub fn account(&self, at: usize) -> &Account {
        self.accounts.at(at)
    }

    pub fn account_mut(&mut self, at: usize) -> &mut Account {
        self.accounts.at_mut(at)
    }

    /// Every handle, in the order of sign-up.
    pub fn handles(&self) -> impl Iterator<Item = &str> + Clone {
        self.accounts.all().iter().map(|account| account.handle.as_str())
    }

    /// The account with this handle, made when it is named for the first time.
    pub fn sign_up(&mut self, handle: &str) -> usize {
        let digits = accounts::number(&format!("user:{}", handle.to_lowercase()), 11);
        self.accounts.sign_up(handle, format!("178414{digits}"), Own::default)
    }

    /// An id that no container had before.
    pub fn container_id(&self) -> String {
        (FIRST_CONTAINER + self.containers.len() as u64 + 1).to_string()
    }

    /// Whom a token belongs to at `now`; it has to be one of the host that was called.
    pub fn caller(
        &self,
        token: Option<&str>,
        request: &Inbound,
        now: Timestamp,
    ) -> Result<Caller, Refusal> {
        let token = self.tokens.caller(token, now)?;
        let is_facebook = !is_of_instagram(token);
        let host = header(&request.headers, "x-platform-host");
        if host.is_some_and(|host| host.ends_with(".facebook.com") != is_facebook) {
            let told = "Invalid OAuth access token - Cannot parse access token";
            return Err(Refusal::new(400, (190, 0), told));
        }
        let has = |names: [&str; 2]| token.scopes.iter().any(|scope| names.contains(&&**scope));
        let can = [
            has(["instagram_basic", "instagram_business_basic"]),
            has(["instagram_content_publish", "instagram_business_content_publish"]),
            has(["pages_show_list", ""]),
        ];
        Ok(Caller { account: token.account, is_facebook, can })
    }

    /// The id in a path has to be the caller's own.
    pub fn check_own(&self, caller: Caller, id: &str) -> Result<(), Refusal> {
        if self.account(caller.account).id == id && !self.account(caller.account).is_personal() {
            return Ok(());
        }
        Err(unknown_object(id))
    }

    /// Meta's refusal of a call that a test blocked, and the minutes until it is over.
    pub fn blocked(&self, route: &str, caller: Caller, now: Timestamp) -> Option<(Refusal, u64)> {
        let until = self.blocks.until(route, caller.account, now)?;
        // Rounded up: a client that obeys is never too early.
        let minutes = u64::try_from(until.since(now).as_millis().div_ceil(60_000)).unwrap_or(1);
        // No endpoint has an empty name, so what holds that one holds them all.
        let is_whole = self.blocks.until("", caller.account, now).is_some();
        let refusal = if is_whole {
            Refusal::new(400, (4, 0), "(#4) Application request limit reached")
        } else {
            let told = "(#80002) There have been too many calls to this Instagram account.";
            Refusal::new(400, (80_002, 0), told)
        };
        Some((refusal, minutes))
    }

    pub fn accounts(&self) -> Value {
        let shown = self.accounts.all().iter().enumerate().map(|(at, account)| {
            json!({
                "id": account.id,
                "handle": account.handle,
                "kind": account.kind().to_lowercase(),
                "posts": account.own.published.len(),
                "grants": self.tokens.grants(at),
            })
        });
        shown.collect()
    }

    pub fn control(&mut self, control: &Control, now: Timestamp) -> bool {
        match control {
            Control::ExpireToken { account } => {
                self.tokens.expire(self.accounts.named(account.as_deref()), now);
            }
            Control::Revoke { account } => {
                self.tokens.revoke(self.accounts.named(account.as_deref()));
            }
            Control::StuckProcessing { s } => self.stuck_until = now + Duration::from_secs(*s),
            Control::Limits { limits } => return self.limits.replace(limits),
            Control::Limit { account, route, reset_in_s } => {
                let until = now + Duration::from_secs(*reset_in_s);
                let whom = self.accounts.named(account.as_deref());
                self.blocks.add(whom, route.as_deref(), [now, until]);
            }
            Control::UnauthorizedAll { s } => {
                self.tokens.refuse_all(now + Duration::from_secs(*s));
            }
        }
        true
    }
}

/// Meta's answer for an id that is not there, or not for this caller.
pub(super) fn unknown_object(id: &str) -> Refusal {
    let told = format!(
        "Unsupported request. Object with ID '{id}' does not exist, cannot be loaded due to \
         missing permissions, or does not support this operation."
    );
    Refusal::new(400, (100, 33), told)
}
