//! Who is on a simulated platform, and the windows that a test has used up for them.

use domain::time::Timestamp;
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// The accounts of a platform, each with what that platform remembers of it.
#[derive(Debug, PartialEq)]
pub(crate) struct Accounts<T> {
    list: Vec<Account<T>>,
    handles: HashMap<String, usize>,
    ids: HashMap<String, usize>,
}

/// A person, brand or page.
#[derive(Debug, PartialEq)]
pub(crate) struct Account<T> {
    /// The platform's id.
    pub id: String,
    /// The name a person knows it by.
    pub handle: String,
    /// What the platform remembers.
    pub own: T,
}

/// Whom a control means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    All,
    One(usize),
    Nobody,
}

impl Named {
    pub fn is_hit(self, account: usize) -> bool {
        self == Self::All || self == Self::One(account)
    }
}

impl<T> Default for Accounts<T> {
    fn default() -> Self {
        Self { list: Vec::new(), handles: HashMap::new(), ids: HashMap::new() }
    }
}

impl<T> Accounts<T> {
    /// The account at a position that this registry gave out.
    pub fn at(&self, at: usize) -> &Account<T> {
        &self.list[at]
    }

    pub fn at_mut(&mut self, at: usize) -> &mut Account<T> {
        &mut self.list[at]
    }

    /// All of them, in the order of sign-up.
    pub fn all(&self) -> &[Account<T>] {
        &self.list
    }

    /// The position of the account with this platform id.
    pub fn by_id(&self, id: &str) -> Option<usize> {
        self.ids.get(id).copied()
    }

    /// The account with this handle, made when it is named for the first time. Its id has to
    /// follow from the handle, so that it is the same after every reset.
    pub fn sign_up(&mut self, handle: &str, id: String, own: impl FnOnce() -> T) -> usize {
        let key = handle.to_lowercase();
        if let Some(at) = self.handles.get(&key) {
            return *at;
        }
        let at = self.list.len();
        self.list.push(Account { id: id.clone(), handle: handle.to_owned(), own: own() });
        self.handles.insert(key, at);
        self.ids.insert(id, at);
        at
    }

    /// Whom a control means: all without a name, else one by id or handle.
    pub fn named(&self, account: Option<&str>) -> Named {
        let Some(name) = account else {
            return Named::All;
        };
        let handle = name.trim_start_matches('@').to_lowercase();
        let found = self.ids.get(name).or_else(|| self.handles.get(&handle));
        found.map_or(Named::Nobody, |at| Named::One(*at))
    }
}

/// A number that follows from a name: `digits` digits, the first one not 0.
pub(crate) fn number(name: &str, digits: u32) -> u64 {
    let digest = Sha256::digest(name);
    let seed = digest.iter().take(8).fold(0_u64, |id, byte| id << 8 | u64::from(*byte));
    let lowest = 10_u64.pow(digits - 1);
    lowest + seed % (9 * lowest)
}

/// The windows that a test has used up.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Blocks(Vec<Block>);

#[derive(Debug, PartialEq)]
struct Block {
    account: Option<usize>,
    route: Option<String>,
    until: Timestamp,
}

impl Blocks {
    /// From `now` until then nothing goes through for these.
    pub fn add(&mut self, whom: Named, route: Option<&str>, [now, until]: [Timestamp; 2]) {
        self.0.retain(|block| block.until > now);
        let account = match whom {
            Named::All => None,
            Named::One(at) => Some(at),
            Named::Nobody => return,
        };
        self.0.push(Block { account, route: route.map(Into::into), until });
    }

    /// When the last of the blocks that hold a call ends.
    pub fn until(&self, route: &str, account: usize, now: Timestamp) -> Option<Timestamp> {
        let holds = |block: &&Block| {
            block.until > now
                && block.account.is_none_or(|held| held == account)
                && block.route.as_deref().is_none_or(|held| held == route)
        };
        self.0.iter().filter(holds).map(|block| block.until).max()
    }
}
