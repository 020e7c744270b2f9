//! Sends a message that is owed, and writes down what became of it.
//!
//! Sent at least once: a process may die between the endpoint's answer and our row, and the message
//! has the same id then. A message waits for the earlier ones of its stream; whoever ends one wakes
//! the next.

use super::sign;
use crate::quarantine::{Place, Stay};
use crate::{App, keys, seals, spans, wakeup};
use base::outbound::{Bounds, Seen, Unseen};
use base::trace::Span;
use base::{Fault, clock, crash, rng};
use bytes::Bytes;
use domain::time::Timestamp;
use domain::webhook::{self, Answer, EventId, Verdict};
use queue::{Claimed, Outcome};
use serde_json::{Value, json};
use std::time::Duration;
use store::crashes::Culprit;
use store::events::Event;
use store::jobs::JobKind;
use store::messages::{Ended, Owed, Then};
use utoipa::ToSchema;
use vault::Clear;

/// How long an endpoint may take (Standard Webhooks: 15 to 30 s).
const DEADLINE: Duration = Duration::from_secs(15);
/// So much of an answer is read.
const ANSWER_SIZE_BYTES_MAX: usize = 64 * 1024;
/// So much of it is kept for its owner.
const EXCERPT_CHARS_MAX: usize = 500;
/// The largest message (Standard Webhooks: 20 kB); of a larger one the event is to be fetched.
const BODY_SIZE_BYTES_MAX: usize = 20_000;
/// Whoever waits for an earlier message is woken by its end; should that never come, then.
const BEHIND: Duration = Duration::from_secs(3_600);
/// New messages are looked for back to here, which is several paces of the loop.
const LATELY: Duration = Duration::from_secs(2);
/// Wake-ups of one push, and of one look.
const PUSH: usize = 500;
const LOOK: i64 = 2_000;

/// Tells Redis of messages that were just owed: the triggers that write them cannot. What is
/// missed here is found by the sweep.
///
/// # Errors
/// When Postgres or Redis fails.
pub async fn herald(app: &App, shard: u16) -> Result<(), Fault> {
    let number = i16::try_from(shard).unwrap_or(0);
    let jobs = app.0.store.fresh_messages(number, LATELY, LOOK).await?;
    for chunk in jobs.chunks(PUSH) {
        let wakeups: Vec<_> = chunk.iter().map(wakeup).collect();
        app.0.queue.push(&wakeups).await?;
    }
    Ok(())
}

/// Works on the message of a claimed job.
pub async fn send(app: &App, claimed: &Claimed) -> Outcome {
    let Some(mut place) = Place::take(app).await else { return Outcome::Release };
    let ended = work(app, claimed, &mut place).await;
    place.end(app, claimed, ended).await.unwrap_or_else(|fault| keys::rest(&fault))
}

async fn work(app: &App, claimed: &Claimed, place: &mut Place) -> Result<Outcome, Fault> {
    let (id, generation) = (claimed.subject, claimed.generation);
    let Some(owed) = app.0.store.owed_message(id, generation).await? else {
        return Ok(Outcome::Done);
    };
    let culprit = Culprit::Job(JobKind::Webhook, id);
    let stay = place.isolate(app, claimed, culprit, 0).await?;
    if let Stay::Later(outcome) = stay {
        return Ok(outcome);
    }
    let Some(url) = owed.url.as_deref().filter(|_| !owed.is_over && !matches!(stay, Stay::Never))
    else {
        app.wake(&app.0.store.forget_message(id, generation).await?).await;
        return Ok(Outcome::Done);
    };
    if owed.is_behind {
        let due_at = app.now() + BEHIND;
        let moved = app.0.store.postpone_job(JobKind::Webhook, id, generation, due_at).await?;
        // Woken meanwhile by the end of the one before: that wake-up is on its way.
        let Some(generation) = moved else { return Ok(Outcome::Done) };
        return Ok(Outcome::Again { generation, due_at });
    }
    let Some(secrets) = open(app, &owed).await? else {
        app.wake(&app.0.store.forget_message(id, generation).await?).await;
        return Ok(Outcome::Done);
    };
    place.step_out();
    let span = spans::message(claimed, &owed);
    let ended = attempt(app, (url, &spans::told(&span)), &owed, &secrets).await?;
    crash::point_of("webhook.after_send", id);
    finish(app, claimed, &owed, &ended).await
}

/// Writes down what an attempt came to, and wakes what follows.
async fn finish(
    app: &App,
    claimed: &Claimed,
    owed: &Owed,
    ended: &Ended,
) -> Result<Outcome, Fault> {
    let of = (claimed.subject, claimed.generation);
    let left = app.0.store.end_attempt(of, owed.webhook, ended).await?;
    crash::point_of("webhook.after_commit", claimed.subject);
    let Some(left) = left else { return Ok(Outcome::Done) };
    app.wake(&left.next).await;
    if let Some(why) = ended.disable {
        tracing::warn!(webhook = %owed.webhook, tenant = %owed.tenant, why,
            "a webhook is switched off");
    }
    Ok(match left.own {
        Some((generation, due_at)) => Outcome::Again { generation, due_at },
        None => Outcome::Done,
    })
}

/// The secrets that sign it. None of them opens: its owner has to ask for another one.
async fn open(app: &App, owed: &Owed) -> Result<Option<Vec<Opened>>, Fault> {
    let mut secrets = Vec::with_capacity(owed.secrets.len());
    for (row, sealed) in &owed.secrets {
        let row = row.simple().to_string();
        match app.0.keys.open(&seals::webhook(owed.tenant, &row), sealed).await? {
            Ok(clear) => secrets.push(Opened(clear)),
            Err(why) => app.0.keys.refuse(owed.tenant, ("webhook_secret", &row), why).await?,
        }
    }
    Ok((!secrets.is_empty()).then_some(secrets))
}

struct Opened(Clear);

impl AsRef<[u8]> for Opened {
    fn as_ref(&self) -> &[u8] {
        self.0.bytes()
    }
}

/// Sends it once.
async fn attempt(
    app: &App,
    (url, span): (&str, &Span),
    owed: &Owed,
    secrets: &[Opened],
) -> Result<Ended, Fault> {
    let body = body(owed)?;
    let at = app.now();
    let headers = sign::headers(&owed.event.to_string(), at, &body, secrets)?;
    let started = clock::stopwatch();
    let bounds = Bounds { deadline: DEADLINE, reply_size_bytes_max: ANSWER_SIZE_BYTES_MAX };
    let seen = app.0.outbound.post(url, headers, body.into(), bounds).await;
    let took = started.elapsed();
    let answer = Answer {
        status: seen.as_ref().ok().map(|seen| seen.status.as_u16()),
        retry_after: seen.as_ref().ok().and_then(|seen| retry_after(app, seen)),
    };
    spans::heard(span, answer.status);
    let verdict = webhook::judge(answer, owed.attempts + 1, rng::chance());
    let word = match verdict {
        Verdict::Delivered => "delivered",
        Verdict::Again(_) | Verdict::Failed => "failed",
        Verdict::Gone => "gone",
    };
    metrics::counter!("postfleet_webhook_attempts_total", "outcome" => word).increment(1);
    metrics::histogram!("postfleet_webhook_seconds").record(took.as_secs_f64());
    let then = match verdict {
        Verdict::Delivered => Then::Delivered,
        Verdict::Again(after) => Then::Again(after),
        Verdict::Failed | Verdict::Gone => Then::Failed,
    };
    let is_tired = then != Then::Delivered
        && owed.failing_since.is_some_and(|since| webhook::is_given_up(since, app.now()));
    let disable = match verdict {
        Verdict::Gone => Some("gone"),
        Verdict::Delivered | Verdict::Again(_) | Verdict::Failed => is_tired.then_some("failing"),
    };
    // Nothing more is sent to it, so what waits is over.
    let then = if disable.is_some() { Then::Failed } else { then };
    let answer = json!({ "at": at, "status": answer.status, "excerpt": excerpt(&seen),
        "latencyMs": u64::try_from(took.as_millis()).unwrap_or(u64::MAX) });
    Ok(Ended { answer, then, disable })
}

/// An event.
#[derive(ToSchema)]
#[schema(as = Event)]
#[expect(dead_code, reason = "the shape of what `shown` puts together")]
pub struct EventView {
    /// Which one; webhooks bring it as `webhook-id`.
    id: EventId,
    /// What kind, as `post.published`.
    r#type: String,
    /// When it happened.
    timestamp: Timestamp,
    /// What it is about: the id of a post, a delivery, an account.
    subject: String,
    /// What there is to know of it, by its kind.
    data: serde_json::Map<String, Value>,
    /// It happened in test mode; not said otherwise.
    #[schema(rename = "isTest")]
    is_test: Option<bool>,
}

/// What an event is to whoever reads it: in the feed, and as the body of a message.
/// One of test mode says so.
pub(crate) fn shown(event: &Event, is_test: bool) -> Value {
    let mut shown = json!({ "id": event.id, "type": event.kind, "timestamp": event.at,
        "subject": event.subject, "data": event.data });
    if is_test {
        shown["isTest"] = true.into();
    }
    shown
}

fn body(owed: &Owed) -> Result<Vec<u8>, Fault> {
    let mut event = Event {
        id: owed.event,
        kind: owed.kind.clone(),
        subject: owed.subject.clone(),
        data: owed.data.clone(),
        at: owed.at,
    };
    let whole = shown(&event, owed.is_test).to_string().into_bytes();
    if whole.len() <= BODY_SIZE_BYTES_MAX {
        return Ok(whole);
    }
    let see = format!("/v1/events/{}", event.id);
    event.data = json!({ "isTooLarge": true, "sizeBytes": whole.len(), "see": see });
    Ok(shown(&event, owed.is_test).to_string().into_bytes())
}

fn excerpt(seen: &Result<Seen, Unseen>) -> String {
    let words = match seen {
        Ok(seen) => String::from_utf8_lossy(&seen.body).into_owned(),
        Err(Unseen::Closed(closed)) => format!("not called: {closed}"),
        Err(Unseen::Broken(detail)) => detail.clone(),
    };
    base::text::clean(&words).chars().take(EXCERPT_CHARS_MAX).collect()
}

/// How long the endpoint asks to be left alone.
fn retry_after(app: &App, seen: &Seen) -> Option<Duration> {
    let now = app.now();
    let reply = platforms::Reply {
        status: seen.status,
        headers: seen.headers.clone(),
        body: Bytes::new().to_vec(),
        at: now,
    };
    reply.retry_after().map(|until| until.since(now))
}
