//! Refusals that nobody has seen before are counted under words that hold no secret.

use super::{adapters, cases};
use crate::conformance::reply;
use domain::failure::{Effect, Failure};
use serde_json::{Value, json};

const SECRET: &str = "canary in the text";

/// An odd refusal in the platform's own envelope, with text and ids that must not come out.
fn odd(platform: &str, status: u16) -> Value {
    let body = match platform {
        "x" => json!({
            "type": "https://api.x.com/2/problems/moon-phase", "title": "Moon Phase",
            "detail": SECRET, "errors": [{ "code": 4711, "message": SECRET, "value": SECRET }],
        }),
        "linkedin" => json!({
            "code": "MOON_PHASE", "serviceErrorCode": 4711, "message": SECRET,
            "errorDetails": { "inputErrors": [{ "code": "MOON_IN", "description": SECRET }] },
        }),
        "youtube" => json!({ "error": {
            "message": SECRET,
            "errors": [{ "domain": "youtube.moon", "reason": "moonPhase", "message": SECRET }],
        } }),
        _ => json!({ "error": {
            "code": 4711, "error_subcode": 815, "message": SECRET, "error_user_msg": SECRET,
            "fbtrace_id": "AbCdEf0123456789",
        } }),
    };
    json!({ "status": status, "headers": {}, "body": body })
}

// case: C-unmapped
#[test]
fn an_odd_refusal_has_a_fingerprint_of_the_platforms_own_codes() {
    let table = [
        ("x", "400 moon-phase Moon Phase 4711"),
        ("linkedin", "400 MOON_PHASE MOON_IN 4711"),
        ("instagram", "400 code:4711 subcode:815"),
        ("threads", "400 code:4711 subcode:815"),
        ("youtube", "400 youtube.moon moonPhase"),
    ];
    for (platform, expected) in table {
        let adapter = crate::find(platform).and_then(|found| found.adapter()).unwrap();
        for effect in [Effect::Repeatable, Effect::Irreversible] {
            let found = adapter.unmapped(effect, &reply(&odd(platform, 400)));
            assert_eq!(found.as_deref(), Some(expected), "{platform}");
        }
        let bare = reply(&json!({ "status": 418, "headers": {}, "body": SECRET }));
        let found = adapter.unmapped(Effect::Irreversible, &bare);
        assert_eq!(found.as_deref(), Some("418"), "{platform}");
        let fine = reply(&json!({ "status": 200, "headers": {}, "body": {} }));
        assert_eq!(adapter.unmapped(Effect::Irreversible, &fine), None, "{platform}");
    }
}

// case: C-unmapped
#[test]
fn what_is_known_is_not_counted_and_what_is_counted_is_a_refusal() {
    for (platform, adapter) in adapters() {
        let mut known = 0;
        for (name, effect, case) in cases(platform) {
            let reply = reply(&case);
            let Some(found) = adapter.unmapped(effect, &reply) else {
                known += 1;
                continue;
            };
            assert!(reply.status.is_client_error(), "{platform} {name}");
            let failure = adapter.classify(effect, &reply);
            let is_plain = matches!(
                failure,
                Some(
                    Failure::Content { field: None, .. }
                        | Failure::Media { .. }
                        | Failure::Auth { .. }
                        | Failure::Unknown { .. }
                        | Failure::Transient { .. }
                )
            );
            assert!(is_plain, "{platform} {name}: {failure:?} was counted as {found}");
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "_.:- ".contains(c);
            assert!(found.len() <= 600 && found.chars().all(is_plain), "{platform} {name}");
        }
        let counted = cases(platform).len() - known;
        assert!(known > counted * 4, "{platform}: {counted} of the known replies are unmapped");
    }
}
