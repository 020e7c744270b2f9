//! What was sent to an endpoint, tried out and sent once more.

use super::found;
use crate::caller::Caller;
use crate::{Answer, App, Refused};
use domain::id::WebhookId;
use domain::time::Timestamp;
use domain::webhook::EventId;
use serde::Serialize;
use serde_json::{Value, json};
use store::message_log::{Chosen, Message};
use store::webhooks::By;
use utoipa::ToSchema;

/// Messages that one request sends once more.
pub const AGAIN_MAX: i64 = 10_000;

/// A message, as the API shows it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = WebhookMessage)]
#[serde(rename_all = "camelCase")]
pub struct MessageView {
    /// The event, which is also the message's `webhook-id`.
    pub event_id: EventId,
    /// Its kind.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// `waiting`, `delivered` or `failed`.
    pub status: String,
    /// Attempts since it was owed, or was asked for once more.
    pub attempts: i32,
    /// When it is sent next.
    pub next_at: Option<Timestamp>,
    /// Every answer, the oldest first.
    #[schema(value_type = Vec<AnswerView>)]
    pub answers: Value,
    /// When it was owed.
    pub created_at: Timestamp,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
}

/// An answer of an endpoint.
#[derive(ToSchema)]
#[schema(as = WebhookAnswer, rename_all = "camelCase")]
#[expect(dead_code, reason = "the shape of what is stored as JSON")]
pub struct AnswerView {
    /// When the attempt began.
    at: Timestamp,
    /// The HTTP status; none where no answer came.
    status: Option<u16>,
    /// The beginning of the answer, or why there is none.
    excerpt: String,
    /// How long it took.
    latency_ms: u64,
}

/// What is to be sent once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replay {
    /// One event, whether it was sent before or not.
    One(EventId),
    /// Messages that were over, of events between two times.
    Range {
        /// Of this status alone.
        status: Option<&'static str>,
        /// Since then.
        since: Option<Timestamp>,
        /// Until then.
        until: Option<Timestamp>,
    },
}

/// Shows what was sent to an endpoint, the newest event first.
///
/// # Errors
/// When Postgres fails.
pub async fn list(
    app: &App,
    caller: &Caller,
    id: WebhookId,
    (status, before, limit): (Option<&'static str>, Option<EventId>, u32),
) -> Answer<Vec<MessageView>> {
    if let Err(refused) = found(app, caller, id).await? {
        return Ok(Err(refused));
    }
    let chosen = Chosen { status, before, ..Chosen::default() };
    let found = app.0.store.messages(caller.tenant, id, &chosen, i64::from(limit)).await?;
    Ok(Ok(found.into_iter().map(view).collect()))
}

/// Sends an event of its own to an endpoint; the event's id.
///
/// # Errors
/// When Postgres fails.
pub async fn test(app: &App, caller: &Caller, id: WebhookId) -> Answer<Value> {
    if let Err(refused) = found(app, caller, id).await? {
        return Ok(Err(refused));
    }
    let event = app.0.store.test_webhook(caller.tenant, id).await?;
    Ok(event.map(|event| json!({ "eventId": event })).ok_or_else(switched_off))
}

/// Sends once more what is asked for; how many messages that are.
///
/// # Errors
/// When Postgres fails.
pub async fn redeliver(app: &App, caller: &Caller, id: WebhookId, what: Replay) -> Answer<Value> {
    let webhook = match found(app, caller, id).await? {
        Ok(webhook) => webhook,
        Err(refused) => return Ok(Err(refused)),
    };
    if webhook.disabled_for.is_some() {
        return Ok(Err(switched_off()));
    }
    let actor = caller.actor();
    let by = By { tenant: caller.tenant, actor: &actor };
    let jobs = match what {
        Replay::One(event) => {
            let owed = app.0.store.owe_event(by, id, event).await?;
            let Some(jobs) = owed else {
                let message = format!("There is no event {event}, or no webhook {id} any more.");
                return Ok(Err(Refused::NotFound(message)));
            };
            jobs
        }
        Replay::Range { status, since, until } => {
            let chosen = Chosen { status, before: None, since, until };
            app.0.store.owe_again(by, id, &chosen, AGAIN_MAX).await?
        }
    };
    app.wake(&jobs).await;
    Ok(Ok(json!({ "count": jobs.len(), "countMax": AGAIN_MAX })))
}

fn switched_off() -> Refused {
    let message = "The webhook is switched off, so nothing is sent to it. Switch it on with \
                   PATCH {\"enabled\": true} first."
        .to_owned();
    Refused::Conflict { code: "webhook_disabled", message }
}

fn view(message: Message) -> MessageView {
    MessageView {
        event_id: message.event,
        kind: message.kind,
        subject: message.subject,
        status: message.status,
        attempts: message.attempts,
        next_at: message.next_at,
        answers: message.answers,
        created_at: message.created_at,
        ended_at: message.ended_at,
    }
}
