//! From a reply of Threads to the class of failure. Table first, code second.
//!
//! Sources: `platforms/threads.md` section 6, the Graph codes of `platforms/instagram.md` section
//! 7 and the peers' error tables, with their evidence; each row has a reply in `replies/`.
//! Invariant: only Meta's codes and its own words are matched, in the members where it puts them,
//! never a post.

use super::wire::{Refused, Words};
use crate::meta::{self, Class, Row};
use crate::port::Reply;
use crate::refusal::own_words;
use domain::failure::{Effect, Failure, Scope, server_error};
use std::time::Duration;

/// A used-up quota: the answer names no time, and a rolling day frees places one by one. Assumed.
const QUOTA_WAIT: Duration = Duration::from_secs(3_600);
/// An action that is blocked as spam: hours, by the peers. Assumed: four looks a day.
const BLOCK_WAIT: Duration = Duration::from_secs(6 * 3_600);
/// The longest piece of a container's own words that is kept.
const DETAIL_CHARS_MAX: usize = 300;

const REPEATABLE: Option<Effect> = Some(Effect::Repeatable);
const IRREVERSIBLE: Option<Effect> = Some(Effect::Irreversible);

/// What code 100, the invalid parameter, is about is told in words alone. In lower case.
static WORDS: [(&str, Row); 4] = [
    ("threads_api__link_limit_exceeded", Row(100, None, None, Class::Content(Some("text")))),
    ("text must be at most", Row(100, None, None, Class::Content(Some("text")))),
    ("text can't be blank", Row(100, None, None, Class::Content(Some("text")))),
    // Five of six images of one host and format pass: the fetch, not the file, is to blame.
    ("media could not be fetched", Row(100, None, REPEATABLE, Class::Transient)),
];

/// The first row that fits decides.
static TABLE: [Row; 28] = [
    // Not authorized, checkpoint, password changed, expired, not confirmed, invalid, and the same
    // again: each of them needs its owner.
    Row(190, Some(458), None, Class::Dead),
    Row(190, Some(459), None, Class::Dead),
    Row(190, Some(460), None, Class::Dead),
    Row(190, Some(463), None, Class::Dead),
    Row(190, Some(464), None, Class::Dead),
    Row(190, Some(467), None, Class::Dead),
    Row(190, Some(490), None, Class::Dead),
    Row(190, Some(492), None, Class::Dead),
    // Without a known reason it may be Meta's own trouble: one refusal disconnects nobody.
    Row(190, None, None, Class::Stale),
    Row(102, None, None, Class::Dead),
    // A permission is missing in this one token, as a person may leave one out on the consent
    // page: connecting again asks for it, and nobody else's account has to rest.
    Row(10, None, None, Class::Dead),
    Row(200, None, None, Class::Dead),
    // The registration itself, at the token endpoints.
    Row(101, None, None, Class::Operator(Scope::App)),
    // Blocked as spam. The peers saw posts that were out all the same: after a refusal the
    // container is looked at before it is published again, which finds those.
    Row(4, Some(2_207_051), None, Class::Quota(BLOCK_WAIT)),
    Row(4, None, None, Class::Limit(Scope::App)),
    Row(17, None, None, Class::Limit(Scope::Account)),
    Row(32, None, None, Class::Limit(Scope::Account)),
    Row(613, None, None, Class::Limit(Scope::Account)),
    Row(9, None, None, Class::Quota(QUOTA_WAIT)),
    Row(UNSEEN.0, Some(UNSEEN.1), None, Class::NotReady),
    Row(9007, Some(2_207_027), None, Class::NotReady),
    Row(24, None, None, Class::Gone),
    // Also what an outage of 2026-05 answered to valid reads; of a publication it tells nothing.
    Row(100, Some(33), REPEATABLE, Class::Gone),
    Row(100, Some(33), IRREVERSIBLE, Class::Unclear),
    Row(100, None, None, Class::Content(None)),
    // 1/2207052, a fetch that failed, is among them: nothing is public before the publication.
    Row(1, None, None, Class::Unclear),
    Row(2, None, None, Class::Unclear),
    Row(-1, None, None, Class::Unclear),
];

/// The platform restricted the account, seen with no code that peers wrote down: its owner has to
/// act.
const RESTRICTED: i64 = 4_279_013;

/// "Media Not Found", of a container or post that is too young, or not there.
const UNSEEN: (i64, i64) = (24, 4_279_009);

/// The class of `reply`; `None` for a success, for the refusal that proves one, and for the one
/// that only asks for patience.
pub(super) fn classify(effect: Effect, reply: &Reply) -> Option<Failure> {
    if effect == Effect::Repeatable && proves_publication(reply) || is_unseen(reply) {
        return None;
    }
    refusal(effect, reply)
}

/// The failure of a reply that is none yet, once patience is at its end.
pub(super) fn failure(effect: Effect, reply: &Reply) -> Failure {
    refusal(effect, reply).unwrap_or_else(|| meta::unreadable(effect, reply))
}

/// The class of `reply`, whatever may still be made of it; `None` for a success.
fn refusal(effect: Effect, reply: &Reply) -> Option<Failure> {
    let status = reply.status.as_u16();
    // Whatever stands in it: nothing is concluded from a server error about a publication.
    if effect == Effect::Irreversible && (reply.status.is_server_error() || status == 408) {
        return Some(server_error(effect, status));
    }
    let problem = meta::problem(reply);
    if problem.subcode == RESTRICTED {
        let row = Row(problem.code, None, None, Class::Operator(Scope::Account));
        return meta::classify(&[row], effect, reply);
    }
    match words_row(effect, reply) {
        Some(row) => meta::classify(std::slice::from_ref(row), effect, reply),
        None => meta::classify(&TABLE, effect, reply),
    }
}

/// What to count a refusal under that no row knows.
pub(super) fn unmapped(effect: Effect, reply: &Reply) -> Option<String> {
    let is_known = classify(effect, reply).is_none()
        || meta::problem(reply).subcode == RESTRICTED
        || words_row(effect, reply).is_some();
    if is_known { None } else { meta::unmapped(&TABLE, effect, reply) }
}

/// The row of the words in a reply, when it is one for such calls.
fn words_row(effect: Effect, reply: &Reply) -> Option<&'static Row> {
    let refused = refused(reply);
    let row = WORDS.iter().find(|(phrase, row)| row.0 == refused.code && says(&refused, phrase));
    row.map(|(_, row)| row).filter(|row| row.2.is_none_or(|wanted| wanted == effect))
}

/// A container that is asked for its status and has none any more is a post by now.
pub(super) fn proves_publication(reply: &Reply) -> bool {
    let refused = refused(reply);
    reply.status.is_client_error()
        && refused.code == 100
        && says(&refused, "nonexisting field (status)")
}

/// What was named is not there, or not to be seen yet: containers and posts take a while until
/// all of the platform knows them. Nothing was done.
pub(super) fn is_unseen(reply: &Reply) -> bool {
    let problem = meta::problem(reply);
    reply.status.is_client_error() && (problem.code, problem.subcode) == UNSEEN
}

/// The failure of a container with the status `ERROR`: that of the file at this position, or of
/// the text.
pub(super) fn broken(
    error_message: Option<&str>,
    asset: Option<usize>,
    has_media: bool,
) -> Failure {
    let words: String = error_message.unwrap_or_default().chars().take(DETAIL_CHARS_MAX).collect();
    let detail = match words.trim() {
        "" | "UNKNOWN" if has_media => "Threads could not take the media, without a reason".into(),
        "" | "UNKNOWN" => "Threads could not take the post, without a reason".into(),
        told => told.to_owned(),
    };
    if has_media {
        Failure::Media { asset, detail }
    } else {
        Failure::Content { field: None, detail }
    }
}

fn refused(reply: &Reply) -> Words {
    serde_json::from_slice::<Refused>(&reply.body).unwrap_or_default().error
}

/// One of the members with the platform's own words has this phrase, in any case.
fn says(words: &Words, phrase: &str) -> bool {
    let told =
        [Some(&words.message), words.error_user_title.as_ref(), words.error_user_msg.as_ref()];
    told.into_iter().flatten().any(|text| own_words(text).contains(phrase))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::reply;
    use crate::refusal::tests::cases;
    use serde_json::{Value, json};
    use std::collections::BTreeSet;

    fn class(effect: Effect, status: u16, error: &Value) -> Option<Failure> {
        classify(effect, &reply(&json!({ "headers": {}, "status": status, "body": error })))
    }

    #[test]
    fn a_server_error_of_a_publication_is_unknown_whatever_its_code() {
        for code in [1, 2, 4, 24, 100, 190] {
            let error = json!({ "error": { "message": "m", "code": code } });
            let failure = class(Effect::Irreversible, 500, &error);
            assert!(matches!(failure, Some(Failure::Unknown { .. })), "{code}: {failure:?}");
        }
    }

    #[test]
    fn an_address_in_the_platforms_words_is_not_kept() {
        let told = "The media could not be fetched from this URI: https://m.example/a?sig=canary";
        let failure =
            class(Effect::Repeatable, 400, &json!({ "error": { "message": told, "code": 100 } }));
        let failure = failure.unwrap();
        assert!(matches!(failure, Failure::Transient { .. }), "{failure:?}");
        assert!(!failure.detail().contains("canary"), "{failure:?}");
    }

    /// The word of a row's class in a file.
    fn names(class: Class, word: &str, effect: Effect) -> bool {
        let expected = match class {
            Class::Dead | Class::Stale => "auth",
            Class::Content(_) => "content",
            Class::Media => "media",
            Class::Limit(_) | Class::Quota(_) => "rate_limit",
            Class::Operator(_) => "operator",
            Class::Unclear if effect == Effect::Irreversible => "unknown",
            Class::Transient | Class::Unclear | Class::Gone => "transient",
            // Patience, not a failure, until it ends.
            Class::NotReady => return ["", "transient"].contains(&word),
        };
        word == expected
    }

    // case: C-rows
    #[test]
    fn each_row_has_a_reply_and_each_reply_names_the_class_of_its_row() {
        let (mut reached, mut said) = (BTreeSet::new(), BTreeSet::new());
        for (name, effect, case) in cases("threads") {
            let reply = reply(&case);
            let is_silence = reply.status.is_server_error() && effect == Effect::Irreversible;
            if reply.status.is_success() || is_silence || proves_publication(&reply) {
                continue;
            }
            let word = case["failure"]["class"].as_str().unwrap_or_default();
            if let Some(row) = words_row(effect, &reply) {
                let at = WORDS.iter().position(|(_, one)| std::ptr::eq(one, row));
                said.insert(at.unwrap());
                assert!(names(row.3, word, effect), "{name}: {row:?} is not {word:?}");
            } else if let Some(row) = meta::row(&TABLE, effect, &meta::problem(&reply))
                && meta::problem(&reply).subcode != RESTRICTED
            {
                reached.insert(TABLE.iter().position(|one| std::ptr::eq(one, row)).unwrap());
                assert!(names(row.3, word, effect), "{name}: {row:?} is not {word:?}");
            }
        }
        assert_eq!(reached, (0..TABLE.len()).collect(), "no reply reaches a row of the table");
        assert_eq!(said, (0..WORDS.len()).collect(), "no reply says one of the words");
    }
}
