//! What was made ready of a post ends some time; a post that is due later is made ready anew.

use super::{each, is_out};
use crate::rig::Rig;
use domain::content::Content;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

/// Longer than the handles of any platform live, a session of a week included.
const LONG: Duration = Duration::from_secs(40 * 86_400);
/// Shorter than any of them.
const SHORT: Duration = Duration::from_secs(600);

/// Makes everything ready, lets time pass with the grant kept alive, and publishes. Whether the
/// adapter said that all of it would last, and the first call after that time.
fn published_after(
    name: &str,
    rig: &mut Rig,
    content: &Content,
    time: Duration,
) -> (bool, &'static str) {
    let at = rig.until_irreversible(content);
    let until = rig.now + time;
    let lasts = rig.adapter.publish().outlives(&at, until);
    while rig.now < until {
        let grant = rig.grant.clone().expect("an account is connected");
        rig.now = until.min(grant.expires_at - Duration::from_secs(60));
        if rig.now < until {
            rig.refresh().unwrap_or_else(|why| panic!("{name}: {why:?}"));
        }
    }
    let before = rig.calls.len();
    let receipt = rig.publish_from(at, content).unwrap_or_else(|why| panic!("{name}: {why:?}"));
    is_out(name, rig, content, &receipt);
    (lasts, rig.calls[before])
}

// case: T-handles
#[test]
fn what_was_made_ready_goes_out_once_and_is_made_anew_where_it_has_ended() {
    let (kept, anew) = (RefCell::new(BTreeSet::new()), RefCell::new(BTreeSet::new()));
    for time in [SHORT, LONG] {
        each(|name, rig, content| {
            let platform = rig.platform.name();
            let has_files = content.media().next().is_some();
            let (lasts, first) = published_after(name, rig, content, time);
            let is_straight = first == rig.adapter.publishing()[0];
            // A post that is moved keeps what is said to last, so that has to be true.
            assert!(is_straight || !lasts, "{name}: {first} after {time:?}");
            if lasts && has_files {
                kept.borrow_mut().insert((platform, time));
            }
            if !is_straight {
                anew.borrow_mut().insert((platform, time));
            }
        });
    }
    println!("kept {kept:?}, made anew {anew:?}");
    let soon = |platform| kept.borrow().contains(&(platform, SHORT));
    assert!(["x", "instagram", "threads"].into_iter().all(soon), "{kept:?}");
    let late = |platform| anew.borrow().contains(&(platform, LONG));
    assert!(["x", "instagram", "threads", "youtube"].into_iter().all(late), "{anew:?}");
    assert!(kept.borrow().iter().all(|(_, time)| *time == SHORT), "{kept:?}");
}
