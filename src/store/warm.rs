//! Connections for the statements of workers, kept at hand.
//!
//! The pool asks a connection whether it is alive before it is lent and after it came back: two
//! round trips around one. A statement that runs hundreds of times a second does without; one that
//! fails takes all connections at hand with it, so that the next ones are asked again.
//! Invariant: what is at hand serves everybody; whoever works for a tenant goes through the pool.

use crate::{Store, scope};
use base::{Fault, clock};
use sqlx::Postgres;
use sqlx::pool::PoolConnection;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Connections at hand at most: those of the batches that run at once. The rest of the pool is for
/// everybody else, and of a small pool that is half of it at least: what is at hand is lent to
/// nobody else, however long it idles.
const AT_HAND_MAX: u32 = 4;
/// One that idles longer goes through the pool again.
const IDLE_MAX: Duration = Duration::from_secs(1);

type Kept = (PoolConnection<Postgres>, Instant);

/// What is at hand, the last one used on top.
#[derive(Clone)]
pub(crate) struct AtHand {
    kept: Arc<Mutex<Vec<Kept>>>,
    kept_max: usize,
}

impl AtHand {
    /// Nothing yet, of a pool of so many.
    pub(crate) fn of(connections_max: u32) -> Self {
        let kept_max = usize::try_from(AT_HAND_MAX.min(connections_max / 2)).unwrap_or(0);
        Self { kept: Arc::default(), kept_max }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives them back to the pool.
    pub(crate) fn clear(&self) {
        let kept = std::mem::take(&mut *self.lock());
        drop(kept);
    }
}

/// A connection for one statement. Call [`Warm::keep`] after it succeeded.
pub(crate) struct Warm {
    connection: Option<PoolConnection<Postgres>>,
    /// None before the connection is taken and after it was kept.
    at_hand: AtHand,
}

impl Store {
    /// A connection at hand, or one of the pool.
    pub(crate) async fn warm(&self) -> Result<Warm, Fault> {
        let kept = if scope::is_everybodys() { self.at_hand.lock().pop() } else { None };
        let connection = match kept {
            Some((connection, since)) if since.elapsed() < IDLE_MAX => connection,
            // On top lies the youngest: the others have idled even longer.
            Some(_) => {
                self.at_hand.clear();
                self.pool.acquire().await?
            }
            None => self.pool.acquire().await?,
        };
        Ok(Warm { connection: Some(connection), at_hand: self.at_hand.clone() })
    }
}

impl Warm {
    /// The statement succeeded: the next one may use the connection as it is.
    pub(crate) fn keep(mut self) {
        if let Some(connection) = self.connection.take()
            && scope::is_everybodys()
        {
            let mut kept = self.at_hand.lock();
            if kept.len() < self.at_hand.kept_max {
                kept.push((connection, clock::stopwatch()));
            }
        }
    }
}

impl Drop for Warm {
    fn drop(&mut self) {
        if self.connection.is_some() {
            self.at_hand.clear();
        }
    }
}

impl Deref for Warm {
    type Target = PoolConnection<Postgres>;

    fn deref(&self) -> &Self::Target {
        match &self.connection {
            Some(connection) => connection,
            None => unreachable!("only `keep` takes it, and with it all of this"),
        }
    }
}

impl DerefMut for Warm {
    fn deref_mut(&mut self) -> &mut Self::Target {
        match &mut self.connection {
            Some(connection) => connection,
            None => unreachable!("only `keep` takes it, and with it all of this"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_a_small_pool_is_for_everybody_else() {
        let kept_max = [1, 2, 3, 8, 16].map(|max| AtHand::of(max).kept_max);
        assert_eq!(kept_max, [0, 1, 1, 4, 4]);
    }
}
