//! What the simulated X remembers.

use super::media::File;
use super::oauth::{Access, Code, Family};
use super::tweets::Tweet;
use super::windows::{Limits, Whose, Window};
use super::{Refusal, StatusCode};
use crate::sim::accounts::{self, Accounts, Blocks};
use crate::sim::http::digest;
use crate::sim::{Accepted, Control};
use domain::time::Timestamp;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;

/// Post ids begin here, so that they look like X's and grow with time.
pub(super) const FIRST_POST: u64 = 1_990_000_000_000_000_000;
/// Media ids begin here.
const FIRST_FILE: u64 = 1_980_000_000_000_000_000;

/// Everything.
#[derive(Debug, Default, PartialEq)]
pub(super) struct State {
    accounts: Accounts<Own>,
    apps: HashMap<String, usize>,
    counter: u64,
    pub codes: HashMap<String, Code>,
    pub families: Vec<Family>,
    pub access: HashMap<String, Access>,
    pub refresh: HashMap<String, usize>,
    pub tweets: Vec<Tweet>,
    pub files: HashMap<String, File>,
    pub accepted: Vec<Accepted>,
    pub limits: Limits,
    pub windows: HashMap<(&'static str, Whose), Window>,
    pub blocks: Blocks,
    pub stuck_until: Timestamp,
    unauthorized_until: Timestamp,
}

/// A person or brand on the platform.
pub(super) type Account = accounts::Account<Own>;

/// What X remembers of an account.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Own {
    /// Positions in [`State::tweets`], oldest first.
    pub posts: Vec<usize>,
    /// When each wording was last posted, by its digest.
    pub wordings: HashMap<[u8; 32], Timestamp>,
}

/// On whose behalf, and through which registration, a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Caller {
    pub account: usize,
    pub app: usize,
    pub family: usize,
}

impl State {
    pub fn account(&self, at: usize) -> &Account {
        self.accounts.at(at)
    }

    /// What an account has subscribed to, in X's words; a handle that begins so is a subscriber's.
    pub fn subscription(&self, at: usize) -> &str {
        let handle = self.account(at).handle.as_str();
        let is_it = |named: &&String| named.trim_start_matches('@').eq_ignore_ascii_case(handle);
        let set = self.limits.subscriptions.keys().find(is_it);
        match set.and_then(|named| self.limits.subscriptions.get(named)) {
            Some(subscription) => subscription,
            None if handle.to_lowercase().starts_with("premium") => "Premium",
            None => "None",
        }
    }

    /// It may write long posts and send long films.
    pub fn is_premium(&self, at: usize) -> bool {
        matches!(self.subscription(at), "Premium" | "PremiumPlus")
    }

    pub fn account_mut(&mut self, at: usize) -> &mut Account {
        self.accounts.at_mut(at)
    }

    /// The account with this remote id.
    pub fn account_by_id(&self, id: &str) -> Option<usize> {
        self.accounts.by_id(id)
    }

    /// Every handle, in the order of sign-up.
    pub fn handles(&self) -> impl Iterator<Item = &str> + Clone {
        self.accounts.all().iter().map(|account| account.handle.as_str())
    }

    /// The account with this handle, made when it is named for the first time.
    pub fn sign_up(&mut self, handle: &str) -> usize {
        let id = accounts::number(&format!("user:{}", handle.to_lowercase()), 18).to_string();
        self.accounts.sign_up(handle, id, Own::default)
    }

    /// The number of a registration.
    pub fn app(&mut self, client_id: &str) -> usize {
        let next = self.apps.len();
        *self.apps.entry(client_id.to_owned()).or_insert(next)
    }

    /// A string that nobody had before.
    pub fn token(&mut self, kind: &str) -> String {
        self.counter += 1;
        let digest = digest(format!("{kind}:{}", self.counter));
        format!("sim_{kind}_{digest}")
    }

    pub fn file_id(&mut self) -> String {
        self.counter += 1;
        (FIRST_FILE + self.counter).to_string()
    }

    /// The live grant behind an access token.
    pub fn family(&self, token: &str) -> Option<&Family> {
        let family = self.families.get(self.access.get(token)?.family)?;
        (!family.is_dead).then_some(family)
    }

    /// Whom a bearer token belongs to at `now`.
    pub fn caller(&self, token: Option<&str>, now: Timestamp) -> Result<Caller, Refusal> {
        let refused = || Refusal::blank(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized");
        let token = token.ok_or_else(refused)?;
        let family = self.family(token).ok_or_else(refused)?;
        let access = self.access.get(token).ok_or_else(refused)?;
        if access.expires_at <= now || self.unauthorized_until > now {
            return Err(refused());
        }
        Ok(Caller { account: family.account, app: family.app, family: access.family })
    }

    pub fn has_scopes(&self, caller: Caller, scopes: &[&str]) -> bool {
        let family = self.families.get(caller.family);
        let is_granted = |scope: &&str| {
            family.is_some_and(|family| family.scopes.iter().any(|granted| granted == scope))
        };
        scopes.iter().all(is_granted)
    }

    pub fn accounts(&self) -> Value {
        let shown = self.accounts.all().iter().enumerate().map(|(at, account)| {
            let grants = self.families.iter().filter(|f| f.account == at && !f.is_dead).count();
            json!({
                "id": account.id,
                "handle": account.handle,
                "kind": if self.is_premium(at) { "premium" } else { "standard" },
                "posts": account.own.posts.iter().filter(|at| !self.tweets[**at].is_deleted).count(),
                "grants": grants,
            })
        });
        shown.collect()
    }

    pub fn control(&mut self, control: &Control, now: Timestamp) -> bool {
        match control {
            Control::ExpireToken { account } => {
                let wanted = self.accounts.named(account.as_deref());
                for access in self.access.values_mut() {
                    if wanted.is_hit(self.families[access.family].account) {
                        access.expires_at = access.expires_at.min(now);
                    }
                }
            }
            Control::Revoke { account } => {
                let wanted = self.accounts.named(account.as_deref());
                for family in self.families.iter_mut().filter(|f| wanted.is_hit(f.account)) {
                    family.is_dead = true;
                }
            }
            Control::StuckProcessing { s } => self.stuck_until = now + Duration::from_secs(*s),
            Control::Limits { limits } => return self.limits.replace(limits),
            Control::Limit { account, route, reset_in_s } => {
                let until = now + Duration::from_secs(*reset_in_s);
                let whom = self.accounts.named(account.as_deref());
                self.blocks.add(whom, route.as_deref(), [now, until]);
            }
            Control::UnauthorizedAll { s } => {
                self.unauthorized_until = now + Duration::from_secs(*s);
            }
        }
        true
    }
}
