//! What every adapter and its simulator have to do, on every kind of account, with trials chosen
//! by capability.

mod aftermath;
mod forms;
mod handles;
mod keeping;
mod leaving;
mod operations;

use crate::port::{Adapter, Checkpoint, Platform, Receipt, Reply, Step, Verdict};
use crate::rig::Rig;
use crate::{ALL, names};
use domain::capability::{Capabilities, Profile, check};
use domain::content::{Content, MediaKind};
use domain::failure::Effect;
use domain::request;
use domain::time::Timestamp;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// When the replies of a folder are said to have come.
const AT: &str = "2026-11-23T12:00:00Z";

fn speaking() -> impl Iterator<Item = (&'static dyn Platform, &'static dyn Adapter)> {
    ALL.iter().filter_map(|platform| Some((*platform, platform.adapter()?)))
}

/// A way to connect: the platform, our registration, a handle that stands for a kind of account.
type Way = (&'static dyn Platform, &'static str, String);

/// Every way to connect on every platform. A simulator takes an account of the kind that its
/// handle begins with, where a registration allows several kinds.
fn ways() -> Vec<Way> {
    let mut ways = Vec::new();
    for (platform, adapter) in speaking() {
        for app in adapter.auth().apps() {
            let kinds = platform.account_kinds().iter().map(|kind| format!("{kind}-acme"));
            ways.extend(kinds.map(|handle| (platform, *app, handle)));
        }
    }
    ways
}

fn connected((platform, app, handle): &Way) -> Rig {
    Rig::connected(*platform, app, handle)
}

/// What is published in a trial: a name, the text, the files, further segments.
struct Trial {
    name: &'static str,
    text: String,
    media: Vec<(MediaKind, Vec<u8>)>,
    thread: Vec<String>,
}

fn trials(rules: &Capabilities) -> Vec<Trial> {
    let trial = |name, text: &str, media| Trial { name, text: text.into(), media, thread: vec![] };
    let files = |kind, count: usize| -> Vec<(MediaKind, Vec<u8>)> {
        (0..count).map(|n| (kind, vec![u8::try_from(n).unwrap() + 1; 2_000])).collect()
    };
    let mut trials = Vec::new();
    // Film is the one medium that every platform with required media takes.
    let needed = |kind: MediaKind| files(kind, rules.media_min.min(rules.rule(kind).count_max));
    let base = if rules.image.count_max > 0 { MediaKind::Image } else { MediaKind::Video };
    trials.push(trial("a text", "Hello & good morning", needed(base)));
    let longest = "a".repeat(rules.text.length_max);
    trials.push(trial("the longest text", &longest, needed(base)));
    for (name, kind) in
        [("images", MediaKind::Image), ("a GIF", MediaKind::Gif), ("a film", MediaKind::Video)]
    {
        let count = rules.rule(kind).count_max.min(20);
        if count > 0 {
            trials.push(trial(name, "Look", files(kind, count)));
        }
        if count > 1 {
            trials.push(trial(name, "Look once", files(kind, 1)));
        }
    }
    if rules.segments_max > 1 {
        let thread = vec!["two".into(), "three".into()];
        trials.push(Trial { thread, ..trial("a chain", "one", vec![]) });
    }
    trials
}

impl Trial {
    /// The post as this platform carries it, checked as the product would.
    fn content(&self, rig: &mut Rig) -> Content {
        (rig.files, rig.assets, rig.asset_urls) = (vec![], vec![], vec![]);
        let mut media = Vec::new();
        for (number, (kind, bytes)) in self.media.iter().enumerate() {
            let used = rig.file(*kind, bytes.clone(), None);
            media.push(json!({ "id": used.id, "altText": format!("file {number}") }));
        }
        let name = rig.platform.name();
        let mut own = json!({});
        if !self.thread.is_empty() {
            own["thread"] = json!(self.thread);
        }
        let content = |own: &Value| {
            let body = json!({
                "brandSlug": "acme", "text": self.text, "platforms": [name], "media": media,
                name: own,
            });
            let draft = request::parse(&body, &names(), rig.now).unwrap();
            let mut problems = Vec::new();
            let content = rig.platform.content(Profile::Spec, &draft, &mut problems);
            let assets: BTreeMap<_, _> =
                rig.assets.iter().map(|facts| (facts.id, facts.clone())).collect();
            let rules = rig.platform.capabilities(Profile::Spec, &rig.facts.kind);
            problems.extend(check(name, rules, &content, &assets));
            (content, problems)
        };
        let (plain, problems) = content(&own);
        if problems.is_empty() {
            return plain;
        }
        own["title"] = json!("A title");
        let (content, problems) = content(&own);
        assert!(problems.is_empty(), "{name}, {}: {problems:?}", self.name);
        content
    }
}

/// Runs `judge` for each trial on each way to connect, on a simulator of its own.
fn each(judge: impl Fn(&str, &mut Rig, &Content)) {
    for way in ways() {
        let rules = |rig: &Rig| rig.platform.capabilities(Profile::Spec, &rig.facts.kind);
        let mut rig = connected(&way);
        for trial in trials(rules(&rig)) {
            let content = trial.content(&mut rig);
            let name = format!("{} {} {}: {}", way.0.name(), way.1, way.2, trial.name);
            judge(&name, &mut rig, &content);
            rig = connected(&way);
        }
    }
}

/// It is out as often as it has segments, under the receipt's id, and its page shows it.
fn is_out(name: &str, rig: &mut Rig, content: &Content, receipt: &Receipt) {
    let accepted = rig.sim.accepted();
    assert_eq!(accepted.len(), content.segments.len(), "{name}: {accepted:?}");
    assert_eq!(accepted[0].remote_id, receipt.remote_id, "{name}");
    assert_eq!(accepted[0].account, rig.facts.remote_id, "{name}");
    let link: http::Uri = receipt.permalink.parse().unwrap();
    let path = link.path_and_query().unwrap().as_str();
    let pages = rig.platform.adapter().unwrap().reconcile();
    assert!(pages.page_hosts().contains(&link.host().unwrap()), "{name}: {link}");
    assert!(pages.id_in_page(path).is_none_or(|id| id == receipt.remote_id), "{name}: {link}");
    let page = rig.page(path);
    let shown = &content.segments[0].text;
    let shown = shown.get(..100).unwrap_or(shown).replace('&', "&amp;");
    assert!(page.contains(&shown), "{name}: {page}");
    let feed = rig.page("/feed");
    assert!(feed.contains(&shown), "{name}: {feed}");
}

// case: C-kinds
// case: C-sixth
#[test]
fn every_kind_of_account_can_be_connected() {
    for (platform, _) in speaking() {
        let ways = ways().into_iter().filter(|(of, ..)| of.name() == platform.name());
        let kinds: BTreeSet<String> = ways.map(|way| connected(&way).facts.kind).collect();
        let stated = platform.account_kinds().iter().map(|kind| (*kind).to_owned());
        assert_eq!(kinds, stated.collect(), "{}", platform.name());
    }
}

// case: C-trials
#[test]
fn what_capabilities_promise_goes_out() {
    each(|name, rig, content| {
        let receipt = match rig.publish(content) {
            Ok(receipt) => receipt,
            Err(failure) => panic!("{name}: {failure:?}"),
        };
        is_out(name, rig, content, &receipt);
    });
}

// case: C-resume
#[test]
fn a_repeatable_call_whose_answer_is_lost_is_made_again() {
    for way in ways() {
        let rig = connected(&way);
        let rules = rig.platform.capabilities(Profile::Spec, &rig.facts.kind);
        for trial in trials(rules) {
            for lost in 0.. {
                let mut rig = connected(&way);
                let content = trial.content(&mut rig);
                let name = format!("{} {}: {}, step {lost}", way.0.name(), way.1, trial.name);
                if !is_resumed(&name, &mut rig, &content, lost) {
                    break;
                }
                // Many steps are alike; the first ones of each trial are told apart.
                if lost > 40 {
                    break;
                }
            }
        }
    }
}

/// Loses the answer of one step. `false` when there is no such step.
fn is_resumed(name: &str, rig: &mut Rig, content: &Content, lost: usize) -> bool {
    let mut at = rig.start(content);
    for _ in 0..lost {
        match rig.step(&at, content) {
            Ok(Ok(next)) => at = next,
            Ok(Err(_)) => return false,
            Err((_, why)) => panic!("{name}: {why:?}"),
        }
    }
    if let Step::Call(call) = rig.next(&at, content)
        && call.effect == Effect::Repeatable
    {
        rig.carry(&call);
    }
    let receipt = match rig.publish_from(at, content) {
        Ok(receipt) => receipt,
        Err(failure) => panic!("{name}: {failure:?}"),
    };
    is_out(name, rig, content, &receipt);
    true
}

// case: C-adopt
#[test]
fn an_irreversible_call_whose_answer_is_lost_is_found() {
    each(|name, rig, content| {
        let at = rig.until_irreversible(content);
        rig.lose(&at, content);
        rig.wait(120);
        let Some(verdict) = asked(rig, &at, content) else { return };
        let Verdict::Found { checkpoint, remote_id } = verdict else {
            panic!("{name}: {verdict:?}");
        };
        let receipt = rig.publish_from(checkpoint, content).unwrap();
        // Where a platform names the post only in a list, the handle that proved it comes first.
        assert!(!remote_id.is_empty(), "{name}");
        is_out(name, rig, content, &receipt);
    });
}

// case: C-absent
#[test]
fn an_irreversible_call_that_never_arrived_is_absent_and_can_be_made() {
    each(|name, rig, content| {
        let at = rig.until_irreversible(content);
        rig.intended_at = Some(rig.now);
        rig.wait(120);
        let Some(verdict) = asked(rig, &at, content) else { return };
        let Verdict::Absent(checkpoint) = verdict else { panic!("{name}: {verdict:?}") };
        let receipt = rig.publish_from(checkpoint, content).unwrap();
        is_out(name, rig, content, &receipt);
    });
}

/// The verdict, or `None` where the platform offers no way to ask.
fn asked(rig: &mut Rig, at: &Checkpoint, content: &Content) -> Option<Verdict> {
    rig.adapter.reconcile().ask(at, 0, &rig.view(content))?;
    Some(rig.ask(at, content))
}

// case: C-replay
#[test]
fn what_a_simulator_kept_restores_it() {
    each(|name, rig, content| {
        rig.publish(content).unwrap();
        let mut restored = rig.restored();
        assert_eq!(restored.accepted(), rig.sim.accepted(), "{name}");
        assert_eq!(restored.accounts(), rig.sim.accounts(), "{name}");
        let feed = rig.page("/feed");
        std::mem::swap(&mut rig.sim, &mut restored);
        assert_eq!(rig.page("/feed"), feed, "{name}");
    });
}

// case: C-replies
#[test]
fn every_recorded_reply_has_the_class_it_states() {
    for (platform, adapter) in speaking() {
        let folder = format!("{}/{}/replies", env!("CARGO_MANIFEST_DIR"), platform.name());
        let mut seen = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let case: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            let name = path.display();
            assert!(case["source"].as_str().is_some_and(|s| !s.is_empty()), "{name}: no source");
            let kind = case["kind"].as_str().unwrap();
            assert!(["recorded", "documented", "reported"].contains(&kind), "{name}: {kind}");
            let effect: Effect = serde_json::from_value(case["effect"].clone()).unwrap();
            let failure = adapter.classify(effect, &reply(&case));
            let actual = serde_json::to_value(&failure).unwrap();
            // Only the members that the file states are compared, so that words stay the
            // platform's own.
            match case["failure"].as_object() {
                None => assert_eq!(actual, Value::Null, "{name}"),
                Some(expected) => {
                    for (member, value) in expected {
                        assert_eq!(&actual[member], value, "{name}: {member} of {actual}");
                    }
                }
            }
            seen += 1;
        }
        assert!(seen > 0, "{}: no reply was found", platform.name());
    }
}

/// A reply as a file of a folder `replies` states it.
pub(crate) fn reply(case: &Value) -> Reply {
    let mut headers = HeaderMap::new();
    for (name, value) in case["headers"].as_object().unwrap() {
        let name: HeaderName = name.parse().unwrap();
        headers.insert(name, HeaderValue::from_str(value.as_str().unwrap()).unwrap());
    }
    let body = match &case["body"] {
        Value::String(text) => text.clone().into_bytes(),
        Value::Null => Vec::new(),
        json => json.to_string().into_bytes(),
    };
    let status = u16::try_from(case["status"].as_u64().unwrap()).unwrap();
    let status = StatusCode::from_u16(status).unwrap();
    Reply { status, headers, body, at: Timestamp::parse(AT).unwrap() }
}
