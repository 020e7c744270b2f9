//! Times at the edges: what is past, what is far, and what is hardly a time.

use super::*;
use serde_json::json;

const NOW: &str = "2026-12-01T09:00:00Z";

fn read(scheduled_at: &Value) -> Result<Option<Timestamp>, Vec<Rejection>> {
    let body = json!({
        "brandSlug": "acme", "text": "a", "platforms": ["x"], "scheduledAt": scheduled_at,
    });
    let now = Timestamp::parse(NOW).unwrap();
    parse(&body, &["x"], now).map(|draft| draft.scheduled_at)
}

fn at(text: &str) -> Option<Timestamp> {
    Some(Timestamp::parse(text).unwrap())
}

// case: S-edges
#[test]
fn a_minute_past_is_now_and_a_millisecond_more_is_refused() {
    for now in [NOW, "2026-12-01T08:59:01Z", "2026-12-01T08:59:00Z", "2026-12-01T08:59:59.999Z"] {
        assert_eq!(read(&json!(now)), Ok(None), "{now}");
    }
    assert_eq!(read(&json!("2026-12-01T09:00:00.001Z")), Ok(at("2026-12-01T09:00:00.001Z")));
    for past in ["2026-12-01T08:58:59.999Z", "2026-12-01T08:58:59Z", "2024-02-29T09:00:00Z"] {
        let refused = read(&json!(past)).unwrap_err();
        assert_eq!((refused[0].field.as_str(), refused[0].rule), ("scheduledAt", Rule::OutOfRange));
        assert!(refused[0].message.contains("is over"), "{refused:?}");
    }
}

// case: S-edges
#[test]
fn a_far_time_is_kept_and_what_is_beyond_is_told_with_the_last_one() {
    for far in ["2028-02-29T23:59:59.999Z", "2100-01-01T00:00:00Z", "9999-12-30T22:00:00Z"] {
        assert_eq!(read(&json!(far)), Ok(at(far)));
    }
    for beyond in ["9999-12-31T23:59:59Z", "+010000-01-01T00:00:00Z", "2027-02-29T09:00:00Z"] {
        let refused = read(&json!(beyond)).unwrap_err();
        assert_eq!(refused[0].rule, Rule::OutOfRange, "{beyond}");
        assert!(refused[0].limit.as_str().unwrap().ends_with("9999-12-30T22:00:00Z"));
        assert_eq!(refused[0].actual, beyond);
    }
}

// case: S-edges
#[test]
fn a_number_however_large_is_no_time() {
    let huge: Value = serde_json::from_str("1e300").unwrap();
    for number in [json!(0), json!(1_764_579_600), json!(u64::MAX), json!(i64::MIN), huge] {
        let refused = read(&number).unwrap_err();
        assert_eq!(refused[0].rule, Rule::WrongType, "{number}");
    }
}
