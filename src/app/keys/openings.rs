//! Who looks into the vault, and what for: openings are counted by account, purpose and hour.
//!
//! Invariant: counting delays nobody. Counts gather in the process and go to Postgres together,
//! a few seconds later; a process that is killed forgets those seconds.

use super::Keys;
use base::{Fault, clock};
use domain::id::{AccountId, TenantId};
use domain::time::Timestamp;
use serde::Serialize;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::Store;
use store::jobs::JobKind;
use store::openings::Opened;
use tokio::sync::mpsc;

/// Counts gather for so long.
const GATHER: Duration = Duration::from_secs(3);
/// Kinds of openings that may wait while Postgres is away.
const WAITING_MAX: usize = 50_000;
/// Rows of one statement at most.
const BATCH_MAX: usize = 5_000;
const HOUR_MS: i64 = 3_600_000;

/// What a grant is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// To publish.
    Publish,
    /// To ask what became of a call.
    Reconcile,
    /// To look what became of a post that is out.
    Follow,
    /// To renew it.
    Refresh,
    /// To hand it back to the platform.
    Revoke,
    /// To see whether it serves.
    Check,
    /// To seal it under another key.
    Rotate,
}

impl Purpose {
    /// What a job of this kind opens it for.
    pub(crate) const fn of(kind: JobKind) -> Self {
        match kind {
            JobKind::Reconcile => Self::Reconcile,
            JobKind::Follow => Self::Follow,
            JobKind::Refresh => Self::Refresh,
            JobKind::Publish | JobKind::FanOut | JobKind::Repost => Self::Publish,
            JobKind::Preflight
            | JobKind::Republish
            | JobKind::Waiting
            | JobKind::Webhook
            | JobKind::Erase
            | JobKind::Media => Self::Check,
        }
    }

    /// The word in SQL and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Reconcile => "reconcile",
            Self::Follow => "follow",
            Self::Refresh => "refresh",
            Self::Revoke => "revoke",
            Self::Check => "check",
            Self::Rotate => "rotate",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Kind {
    tenant: TenantId,
    account: AccountId,
    purpose: Purpose,
    hour: Timestamp,
}

type Counts = Arc<Mutex<HashMap<Kind, i64>>>;

/// The counts of a process.
pub(super) struct Openings {
    store: Store,
    counts: Counts,
    /// Tells the writer that there is something to write.
    bell: mpsc::Sender<()>,
}

impl Openings {
    /// Starts the writer, which ends with this.
    pub fn spawn(store: Store) -> Self {
        let (bell, mut rung) = mpsc::channel(1);
        let counts = Counts::default();
        let (to, gathered) = (store.clone(), counts.clone());
        tokio::spawn(async move {
            let mut cleared = this_hour();
            while rung.recv().await.is_some() {
                clock::pause(GATHER).await;
                write(&to, &gathered).await;
                if cleared != this_hour() {
                    cleared = this_hour();
                    if let Err(fault) = to.forget_openings().await {
                        tracing::warn!(%fault, "openings of long ago were not forgotten");
                    }
                }
            }
        });
        Self { store, counts, bell }
    }

    /// Counts one.
    pub fn count(&self, tenant: TenantId, account: AccountId, purpose: Purpose) {
        metrics::counter!("postfleet_openings_total", "purpose" => purpose.as_str()).increment(1);
        let kind = Kind { tenant, account, purpose, hour: this_hour() };
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= WAITING_MAX && !counts.contains_key(&kind) {
            metrics::counter!("postfleet_openings_uncounted_total").increment(1);
            return;
        }
        *counts.entry(kind).or_default() += 1;
        drop(counts);
        // Rung already: then it is seen with the others.
        let _ = self.bell.try_send(());
    }

    /// Writes what was counted so far.
    pub async fn flush(&self) {
        write(&self.store, &self.counts).await;
    }
}

fn this_hour() -> Timestamp {
    Timestamp::from_ms(clock::now().ms().div_euclid(HOUR_MS) * HOUR_MS)
}

/// Adds the counts to those in Postgres. What it does not take is counted on.
async fn write(store: &Store, counts: &Counts) {
    let taken = std::mem::take(&mut *counts.lock().unwrap_or_else(PoisonError::into_inner));
    let all: Vec<(Kind, i64)> = taken.into_iter().collect();
    for batch in all.chunks(BATCH_MAX) {
        let opened = batch.iter().map(|(kind, count)| Opened {
            tenant: kind.tenant,
            account: kind.account,
            purpose: kind.purpose.as_str().to_owned(),
            hour: kind.hour,
            count: *count,
        });
        if let Err(fault) = store.count_openings(opened.collect()).await {
            tracing::warn!(%fault, "openings were not counted; they are with the next ones");
            let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
            for (kind, count) in batch {
                *counts.entry(*kind).or_default() += count;
            }
        }
    }
}

/// Openings of one account for one purpose in one hour, as people read them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    /// Which account.
    pub account_id: String,
    /// What for.
    pub purpose: String,
    /// The hour.
    pub hour: Timestamp,
    /// How often.
    pub count: i64,
}

/// The openings since an instant, of one account or all, newest first.
///
/// # Errors
/// When Postgres fails.
pub async fn openings(
    keys: &Keys,
    account: Option<AccountId>,
    since: Timestamp,
    limit: i64,
) -> Result<Vec<Shown>, Fault> {
    let all = keys.store.openings(account, since, limit).await?;
    let shown = all.into_iter().map(|one| Shown {
        account_id: one.account.to_string(),
        purpose: one.purpose,
        hour: one.hour,
        count: one.count,
    });
    Ok(shown.collect())
}
