//! Two outages in virtual time, six hours and one: random posts of some accounts, workers that take
//! up what is overdue two at a time and not quite in order, and calls that fail now and then.

use super::*;
use std::collections::BTreeMap;

const ACCOUNTS: u64 = 4;
const POSTS: u64 = 160;
const RUNS: u64 = 60;
/// The workers are away, in hours of the run: from, until.
const OUTAGES: [(u64, u64); 2] = [(2, 8), (9, 10)];
const DAY_H: u64 = 14;
const GAP: Duration = Duration::from_secs(30);
const LATE_AFTER: Duration = Duration::from_secs(60);
/// From a wake-up to its call at most.
const WORK_MS: u64 = 400;

struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// How a post ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Out,
    Missed(Verdict),
}

struct Post {
    account: u64,
    terms: Terms,
    wake_at: Timestamp,
    slot_at: Option<Timestamp>,
    has_failed: bool,
    ended: Option<(End, Timestamp)>,
}

struct Run {
    posts: BTreeMap<DeliveryId, Post>,
    /// When the last late call of an account left.
    last_at: BTreeMap<u64, Timestamp>,
    /// Late calls of an account, failed ones too, with the due time of their post.
    calls: BTreeMap<u64, Vec<(Timestamp, Timestamp)>>,
    chance: Chance,
    can_fail: bool,
}

fn away(at: Timestamp) -> Option<Timestamp> {
    let out = OUTAGES.iter().map(|(from, until)| (DUE + hours(*from), DUE + hours(*until)));
    out.into_iter().find(|(from, until)| at >= *from && at < *until).map(|(_, until)| until)
}

impl Run {
    fn new(seed: u64, can_fail: bool) -> Self {
        let mut chance = Chance(seed);
        let mut posts = BTreeMap::new();
        for n in 0..POSTS {
            let due_at = DUE + Duration::from_millis(chance.below(DAY_H * 3_600_000));
            let late = Late::WORDS[chance.below(3) as usize].1;
            let life = Duration::from_secs(60 + chance.below(8 * 3_600));
            let not_after = (late != Late::Publish || chance.below(2) == 0).then(|| due_at + life);
            let terms = Terms { late, due_at, not_after, asked_at: None };
            let account = chance.below(ACCOUNTS);
            let post = Post {
                account,
                terms,
                wake_at: due_at,
                slot_at: None,
                has_failed: false,
                ended: None,
            };
            posts.insert(id(n.into()), post);
        }
        Self { posts, last_at: BTreeMap::new(), calls: BTreeMap::new(), chance, can_fail }
    }

    /// Takes wake-ups until every post has ended.
    fn play(&mut self) {
        let mut now = DUE;
        while let Some((next, at)) = self.next(now) {
            now = now.max(at);
            if let Some(until) = away(now) {
                now = until;
                continue;
            }
            let work = Duration::from_millis(self.chance.below(WORK_MS));
            self.take(next, now + work);
        }
    }

    /// The first wake-up; of those that are overdue one of the first two of any account.
    fn next(&mut self, now: Timestamp) -> Option<(DeliveryId, Timestamp)> {
        let mut open: Vec<_> = self.posts.iter().filter(|(_, post)| post.ended.is_none()).collect();
        open.sort_by_key(|(id, post)| (post.wake_at, **id));
        let first = open.first().map(|(id, post)| (**id, post.wake_at))?;
        let mut heads: Vec<DeliveryId> = Vec::new();
        for account in 0..ACCOUNTS {
            let lane = open.iter().filter(|(_, p)| p.account == account && p.wake_at <= now);
            heads.extend(lane.take(2).map(|(id, _)| **id));
        }
        match heads.len() {
            0 => Some(first),
            count => Some((heads[self.chance.below(count as u64) as usize], now)),
        }
    }

    fn take(&mut self, own: DeliveryId, now: Timestamp) {
        let (account, terms) = (self.posts[&own].account, self.posts[&own].terms);
        let verdict = decide(&terms, now);
        if verdict != Verdict::Go {
            return self.end(own, End::Missed(verdict), now);
        }
        let is_late = |post: &Post| now.since(post.terms.due_at) > LATE_AFTER;
        if is_late(&self.posts[&own]) {
            let late = self
                .posts
                .iter()
                .filter(|(_, p)| p.account == account && p.ended.is_none() && is_late(p));
            let waiting: Vec<Waiting> = late
                .map(|(id, p)| Waiting { id: *id, due_at: p.terms.due_at, slot_at: p.slot_at })
                .collect();
            let placed = place(&waiting, own, GAP, self.last_at.get(&account).copied(), now);
            for (id, slot) in placed.slots {
                let post = self.posts.get_mut(&id).unwrap();
                post.slot_at = Some(slot);
                if id != own {
                    post.wake_at = post.wake_at.max(slot);
                }
            }
            if let Some(at) = placed.at {
                let ends = terms.ends_at() + Duration::from_millis(1);
                self.posts.get_mut(&own).unwrap().wake_at = at.min(ends);
                return;
            }
            self.last_at.insert(account, now);
            self.calls.entry(account).or_default().push((now, terms.due_at));
        }
        if self.can_fail && self.chance.below(10) == 0 {
            let post = self.posts.get_mut(&own).unwrap();
            post.wake_at = now + Duration::from_millis(100 + self.chance.below(300_000));
            post.has_failed = true;
            return;
        }
        self.end(own, End::Out, now);
    }

    fn end(&mut self, own: DeliveryId, end: End, now: Timestamp) {
        self.posts.get_mut(&own).unwrap().ended = Some((end, now));
    }

    /// The rule of each post was followed, and what was on time kept its time.
    fn check(&self, seen: &mut BTreeMap<String, u64>) {
        for post in self.posts.values() {
            let (end, at) = post.ended.unwrap();
            let terms = post.terms;
            assert!(at >= terms.due_at, "early: {terms:?} at {at}");
            let was_away = away(terms.due_at).is_some();
            match end {
                End::Out => assert!(at <= terms.ends_at(), "too late: {terms:?} at {at}"),
                End::Missed(verdict) => {
                    assert!(at > terms.ends_at() && verdict == terms.miss(), "{terms:?}, {at}");
                    assert!(was_away || post.has_failed || terms.not_after.is_some());
                }
            }
            let took = at.since(terms.due_at);
            if !was_away && !post.has_failed {
                assert!(took <= LATE_AFTER, "a backlog held up what was on time: {took:?}");
            }
            let what = if end == End::Out && took > LATE_AFTER { "late" } else { "in time" };
            let what = if end == End::Out { what.to_owned() } else { format!("{end:?}") };
            *seen.entry(what).or_default() += 1;
        }
        for calls in self.calls.values() {
            for pair in calls.windows(2) {
                let apart = pair[1].0.since(pair[0].0);
                assert!(apart >= GAP, "late calls are {apart:?} apart");
                // Who failed comes again out of turn.
                assert!(self.can_fail || pair[0].1 <= pair[1].1, "out of order: {pair:?}");
            }
        }
    }
}

// case: LT-outage-virtual
#[test]
fn after_six_hours_every_post_follows_its_rule_and_late_ones_leave_apart() {
    let mut seen = BTreeMap::new();
    for seed in 1..=RUNS {
        for can_fail in [false, true] {
            let mut run = Run::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15), can_fail);
            run.play();
            run.check(&mut seen);
        }
    }
    println!("outages: {seen:?}");
    for what in ["in time", "late", "Missed(Fail)", "Missed(Hold)", "Missed(Skip)"] {
        assert!(seen.get(what).is_some_and(|times| *times > 100), "{what}: {seen:?}");
    }
}
