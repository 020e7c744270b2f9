//! One irreversible call of an account at a time.
//!
//! The queue gives a second job of an account only to the process that holds the first, so a lock
//! of this process is enough; and it is no safeguard, only order: what guards is the intent.

use domain::id::AccountId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

/// Locks are cleared away when there are more than this many.
const KEPT_MAX: usize = 10_000;

/// Whose turn it is, by account.
#[derive(Default)]
pub(crate) struct Turns(Mutex<HashMap<AccountId, Arc<Turn<()>>>>);

impl Turns {
    /// Waits for the account's turn; it ends with the guard.
    pub async fn take(&self, account: AccountId) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if turns.len() > KEPT_MAX {
                // Only this map holds a lock that nobody waits for.
                turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            }
            turns.entry(account).or_default().clone()
        };
        turn.lock_owned().await
    }
}
