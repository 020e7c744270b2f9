//! What a person states about a delivery that is under review: it is out, or it is not.

use crate::rejection::{Rejection, Rule};
use crate::request::Fields;
use serde_json::Value;

/// Characters of a reason at most.
pub const REASON_CHARS_MAX: usize = 500;
/// Characters of a link at most; the longest of a platform has about a hundred.
pub const LINK_CHARS_MAX: usize = 500;
/// Characters of a remote id at most; the longest of a platform has about fifty.
pub const REMOTE_ID_CHARS_MAX: usize = 200;

/// What a person states, and why they believe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// What.
    pub claim: Claim,
    /// Why.
    pub reason: String,
}

/// What a person states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// It is out.
    Published {
        /// Where it can be seen.
        permalink: String,
        /// The platform's id, where the link does not tell it.
        remote_id: Option<String>,
    },
    /// It is not, and is to be sent again.
    Send,
    /// It is not, and is not to be sent any more.
    Drop,
}

impl Claim {
    /// The word in the timeline and in the audit.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Published { .. } => "published",
            Self::Send => "send",
            Self::Drop => "drop",
        }
    }
}

/// Reads the JSON of `POST /v1/deliveries/{id}/review`.
///
/// # Errors
/// Every violation that shows without looking at the delivery.
pub fn parse(body: &Value) -> Result<Statement, Vec<Rejection>> {
    let mut fields = Fields::new(body.as_object(), "", None);
    if !body.is_object() {
        fields.wrong_type("body".to_owned(), "an object", body);
        return Err(fields.finish());
    }
    let reason = fields.required_text("reason", "Say how you know.").map(str::trim);
    let reason = reason.and_then(|reason| bounded(&mut fields, "reason", reason, REASON_CHARS_MAX));
    let is_out = fields.choice("outcome", &[("published", true), ("notPublished", false)]);
    let claim = match is_out {
        Some(true) => published(&mut fields),
        Some(false) => not_published(&mut fields),
        None => {
            if fields.value("outcome").is_none() {
                fields.missing("outcome", "Say `published` or `notPublished`.");
            }
            // Which of these belong here depends on the outcome.
            for name in ["permalink", "remoteId", "then"] {
                fields.value(name);
            }
            None
        }
    };
    let problems = fields.finish();
    match (claim, reason) {
        (Some(claim), Some(reason)) if problems.is_empty() => {
            Ok(Statement { claim, reason: reason.to_owned() })
        }
        _ => Err(problems),
    }
}

fn published(fields: &mut Fields<'_>) -> Option<Claim> {
    let link = fields.required_text("permalink", "Give the link at which the post can be seen.");
    let link = link.map(str::trim);
    let link = link.and_then(|link| bounded(fields, "permalink", link, LINK_CHARS_MAX));
    let remote_id = fields.text("remoteId");
    let is_id = |id: &&str| !id.is_empty() && id.chars().all(|c| c.is_ascii_graphic());
    let remote_id = match remote_id {
        Some(id) if !is_id(&id) => {
            let message = "`remoteId` consists of visible ASCII characters.";
            let rejection = fields.broken(Rule::OutOfRange, "remoteId".into(), message.into());
            let resolution = "Copy the id as the platform shows it.";
            fields.reject(rejection.bounds("visible ASCII", id).resolve(resolution));
            None
        }
        Some(id) => bounded(fields, "remoteId", id, REMOTE_ID_CHARS_MAX),
        None => None,
    };
    let (permalink, remote_id) = (link?.to_owned(), remote_id.map(str::to_owned));
    Some(Claim::Published { permalink, remote_id })
}

fn not_published(fields: &mut Fields<'_>) -> Option<Claim> {
    let is_sent = fields.choice("then", &[("send", true), ("drop", false)]);
    if is_sent.is_none() && fields.value("then").is_none() {
        fields.missing("then", "Say `send` to have it sent again, or `drop`.");
    }
    is_sent.map(|is_sent| if is_sent { Claim::Send } else { Claim::Drop })
}

/// A text within its length.
fn bounded<'t>(
    fields: &mut Fields<'_>,
    name: &str,
    text: &'t str,
    chars_max: usize,
) -> Option<&'t str> {
    let count = text.chars().count();
    if count <= chars_max {
        return Some(text);
    }
    let message = format!("`{name}` has at most {chars_max} characters; this one has {count}.");
    let rejection = fields.broken(Rule::TooMuch, name.to_owned(), message);
    let resolution = format!("Leave out {} of them.", count - chars_max);
    fields.reject(rejection.bounds(chars_max, count).resolve(resolution));
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(body: &Value) -> Vec<(String, Rule)> {
        let problems = parse(body).unwrap_err();
        problems.into_iter().map(|problem| (problem.field, problem.rule)).collect()
    }

    #[test]
    fn the_three_claims_are_read() {
        let body = json!({"outcome": "published", "permalink": " https://x.example/1 ",
            "reason": " I saw it. "});
        let claim = Claim::Published { permalink: "https://x.example/1".into(), remote_id: None };
        assert_eq!(parse(&body), Ok(Statement { claim, reason: "I saw it.".into() }));
        for (word, claim) in [("send", Claim::Send), ("drop", Claim::Drop)] {
            let body = json!({"outcome": "notPublished", "then": word, "reason": "r"});
            assert_eq!(parse(&body).unwrap().claim, claim);
        }
    }

    #[test]
    fn what_is_missing_too_long_or_unknown_is_refused_by_name() {
        let of = |name: &str, rule| (name.to_owned(), rule);
        assert_eq!(
            fields(&json!({})),
            [of("reason", Rule::Required), of("outcome", Rule::Required)]
        );
        assert_eq!(
            fields(&json!({"outcome": "published", "reason": " ", "remoteId": "a b"})),
            [
                of("reason", Rule::Required),
                of("permalink", Rule::Required),
                of("remoteId", Rule::OutOfRange),
            ]
        );
        let long = "ü".repeat(REASON_CHARS_MAX + 1);
        assert_eq!(
            fields(&json!({"outcome": "notPublished", "reason": long, "permalink": "l"})),
            [
                of("reason", Rule::TooMuch),
                of("then", Rule::Required),
                of("permalink", Rule::UnknownField),
            ]
        );
        assert_eq!(
            fields(&json!({"outcome": "maybe", "then": "send", "reason": "r"})),
            [of("outcome", Rule::OutOfRange)]
        );
        assert_eq!(fields(&json!([])), [of("body", Rule::WrongType)]);
    }
}
