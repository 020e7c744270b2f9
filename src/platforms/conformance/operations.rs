//! What can be done beside publishing, on every adapter that offers it.

use super::{each, speaking};
use crate::port::{Operation, Step};
use crate::rig::Rig;
use domain::content::Content;
use domain::failure::Effect;

// case: C-operations
#[test]
fn what_an_adapter_offers_can_be_done_twice_and_survives_a_lost_answer() {
    for (platform, adapter) in speaking() {
        let offered = adapter.operations();
        assert!(offered.contains(&Operation::Publish), "{}", platform.name());
    }
    each(|name, rig, content| {
        let offered = rig.adapter.operations().iter().copied();
        for operation in offered.filter(|operation| *operation != Operation::Publish) {
            let receipt = rig.publish(content).unwrap_or_else(|why| panic!("{name}: {why:?}"));
            let name = format!("{name}, {operation:?}");
            operated(&name, rig, content, operation);
            let done = rig.operate(operation, content).unwrap();
            assert_eq!(done, receipt, "{name}: it names the post");
            let is_shown = rig.page("/feed").contains(&receipt.remote_id);
            assert_eq!(is_shown, operation != Operation::Delete, "{name}");
            // The next one begins with the post out, and out once.
            rig.operate(Operation::Delete, content).unwrap();
        }
    });
}

/// Does it, each answer lost once and its call made again.
fn operated(name: &str, rig: &mut Rig, content: &Content, operation: Operation) {
    rig.operation = operation;
    let mut at = rig.start(content);
    for _ in 0..2 * content.segments.len() + 2 {
        match rig.next(&at, content) {
            Step::Call(call) => {
                assert_eq!(call.effect, Effect::Repeatable, "{name}");
                rig.carry(&call);
            }
            Step::Wait(_) => {}
            Step::Published(_) => {
                rig.operation = Operation::Publish;
                return;
            }
        }
        at = match rig.step(&at, content) {
            Ok(Ok(next)) => next,
            // What the lost call did already is no failure: it goes on behind it.
            Err((recovered, _)) if recovered != at => recovered,
            other => panic!("{name}: {other:?}"),
        };
    }
    panic!("{name}: it does not end");
}
