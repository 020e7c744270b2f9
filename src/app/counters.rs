//! The counters of long windows, counted from the ledger for a Redis that has lost them.
//!
//! Only irreversible calls are in the ledger, so only their endpoints can be counted: a limit of
//! uploads or containers begins anew with an empty Redis, and the platform's refusal corrects it.

use crate::App;
use crate::targets::Address;
use base::Fault;
use domain::limit::PERMIT;
use queue::Counter;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;
use store::ledger::{Asked, Spent};

/// Shorter windows are over before their loss costs much.
const WINDOW_MIN: Duration = Duration::from_secs(3_600);

/// The counters of one shard.
///
/// # Errors
/// When Postgres fails.
pub(crate) async fn count(app: &App, shard: u16) -> Result<Vec<Counter>, Fault> {
    // Two scopes of one endpoint and length are counted from the same rows.
    let limits: BTreeSet<(&str, &str, u64)> = long_limits()
        .map(|(platform, limit)| (platform, limit.endpoint, limit.window.as_secs()))
        .collect();
    let asked: Vec<Asked> = limits
        .into_iter()
        .map(|(platform, endpoint, window_s)| Asked { platform, endpoint, window_s })
        .collect();
    let spent = app.0.store.calls_spent(&asked).await?;
    let is_here = |spent: &&Spent| app.0.queue.shard_of(&address(spent).app_key()) == shard;
    let mut counters: HashMap<String, Counter> = HashMap::new();
    for spent in spent.iter().filter(is_here) {
        for counter in counters_of(spent) {
            let known = counters
                .entry(counter.key.clone())
                .or_insert(Counter { used: 0, ..counter.clone() });
            known.used = known.used.saturating_add(counter.used);
            known.reset_at = known.reset_at.max(counter.reset_at);
        }
    }
    Ok(counters.into_values().collect())
}

/// The limits of an hour and longer, with their platform's name.
fn long_limits() -> impl Iterator<Item = (&'static str, &'static domain::limit::Limit)> {
    platforms::ALL
        .iter()
        .filter_map(|platform| Some((platform.name(), platform.adapter()?)))
        .flat_map(|(name, adapter)| {
            let long = adapter.limits().iter().filter(|limit| limit.window >= WINDOW_MIN);
            long.map(move |limit| (name, limit))
        })
}

/// An account's calls count against its own window and against its app's.
///
/// Which of them began the platform's window nobody knows any more, so all of them count until
/// the last of them can be in no running window: too much rather than too little.
fn counters_of(spent: &Spent) -> impl Iterator<Item = Counter> + '_ {
    let reset_at = spent.last_at + Duration::from_secs(spent.window_s) + PERMIT;
    let is_it = |(platform, limit): &(&str, &domain::limit::Limit)| {
        *platform == spent.platform
            && limit.endpoint == spent.endpoint
            && limit.window.as_secs() == spent.window_s
    };
    long_limits().filter(is_it).map(move |(_, limit)| Counter {
        key: address(spent).window(limit.scope, limit.endpoint, spent.window_s),
        used: spent.calls,
        reset_at,
    })
}

fn address(spent: &Spent) -> Address<'_> {
    Address {
        tenant: spent.tenant,
        platform: &spent.platform,
        app: &spent.app,
        account: spent.account,
    }
}
