//! What an entry of the inbox is answered: the API's envelope, without the words of the post.

use super::entries::Refusal;
use crate::Refused;
use crate::accept::Acceptance;
use domain::rejection::Rejection;
use queue::inbox::EntryAnswer;
use serde_json::{Value, json};

/// The answer to an entry that became a post, now or before.
pub(super) fn accepted(id: String, key: String, acceptance: &Acceptance) -> EntryAnswer {
    let view = &acceptance.view;
    let deliveries: Vec<Value> = view
        .deliveries
        .iter()
        .map(|one| {
            json!({"id": one.id, "accountId": one.account_id, "platform": one.platform,
                "status": one.status})
        })
        .collect();
    let mut data = json!({
        "id": view.id,
        "status": view.status,
        "revision": view.revision,
        "scheduledAt": view.scheduled_at,
        "isAgain": acceptance.is_again,
        "deliveries": deliveries,
    });
    if !view.warnings.is_empty() {
        data["warnings"] = json!(view.warnings);
    }
    let answer = json!({"success": true, "data": data}).to_string();
    EntryAnswer { id, key, outcome: "accepted", answer }
}

/// The answer to a post that breaks rules.
pub(super) fn refused(id: String, key: String, refused: &Refused) -> EntryAnswer {
    let (code, message, details): (_, _, &[Rejection]) = match refused {
        Refused::Invalid(details) => {
            let message = match details.as_slice() {
                [only] => only.message.clone(),
                many => format!("{} rules are broken; the details name each.", many.len()),
            };
            ("validation_failed".to_owned(), message, details)
        }
        Refused::Forbidden { why, .. }
        | Refused::NameTaken { why, .. }
        | Refused::Limited { why, .. } => {
            let (code, message) = refused.told();
            (code, message, std::slice::from_ref(&**why))
        }
        other => {
            let (code, message) = other.told();
            (code, message, &[])
        }
    };
    denied(id, key, (&code, &message, details))
}

/// The answer to an entry in which there is no post.
pub(super) fn unread(id: String, key: String, refusal: &Refusal) -> EntryAnswer {
    denied(id, key, (refusal.code, &refusal.message(), &refusal.details))
}

fn denied(id: String, key: String, told: (&str, &str, &[Rejection])) -> EntryAnswer {
    let (code, message, details) = told;
    let answer = json!({"success": false, "error": code, "message": message, "details": details});
    EntryAnswer { id, key, outcome: "refused", answer: answer.to_string() }
}
