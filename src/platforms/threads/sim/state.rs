//! What the simulated Threads remembers, and the figures it goes by.

use super::containers::Container;
use super::posts::{Post, unknown};
use super::{Caller, Refusal};
use crate::meta::sim::Tokens;
use crate::sim::accounts::{self, Accounts, Blocks};
use crate::sim::{Accepted, Control};
use crate::threads::limits::{DELETES_PER_DAY, POSTS_PER_DAY, REPLIES_PER_DAY};
use crate::threads::options;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

/// Everything.
#[derive(Debug, Default, PartialEq)]
pub(super) struct State {
    pub accounts: Accounts<Own>,
    pub tokens: Tokens,
    pub containers: Vec<Container>,
    pub posts: Vec<Post>,
    pub accepted: Vec<Accepted>,
    pub limits: Limits,
    pub blocks: Blocks,
    pub stuck_until: Timestamp,
}

/// What Threads remembers of an account.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Own {
    /// Positions in [`State::posts`], oldest first.
    pub posts: Vec<usize>,
    /// When posts were deleted, oldest first.
    pub deleted_at: Vec<Timestamp>,
    /// The profile shows its posts to followers alone.
    pub is_private: bool,
    /// When the permissions end that its owner gave.
    pub permitted_until: Timestamp,
}

/// The figures in force, in the shape of `GET /_sim/limits`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Limits {
    /// The life of a long token.
    pub token_life_s: u64,
    /// How old a token has to be before it is renewed.
    pub refresh_age_s: u64,
    /// How long a file is in processing.
    pub processing_ms: u64,
    /// How long permissions last.
    pub permission_life_s: u64,
    /// How long a container cannot be published yet.
    pub visible_after_ms: u64,
    /// How long a post cannot be answered yet.
    pub answerable_after_ms: u64,
    /// How long a post stays out of lists.
    pub list_delay_ms: u64,
    /// Posts of an account in a rolling day.
    pub posts_per_day: u32,
    /// Replies of an account in a rolling day.
    pub replies_per_day: u32,
    /// Deletions of an account in a rolling day.
    pub deletes_per_day: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // docs, long-lived-tokens: sixty days, renewed from an age of 24 h on.
            token_life_s: 60 * 86_400,
            refresh_age_s: 86_400,
            // docs, long-lived-tokens: ninety days, longer only for a public profile.
            permission_life_s: 90 * 86_400,
            // Ours: long enough to be seen, short enough for tests.
            processing_ms: 300,
            visible_after_ms: 0,
            answerable_after_ms: 0,
            list_delay_ms: 0,
            posts_per_day: POSTS_PER_DAY,
            replies_per_day: REPLIES_PER_DAY,
            deletes_per_day: DELETES_PER_DAY,
        }
    }
}

impl Limits {
    pub fn show(&self) -> Value {
        serde_json::to_value(self).unwrap_or(Value::Null)
    }

    /// Puts the named figures in place of the old ones; those not named stay.
    fn replace(&mut self, limits: &Value) -> bool {
        let Value::Object(new) = limits else {
            return false;
        };
        let mut merged = self.show();
        for (name, value) in new {
            merged[name] = value.clone();
        }
        match serde_json::from_value(merged) {
            Ok(limits) => *self = limits,
            Err(_) => return false,
        }
        true
    }
}

impl State {
    /// The account with this handle, made when it is named for the first time; one whose handle
    /// begins with `private` is that.
    pub fn sign_up(&mut self, handle: &str) -> usize {
        let id = accounts::number(&format!("threads:{}", handle.to_lowercase()), 17).to_string();
        let is_private = handle.to_lowercase().starts_with("private");
        self.accounts.sign_up(handle, id, || Own { is_private, ..Own::default() })
    }

    /// The owner of an account has agreed, or is taken to agree on: that lasts from now on.
    pub fn permit(&mut self, account: usize, now: Timestamp) {
        let life = Duration::from_secs(self.limits.permission_life_s);
        self.accounts.at_mut(account).own.permitted_until = now + life;
    }

    /// What the owner agreed to has not ended.
    pub fn check_permitted(&self, account: usize, now: Timestamp) -> Result<(), Refusal> {
        if now < self.accounts.at(account).own.permitted_until {
            return Ok(());
        }
        let told = "Error validating access token: The user has not authorized application.";
        Err(Refusal::new(400, (190, 458), told))
    }

    /// A path may name the caller alone, as `me` or by id.
    pub fn check_user(&self, user: &str, caller: Caller) -> Result<(), Refusal> {
        let is_caller = user == "me" || self.accounts.at(caller.account).id == user;
        if is_caller { Ok(()) } else { Err(unknown(user)) }
    }

    pub fn accounts(&self) -> Value {
        let shown = self.accounts.all().iter().enumerate().map(|(at, account)| {
            json!({
                "id": account.id,
                "handle": account.handle,
                "kind": options::ACCOUNT_KIND,
                "isPrivate": account.own.is_private,
                "posts": account.own.posts.len(),
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
            Control::StuckProcessing { s } => {
                self.stuck_until = now + Duration::from_secs(*s);
                for container in &mut self.containers {
                    container.hold(self.stuck_until, now);
                }
            }
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
