//! A platform may repeat what it was sent; no class may hang on that.

use super::{adapters, cases, class};
use crate::conformance::reply;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hasher, RandomState};

/// Members in which platforms speak and may quote; those that we never read may hold it bare.
const SPOKEN: [&str; 5] =
    ["message", "detail", "error_description", "error_user_msg", "error_user_title"];
const UNREAD: [&str; 2] = ["description", "reason_phrase"];
/// What stands around a quotation.
const MARKS: [(&str, &str); 4] = [("[", "]"), ("\"", "\""), ("`", "`"), ("“", "”")];

/// Every word of every reply of a platform: what any row of its table matches is among them.
fn words(platform: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for (_, _, case) in cases(platform) {
        collect(&case["body"], &mut words);
    }
    words
}

fn collect(value: &Value, words: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            words.insert(text.clone());
            words.extend(text.rsplit('/').next().map(str::to_owned));
        }
        Value::Number(number) => {
            words.insert(number.to_string());
            words.insert(format!("\"code\":{number},"));
        }
        Value::Array(parts) => parts.iter().for_each(|part| collect(part, words)),
        Value::Object(members) => members.values().for_each(|member| collect(member, words)),
        Value::Null | Value::Bool(_) => {}
    }
}

/// The body as if the platform had repeated `said` wherever it might.
fn echo(body: &Value, said: &str, marks: (&str, &str)) -> Value {
    match body {
        Value::Object(members) => {
            let mut echoed = serde_json::Map::new();
            for (name, member) in members {
                let member = match member {
                    Value::String(text) if SPOKEN.contains(&name.as_str()) => {
                        json!(format!("{text} {}{said}{}", marks.0, marks.1))
                    }
                    Value::String(text) if UNREAD.contains(&name.as_str()) => {
                        json!(format!("{text} {said}"))
                    }
                    member => echo(member, said, marks),
                };
                echoed.insert(name.clone(), member);
            }
            let fields = [
                ("parameters", json!({ "text": [said], said: [] })),
                ("value", json!(said)),
                ("text", json!(said)),
                ("caption", json!(said)),
                ("commentary", json!(said)),
                ("snippet", json!({ "title": said, "description": said, "tags": [said] })),
                ("location", json!(said)),
                ("debug_info", json!({ "request": said })),
            ];
            for (name, field) in fields {
                echoed.entry(name).or_insert(field);
            }
            Value::Object(echoed)
        }
        Value::Array(parts) => parts.iter().map(|part| echo(part, said, marks)).collect(),
        Value::String(page) if page.contains('<') => json!(format!("{page}{said}")),
        other => other.clone(),
    }
}

/// What is decided, and counted, of a case whose body holds this.
fn judged(
    adapter: &dyn crate::port::Adapter,
    effect: domain::failure::Effect,
    case: &Value,
    body: Value,
) -> (Value, Option<String>) {
    let mut case = case.clone();
    case["body"] = body;
    let reply = reply(&case);
    (class(adapter.classify(effect, &reply).as_ref()), adapter.unmapped(effect, &reply))
}

// case: C-echo
#[test]
fn all_the_words_of_all_replies_inside_a_post_change_no_class() {
    for (platform, adapter) in adapters() {
        let all: Vec<String> = words(platform).into_iter().collect();
        for (name, effect, case) in cases(platform) {
            let plain = judged(adapter, effect, &case, case["body"].clone());
            for marks in MARKS {
                let body = echo(&case["body"], &all.join(" "), marks);
                let echoed = judged(adapter, effect, &case, body);
                assert_eq!(echoed, plain, "{platform} {name} {marks:?}");
            }
        }
    }
}

fn seed() -> u64 {
    let given = std::env::var("POSTFLEET_TEST_SEED").ok();
    let given = given.map(|seed| seed.parse().expect("POSTFLEET_TEST_SEED is a number"));
    given.unwrap_or_else(|| RandomState::new().build_hasher().finish())
}

// case: C-echo
#[test]
fn no_word_of_any_platform_inside_a_post_changes_a_class() {
    let seed = seed();
    println!("POSTFLEET_TEST_SEED={seed}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let config = Config { cases: 3_000, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, rng);

    let adapters = adapters();
    let words: BTreeSet<String> = adapters.iter().flat_map(|(name, _)| words(name)).collect();
    let words: Vec<String> = words.into_iter().collect();
    let mut replies = Vec::new();
    for (platform, adapter) in adapters {
        replies.extend(cases(platform).into_iter().map(|case| (platform, adapter, case)));
    }
    let said = (any::<Index>(), prop::option::of(any::<Index>()), ".{0,6}", any::<bool>());
    let chosen = (any::<Index>(), any::<Index>(), said);
    let outcome = runner.run(&chosen, |(reply, marks, (one, other, between, is_cut))| {
        let (platform, adapter, (name, effect, case)) = reply.get(&replies);
        let other = other.map_or("", |other| other.get(&words).as_str());
        // A post may end the quotation itself and begin another.
        let marks = marks.get(&MARKS);
        let cut = if is_cut { format!("{} and {}", marks.1, marks.0) } else { String::new() };
        let said = format!("{}{cut}{between}{other}", one.get(&words));
        let plain = judged(*adapter, *effect, case, case["body"].clone());
        let echoed = judged(*adapter, *effect, case, echo(&case["body"], &said, *marks));
        prop_assert_eq!(echoed, plain, "{} {} {:?}", platform, name, said);
        Ok(())
    });
    if let Err(broken) = outcome {
        panic!("seed {seed}: {broken}");
    }
}
