//! The rule as a table, and two hours of an outage in virtual time.

use super::*;
use crate::decision::{Decision, History, PAUSE, decide};
use crate::failure::{Failure, Scope};
use crate::renewal::{DEAD_APART, Refused, Verdict, judge};
use crate::time::Timestamp;

// case: K-census
#[test]
fn three_accounts_and_a_fifth_of_all_are_an_outage() {
    let table = [
        (0, 0, State::InOrder),
        (2, 2, State::InOrder),
        (2, 10, State::InOrder),
        (3, 3, State::OutOfOrder),
        (3, 15, State::OutOfOrder),
        (3, 16, State::Doubtful),
        (19, 100, State::Doubtful),
        (20, 100, State::OutOfOrder),
        (1_999, 10_000, State::Doubtful),
        (2_000, 10_000, State::OutOfOrder),
    ];
    for (refused, connected, expected) in table {
        let census = Census { refused, lately: refused, connected, is_answering: false };
        assert_eq!(state(census), expected, "{census:?}");
        let served = Census { is_answering: true, ..census };
        assert_eq!(state(served), State::InOrder, "others are served");
    }
}

const BEGIN: Timestamp = Timestamp::from_seconds(1_795_000_000);
const OUTAGE: Duration = Duration::from_secs(2 * 3_600);
/// Nobody waits longer for an outage that is over: the rest of an account, and one of the platform.
const RECOVERED: Duration = Duration::from_secs(20 * 60);

/// How the token endpoint answers meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Renewals {
    Work,
    SaySo,
    SayDead,
}

#[derive(Debug, Clone, Copy)]
struct Outage {
    accounts: u64,
    /// Calls are told that the grant is dead, not merely 401.
    says_dead: bool,
    renewals: Renewals,
    /// The tokens end within it, as X's do.
    ends: bool,
    counts_others: bool,
}

/// An account with one post that wants out.
#[derive(Debug, Clone, Copy)]
struct Account {
    next_at: Timestamp,
    refreshed_at: Timestamp,
    ends_at: Timestamp,
    refused_since: Option<Timestamp>,
    dead_since: Option<Timestamp>,
    dead_at: Option<Timestamp>,
    counted_at: Option<Timestamp>,
    refusals: u32,
    is_token_refused: bool,
    out_at: Option<Timestamp>,
    is_lost: bool,
}

struct World {
    outage: Outage,
    accounts: Vec<Account>,
    gate: Timestamp,
    now: Timestamp,
}

impl World {
    fn new(outage: Outage) -> Self {
        // What gives no reason is not believed however few ask. A word about each account takes
        // several of them to be seen through.
        let is_worded = outage.says_dead || outage.renewals == Renewals::SayDead;
        let over_s = if is_worded { 240 } else { 3_600 };
        let account = |number: u64| Account {
            next_at: BEGIN + Duration::from_secs(number * over_s / outage.accounts),
            refreshed_at: BEGIN - Duration::from_secs(3_600),
            ends_at: BEGIN + Duration::from_secs(if outage.ends { 1_200 + number } else { 86_400 }),
            refused_since: None,
            dead_since: None,
            dead_at: None,
            counted_at: None,
            refusals: 0,
            is_token_refused: false,
            out_at: None,
            is_lost: false,
        };
        let accounts = (0..outage.accounts).map(account).collect();
        Self { outage, accounts, gate: BEGIN, now: BEGIN }
    }

    fn is_over(&self) -> bool {
        self.now >= BEGIN + OUTAGE
    }

    fn state(&self) -> State {
        let within = |window: Duration| {
            let is_recent = |at: Timestamp| at + window > self.now;
            let refused = self.accounts.iter().filter(|a| a.counted_at.is_some_and(is_recent));
            refused.count() as u64
        };
        let census = Census {
            refused: within(WINDOW),
            lately: within(LATELY),
            connected: self.outage.accounts,
            is_answering: self.is_over(),
        };
        if self.outage.counts_others { state(census) } else { State::InOrder }
    }

    fn run(&mut self) {
        for _ in 0..1_000_000 {
            let open = |account: &&Account| account.out_at.is_none() && !account.is_lost;
            let Some(next_at) = self.accounts.iter().filter(open).map(|a| a.next_at).min() else {
                return;
            };
            self.now = self.now.max(next_at).max(self.gate);
            let is_next = |account: &Account| open(&account) && account.next_at == next_at;
            self.step(self.accounts.iter().position(is_next).expect("somebody is next"));
        }
        panic!("{:?} never ends", self.outage);
    }

    fn step(&mut self, at: usize) {
        let now = self.now;
        if self.accounts[at].ends_at <= now && !self.renew(at) {
            return;
        }
        if self.is_over() {
            self.accounts[at].out_at = Some(now);
            return;
        }
        let detail = String::new();
        let failure = Failure::Auth { revoked: self.outage.says_dead, detail };
        let account = &mut self.accounts[at];
        let is_fresh = now.since(account.refreshed_at) <= crate::decision::REFRESH_EVERY;
        account.is_token_refused = true;
        if is_fresh {
            account.refused_since.get_or_insert(now);
            account.counted_at = Some(now);
        }
        let account = *account;
        let history = History {
            attempts: 1,
            due_at: BEGIN,
            not_after: None,
            late: crate::lateness::Late::Publish,
            asked_at: None,
            has_doubt: false,
            refreshed_at: account.refreshed_at,
            refused_since: account.refused_since.unwrap_or(now),
            platform: self.state(),
            token_was_stale: false,
            auth_refusals: account.refusals,
            ask_at: now,
            chance: 0.5,
        };
        match decide(&failure, &history, now) {
            Decision::Refresh => {
                self.renew(at);
            }
            Decision::Park { scope, until } => {
                if scope == Scope::Platform {
                    self.gate = self.gate.max(until);
                } else {
                    self.accounts[at].refusals += 1;
                }
                self.accounts[at].next_at = until;
            }
            Decision::Disconnect { .. } | Decision::Fail { .. } | Decision::Miss => {
                self.accounts[at].is_lost = true;
            }
            other => panic!("{other:?}"),
        }
    }

    /// Asks for a new token; `false` when there is none yet.
    fn renew(&mut self, at: usize) -> bool {
        let now = self.now;
        let account = &mut self.accounts[at];
        if let Some(until) = account.dead_at.map(|at| at + DEAD_APART).filter(|at| *at > now) {
            account.next_at = until;
            return false;
        }
        if self.now >= BEGIN + OUTAGE || self.outage.renewals == Renewals::Work {
            account.refreshed_at = now;
            account.ends_at = now + OUTAGE;
            (account.dead_since, account.dead_at) = (None, None);
            account.is_token_refused = false;
            account.next_at = now;
            return true;
        }
        account.dead_since.get_or_insert(now);
        (account.dead_at, account.counted_at) = (Some(now), Some(now));
        let account = *account;
        let refused = Refused {
            since: account.dead_since.unwrap_or(now),
            is_explained: self.outage.renewals == Renewals::SayDead,
            platform: self.state(),
            token_ends_at: account.ends_at,
            is_token_refused: account.is_token_refused,
        };
        match judge(&refused, now) {
            Verdict::Rest(until) | Verdict::Warn(until) => self.accounts[at].next_at = until,
            Verdict::Outage(until) => {
                self.gate = self.gate.max(until);
                self.accounts[at].next_at = until;
            }
            Verdict::Lost => self.accounts[at].is_lost = true,
        }
        false
    }
}

fn lost(outage: Outage) -> usize {
    let mut world = World::new(outage);
    world.run();
    for account in &world.accounts {
        let out_at = account.out_at.unwrap_or(BEGIN);
        assert!(out_at <= BEGIN + OUTAGE + RECOVERED, "{outage:?}: {out_at} is late");
        assert!(account.is_lost || out_at >= BEGIN + OUTAGE, "{outage:?}");
    }
    world.accounts.iter().filter(|account| account.is_lost).count()
}

// case: K-outage-model
#[test]
fn two_hours_of_refusals_disconnect_nobody_and_everything_goes_out_after_them() {
    let mut seen = 0;
    for accounts in [3, 5, 20, 200] {
        for (says_dead, ends) in [(false, false), (false, true), (true, false), (true, true)] {
            for renewals in [Renewals::Work, Renewals::SaySo, Renewals::SayDead] {
                let outage = Outage { accounts, says_dead, renewals, ends, counts_others: true };
                assert_eq!(lost(outage), 0, "{outage:?}");
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 48);
    // Too few to tell an outage by: what gives no reason is not believed either.
    for accounts in [1, 2] {
        for renewals in [Renewals::Work, Renewals::SaySo] {
            let (says_dead, ends, counts_others) = (false, true, true);
            let outage = Outage { accounts, says_dead, renewals, ends, counts_others };
            assert_eq!(lost(outage), 0, "{outage:?}");
        }
    }
    // Without the count, those that are told so are lost: the rule is what saves them.
    let (says_dead, renewals) = (true, Renewals::SayDead);
    let blind = Outage { accounts: 20, says_dead, renewals, ends: true, counts_others: false };
    assert_eq!(lost(blind), 20);
    assert_eq!(PAUSE, WINDOW, "a platform rests for as long as its refusals count");
}
