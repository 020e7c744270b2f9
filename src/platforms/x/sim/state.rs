//! What the simulated X remembers.

use super::media::File;
use super::oauth::{Access, Code, Family};
use super::tweets::Tweet;
use super::windows::{Block, Limits, Whose, Window};
use super::{Refusal, StatusCode};
use crate::sim::{Accepted, Control};
use domain::time::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::time::Duration;

/// Post ids begin here, so that they look like X's and grow with time.
pub(super) const FIRST_POST: u64 = 1_990_000_000_000_000_000;
/// Media ids begin here.
const FIRST_FILE: u64 = 1_980_000_000_000_000_000;

/// Everything.
#[derive(Debug, Default, PartialEq)]
pub(super) struct State {
    accounts: Vec<Account>,
    handles: HashMap<String, usize>,
    ids: HashMap<String, usize>,
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
    pub blocks: Vec<Block>,
    pub stuck_until: Timestamp,
    unauthorized_until: Timestamp,
}

/// A person or brand on the platform.
#[derive(Debug, PartialEq)]
pub(super) struct Account {
    pub id: String,
    pub handle: String,
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

impl Account {
    /// A handle that begins so belongs to a subscriber.
    pub fn is_premium(&self) -> bool {
        self.handle.to_lowercase().starts_with("premium")
    }
}

impl State {
    pub fn account(&self, at: usize) -> &Account {
        &self.accounts[at]
    }

    pub fn account_mut(&mut self, at: usize) -> &mut Account {
        &mut self.accounts[at]
    }

    /// The account with this remote id.
    pub fn account_by_id(&self, id: &str) -> Option<usize> {
        self.ids.get(id).copied()
    }

    /// Every handle, in the order of sign-up.
    pub fn handles(&self) -> impl Iterator<Item = &str> {
        self.accounts.iter().map(|account| account.handle.as_str())
    }

    /// The account with this handle, made when it is named for the first time.
    pub fn sign_up(&mut self, handle: &str) -> usize {
        let key = handle.to_lowercase();
        if let Some(at) = self.handles.get(&key) {
            return *at;
        }
        // The id follows from the handle, so that it is the same after every reset.
        let id = user_id(&key);
        let at = self.accounts.len();
        self.accounts.push(Account {
            id: id.clone(),
            handle: handle.to_owned(),
            posts: Vec::new(),
            wordings: HashMap::new(),
        });
        self.handles.insert(key, at);
        self.ids.insert(id, at);
        at
    }

    /// The number of a registration.
    pub fn app(&mut self, client_id: &str) -> usize {
        let next = self.apps.len();
        *self.apps.entry(client_id.to_owned()).or_insert(next)
    }

    /// A string that nobody had before.
    pub fn token(&mut self, kind: &str) -> String {
        self.counter += 1;
        let digest = hex(&Sha256::digest(format!("{kind}:{}", self.counter)));
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

    pub fn has_scope(&self, caller: Caller, scope: &str) -> bool {
        let family = self.families.get(caller.family);
        family.is_some_and(|family| family.scopes.iter().any(|granted| granted == scope))
    }

    pub fn accounts(&self) -> Value {
        let shown = self.accounts.iter().enumerate().map(|(at, account)| {
            let grants = self.families.iter().filter(|f| f.account == at && !f.is_dead).count();
            json!({
                "id": account.id,
                "handle": account.handle,
                "kind": if account.is_premium() { "premium" } else { "standard" },
                "posts": account.posts.iter().filter(|at| !self.tweets[**at].is_deleted).count(),
                "grants": grants,
            })
        });
        shown.collect()
    }

    pub fn control(&mut self, control: &Control, now: Timestamp) -> bool {
        match control {
            Control::ExpireToken { account } => {
                let wanted = self.named(account.as_deref());
                for access in self.access.values_mut() {
                    if wanted.is_hit(self.families[access.family].account) {
                        access.expires_at = access.expires_at.min(now);
                    }
                }
            }
            Control::Revoke { account } => {
                let wanted = self.named(account.as_deref());
                for family in self.families.iter_mut().filter(|f| wanted.is_hit(f.account)) {
                    family.is_dead = true;
                }
            }
            Control::StuckProcessing { s } => self.stuck_until = now + Duration::from_secs(*s),
            Control::Limits { limits } => return self.limits.replace(limits),
            Control::Limit { account, route, reset_in_s } => {
                self.blocks.retain(|block| block.is_live(now));
                let until = now + Duration::from_secs(*reset_in_s);
                match self.named(account.as_deref()) {
                    Named::All => self.blocks.push(Block::new(None, route.clone(), until)),
                    Named::One(at) => self.blocks.push(Block::new(Some(at), route.clone(), until)),
                    Named::Nobody => {}
                }
            }
            Control::UnauthorizedAll { s } => {
                self.unauthorized_until = now + Duration::from_secs(*s);
            }
        }
        true
    }

    fn named(&self, account: Option<&str>) -> Named {
        let Some(name) = account else {
            return Named::All;
        };
        let handle = name.trim_start_matches('@').to_lowercase();
        let found = self.ids.get(name).or_else(|| self.handles.get(&handle));
        found.map_or(Named::Nobody, |at| Named::One(*at))
    }
}

/// Whom a control means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    All,
    One(usize),
    Nobody,
}

impl Named {
    fn is_hit(self, account: usize) -> bool {
        self == Self::All || self == Self::One(account)
    }
}

/// The remote id of a handle.
fn user_id(handle: &str) -> String {
    let digest = Sha256::digest(format!("user:{handle}"));
    let seed = digest.iter().take(8).fold(0_u64, |id, byte| id << 8 | u64::from(*byte));
    (100_000_000_000_000_000 + seed % 800_000_000_000_000_000).to_string()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
