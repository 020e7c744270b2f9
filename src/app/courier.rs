//! Carries calls: the only place that sends anything to a platform.
//!
//! The order of effects is that of `domain::courier`; this file performs them. Invariant: an
//! irreversible request is handed to the network at most once for each committed intent.

mod told;

use crate::App;
use crate::attempt::Attempt;
use crate::bodies::{digest, inline, payload};
use crate::meter::{self, Leave};
use crate::spans;
use base::http::{Body as Payload, Bounds, Fence, NoReply};
use base::trace::{Kind, Span};
use base::{Context, Fault, clock, crash};
use domain::courier::{Courier, End, Event, Order, Safeguards};
use domain::delivery::Status;
use domain::failure::{Effect, Failure, Sent, no_reply};
use domain::standing::{Outcome, Wake};
use domain::time::Timestamp;
use domain::timeline::Fact;
use http::{Request, StatusCode};
use platforms::{Adapter, Body, Call, Platform, Reply, rehearsal};
use std::time::{Duration, Instant};
use store::intents::Intent;
use store::settles::Entry;

/// The intent outlives its call by this much (races M2).
const INTENT_MARGIN: Duration = Duration::from_secs(5);
/// Behind a slow call, the next job of an account gives its slot back after this long.
const TURN_MAX: Duration = Duration::from_secs(2);
/// An equal wording in doubt is looked after this often at least.
const DOUBT_PAUSE_MAX: Duration = Duration::from_secs(15);
/// The largest reply that is read; lists of a hundred posts are a tenth of it.
const REPLY_BYTES_MAX: usize = 2 << 20;

/// How a carried call ended.
pub(crate) enum Ending {
    /// The platform said yes.
    Replied(Reply),
    /// It said no, or nothing.
    Failed {
        /// Its class.
        failure: Failure,
        /// What the ledger is told, when an intent is open.
        entry: Option<Entry>,
        /// The refusal itself, where one came.
        reply: Option<Reply>,
    },
    /// The limiter has no permit before this instant.
    Limited {
        /// When to come back.
        until: Timestamp,
    },
    /// The row or the lease has moved on.
    Stale,
}

/// One call on its way, with what its effects have brought so far.
struct Trip {
    call: Call,
    leave: Option<Leave>,
    signed: Option<Request<Body>>,
    sent_by: Option<Instant>,
    reply: Option<Reply>,
    failure: Option<Failure>,
    silence: Option<String>,
    took: Duration,
    /// An equal wording holds it, not the limiter.
    is_doubted: bool,
    /// It brings the delivery out, or its first part.
    is_first: bool,
    /// When it left, by the database's clock.
    left_at: Timestamp,
}

/// Carries a call of a delivery.
///
/// # Errors
/// When Postgres, Redis or the vault fails; no byte has left then.
pub(crate) async fn carry(attempt: &mut Attempt<'_>, call: Call) -> Result<Ending, Fault> {
    let leaving = attempt.app.0.leaving.clone();
    if leaving.is_cancelled() {
        return Ok(Ending::Stale);
    }
    match call.effect {
        Effect::Irreversible => carry_to_its_end(attempt, call).await,
        // Broken off, it is a call whose process died: the next one makes it again.
        Effect::Repeatable => {
            let carried = leaving.run_until_cancelled(carry_to_its_end(attempt, call)).await;
            carried.unwrap_or(Ok(Ending::Stale))
        }
    }
}

async fn carry_to_its_end(attempt: &mut Attempt<'_>, call: Call) -> Result<Ending, Fault> {
    let effect = call.effect;
    if effect == Effect::Irreversible && !take_turn(attempt).await {
        return Ok(Ending::Stale);
    }
    let mut trip = Trip {
        call,
        leave: None,
        signed: None,
        sent_by: None,
        reply: None,
        failure: None,
        silence: None,
        took: Duration::ZERO,
        is_doubted: false,
        is_first: effect == Effect::Irreversible && attempt.is_unbegun(),
        left_at: attempt.now(),
    };
    let mut courier = Courier::new(effect, Safeguards::ALL);
    let span = attempt.span.part(Kind::Internal, || format!("carry {}", trip.call.endpoint));
    loop {
        let _step = step(&span, courier.order());
        let event = match courier.order() {
            Order::Meter => meter(attempt, &mut trip).await?,
            Order::Sign => sign(attempt, &mut trip)?,
            Order::Intend => intend(attempt, &mut trip).await?,
            Order::Fence => fence(attempt, &mut trip).await,
            Order::Send => send(attempt, &mut trip, &span).await?,
            Order::Classify => classify(attempt, &mut trip),
            Order::Withdraw(_) => withdraw(attempt, &trip).await?,
            Order::End(end) => return Ok(ending(attempt, end, trip)),
        };
        courier.on(event);
    }
}

/// The span of a step that takes its time.
fn step(carrying: &Span, order: Order) -> Span {
    let named = |name: &'static str| carrying.part(Kind::Internal, || name.to_owned());
    match order {
        Order::Meter => named("meter"),
        Order::Sign => named("sign"),
        Order::Intend => named("intend"),
        Order::Fence => named("fence"),
        Order::Withdraw(_) => named("withdraw"),
        // A call has a span of its own kind; the rest takes no time.
        Order::Send | Order::Classify | Order::End(_) => Span::default(),
    }
}

/// Waits for the account's turn: one irreversible call at a time. What waits here has no permit
/// and no intent. `false` when the job had better give its slot back.
async fn take_turn(attempt: &mut Attempt<'_>) -> bool {
    if attempt.turn.is_none() {
        let turn = attempt.app.0.turns.take(attempt.row.account);
        attempt.turn = tokio::time::timeout(TURN_MAX, turn).await.ok();
    }
    // The call before may have closed the gate that this job was claimed through.
    attempt.turn.is_some() && !attempt.app.0.queue.is_gated(&attempt.claimed.lane)
}

/// Asks the limiter for leave to call.
async fn meter(attempt: &Attempt<'_>, trip: &mut Trip) -> Result<Event, Fault> {
    let asked = meter::ask(attempt, &trip.call).await?;
    crash::point_of("courier.after_meter", attempt.claimed.subject);
    Ok(match asked {
        Ok(leave) => {
            trip.leave = Some(leave);
            Event::Permitted
        }
        Err(until) => Event::Limited { until },
    })
}

/// Checks where the request goes, and only then writes the grant into it.
fn sign(attempt: &Attempt<'_>, trip: &mut Trip) -> Result<Event, Fault> {
    let mut request = trip.call.request.clone();
    let (app, platform) = (attempt.app, &attempt.row.platform);
    // An address that the platform handed out can name any host; another one may be better.
    if let Err(fault) = check_host(app, platform, attempt.adapter.hosts(), &request) {
        trip.failure = Some(Failure::Transient { detail: fault.to_string() });
        return Ok(Event::NotSigned);
    }
    attempt.adapter.auth().sign(&mut request, &attempt.grant);
    trip.signed = Some(request);
    crash::point_of("courier.after_sign", attempt.claimed.subject);
    Ok(Event::Signed)
}

/// A token goes to the platform's own hosts alone, or to where the operator sends its calls.
fn check_host(
    app: &App,
    platform: &str,
    hosts: &[&str],
    request: &Request<Body>,
) -> Result<(), Fault> {
    let uri = request.uri();
    let is_own =
        uri.scheme_str() == Some("https") && uri.host().is_some_and(|host| hosts.contains(&host));
    let settings = app.0.settings.platforms.get(platform);
    if is_own || settings.is_some_and(|settings| settings.base.covers(uri)) {
        return Ok(());
    }
    Err(Fault::new("a call names a host that is not the platform's"))
}

/// Commits the intent, guarded by lease, revision and checkpoint.
async fn intend(attempt: &mut Attempt<'_>, trip: &mut Trip) -> Result<Event, Fault> {
    // What begins now would have to be waited for by a process that is to end.
    if attempt.app.0.leaving.is_cancelled() {
        return Ok(Event::Refused);
    }
    let deadline = deadline_of(attempt.app, &attempt.row.platform, trip.call.deadline);
    let intent = Intent {
        guard: attempt.guard(),
        endpoint: trip.call.endpoint,
        request_sha256: digest(&trip.call.request, attempt.assets()),
        wording_sha256: attempt.wording_sha256(),
        time: deadline + INTENT_MARGIN,
        is_first: trip.is_first,
    };
    // From before the commit, so that the local deadline is never later than the stored one.
    let asked_at = clock::stopwatch();
    let committed = attempt.app.0.intents.call(intent).await?;
    crash::point_of("courier.after_intent", attempt.claimed.subject);
    Ok(match committed {
        Some(intended) => {
            attempt.row.intended_at = Some(intended.first_at);
            attempt.row.sent_at = Some(intended.sent_at);
            attempt.row.status = Status::Sending;
            attempt.open = Some(intended);
            let endpoint = trip.call.endpoint.to_owned();
            let until = intended.deadline_at;
            attempt.log.add(attempt.now(), Fact::Intent { endpoint, until, outcome: None });
            trip.sent_by = Some(asked_at + INTENT_MARGIN);
            Event::Intended
        }
        None if attempt.is_in_doubt().await? => {
            trip.is_doubted = true;
            Event::Limited { until: attempt.now() + doubt_pause(attempt) }
        }
        None => Event::Refused,
    })
}

/// When to look again whether an equal wording is cleared: that takes two look-ups, one
/// visibility delay apart.
fn doubt_pause(attempt: &Attempt<'_>) -> Duration {
    (attempt.visibility_delay() / 4).clamp(Duration::from_millis(250), DOUBT_PAUSE_MAX)
}

/// The last look before the bytes.
async fn fence(attempt: &Attempt<'_>, trip: &mut Trip) -> Event {
    let is_permitted =
        trip.leave.as_ref().is_some_and(Leave::is_good) || renew(attempt, trip).await;
    let is_in_time = trip.sent_by.is_none_or(|by| clock::stopwatch() < by);
    let is_open = is_permitted && attempt.claimed.is_alive() && is_in_time;
    crash::point_of("courier.after_fence", attempt.claimed.subject);
    if is_open { Event::Open } else { Event::Closed }
}

/// Asks for another permit, where Postgres took longer over the intent than the first one is good
/// for. The first stays counted: an unused permit is not given back.
async fn renew(attempt: &Attempt<'_>, trip: &mut Trip) -> bool {
    match meter::ask(attempt, &trip.call).await {
        Ok(asked) => trip.leave = asked.ok(),
        Err(fault) => {
            // The intent is open: it is withdrawn, and the next attempt tells.
            tracing::warn!(%fault, delivery = %attempt.row.id, "a permit ran out");
            trip.leave = None;
        }
    }
    trip.leave.is_some()
}

/// Hands the request to the network. What fails before that has not sent a byte.
async fn send(attempt: &mut Attempt<'_>, trip: &mut Trip, carrying: &Span) -> Result<Event, Fault> {
    let request = trip.signed.take().context("a request is signed before it is sent")?;
    let span = spans::call(carrying, &attempt.row.platform, trip.call.endpoint, &request);
    let started = clock::stopwatch();
    trip.left_at = attempt.now();
    let platform = attempt.row.platform.clone();
    let sent = dispatch(attempt, trip, request).await;
    trip.took = started.elapsed();
    spans::answered(&span, &sent);
    crash::point_of("courier.after_send", attempt.claimed.subject);
    metrics::histogram!(
        "postfleet_call_seconds", "platform" => platform, "endpoint" => trip.call.endpoint
    )
    .record(trip.took.as_secs_f64());
    metrics::counter!(
        "postfleet_calls_total", "platform" => attempt.row.platform.clone(),
        "endpoint" => trip.call.endpoint, "outcome" => spans::class(&sent)
    )
    .increment(1);
    Ok(match sent {
        Ok(Ok((status, headers, body))) => {
            let reply = Reply { status, headers, body, at: attempt.now() };
            if let Some(leave) = &trip.leave {
                meter::correct(attempt, leave, &trip.call, &reply).await;
            }
            count_cost(&attempt.row.platform, attempt.adapter, &trip.call, Some(&reply));
            trip.reply = Some(reply);
            Event::Replied
        }
        Ok(Err(silence)) => {
            if silence.sent() == Sent::Maybe {
                count_cost(&attempt.row.platform, attempt.adapter, &trip.call, None);
            }
            trip.silence = Some(silence.detail().to_owned());
            Event::Silent(silence.sent())
        }
        Err(fault) => {
            tracing::error!(%fault, delivery = %attempt.row.id, "a call could not be made ready");
            trip.silence = Some("the call could not be made ready here".to_owned());
            Event::Silent(Sent::No)
        }
    })
}

/// Counts what the platform charges for a call that was answered or may have been taken.
fn count_cost(platform: &str, adapter: &dyn Adapter, call: &Call, reply: Option<&Reply>) {
    let cost = adapter.cost_microdollars(call, reply);
    if cost > 0 {
        metrics::counter!(
            "postfleet_cost_microdollars_total",
            "platform" => platform.to_owned(), "endpoint" => call.endpoint
        )
        .increment(cost);
    }
}

async fn dispatch(
    attempt: &Attempt<'_>,
    trip: &Trip,
    request: Request<Body>,
) -> Result<Answered, Fault> {
    let (app, platform) = (attempt.app, &attempt.row.platform);
    if attempt.row.app == rehearsal::APP {
        return Ok(rehearse(attempt, request.body()));
    }
    let payload = payload(app, attempt.row.tenant, attempt.assets(), request.body()).await?;
    let claimed = attempt.claimed.clone();
    let sent_by = trip.sent_by;
    let fence = move || claimed.is_alive() && sent_by.is_none_or(|by| clock::stopwatch() < by);
    let deadline = deadline_of(app, platform, trip.call.deadline);
    post(app, platform, request, payload, deadline, Some(Box::new(fence))).await
}

/// Answers a call of test mode, here: nothing of it leaves the process.
fn rehearse(attempt: &Attempt<'_>, body: &Body) -> Answered {
    let id = format!("test_{}", attempt.row.id.uuid().simple());
    let detail = "the text asked for a call without an answer".to_owned();
    let silence = NoReply::Lost { sent: Sent::Maybe, detail };
    rehearsal::answer(&inline(body), &id).ok_or(silence)
}

fn classify(attempt: &Attempt<'_>, trip: &mut Trip) -> Event {
    let reply = trip.reply.as_ref();
    let (adapter, effect) = (attempt.adapter, trip.call.effect);
    let failure = reply.and_then(|reply| adapter.classify(effect, reply));
    trip.failure = failure.map(|failure| failure.harmless(&attempt.grant.secrets()));
    if let (Some(Failure::RateLimit { scope, retry_at, .. }), Some(reply)) = (&trip.failure, reply)
    {
        metrics::histogram!("postfleet_retry_after_seconds",
            "platform" => attempt.row.platform.clone(), "scope" => scope.as_str())
        .record(retry_at.since(reply.at).as_secs_f64());
    }
    if let Some(fingerprint) = reply.and_then(|reply| adapter.unmapped(effect, reply)) {
        attempt.app.0.unmapped.count(&attempt.row.platform, trip.call.endpoint, fingerprint);
    }
    Event::Classified
}

/// Takes the intent back: not a byte has left.
async fn withdraw(attempt: &mut Attempt<'_>, trip: &Trip) -> Result<Event, Fault> {
    let mut settle = attempt.settle(attempt.standing().change(Status::Ready, Wake::Keep));
    let (outcome, detail) = (Outcome::Withdrawn, trip.silence.clone());
    settle.note(Some(Entry { outcome, http_status: None, detail }));
    attempt.write(settle).await?;
    Ok(Event::Withdrawn)
}

fn ending(attempt: &mut Attempt<'_>, end: End, trip: Trip) -> Ending {
    let now = attempt.now();
    if let Some(fact) = told::fact(end, &trip, now) {
        attempt.log.add(now, fact);
    }
    let is_open = attempt.open.is_some();
    let entry = |outcome, http_status: Option<StatusCode>, detail: &str| {
        is_open.then(|| Entry {
            outcome,
            http_status: http_status.map(|status| status.as_u16()),
            detail: Some(base::text::clean(detail)),
        })
    };
    match end {
        End::Limited { until } => Ending::Limited { until },
        End::Stale => Ending::Stale,
        End::Unsigned => match trip.failure {
            Some(failure) => Ending::Failed { failure, entry: None, reply: None },
            None => Ending::Stale,
        },
        End::NoReply(sent) => {
            let detail = trip.silence.unwrap_or_default();
            let entry = entry(Outcome::Silent, None, &detail);
            let failure = no_reply(trip.call.effect, sent, detail);
            Ending::Failed { failure, entry, reply: None }
        }
        End::Reply => match (trip.reply, trip.failure) {
            (Some(reply), None) => {
                // The next call may leave while this one is written down. After a failure it
                // waits: what is decided may close a gate.
                attempt.turn = None;
                if trip.is_first {
                    attempt.measure_lateness(trip.left_at);
                }
                Ending::Replied(reply)
            }
            (reply, Some(failure)) => {
                let outcome = match failure {
                    Failure::Unknown { .. } => Outcome::Silent,
                    _ => Outcome::Replied,
                };
                let status = reply.as_ref().map(|reply| reply.status);
                let entry = entry(outcome, status, failure.detail());
                Ending::Failed { failure, entry, reply }
            }
            // The machine reaches this end only by way of a reply.
            (None, None) => Ending::Stale,
        },
    }
}

/// Sends a call that is ready as it is: token requests, and questions about a fresh grant.
pub(crate) async fn send_ready(
    app: &App,
    platform: &dyn Platform,
    call: Call,
    deadline_at: Timestamp,
) -> Result<Reply, Failure> {
    let left = deadline_at.since(app.now());
    let deadline = call.deadline.min(left);
    if deadline.is_zero() {
        let detail = "there was no time left for the call".to_owned();
        return Err(Failure::Transient { detail });
    }
    let (effect, request) = (call.effect, call.request.clone());
    let not_sent = |detail: String| no_reply(effect, Sent::No, detail);
    let adapter = platform.adapter();
    let hosts = adapter.map(|adapter| adapter.hosts()).unwrap_or_default();
    check_host(app, platform.name(), hosts, &request)
        .map_err(|fault| not_sent(fault.to_string()))?;
    let payload = Payload::Bytes(inline(request.body()));
    // A process that stood still meanwhile must not show a token that others have replaced.
    let sent_by = clock::stopwatch() + deadline;
    let fence: Fence = Box::new(move || clock::stopwatch() < sent_by);
    let sent = post(app, platform.name(), request, payload, deadline, Some(fence)).await;
    let answered = match sent.map_err(|fault| not_sent(fault.to_string()))? {
        Ok((status, headers, body)) => Ok(Reply { status, headers, body, at: app.now() }),
        Err(silence) => Err(no_reply(effect, silence.sent(), silence.detail().to_owned())),
    };
    if let (Some(adapter), Ok(reply)) = (adapter, &answered) {
        count_cost(platform.name(), adapter, &call, Some(reply));
    }
    answered
}

pub(crate) type Answered = Result<(StatusCode, http::HeaderMap, Vec<u8>), NoReply>;

/// Hands a signed request to the network, at the platform's host or where the operator says.
async fn post(
    app: &App,
    platform: &str,
    request: Request<Body>,
    payload: Payload,
    deadline: Duration,
    fence: Option<Fence>,
) -> Result<Answered, Fault> {
    let settings = app.0.settings.platforms.get(platform).context("a platform without settings")?;
    let (mut parts, _) = request.into_parts();
    settings.name_version(platform, &mut parts.uri, &mut parts.headers);
    let mut request = Request::from_parts(parts, payload);
    settings.base.turn(&mut request)?;
    let bounds = Bounds { deadline, reply_size_bytes_max: REPLY_BYTES_MAX, fence };
    let answer = app.0.http.send(request, bounds).await;
    Ok(answer.map(|answer| (answer.status, answer.headers, answer.body.to_vec())))
}

fn deadline_of(app: &App, platform: &str, own: Duration) -> Duration {
    let settings = app.0.settings.platforms.get(platform);
    settings.and_then(|settings| settings.call_deadline).map_or(own, |cap| own.min(cap))
}
