//! Which failed deliveries a person means who retries them in one action: what they have in common.

use crate::failure::{Failure, PUBLIC_TYPES};
use crate::id::AccountId;
use crate::rejection::{Rejection, Rule};
use crate::request::Fields;
use crate::time::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// What a delivery has to have failed of, where and when; at least one of it is said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cause {
    /// On this platform.
    pub platform: Option<&'static str>,
    /// With a failure of this type.
    pub error_type: Option<&'static str>,
    /// On this account.
    pub account_id: Option<AccountId>,
    /// Of posts of this brand.
    pub brand_slug: Option<String>,
    /// Then or later.
    pub failed_after: Option<Timestamp>,
    /// Earlier than that.
    pub failed_before: Option<Timestamp>,
}

impl Cause {
    /// The types that are left alone: what was refused for what it says is refused again, unless
    /// somebody means just that.
    pub fn left_alone(&self) -> &'static [&'static str] {
        match self.error_type {
            Some(_) => &[],
            None => &Failure::LASTING_TYPES,
        }
    }
}

/// What is asked for: of what cause, and whether it is only counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The cause.
    pub cause: Cause,
    /// Nothing is done.
    pub is_preview: bool,
}

/// Reads the JSON of `POST /v1/deliveries/retry`.
///
/// # Errors
/// Every violation that shows without looking at the deliveries.
pub fn parse(body: &Value, platforms: &[&'static str]) -> Result<Asked, Vec<Rejection>> {
    let mut fields = Fields::new(body.as_object(), "", None);
    if !body.is_object() {
        fields.wrong_type("body".to_owned(), "an object", body);
        return Err(fields.finish());
    }
    let words = |words: &[&'static str]| words.iter().map(|w| (*w, *w)).collect::<Vec<_>>();
    let cause = Cause {
        platform: fields.choice("platform", &words(platforms)),
        error_type: fields.choice("errorType", &words(&PUBLIC_TYPES)),
        account_id: fields.id("accountId"),
        brand_slug: fields.text("brandSlug").map(|slug| slug.trim().to_owned()),
        failed_after: fields.instant("failedAfter"),
        failed_before: fields.instant("failedBefore"),
    };
    let is_preview = fields.flag("preview").unwrap_or(false);
    if let (Some(after), Some(before)) = (cause.failed_after, cause.failed_before)
        && before <= after
    {
        let message = format!("`failedBefore` ({before}) is not after `failedAfter` ({after}).");
        fields.reject(
            Rejection::request(Rule::Conflict, "failedBefore", message)
                .bounds(after.to_string(), before.to_string())
                .resolve("Name an instant after `failedAfter`."),
        );
    }
    if SAYING.iter().all(|name| body.get(name).is_none_or(Value::is_null)) {
        let message = "Nothing is said about which failed deliveries are meant.";
        fields.reject(
            Rejection::request(Rule::Required, "body", message)
                .bounds(SAYING.to_vec(), Value::Null)
                .resolve(format!("Name at least one of {}.", SAYING.join(", "))),
        );
    }
    let problems = fields.finish();
    if problems.is_empty() { Ok(Asked { cause, is_preview }) } else { Err(problems) }
}

/// The fields of which one has to be there.
const SAYING: [&str; 6] =
    ["platform", "errorType", "accountId", "brandSlug", "failedAfter", "failedBefore"];

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const PLATFORMS: [&str; 2] = ["x", "threads"];

    fn refused(body: &Value) -> Vec<(String, Rule)> {
        let found = parse(body, &PLATFORMS).unwrap_err();
        assert!(found.iter().all(|one| !one.resolution.is_empty()), "{found:?}");
        found.into_iter().map(|one| (one.field, one.rule)).collect()
    }

    // case: S-cause
    #[test]
    fn a_cause_is_read_and_only_a_named_type_includes_what_fails_again() {
        let account = AccountId::new(uuid::Uuid::from_u128(7));
        let body = json!({
            "platform": "x", "errorType": "PlatformContentError", "accountId": account,
            "brandSlug": " acme ", "failedAfter": "2026-12-01T09:00:00Z",
            "failedBefore": "2026-12-01T10:00:00+00:30", "preview": true,
        });
        let Asked { cause, is_preview } = parse(&body, &PLATFORMS).unwrap();
        assert!(is_preview);
        let at = |text: &str| Timestamp::parse(text);
        let whole = Cause {
            platform: Some("x"),
            error_type: Some("PlatformContentError"),
            account_id: Some(account),
            brand_slug: Some("acme".to_owned()),
            failed_after: at("2026-12-01T09:00:00Z"),
            failed_before: at("2026-12-01T09:30:00Z"),
        };
        assert_eq!(cause, whole);
        assert!(cause.left_alone().is_empty());
        let read = parse(&json!({"platform": "threads"}), &PLATFORMS).unwrap();
        assert!(!read.is_preview && read.cause.left_alone().contains(&"PlatformContentError"));
        assert!(!read.cause.left_alone().contains(&"PlatformTransientError"));
    }

    // case: S-cause
    #[test]
    fn a_cause_that_says_nothing_or_what_is_not_there_is_refused() {
        let of = |name: &str, rule| vec![(name.to_owned(), rule)];
        for nothing in [json!({}), json!({"preview": true}), json!({"platform": null})] {
            assert_eq!(refused(&nothing), of("body", Rule::Required), "{nothing}");
        }
        for (body, field, rule) in [
            (json!([]), "body", Rule::WrongType),
            (json!({"platform": "y"}), "platform", Rule::OutOfRange),
            (json!({"errorType": "PlatformError"}), "errorType", Rule::OutOfRange),
            (json!({"accountId": "7"}), "accountId", Rule::OutOfRange),
            (json!({"failedAfter": "today"}), "failedAfter", Rule::OutOfRange),
            (json!({"platform": "x", "preview": "yes"}), "preview", Rule::WrongType),
        ] {
            assert_eq!(refused(&body), of(field, rule), "{body}");
        }
        let instant = "2026-12-01T09:00:00Z";
        let empty = json!({"failedAfter": instant, "failedBefore": instant});
        assert_eq!(refused(&empty), of("failedBefore", Rule::Conflict));
        let found = parse(&json!({"platfrom": "x", "brandSlug": "a"}), &PLATFORMS).unwrap_err();
        assert_eq!(found[0].resolution, "Did you mean `platform`?");
    }
}
