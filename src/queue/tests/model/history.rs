//! One history: a bad time, then a quiet one in which everything has to come to its end.

use super::chance::Chance;
use super::fleet::{Fleet, Seen};
use super::layout::{CLAIMS_MANY, JOBS_MAX, PUBLISH, RECONCILE, SCOPES};
use super::left;
use super::scripts::Safeguard;
use super::server::Server;
use super::shard::{Kept, Shard};
use super::truth::{Gate, Truth};

/// Rounds of the quiet time; most histories need fewer than ten.
const ROUNDS_MAX: usize = 100;
/// More of them make a story no clearer.
const ROUNDS_TOLD: usize = 8;
const ROUND_US: i64 = 4_000_000;

/// What one history is made of.
#[derive(Clone, Copy)]
pub struct Plan {
    pub seed: u64,
    pub operations: usize,
    pub off: Option<Safeguard>,
    pub is_told: bool,
}

/// What a history came to.
pub struct Ended {
    pub kept: Kept,
    pub seen: Seen,
    /// Empty unless it was to be told.
    pub story: Vec<String>,
}

/// Runs a history.
pub fn run(server: &mut Server, plan: Plan) -> Ended {
    let truth = Truth::new(Fleet::beginning(), plan.off);
    let mut fleet = Fleet::new(server, Chance::new(plan.seed), truth);
    fleet.story = plan.is_told.then(Vec::new);
    let mut lived = || {
        fleet.pass(0);
        fleet.relay()?;
        (0..3).try_for_each(|w| fleet.renew(w))?;
        for _ in 0..plan.operations {
            let us = fleet.chance.between(1, 300);
            fleet.pass(us);
            operate(&mut fleet)?;
            // What a safeguard is needed for is another rule.
            if plan.off.is_none() && fleet.chance.one_in(8) {
                compare(&mut fleet)?;
            }
        }
        left::agree(fleet.server.dump(), &fleet.shard)?;
        calm(&mut fleet)
    };
    let kept = lived();
    Ended { kept, seen: fleet.seen, story: fleet.story.unwrap_or_default() }
}

fn operate(fleet: &mut Fleet<'_>) -> Kept {
    let w = fleet.chance.index(3);
    match fleet.chance.below(100) {
        0..=11 => add_or_edit(fleet),
        12..=16 => push_again(fleet),
        17..=40 => {
            let queue = usize::from(fleet.chance.one_in(4));
            let claims = [0, 1, 2, CLAIMS_MANY][fleet.chance.index(4)];
            let is_lost = fleet.chance.one_in(20);
            fleet.turn(w, queue, claims, is_lost)?;
        }
        41..=64 => work(fleet, w, 4)?,
        65..=66 => fleet.crash(w),
        67..=69 => fleet.renew(w)?,
        70..=72 => fleet.reap()?,
        73..=75 => gate(fleet),
        76..=83 => forward(fleet)?,
        84..=87 => stall(fleet)?,
        88 => set_clock(fleet, -4_000_000),
        89 => lose(fleet)?,
        90..=91 => {
            fleet.tell(format_args!("the present state is kept"));
            fleet.saved = Some((fleet.server.save(), fleet.shard.clone()));
        }
        92 => restore(fleet)?,
        93..=96 => {
            fleet.relay()?;
        }
        97..=98 => late_relay(fleet)?,
        _ => fleet.sweep(),
    }
    Ok(())
}

/// Redis tells which jobs it would never wake, of those that are owed and those that were.
fn compare(fleet: &mut Fleet<'_>) -> Kept {
    let mut wakeups = fleet.truth.owed();
    wakeups.extend(&fleet.pushed);
    let told = fleet.server.unknown(&wakeups);
    let is_unknown = |place: &usize| !fleet.shard.knows(&wakeups[*place]);
    let unknown: Vec<usize> = (0..wakeups.len()).filter(is_unknown).collect();
    if told != unknown {
        return Err(format!("{told:?} of {wakeups:?} are called unknown, not {unknown:?}"));
    }
    fleet.note("called unknown", unknown.len());
    fleet.note("called known", wakeups.len() - unknown.len());
    Ok(())
}

/// Up to so many steps of a worker.
fn work(fleet: &mut Fleet<'_>, w: usize, most: usize) -> Kept {
    for _ in 0..=fleet.chance.index(most) {
        if !fleet.work(w)? {
            break;
        }
    }
    Ok(())
}

/// Whoever arms a job pushes it after his commit, if he lives so long.
fn add_or_edit(fleet: &mut Fleet<'_>) {
    let due = fleet.truth.now + fleet.chance.between(-1_000, 12_000);
    let known = u8::try_from(fleet.truth.rows.len()).unwrap();
    let armed = if known < JOBS_MAX && (known < 2 || fleet.chance.one_in(2)) {
        Some(fleet.truth.add(known + 1, due))
    } else {
        let id = u8::try_from(fleet.chance.between(0, i64::from(known))).unwrap() + 1;
        fleet.truth.edit(id, due)
    };
    let is_pushed = !fleet.chance.one_in(5);
    fleet.tell(format_args!("armed {armed:?}, pushed: {is_pushed}"));
    if let Some(wakeup) = armed {
        fleet.pushed.push(wakeup);
        if is_pushed {
            fleet.push(&[wakeup]);
        }
    }
}

/// Pushes older and equal generations, and newer ones whose push was late.
fn push_again(fleet: &mut Fleet<'_>) {
    if !fleet.pushed.is_empty() {
        let at = fleet.chance.index(fleet.pushed.len());
        let wakeup = fleet.pushed[at];
        fleet.tell(format_args!("pushed again {wakeup:?}"));
        fleet.push(&[wakeup]);
    }
}

fn gate(fleet: &mut Fleet<'_>) {
    let scope = SCOPES[fleet.chance.index(SCOPES.len())];
    if fleet.chance.one_in(4) {
        fleet.tell(format_args!("{scope} is opened"));
        fleet.truth.gates.remove(scope);
        fleet.server.open(scope);
        fleet.shard.gates.remove(scope);
        return;
    }
    let until = fleet.truth.now + fleet.chance.between(500, 15_000);
    let is_told = !fleet.chance.one_in(8);
    fleet.tell(format_args!("{scope} is closed until {until}, told: {is_told}"));
    let gate = fleet.truth.gates.entry(scope.to_owned()).or_insert(Gate { until, is_told });
    *gate = Gate { until: gate.until.max(until), is_told };
    if is_told {
        let until = gate.until;
        fleet.server.close(scope, until);
        fleet.shard.close(scope, until);
    }
}

/// Time passes. Who lives has renewed meanwhile, mostly.
fn forward(fleet: &mut Fleet<'_>) -> Kept {
    let us = match fleet.chance.below(6) {
        0 => fleet.chance.between(9_000_000, 14_000_000),
        1..=2 => fleet.chance.between(1_000_000, 6_000_000),
        _ => fleet.chance.between(1_000, 1_000_000),
    };
    fleet.tell(format_args!("{us} us pass"));
    fleet.pass(us);
    for w in 0..3 {
        if us > 2_000_000 && !fleet.chance.one_in(3) {
            fleet.renew(w)?;
        }
    }
    Ok(())
}

/// The process with the most in hand stands still for longer than a lease, and its work goes to
/// the others. Then it goes on as if nothing had been.
fn stall(fleet: &mut Fleet<'_>) -> Kept {
    let w = (0..3).max_by_key(|w| fleet.workers[*w].held.len()).unwrap_or(0);
    fleet.tell(format_args!("worker {w} stands still"));
    for _ in 0..4 {
        let us = fleet.chance.between(2_600_000, 3_600_000);
        fleet.pass(us);
        for other in (0..3).filter(|other| *other != w) {
            fleet.renew(other)?;
        }
    }
    fleet.reap()?;
    for _ in 0..fleet.chance.index(4) {
        let other = (w + 1 + fleet.chance.index(2)) % 3;
        for queue in [PUBLISH, RECONCILE] {
            fleet.turn(other, queue, CLAIMS_MANY, false)?;
        }
        work(fleet, other, 8)?;
        fleet.pass(150_000);
    }
    work(fleet, w, 3)
}

/// Redis's clock is set, or is another one.
fn set_clock(fleet: &mut Fleet<'_>, least_us: i64) {
    let ahead = fleet.chance.between(least_us, 4_000_000);
    fleet.skew_us = ahead;
    fleet.tell(format_args!("Redis's clock is now ahead by {ahead} us"));
    fleet.pass(0);
}

/// Everything in Redis is gone, which is still the same server.
fn lose(fleet: &mut Fleet<'_>) -> Kept {
    fleet.tell(format_args!("FLUSHALL"));
    fleet.server.wipe();
    fleet.shard = fleet.shard.followed_by(Shard::default());
    fleet.truth.gates.values_mut().for_each(|gate| gate.is_told = false);
    find(fleet)
}

/// Redis starts anew with what it has, or with what was kept earlier; on another machine the clock
/// is another one too.
fn restore(fleet: &mut Fleet<'_>) -> Kept {
    fleet.new_server();
    let is_older = !fleet.chance.one_in(3) && fleet.saved.is_some();
    fleet.tell(format_args!("Redis starts anew, with an older state: {is_older}"));
    if let Some((saved, shard)) = fleet.saved.as_ref().filter(|_| is_older) {
        fleet.server.restore(saved);
        fleet.shard = fleet.shard.followed_by(shard.clone());
    }
    find(fleet)
}

/// Relays look often, so that an unknown Redis is mostly found before much else happens.
fn find(fleet: &mut Fleet<'_>) -> Kept {
    if fleet.chance.one_in(3) {
        set_clock(fleet, -30_000_000);
    }
    for _ in 0..fleet.chance.index(3) {
        fleet.relay()?;
    }
    Ok(())
}

/// A relay that reads now and pushes later, when another one may have been faster.
fn late_relay(fleet: &mut Fleet<'_>) -> Kept {
    if let Some((from, next)) = fleet.late.take() {
        return fleet.relay_push(&from, &next);
    }
    if let Some(from) = fleet.cursor()? {
        let next = fleet.next_after(&from);
        fleet.late = Some((from, next)).filter(|(_, next)| !next.is_empty());
    }
    Ok(())
}

/// Everybody lives, nothing fails: every job comes to its end.
fn calm(fleet: &mut Fleet<'_>) -> Kept {
    fleet.tell(format_args!("-- from here on all is well"));
    fleet.is_calm = true;
    fleet.skew_us = fleet.skew_us.max(0);
    for number in 0..ROUNDS_MAX {
        fleet.is_silent = number >= ROUNDS_TOLD;
        round(fleet)?;
        let is_done = fleet.truth.owed().is_empty() && fleet.shard.is_idle();
        if is_done && fleet.workers.iter().all(|w| w.unsent.is_empty() && w.held.is_empty()) {
            return ended(fleet);
        }
    }
    let (owed, shard) = (fleet.truth.owed(), &fleet.shard);
    Err(format!("lost: {owed:?} are owed for ever; the shard holds {shard:?}"))
}

fn round(fleet: &mut Fleet<'_>) -> Kept {
    fleet.pass(ROUND_US);
    (0..3).try_for_each(|w| fleet.renew(w))?;
    fleet.reap()?;
    while fleet.relay()? {}
    fleet.sweep();
    for w in 0..3 {
        while fleet.work(w)? {}
        for queue in 0..2 {
            let has_ended = fleet.workers[w].unsent.iter().any(|ack| ack.receipt.queue == queue);
            let told = fleet.shard.identity.map(|told| told.incarnation.to_string());
            // Everybody claims now and then, and so hears that Redis was filled anew; here only
            // as often as needed.
            let is_new =
                told.is_some_and(|told| fleet.workers[w].incarnations[queue] != Some(told));
            let claims = if w == 0 { CLAIMS_MANY } else { usize::from(is_new) };
            if claims > 0 || has_ended || fleet.workers[w].in_doubt[queue] {
                fleet.turn(w, queue, claims, false)?;
            }
        }
    }
    Ok(())
}

/// All went out once, and nothing is left in Redis.
fn ended(fleet: &mut Fleet<'_>) -> Kept {
    for (id, row) in &fleet.truth.rows {
        let times = fleet.truth.received.get(id).copied().unwrap_or(0);
        if times != 1 || !row.is_done {
            return Err(format!("job {id} was sent {times} times, {row:?}"));
        }
    }
    // Gates open by themselves; lanes that waited for them are looked at once more.
    fleet.pass(ROUND_US * 5);
    fleet.renew(0)?;
    (0..2).try_for_each(|queue| fleet.turn(0, queue, CLAIMS_MANY, false))?;
    let left = fleet.server.dump();
    left::is_clean(&left)?;
    left::agree(left, &fleet.shard)
}
