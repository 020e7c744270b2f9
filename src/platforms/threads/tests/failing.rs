//! Every refusal at every step: nothing is lost, and nothing goes out twice.

use super::{chain, connected, pictures};
use crate::port::{Adapter, Checkpoint, Publish, Reply, Step, Verdict};
use crate::rig::{Rig, post};
use crate::threads::Threads;
use domain::content::Content;
use domain::failure::{Effect, Failure};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

/// Steps of the longest publication here.
const STEPS_MAX: usize = 40;

fn refusals() -> Vec<(u16, Value)> {
    let error = |code: i64, subcode: i64| json!({ "error": { "message": "No.", "code": code, "error_subcode": subcode } });
    vec![
        (400, error(24, 4_279_009)),
        (400, error(24, 2_207_008)),
        (400, error(100, 33)),
        (400, error(4, 2_207_051)),
        (400, error(613, 0)),
        (400, error(9, 2_207_042)),
        (400, error(190, 463)),
        (400, error(100, 0)),
        (400, error(2, 0)),
        (500, error(1, 0)),
        (503, json!("")),
        (408, json!("")),
        (200, json!({})),
    ]
}

/// Takes this refusal in place of the answer to the call that is due, and goes on from there.
fn refused(
    rig: &mut Rig,
    at: &Checkpoint,
    content: &Content,
    refusal: &(u16, Value),
) -> Checkpoint {
    let Step::Call(call) = rig.next(at, content) else {
        return at.clone();
    };
    let is_irreversible = call.effect == Effect::Irreversible;
    if is_irreversible {
        rig.intended_at = rig.intended_at.or(Some(rig.now));
    }
    let reply = Reply {
        status: StatusCode::from_u16(refusal.0).unwrap(),
        headers: HeaderMap::new(),
        body: refusal.1.to_string().into_bytes(),
        at: rig.now,
    };
    let read = match Threads.classify(call.effect, &reply) {
        Some(failure) => Err(failure),
        None => Threads.read(at, &reply, &rig.view(content)),
    };
    match read {
        Ok(next) => next,
        Err(why @ Failure::Unknown { .. }) => {
            assert!(is_irreversible, "{why:?}");
            let at = Threads.recover(at, &why, &rig.view(content));
            rig.wait(30);
            match rig.ask(&at, content) {
                Verdict::Found { checkpoint, .. } | Verdict::Absent(checkpoint) => checkpoint,
                verdict => panic!("{verdict:?}"),
            }
        }
        Err(why) => Threads.recover(at, &why, &rig.view(content)),
    }
}

/// A kind of post.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Text,
    Carousel,
    Chain,
}

/// Refuses at one step, where the call arrived all the same or not. `false` without such a step.
fn goes_on(kind: Kind, step: usize, refusal: &(u16, Value), has_arrived: bool) -> bool {
    let mut rig = connected("acme");
    let content = match kind {
        Kind::Text => post("Hello"),
        Kind::Carousel => pictures(&mut rig, 2),
        Kind::Chain => chain(&["one", "two", "three"]),
    };
    let mut at = rig.start(&content);
    for _ in 0..step {
        match rig.step(&at, &content).unwrap() {
            Ok(next) => at = next,
            Err(_) => return false,
        }
    }
    if let Step::Call(call) = rig.next(&at, &content)
        && has_arrived
    {
        // Only silence may hide a publication; a refusal is one.
        let is_unknown = |reply: u16| reply >= 500 || reply == 408 || reply == 200;
        if call.effect == Effect::Repeatable || is_unknown(refusal.0) {
            rig.lose(&at, &content);
        }
    }
    let at = refused(&mut rig, &at, &content, refusal);
    let receipt = rig.publish_from(at, &content).unwrap();
    let out: Vec<&str> = rig.sim.accepted().iter().map(|accepted| &*accepted.text).collect();
    let wanted: Vec<&str> = content.segments.iter().map(|segment| &*segment.text).collect();
    assert_eq!(out, wanted, "{kind:?}, step {step}: {refusal:?}");
    let first = &rig.sim.accepted()[0].remote_id;
    assert_eq!(first, &receipt.remote_id, "{kind:?}, step {step}: {refusal:?}");
    true
}

#[test]
fn any_refusal_at_any_step_ends_in_one_post() {
    for refusal in refusals() {
        let kinds = [
            (Kind::Text, false),
            (Kind::Text, true),
            (Kind::Carousel, true),
            (Kind::Chain, false),
            (Kind::Chain, true),
        ];
        for (kind, has_arrived) in kinds {
            let ended = (0..STEPS_MAX).find(|step| !goes_on(kind, *step, &refusal, has_arrived));
            assert!(ended.is_some_and(|steps| steps > 3), "{refusal:?}");
        }
    }
}
