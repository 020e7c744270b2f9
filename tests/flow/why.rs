//! One sentence says why a delivery is not out: each state is brought about, and told rightly.
//!
//! `why.golden` holds a line for each state, with everything that changes masked.

mod dying;
mod running;

use crate::support::{Account, Fleet, Scene, eventually};
use domain::id::DeliveryId;
use domain::time::Timestamp;
use serde_json::Value;
use sqlx::PgConnection;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// A state and its masked sentence.
type Told = (&'static str, String);

/// Longer than a refused call, a retry and a sweep take on a busy machine.
const TOLD_WITHIN: Duration = Duration::from_secs(40);

/// The sentence about the first delivery of a post, once it names its cause.
async fn told(
    scene: &Scene<'_>,
    account: &Account,
    post: &Value,
    (name, cause): (&'static str, &str),
) -> Told {
    let sentence = eventually(name, TOLD_WITHIN, async || {
        let whole = scene.whole(post).await;
        let why = whole["why"].as_str().unwrap().to_owned();
        if why.contains(cause) { Ok(why) } else { Err(format!("{why} {whole}")) }
    })
    .await;
    (name, mask(&sentence, &account.handle))
}

/// Times, lengths of time, identifiers, addresses and the account, as they are in every run.
fn mask(sentence: &str, handle: &str) -> String {
    let sentence = sentence.replace(handle, "<account>");
    let words: Vec<&str> = sentence.split(' ').collect();
    let mut out: Vec<String> = Vec::new();
    let is_number = |at: usize| words.get(at).is_some_and(|word| word.parse::<u64>().is_ok());
    let mut at = 0;
    while at < words.len() {
        let word = words[at];
        let before = ["(in", "for"].contains(&word) && is_number(at + 1);
        let (head, tail) = split(word);
        out.push(if before {
            // A number and its unit, with whatever closes them.
            let unit = words[at + 2].trim_start_matches(char::is_alphabetic);
            at += 2;
            format!("{word} <span>{unit}")
        } else if is_number(at) && at > 0 && words[at - 1] == "Attempt" {
            "<number>".to_owned()
        } else if Timestamp::parse(head).is_some() {
            format!("<time>{tail}")
        } else if head.starts_with("dlv_") {
            format!("<delivery>{tail}")
        } else if head.starts_with("http") {
            format!("<link>{tail}")
        } else {
            word.to_owned()
        });
        at += 1;
    }
    out.join(" ")
}

/// A word and the punctuation behind it.
fn split(word: &str) -> (&str, &str) {
    let end = word.trim_end_matches(['.', ',', ':', ';', ')']).len();
    word.split_at(end)
}

fn delivery_of(post: &Value) -> DeliveryId {
    post["deliveries"][0]["id"].as_str().unwrap().parse().unwrap()
}

/// Lets hours pass for the first delivery of a post: one statement with its id as `$1`.
async fn age(fleet: &Fleet, post: &Value, sql: &'static str) {
    let mut db: PgConnection = fleet.postgres().await;
    let id = delivery_of(post).uuid();
    let changed = sqlx::query(sql).bind(id).execute(&mut db).await.unwrap();
    assert_eq!(changed.rows_affected(), 1, "{sql}");
}

// case: W-states
#[tokio::test]
async fn each_state_is_told_with_its_own_cause() {
    let mut all: BTreeMap<&str, String> = BTreeMap::new();
    let (running, dying) = tokio::join!(running::states(), dying::states());
    for (name, sentence) in running.into_iter().chain(dying) {
        assert!(all.insert(name, sentence).is_none(), "{name} is brought about twice");
    }
    let shown: Vec<String> = all.iter().map(|(name, told)| format!("{name}: {told}\n")).collect();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/flow/why.golden");
    let kept = std::fs::read_to_string(file).unwrap_or_default();
    let shown = shown.concat();
    assert!(all.len() >= 30, "{} states", all.len());
    assert_eq!(shown, kept, "the sentences have changed; these are the new ones:\n{shown}");
}

// case: W-command
#[tokio::test]
async fn the_command_line_tells_the_sentence_and_refuses_what_is_unknown() {
    let (scene, account) = Scene::with_account("asked").await;
    let post = scene.say(&account, &format!("Asked, {}", scene.brand)).await;
    scene.published(&post).await;
    let why = scene.whole(&post).await["why"].as_str().unwrap().to_owned();
    let ask = |arguments: &[&str]| {
        let place = scene.fleet.place();
        let mut command = Command::new(env!("CARGO_BIN_EXE_postfleet"));
        command.env("POSTFLEET_URL", &place.api_url).env("POSTFLEET_API_KEY", &place.api_key);
        command.arg("why").args(arguments).output().unwrap()
    };
    for id in [&post["id"], &post["deliveries"][0]["id"]] {
        let output = ask(&[id.as_str().unwrap()]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.trim_end().ends_with(&why), "{text}");
        assert!(text.starts_with("x ") && text.contains(&account.handle), "{text}");
    }
    let output = ask(&["--json", post["id"].as_str().unwrap()]);
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(shown[0]["why"], why);
    assert!(shown[0]["timeline"][0]["lines"].is_array(), "{shown}");
    for unknown in ["dlv_00000000000000000000000000000001", "pst_7", "../keys"] {
        let output = ask(&[unknown]);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{unknown}: {told}");
        assert!(told.contains("There is no"), "{unknown}: {told}");
    }
}

#[test]
fn what_changes_is_masked() {
    let sentence = "x takes no calls from @a-1 until 2026-01-01T00:00:00Z (in 3 min) (Too many): \
                    dlv_0 is due for 20 s, at http://127.0.0.1/x.";
    let masked = "x takes no calls from @<account> until <time> (in <span>) (Too many): \
                  <delivery> is due for <span>, at <link>.";
    assert_eq!(mask(sentence, "a-1"), masked);
}
