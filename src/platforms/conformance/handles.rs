//! What was made ready of a post ends some time; a post that is due later is made ready anew.

use super::{each, is_out};
use crate::port::{Checkpoint, Receipt, Verdict};
use crate::rig::Rig;
use domain::content::Content;
use domain::failure::Failure;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

/// Longer than the handles of any platform live, a session of a week included.
const LONG: Duration = Duration::from_secs(40 * 86_400);
/// Shorter than any of them.
const SHORT: Duration = Duration::from_secs(600);

/// Makes everything ready, lets time pass with the grant kept alive, and publishes. Whether the
/// adapter said that all of it would last, and whether it went out without being made anew.
fn published_after(name: &str, rig: &mut Rig, content: &Content, time: Duration) -> (bool, bool) {
    let at = rig.until_irreversible(content);
    let until = rig.now + time;
    let lasts = rig.adapter.publish().outlives(&at, until);
    while rig.now < until {
        let ends = rig.grant.as_ref().expect("an account is connected").expires_at;
        if ends > until + Duration::from_secs(1_800) {
            rig.now = until;
        } else {
            rig.now = rig.now.max(until.min(ends - Duration::from_secs(1_800)));
            rig.refresh().unwrap_or_else(|why| panic!("{name}: {why:?}"));
        }
    }
    let before = rig.calls.len();
    let (receipt, was_lost) = go_out(name, rig, content, at);
    is_out(name, rig, content, &receipt);
    (lasts, rig.calls[before] == rig.adapter.publishing()[0] && !was_lost)
}

/// From what was made ready to the receipt. A call of which nobody knows what became is asked for,
/// as on the way of a delivery.
fn go_out(name: &str, rig: &mut Rig, content: &Content, mut at: Checkpoint) -> (Receipt, bool) {
    let mut was_lost = false;
    loop {
        at = match rig.step(&at, content) {
            Ok(Ok(next)) => next,
            Ok(Err(receipt)) => return (receipt, was_lost),
            Err((next, Failure::Unknown { .. })) => {
                was_lost = true;
                rig.wait(600);
                match rig.ask(&next, content) {
                    Verdict::Absent(next) => next,
                    verdict => panic!("{name}: {verdict:?}"),
                }
            }
            Err((_, why)) => panic!("{name}: {why:?}"),
        }
    }
}

// case: T-handles
#[test]
fn what_was_made_ready_goes_out_once_and_is_made_anew_where_it_has_ended() {
    let (kept, anew) = (RefCell::new(BTreeSet::new()), RefCell::new(BTreeSet::new()));
    for time in [SHORT, LONG] {
        each(|name, rig, content| {
            let platform = rig.platform.name();
            let has_files = content.media().next().is_some();
            let (lasts, is_straight) = published_after(name, rig, content, time);
            // A post that is moved keeps what is said to last, so that has to be true.
            assert!(is_straight || !lasts, "{name} after {time:?}");
            if lasts && has_files {
                kept.borrow_mut().insert((platform, time));
            }
            if !is_straight {
                anew.borrow_mut().insert((platform, time));
            }
        });
    }
    println!("kept {kept:?}, made anew {anew:?}");
    let (kept, anew) = (kept.into_inner(), anew.into_inner());
    // What some keep for minutes, all of them make anew after weeks.
    assert!(kept.len() >= 3 && kept.iter().all(|(_, time)| *time == SHORT), "{kept:?}");
    assert!(kept.iter().all(|(name, _)| anew.contains(&(*name, LONG))), "{kept:?} {anew:?}");
    assert!(anew.iter().filter(|(_, time)| *time == LONG).count() >= 4, "{anew:?}");
}
