//! Classes by LinkedIn's own words, and what stays out of them.

use super::*;
use crate::conformance::reply;
use serde_json::json;

#[test]
fn the_words_of_a_post_do_not_change_the_class() {
    let case = json!({
        "headers": {}, "status": 400,
        "body": {
            "message": "Invalid input",
            "errorDetails": { "inputErrors": [{
                "code": "INVALID_VALUE",
                "description": "\"not enough permissions, duplicate of urn:li:share:1\" is odd",
                "input": { "inputPath": { "fieldPath": "/commentary" } },
            }] },
        },
    });
    let failure = classify(Effect::Irreversible, &reply(&case));
    let field = Some("text".to_owned());
    assert!(
        matches!(&failure, Some(Failure::Content { field: f, .. }) if *f == field),
        "{failure:?}"
    );
}

#[test]
fn each_row_has_a_reply() {
    let folder = format!("{}/linkedin/replies", env!("CARGO_MANIFEST_DIR"));
    let mut reached = [false; TABLE.len()];
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read(entry.unwrap().path()).unwrap();
        let case: Value = serde_json::from_slice(&text).unwrap();
        let effect: Effect = serde_json::from_value(case["effect"].clone()).unwrap();
        let reply = reply(&case);
        let (status, problem) = (reply.status.as_u16(), problem(&reply));
        if let Some(at) = TABLE.iter().position(|row| row.fits(status, effect, &problem)) {
            reached[at] = true;
        }
    }
    let missing: Vec<usize> = (0..TABLE.len()).filter(|at| !reached[*at]).collect();
    assert!(missing.is_empty(), "rows without a reply: {missing:?}");
}

#[test]
fn a_day_ends_at_midnight_by_the_clock_of_linkedin() {
    let case = json!({
        "headers": { "date": "Sun, 22 Nov 2026 23:59:58 GMT" }, "status": 429,
        "body": { "message": "Resource level throttle MEMBER DAY limit is reached." },
    });
    let mut reply = reply(&case);
    reply.at = Timestamp::parse("2026-11-23T00:00:00.100Z").unwrap();
    let failure = classify(Effect::Irreversible, &reply);
    let Some(Failure::RateLimit { scope: Scope::Account, retry_at, .. }) = failure else {
        panic!("{failure:?}");
    };
    assert_eq!(retry_at, reply.at + Duration::from_secs(2));
}

#[test]
fn what_signs_an_upload_stays_out_of_the_detail() {
    let text = "PUT https://www.linkedin.com/dms-uploads/sp/a?sig=canary failed, why?";
    let told = without_queries(text);
    assert_eq!(told, "PUT https://www.linkedin.com/dms-uploads/sp/a failed, why?");
}
