//! What the simulated LinkedIn remembers.

use super::limits::{Day, Limits, Whose};
use super::media::File;
use super::oauth::{Access, Code, Family};
use super::posts::Post;
use super::refusal::Refusal;
use crate::linkedin::capabilities::{ORGANIZATION, PERSONAL};
use crate::sim::accounts::{self, Accounts, Blocks, Named};
use crate::sim::http::digest;
use crate::sim::{Accepted, Control};
use domain::time::Timestamp;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;

/// Everything.
#[derive(Debug, Default, PartialEq)]
pub(super) struct State {
    people: Accounts<Own>,
    pages: Accounts<Own>,
    apps: HashMap<String, usize>,
    counter: u64,
    pub codes: HashMap<String, Code>,
    pub families: Vec<Family>,
    pub access: HashMap<String, Access>,
    pub refresh: HashMap<String, usize>,
    pub posts: Vec<Post>,
    /// By the key of the upload, which is a part of the URN.
    pub files: HashMap<String, File>,
    pub accepted: Vec<Accepted>,
    pub limits: Limits,
    pub days: HashMap<(&'static str, Whose), Day>,
    pub blocks: Blocks,
    pub stuck_until: Timestamp,
    unauthorized_until: Timestamp,
}

/// A person or a page of an organization.
pub(super) type Account = accounts::Account<Own>;

/// What LinkedIn remembers of an author.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Own {
    /// Positions in [`State::posts`], oldest first.
    pub posts: Vec<usize>,
    /// The last post of each wording, also one that is deleted: LinkedIn names such ghosts too.
    pub wordings: HashMap<String, usize>,
}

/// The two kinds of authors. A person and a page may have the same handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Person,
    Page,
}

/// An author, by its position among those of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Author {
    pub kind: Kind,
    at: usize,
}

/// On whose behalf, and through which registration, a call is made. A token of the app for
/// organizations belongs to somebody who looks after this page, and perhaps after others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Caller {
    pub author: Author,
    pub app: usize,
    family: usize,
}

impl Author {
    /// A number that no other author has.
    pub fn number(self) -> usize {
        self.at * 2 + usize::from(self.kind == Kind::Page)
    }
}

impl State {
    fn registry(&self, kind: Kind) -> &Accounts<Own> {
        match kind {
            Kind::Person => &self.people,
            Kind::Page => &self.pages,
        }
    }

    fn registry_mut(&mut self, kind: Kind) -> &mut Accounts<Own> {
        match kind {
            Kind::Person => &mut self.people,
            Kind::Page => &mut self.pages,
        }
    }

    pub fn account(&self, author: Author) -> &Account {
        self.registry(author.kind).at(author.at)
    }

    pub fn account_mut(&mut self, author: Author) -> &mut Account {
        self.registry_mut(author.kind).at_mut(author.at)
    }

    /// The page of this URN.
    pub fn page(&self, urn: &str) -> Option<&Account> {
        self.pages.by_id(urn).map(|at| self.pages.at(at))
    }

    /// Every handle of a kind, in the order of sign-up.
    pub fn handles(&self, kind: Kind) -> impl Iterator<Item = &str> + Clone {
        self.registry(kind).all().iter().map(|account| account.handle.as_str())
    }

    /// The author with this handle, made when it is named for the first time.
    pub fn sign_up(&mut self, kind: Kind, handle: &str) -> Author {
        let name = match kind {
            Kind::Person => "person",
            Kind::Page => "organization",
        };
        let number = accounts::number(&format!("{name}:{}", handle.to_lowercase()), 9);
        let id = format!("urn:li:{name}:{number}");
        let at = self.registry_mut(kind).sign_up(handle, id, Own::default);
        Author { kind, at }
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

    /// The live grant behind an access token.
    pub fn family(&self, token: &str) -> Option<&Family> {
        let family = self.families.get(self.access.get(token)?.family)?;
        (!family.is_dead).then_some(family)
    }

    /// Whom a bearer token belongs to at `now`.
    pub fn caller(&self, token: Option<&str>, now: Timestamp) -> Result<Caller, Refusal> {
        let token = token.ok_or_else(Refusal::no_token)?;
        let invalid = || Refusal::token(65_600, "INVALID_ACCESS_TOKEN", "Invalid access token");
        let access = self.access.get(token).ok_or_else(invalid)?;
        let family = self.families.get(access.family).ok_or_else(invalid)?;
        if self.unauthorized_until > now {
            return Err(invalid());
        }
        if family.is_dead || now < access.given_at + self.limits.fresh_token_grace() {
            let told = "The token used in the request has been revoked by the user";
            return Err(Refusal::token(65_601, "REVOKED_ACCESS_TOKEN", told));
        }
        if access.expires_at <= now {
            let told = "The token used in the request has expired";
            return Err(Refusal::token(65_602, "EXPIRED_ACCESS_TOKEN", told));
        }
        Ok(Caller { author: family.author, app: family.app, family: access.family })
    }

    /// Everybody on whose behalf the caller may act.
    pub fn authors(&self, caller: Caller) -> impl Iterator<Item = Author> {
        let others = self.families.get(caller.family).map(|family| family.others.as_slice());
        [caller.author].into_iter().chain(others.unwrap_or_default().to_vec())
    }

    /// The caller may act on this one's behalf.
    pub fn may_act(&self, caller: Caller, author: Author) -> bool {
        self.authors(caller).any(|own| own == author)
    }

    /// The author of this URN, where the caller may act on its behalf.
    pub fn acting(&self, caller: Caller, urn: &str) -> Option<Author> {
        self.authors(caller).find(|author| self.account(*author).id == urn)
    }

    /// One of the scopes was consented to.
    pub fn has_scope(&self, caller: Caller, scopes: &[&str]) -> bool {
        let family = self.families.get(caller.family);
        family.is_some_and(|family| family.scopes.iter().any(|s| scopes.contains(&s.as_str())))
    }

    pub fn accounts(&self) -> Value {
        let of = |kind: Kind, name: &'static str| {
            self.registry(kind).all().iter().enumerate().map(move |(at, account)| {
                let author = Author { kind, at };
                let posts = account.own.posts.iter().filter(|at| !self.posts[**at].is_deleted);
                let is_theirs = |f: &&Family| f.author == author || f.others.contains(&author);
                let grants = self.families.iter().filter(is_theirs).filter(|f| !f.is_dead);
                json!({
                    "id": account.id,
                    "handle": account.handle,
                    "kind": name,
                    "posts": posts.count(),
                    "grants": grants.count(),
                })
            })
        };
        of(Kind::Person, PERSONAL).chain(of(Kind::Page, ORGANIZATION)).collect()
    }

    pub fn control(&mut self, control: &Control, now: Timestamp) -> bool {
        match control {
            Control::ExpireToken { account } => {
                let named = Hit::of(self, account.as_deref());
                for access in self.access.values_mut() {
                    if named.is_hit_any(&self.families[access.family]) {
                        access.expires_at = access.expires_at.min(now);
                    }
                }
            }
            Control::Revoke { account } => {
                let named = Hit::of(self, account.as_deref());
                for family in self.families.iter_mut().filter(|f| named.is_hit_any(f)) {
                    family.is_dead = true;
                }
            }
            Control::StuckProcessing { s } => self.stuck_until = now + Duration::from_secs(*s),
            Control::Limits { limits } => return self.limits.replace(limits),
            Control::Limit { account, route, reset_in_s } => {
                let until = now + Duration::from_secs(*reset_in_s);
                let Hit { people, pages } = Hit::of(self, account.as_deref());
                for (kind, named) in [(Kind::Person, people), (Kind::Page, pages)] {
                    let whom = match named {
                        Named::One(at) => Named::One(Author { kind, at }.number()),
                        Named::All | Named::Nobody => named,
                    };
                    self.blocks.add(whom, route.as_deref(), [now, until]);
                }
            }
            Control::UnauthorizedAll { s } => {
                self.unauthorized_until = now + Duration::from_secs(*s);
            }
        }
        true
    }
}

/// Whom a control means; a handle may be that of a person and of a page.
#[derive(Debug, Clone, Copy)]
struct Hit {
    people: Named,
    pages: Named,
}

impl Hit {
    fn of(state: &State, account: Option<&str>) -> Self {
        Self { people: state.people.named(account), pages: state.pages.named(account) }
    }

    fn is_hit_any(self, family: &Family) -> bool {
        self.is_hit(family.author) || family.others.iter().any(|author| self.is_hit(*author))
    }

    fn is_hit(self, author: Author) -> bool {
        match author.kind {
            Kind::Person => self.people.is_hit(author.at),
            Kind::Page => self.pages.is_hit(author.at),
        }
    }
}
