//! What the simulated YouTube remembers.

use super::Route;
use super::oauth::{Access, Code, Grant};
use super::quota::{Bucket, Limits, Used};
use super::refusal::Refusal;
use super::uploads::Session;
use super::videos::Video;
use crate::sim::accounts::{self, Accounts, Blocks};
use crate::sim::http::digest;
use crate::sim::{Accepted, Control};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::time::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::time::Duration;

/// The digits of a channel's number; ids are `UC` and 22 characters long.
const CHANNEL_DIGITS: u32 = 19;
/// The characters of a channel's id behind `UC`.
const CHANNEL_CHARS: usize = 22;
/// The characters of a video's id.
const VIDEO_CHARS: usize = 11;

/// Everything.
#[derive(Debug, Default, PartialEq)]
pub(super) struct State {
    accounts: Accounts<Own>,
    apps: HashMap<String, usize>,
    counter: u64,
    pub codes: HashMap<String, Code>,
    pub grants: Vec<Grant>,
    pub access: HashMap<String, Access>,
    pub refresh: HashMap<String, usize>,
    pub sessions: HashMap<String, Session>,
    pub videos: Vec<Video>,
    pub accepted: Vec<Accepted>,
    pub limits: Limits,
    pub used: HashMap<(usize, Bucket), Used>,
    blocks: Blocks,
    pub stuck_until: Timestamp,
    unauthorized_until: Timestamp,
}

/// A Google account, with its channel.
pub(super) type Account = accounts::Account<Own>;

/// What YouTube remembers of a channel.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Own {
    /// Positions in [`State::videos`], oldest first.
    pub videos: Vec<usize>,
    /// What was put into its other playlists, as positions too.
    pub lists: HashMap<String, Vec<usize>>,
}

/// On whose behalf, and through which project, a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Caller {
    pub account: usize,
    pub app: usize,
    grant: usize,
}

impl Account {
    pub fn has_channel(&self) -> bool {
        !self.handle.to_lowercase().starts_with("nochannel")
    }

    /// Verified by telephone, which custom thumbnails take.
    pub fn is_verified(&self) -> bool {
        !self.handle.to_lowercase().starts_with("unverified")
    }

    /// The playlist of its uploads has the channel's id with another second letter.
    pub fn uploads(&self) -> String {
        self.id.replacen("UC", "UU", 1)
    }
}

impl State {
    pub fn account(&self, at: usize) -> &Account {
        self.accounts.at(at)
    }

    pub fn account_mut(&mut self, at: usize) -> &mut Account {
        self.accounts.at_mut(at)
    }

    /// The account whose uploads have this playlist id.
    pub fn account_by_uploads(&self, playlist: &str) -> Option<usize> {
        let channel = playlist.strip_prefix("UU").map(|rest| format!("UC{rest}"))?;
        self.accounts.by_id(&channel)
    }

    /// The account that another playlist belongs to. Each has as many as are asked for: their ids
    /// are the channel's with another beginning, and anything after it.
    pub fn account_by_playlist(&self, playlist: &str) -> Option<usize> {
        let rest = playlist.strip_prefix("PL")?;
        self.accounts.by_id(&format!("UC{}", rest.get(..CHANNEL_CHARS)?))
    }

    /// Every handle, in the order of sign-up.
    pub fn handles(&self) -> impl Iterator<Item = &str> + Clone {
        self.accounts.all().iter().map(|account| account.handle.as_str())
    }

    /// The account with this handle, made when it is named for the first time.
    pub fn sign_up(&mut self, handle: &str) -> usize {
        let name = format!("channel:{}", handle.to_lowercase());
        let id = format!("UC{:022}", accounts::number(&name, CHANNEL_DIGITS));
        self.accounts.sign_up(handle, id, Own::default)
    }

    /// The number of a registration, which stands for its project.
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

    /// An id in the alphabet of YouTube's.
    pub fn video_id(&mut self) -> String {
        self.counter += 1;
        let digest = Sha256::digest(format!("video:{}", self.counter));
        let mut id = URL_SAFE_NO_PAD.encode(digest);
        id.truncate(VIDEO_CHARS);
        id
    }

    /// The position of a living video.
    pub fn video(&self, id: &str) -> Option<usize> {
        self.videos.iter().position(|video| video.id == id && !video.is_deleted)
    }

    /// The live grant behind an access token.
    pub fn grant(&self, token: &str) -> Option<&Grant> {
        let grant = self.grants.get(self.access.get(token)?.grant)?;
        (!grant.is_dead).then_some(grant)
    }

    /// Whom a bearer token belongs to at `now`.
    pub fn caller(&self, token: Option<&str>, now: Timestamp) -> Result<Caller, Refusal> {
        let refused = Refusal::unauthorized;
        let token = token.ok_or_else(refused)?;
        let grant = self.grant(token).ok_or_else(refused)?;
        let access = self.access.get(token).ok_or_else(refused)?;
        if access.expires_at <= now || self.unauthorized_until > now {
            return Err(refused());
        }
        Ok(Caller { account: grant.account, app: grant.app, grant: access.grant })
    }

    /// Scope, blocks and quota, in this order.
    pub fn permit(
        &mut self,
        route: Route<'_>,
        caller: Caller,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let granted = &self.grants[caller.grant].scopes;
        if !route.scopes().iter().any(|wanted| granted.iter().any(|scope| scope == wanted)) {
            let told = "Request had insufficient authentication scopes.";
            return Err(Refusal::forbidden(["global", "insufficientPermissions"], told));
        }
        if self.blocks.until(route.name(), caller.account, now).is_some() {
            let told = "Rate Limit Exceeded";
            return Err(Refusal::forbidden(["usageLimits", "rateLimitExceeded"], told));
        }
        self.spend(route.name(), caller.app, now)
    }

    pub fn accounts(&self) -> Value {
        let shown = self.accounts.all().iter().enumerate().map(|(at, account)| {
            let grants = self.grants.iter().filter(|g| g.account == at && !g.is_dead).count();
            let is_living = |at: &&usize| !self.videos[**at].is_deleted;
            json!({
                "id": account.id,
                "handle": account.handle,
                "kind": "standard",
                "videos": account.own.videos.iter().filter(is_living).count(),
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
                    if wanted.is_hit(self.grants[access.grant].account) {
                        access.expires_at = access.expires_at.min(now);
                    }
                }
            }
            Control::Revoke { account } => {
                let wanted = self.accounts.named(account.as_deref());
                for grant in self.grants.iter_mut().filter(|g| wanted.is_hit(g.account)) {
                    grant.is_dead = true;
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
