//! What comes after the receipt: whatever fails there, the post is out.

use super::each;
use crate::port::{Checkpoint, Publish, Receipt, Reply, Step};
use crate::rig::Rig;
use domain::content::Content;
use domain::failure::{Effect, Failure, Scope};
use domain::time::Timestamp;
use http::{HeaderMap, StatusCode};

// case: C-out-stays-out
#[test]
fn nothing_that_fails_after_the_receipt_changes_what_is_out() {
    each(|name, rig, content| {
        let (positions, receipt) = after_receipt(rig, content);
        let publish = rig.adapter.publish();
        for at in positions {
            let view = rig.view(content);
            for why in every_failure(rig.now) {
                let recovered = publish.recover(&at, &why, &view);
                let shown = ends_published(rig, content, recovered, &why);
                assert_eq!(shown.remote_id, receipt.remote_id, "{name}: {why:?}");
            }
            for garbage in GARBAGE {
                let reply = Reply {
                    status: StatusCode::OK,
                    headers: HeaderMap::new(),
                    body: garbage.into(),
                    at: rig.now,
                };
                let name = format!("{name}: {garbage}");
                match publish.read(&at, &reply, &view) {
                    Err(why) => {
                        let recovered = publish.recover(&at, &why, &view);
                        let shown = ends_published(rig, content, recovered, &why);
                        assert_eq!(shown.remote_id, receipt.remote_id, "{name}");
                    }
                    Ok(next) => stays_out(publish, &next, rig, content, &name),
                }
            }
        }
    });
}

/// Failures in a row, more than an adapter has to do behind a receipt.
const AFTERCARE_MAX: usize = 20;
/// What no platform answers to anything.
const GARBAGE: [&str; 6] = ["", "null", "[]", "<html>", "{\"data\":7}", "{\"error\":\"?\"}"];

/// One failure of every class, as they come and in the words that adapters use themselves.
fn every_failure(now: Timestamp) -> Vec<Failure> {
    let detail = || "no".to_owned();
    let limit = |scope| Failure::RateLimit { scope, retry_at: now, detail: detail() };
    vec![
        Failure::Auth { revoked: false, detail: detail() },
        Failure::Auth { revoked: true, detail: detail() },
        limit(Scope::Account),
        limit(Scope::App),
        limit(Scope::Platform),
        Failure::Content { field: None, detail: detail() },
        Failure::Content { field: Some("text".into()), detail: detail() },
        Failure::Media { asset: None, detail: detail() },
        Failure::Media { asset: Some(0), detail: detail() },
        Failure::Duplicate { named: None, detail: detail() },
        Failure::Duplicate { named: Some("1".into()), detail: detail() },
        Failure::Transient { detail: detail() },
        Failure::Unknown { detail: detail() },
        Failure::Operator { scope: Scope::App, detail: detail() },
    ]
}

/// The positions of the calls behind the last irreversible one, and of the end, with the receipt.
fn after_receipt(rig: &mut Rig, content: &Content) -> (Vec<Checkpoint>, Receipt) {
    let mut at = rig.start(content);
    let mut behind = Vec::new();
    for _ in 0..400 {
        if let Step::Call(call) = rig.next(&at, content)
            && call.effect == Effect::Irreversible
        {
            behind.clear();
        } else if rig.intended_at.is_some() {
            behind.push(at.clone());
        }
        match rig.step(&at, content) {
            Ok(Ok(next)) => at = next,
            Ok(Err(receipt)) => return (behind, receipt),
            Err((_, why)) => panic!("{why:?}"),
        }
    }
    panic!("it does not end");
}

/// Failing again and again leads to the receipt, past what can be done twice alone. It may be
/// poorer than after a full success, but it names the post.
fn ends_published(rig: &Rig, content: &Content, at: Checkpoint, why: &Failure) -> Receipt {
    let (publish, view) = (rig.adapter.publish(), rig.view(content));
    let mut at = at;
    for _ in 0..AFTERCARE_MAX {
        match publish.next(&at, &view) {
            Step::Published(receipt) => return receipt,
            Step::Call(call) if publish.is_out(&at) && call.effect == Effect::Repeatable => {
                at = publish.recover(&at, why, &view);
            }
            other => panic!("it is out, and yet {other:?}"),
        }
    }
    panic!("it is out, and never ends: {at:?}");
}

/// A reading that a garbled answer satisfied goes on to the receipt, and sends nothing again.
fn stays_out(publish: &dyn Publish, at: &Checkpoint, rig: &Rig, content: &Content, name: &str) {
    let view = rig.view(content);
    let why = Failure::Transient { detail: "no".into() };
    match publish.next(at, &view) {
        Step::Published(_) => {}
        Step::Wait(_) => {}
        Step::Call(call) => {
            assert_eq!(call.effect, Effect::Repeatable, "{name}");
            let recovered = publish.recover(at, &why, &view);
            ends_published(rig, content, recovered, &why);
        }
    }
}
