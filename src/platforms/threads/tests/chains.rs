//! A chain: each part once, in order, each an answer to the one before, and on from any part.

use super::{calls, chain, connected, forms, limit, stage, texts};
use crate::port::{Checkpoint, Operation, Publish, Reconcile, Step, Verdict};
use crate::rig::Rig;
use crate::sim::Control;
use crate::sim::http::field;
use crate::threads::Threads;
use domain::content::{Content, MediaKind};
use domain::failure::{Effect, Failure, Scope};
use serde_json::json;
use std::time::Duration;

const WORDS: [&str; 4] = ["one", "two", "three", "four"];
/// Steps of a chain of four at most, waits included.
const STEPS_MAX: usize = 60;

/// The checkpoint at which the part of this number, from 0, is about to be published.
fn until_part(rig: &mut Rig, content: &Content, part: usize) -> Checkpoint {
    let mut at = rig.start(content);
    for _ in 0..STEPS_MAX {
        let out = Threads.segments(&at, "@acme").len();
        let is_due = matches!(rig.next(&at, content), Step::Call(call)
            if call.effect == Effect::Irreversible);
        if out == part && is_due {
            return at;
        }
        at = rig.step(&at, content).unwrap().unwrap();
    }
    panic!("part {part} is never due");
}

#[test]
fn a_chain_answers_itself_and_its_files_stand_where_they_belong() {
    let mut rig = connected("acme");
    let mut content = chain(&WORDS);
    let picture = rig.file(MediaKind::Image, vec![1; 100], Some("first"));
    content.segments[0].media.push(picture);
    for n in 0..2 {
        let file = rig.file(MediaKind::Image, vec![n + 2; 100], Some("later"));
        content.segments[2].media.push(file);
    }
    let film = rig.file(MediaKind::Video, vec![9; 100], None);
    content.segments[3].media.push(film);
    let at = until_part(&mut rig, &content, 3);
    let receipt = rig.publish_from(at, &content).unwrap();
    assert_eq!(texts(&rig), WORDS);
    let forms = forms(&rig);
    let ids: Vec<String> =
        rig.sim.accepted().iter().map(|accepted| accepted.remote_id.clone()).collect();
    let kind = |form: &String| field(form, "media_type").unwrap();
    let kinds: Vec<String> = forms.iter().map(kind).collect();
    assert_eq!(kinds, ["IMAGE", "TEXT", "IMAGE", "IMAGE", "CAROUSEL", "VIDEO"]);
    let parents: Vec<_> = forms.iter().map(|form| field(form, "reply_to_id")).collect();
    let parent = |part: usize| Some(ids[part].clone());
    assert_eq!(parents, [None, parent(0), None, None, parent(1), parent(2)]);
    let urls: Vec<_> = forms.iter().filter_map(|form| field(form, "image_url")).collect();
    assert_eq!(urls.len(), 3);
    assert!(urls.iter().zip(0..).all(|(url, n)| url.ends_with(&format!("/{n}"))), "{urls:?}");
    assert!(field(&forms[5], "video_url").unwrap().ends_with("/3"));
    assert_eq!(receipt.remote_id, ids[0]);
    assert_eq!((calls(&rig, "threads.publish"), calls(&rig, "replies.publish")), (1, 3));
}

#[test]
fn the_parts_that_are_out_are_told_with_their_links() {
    let mut rig = connected("acme");
    let content = chain(&WORDS);
    for part in 0..WORDS.len() {
        let at = until_part(&mut rig, &content, part);
        let told = Threads.segments(&at, "@acme");
        let accepted = rig.sim.accepted();
        let ids: Vec<_> = accepted[accepted.len() - part..].iter().map(|a| &a.remote_id).collect();
        assert_eq!(told.iter().map(|receipt| &receipt.remote_id).collect::<Vec<_>>(), ids);
        for (receipt, words) in told.iter().zip(WORDS) {
            let path = receipt.permalink.strip_prefix("https://www.threads.net").unwrap();
            assert!(rig.page(path).contains(&format!("<p>{words}</p>")), "{path}");
        }
    }
    let later = Checkpoint(json!({ "v": "9", "posts": 7 }));
    assert_eq!(Threads.segments(&later, "@acme"), [], "a look breaks over nothing");
}

// case: C-chain-threads
#[test]
fn a_chain_goes_on_behind_each_part_whose_answer_was_lost() {
    for part in 0..WORDS.len() {
        for has_arrived in [true, false] {
            let mut rig = connected("acme");
            let content = chain(&WORDS);
            let at = until_part(&mut rig, &content, part);
            if has_arrived {
                rig.lose(&at, &content);
            }
            rig.intended_at = rig.intended_at.or(Some(rig.now));
            let why = Failure::Unknown { detail: "no reply".into() };
            assert_eq!(Threads.recover(&at, &why, &rig.view(&content)), at);
            rig.wait(3_600);
            let at = match (rig.ask(&at, &content), has_arrived) {
                (Verdict::Found { checkpoint, remote_id }, true) => {
                    assert_eq!(remote_id, rig.sim.accepted()[part].remote_id);
                    checkpoint
                }
                (Verdict::Absent(checkpoint), false) => checkpoint,
                (verdict, _) => panic!("part {part}, arrived {has_arrived}: {verdict:?}"),
            };
            let receipt = rig.publish_from(at, &content).unwrap();
            assert_eq!(texts(&rig), WORDS, "part {part}, arrived {has_arrived}");
            assert_eq!(receipt.remote_id, rig.sim.accepted()[0].remote_id);
            let looked = if part == 0 { "threads.list" } else { "replies.list" };
            assert_eq!(calls(&rig, looked) > 0, has_arrived);
        }
    }
}

// case: C-chain-threads
#[test]
fn a_chain_goes_on_from_every_step_whose_answer_was_lost() {
    for step in 0..STEPS_MAX {
        let mut rig = connected("acme");
        let content = chain(&WORDS);
        let mut at = rig.start(&content);
        let mut is_over = false;
        for _ in 0..step {
            match rig.step(&at, &content).unwrap() {
                Ok(next) => at = next,
                Err(_) => is_over = true,
            }
        }
        if is_over {
            assert!(step > 16, "a chain of four has as many steps");
            return;
        }
        if let Step::Call(call) = rig.next(&at, &content)
            && call.effect == Effect::Repeatable
        {
            rig.carry(&call);
        }
        rig.publish_from(at, &content).unwrap();
        assert_eq!(texts(&rig), WORDS, "step {step}");
    }
    panic!("it does not end");
}

#[test]
fn a_file_of_a_later_part_that_is_not_taken_is_named_and_the_chain_goes_on_from_there() {
    let mut rig = connected("acme");
    let mut content = chain(&WORDS[..3]);
    for part in 0..3 {
        let bytes = if part == 2 { b"GIF89a.....".to_vec() } else { vec![part + 1; 100] };
        let file = rig.file(MediaKind::Image, bytes, None);
        content.segments[usize::from(part)].media.push(file);
    }
    let mut at = rig.start(&content);
    let (recovered, why) = loop {
        match rig.step(&at, &content) {
            Ok(next) => at = next.unwrap(),
            Err(failed) => break failed,
        }
    };
    assert!(matches!(why, Failure::Media { asset: Some(2), .. }), "{why:?}");
    rig.files[2] = vec![9; 100];
    rig.publish_from(recovered, &content).unwrap();
    assert_eq!(texts(&rig), &WORDS[..3]);
}

#[test]
fn parts_of_the_same_wording_are_told_apart_by_what_they_answer() {
    for part in 1..4 {
        let mut rig = connected("acme");
        let content = chain(&["again"; 4]);
        let at = until_part(&mut rig, &content, part);
        rig.lose(&at, &content);
        let Verdict::Found { checkpoint, remote_id } = rig.ask(&at, &content) else {
            panic!("part {part} is out");
        };
        assert_eq!(remote_id, rig.sim.accepted()[part].remote_id);
        rig.publish_from(checkpoint, &content).unwrap();
        assert_eq!(rig.sim.accepted().len(), 4);
    }
}

#[test]
fn a_fresh_post_that_cannot_be_answered_yet_is_waited_for() {
    let mut rig = connected("acme");
    limit(&mut rig, json!({ "answerableAfterMs": 600_000 }));
    let content = chain(&WORDS[..3]);
    let started = rig.now;
    // Without a failure, so it costs no attempt.
    rig.publish(&content).unwrap();
    assert_eq!(texts(&rig), &WORDS[..3]);
    assert!(rig.now.since(started) >= Duration::from_secs(1_200));
    let creates = calls(&rig, "threads.create");
    assert!((10..=40).contains(&creates), "{creates}");
}

#[test]
fn a_post_that_can_never_be_answered_fails_and_keeps_the_chain() {
    let mut rig = connected("acme");
    limit(&mut rig, json!({ "answerableAfterMs": 86_400_000 }));
    let content = chain(&WORDS[..2]);
    let started = rig.now;
    let mut at = rig.start(&content);
    let (recovered, why) = loop {
        match rig.step(&at, &content) {
            Ok(next) => at = next.unwrap(),
            Err(failed) => break failed,
        }
    };
    assert!(matches!(why, Failure::Transient { .. }), "{why:?}");
    assert!(rig.now.since(started) >= Duration::from_secs(900));
    assert_eq!(Threads.segments(&recovered, "@acme").len(), 1);
    limit(&mut rig, json!({ "answerableAfterMs": 0 }));
    rig.publish_from(recovered, &content).unwrap();
    assert_eq!(texts(&rig), &WORDS[..2]);
}

#[test]
fn a_part_that_is_out_without_an_id_is_looked_for_and_never_passed_over() {
    let mut rig = connected("acme");
    let content = chain(&WORDS[..3]);
    let at = until_part(&mut rig, &content, 1);
    limit(&mut rig, json!({ "listDelayMs": 7_200_000 }));
    rig.lose(&at, &content);
    let Verdict::Found { checkpoint, .. } = rig.ask(&at, &content) else {
        panic!("its container says that it is out");
    };
    assert_eq!(stage(&checkpoint), "find");
    let mut at = checkpoint;
    let (recovered, why) = loop {
        match rig.step(&at, &content) {
            Ok(next) => at = next.unwrap(),
            Err(failed) => break failed,
        }
    };
    assert!(matches!(why, Failure::Unknown { .. }), "{why:?}");
    assert_eq!(stage(&recovered), "find");
    rig.wait(7_200);
    let Verdict::Found { checkpoint, remote_id } = rig.ask(&recovered, &content) else {
        panic!("the list shows it by now");
    };
    assert_eq!(remote_id, rig.sim.accepted()[1].remote_id);
    rig.publish_from(checkpoint, &content).unwrap();
    assert_eq!(texts(&rig), &WORDS[..3]);
}

#[test]
fn a_person_can_say_which_post_the_part_in_doubt_became() {
    for part in 0..3 {
        let mut rig = connected("acme");
        let content = chain(&WORDS[..3]);
        let at = until_part(&mut rig, &content, part);
        rig.lose(&at, &content);
        let id = rig.sim.accepted()[part].remote_id.clone();
        let adopted = Threads.adopt(&at, &id, &rig.view(&content)).unwrap();
        if part > 0 {
            let first = &rig.sim.accepted()[0].remote_id;
            assert_eq!(Threads.adopt(&at, first, &rig.view(&content)), None, "it is known");
        }
        let is_over = matches!(rig.next(&adopted, &content), Step::Published(_));
        assert_eq!(is_over, part == 2);
        rig.publish_from(adopted, &content).unwrap();
        assert_eq!(texts(&rig), &WORDS[..3]);
    }
    let rig = connected("acme");
    let content = chain(&WORDS);
    let at = rig.start(&content);
    assert_eq!(Threads.adopt(&at, "1", &rig.view(&content)), None, "nothing is in doubt");
}

#[test]
fn a_chain_begins_only_when_all_of_it_may_go_out() {
    let mut rig = connected("acme");
    limit(&mut rig, json!({ "repliesPerDay": 2 }));
    let why = rig.publish(&chain(&WORDS)).unwrap_err();
    let Failure::RateLimit { scope: Scope::Account, detail, .. } = why else { panic!("{why:?}") };
    assert_eq!(detail, "0 of 2 replies of a day are used, and 3 are needed");
    assert_eq!(rig.sim.accepted().len(), 0);
    rig.publish(&chain(&WORDS[..3])).unwrap();
    // A quota that others used up on the way is waited for, and the chain goes on.
    limit(&mut rig, json!({ "repliesPerDay": 4 }));
    let content = chain(&WORDS[..2]);
    let at = until_part(&mut rig, &content, 1);
    limit(&mut rig, json!({ "repliesPerDay": 2 }));
    let (at, why) = rig.step(&at, &content).unwrap_err();
    assert!(matches!(why, Failure::RateLimit { .. }), "{why:?}");
    assert_eq!(stage(&at), "quota");
    assert!(matches!(rig.step(&at, &content), Err((_, Failure::RateLimit { .. }))));
    limit(&mut rig, json!({ "repliesPerDay": 4 }));
    rig.publish_from(at, &content).unwrap();
    assert_eq!(texts(&rig), ["one", "two", "three", "one", "two"]);
}

#[test]
fn a_question_about_the_quotas_that_is_held_up_holds_up_the_chain() {
    let mut rig = connected("acme");
    let account = Some("@acme".to_owned());
    let route = Some("threads.quota".to_owned());
    assert!(rig.sim.control(&Control::Limit { account, route, reset_in_s: 60 }, rig.now));
    let why = rig.publish(&chain(&WORDS)).unwrap_err();
    assert!(matches!(why, Failure::RateLimit { .. }), "{why:?}");
    assert_eq!(rig.calls[3..], ["threads.quota"]);
}

#[test]
fn an_old_checkpoint_of_a_single_post_reads_on() {
    let mut rig = connected("acme");
    let content = chain(&["one"]);
    rig.publish(&content).unwrap();
    let id = rig.sim.accepted()[0].remote_id.clone();
    let stages = [json!({ "stage": "link", "post": id }), json!({ "stage": "done", "post": id })];
    for stage in stages {
        let at = Checkpoint(json!({ "v": "1", "stage": stage }));
        let receipt = rig.publish_from(at, &content).unwrap();
        assert_eq!(receipt.remote_id, id);
    }
    let receipt =
        rig.publish_from(Checkpoint(json!({ "v": "1", "stage": { "stage": "create" } })), &content);
    assert!(receipt.is_ok());
    assert_eq!(rig.sim.accepted().len(), 2);
}

#[test]
fn a_chain_is_taken_back_from_its_end() {
    let mut rig = connected("acme");
    let content = chain(&WORDS[..3]);
    let receipt = rig.publish(&content).unwrap();
    let ids: Vec<String> = rig.sim.accepted().iter().map(|a| a.remote_id.clone()).collect();
    let before = rig.requests.len();
    // The day's quota is used up in the middle: what is left is taken back later.
    limit(&mut rig, json!({ "deletesPerDay": 2 }));
    let why = rig.operate(Operation::Delete, &content).unwrap_err();
    assert!(matches!(why, Failure::RateLimit { .. }), "{why:?}");
    rig.operation = Operation::Publish;
    rig.wait(86_400);
    assert_eq!(rig.operate(Operation::Delete, &content).unwrap(), receipt);
    let paths: Vec<&str> = rig.requests[before..].iter().map(|sent| &*sent.path).collect();
    let path = |id: &String| format!("/v1.0/{id}");
    let [first, second, third] = [path(&ids[0]), path(&ids[1]), path(&ids[2])];
    assert_eq!(paths, [&third, &second, &first, &third, &second, &first]);
    assert!(rig.page("/feed").contains("Nothing has been posted yet"));
}

#[test]
fn a_post_whose_id_was_never_told_does_not_pass_for_a_deleted_one() {
    let mut rig = connected("acme");
    let content = chain(&["one"]);
    let at = until_part(&mut rig, &content, 0);
    limit(&mut rig, json!({ "listDelayMs": 86_400_000 }));
    rig.lose(&at, &content);
    let Verdict::Found { checkpoint, .. } = rig.ask(&at, &content) else {
        panic!("its container says that it is out");
    };
    rig.publish_from(checkpoint, &content).unwrap();
    let why = rig.operate(Operation::Delete, &content).unwrap_err();
    assert!(matches!(why, Failure::Transient { .. }), "{why:?}");
    assert!(rig.page("/feed").contains("one"));
}
