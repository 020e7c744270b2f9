//! The counters of long windows, counted from the ledger for a Redis that has lost them.
//!
//! Only irreversible calls are in the ledger, so only they can be counted, or what each of them
//! tells of ([`platforms::Adapter::ledger_of`]): a limit of anything else begins anew with an empty
//! Redis, and the platform's refusal corrects it.

use crate::targets::Address;
use crate::{App, accounts, meter};
use base::Fault;
use domain::limit::{Limit, PERMIT};
use domain::time::Timestamp;
use domain::zone::Zone;
use queue::Counter;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;
use store::ledger::{Asked, OwnUsed, Spent};

/// Shorter windows are over before their loss costs much.
const WINDOW_MIN: Duration = Duration::from_secs(3_600);

/// The counters of one shard.
///
/// # Errors
/// When Postgres fails.
pub(crate) async fn count(app: &App, shard: u16) -> Result<Vec<Counter>, Fault> {
    // Two scopes of one endpoint and length are counted from the same rows.
    let now = app.now();
    let windows: BTreeSet<(&str, &str, u64, u64)> = long_limits(now)
        .map(|w| (w.platform, w.ledger, w.limit.window.as_secs(), w.back_s))
        .collect();
    let asked: Vec<Asked> = windows
        .into_iter()
        .map(|(platform, endpoint, window_s, back_s)| Asked {
            platform,
            endpoint,
            window_s,
            back_s,
        })
        .collect();
    let spent = app.0.store.calls_spent(&asked).await?;
    let is_here = |spent: &&Spent| app.0.queue.shard_of(&address(spent).app_key()) == shard;
    let mut counters: HashMap<String, Counter> = HashMap::new();
    for spent in spent.iter().filter(is_here) {
        for counter in counters_of(spent, now) {
            let known = counters
                .entry(counter.key.clone())
                .or_insert(Counter { used: 0, ..counter.clone() });
            known.used = known.used.saturating_add(counter.used);
            known.reset_at = known.reset_at.max(counter.reset_at);
        }
    }
    let mut counters: Vec<Counter> = counters.into_values().collect();
    let own = app.0.store.own_limits_used(Zone::Utc.last_midnight(now)).await?;
    let is_here = |used: &&OwnUsed| {
        app.0.queue.shard_of(&accounts::address(&used.account).app_key()) == shard
    };
    counters.extend(own.iter().filter(is_here).flat_map(|used| own_counters(used, now)));
    Ok(counters)
}

/// What was used of the limits that an account's owner has set.
fn own_counters(used: &OwnUsed, now: Timestamp) -> Vec<Counter> {
    let [day, gap] = meter::own_keys(accounts::address(&used.account), used.own);
    let ends = Zone::Utc.next_midnight(now) + PERMIT;
    let today = Counter { key: day, used: used.today, reset_at: ends };
    let apart = used.own.min_gap_s.map(|s| Counter {
        key: gap,
        used: 1,
        reset_at: used.last_at + Duration::from_secs(s.into()) + PERMIT,
    });
    let is_running = |counter: &Counter| counter.reset_at > now && counter.used > 0;
    [Some(today), apart].into_iter().flatten().filter(is_running).collect()
}

/// A limit that is counted.
struct Window {
    platform: &'static str,
    limit: &'static Limit,
    /// The call that tells of it in the ledger.
    ledger: &'static str,
    /// So many seconds back it may have begun.
    back_s: u64,
    /// When it ends, by a calendar.
    ends_at: Option<Timestamp>,
}

/// The limits of an hour and longer.
fn long_limits(now: Timestamp) -> impl Iterator<Item = Window> {
    let adapters = platforms::ALL.iter().filter_map(|one| Some((one.name(), one.adapter()?)));
    adapters.flat_map(move |(platform, adapter)| {
        let long = adapter.limits().iter().filter(|limit| limit.window >= WINDOW_MIN);
        long.map(move |limit| {
            let zone = adapter.day_in(limit);
            let back = zone.map_or(limit.window, |zone| now.since(zone.last_midnight(now)));
            Window {
                platform,
                limit,
                ledger: adapter.ledger_of(limit),
                back_s: back.as_secs(),
                ends_at: zone.map(|zone| zone.next_midnight(now)),
            }
        })
    })
}

/// An account's calls count against its own window and against its app's.
///
/// Which of them began the platform's window nobody knows any more, so all of them count until
/// the last of them can be in no running window: too much rather than too little. The window of a
/// calendar is known.
fn counters_of(spent: &Spent, now: Timestamp) -> impl Iterator<Item = Counter> + '_ {
    let rolls = spent.last_at + Duration::from_secs(spent.window_s);
    let is_it = |window: &Window| {
        window.platform == spent.platform
            && window.ledger == spent.endpoint
            && window.limit.window.as_secs() == spent.window_s
    };
    long_limits(now).filter(is_it).map(move |window| Counter {
        key: address(spent).window(window.limit.scope, window.limit.endpoint, spent.window_s),
        used: spent.calls,
        reset_at: window.ends_at.unwrap_or(rolls) + PERMIT,
    })
}

fn address(spent: &Spent) -> Address<'_> {
    Address {
        tenant: spent.tenant,
        platform: &spent.platform,
        app: spent.app_key(),
        account: spent.account,
    }
}
