//! The port of a process that operators alone reach: whether it lives, whether it can work, and
//! what it has counted, and takes their orders. Every role has one, from its start to its last
//! moment. To look needs no token; to give orders does (`crew.rs`).

use crate::envelope::{Answered, Refusal, success};
use crate::{Crew, frame, halts, health};
use app::App;
use app::ready::Check;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use base::{Context, Fault};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use std::collections::BTreeMap;
use std::future::IntoFuture;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Tells operators how this process is. Clones are of one process.
#[derive(Clone)]
pub struct Operators(Arc<Inner>);

struct Inner {
    metrics: Box<dyn Fn() -> String + Send + Sync>,
    /// Who may give orders.
    crew: Crew,
    /// Fires when the process was asked to end.
    asked: CancellationToken,
    /// What is waited for until there is an app.
    awaited: Mutex<BTreeMap<&'static str, String>>,
    wired: OnceLock<Wired>,
}

struct Wired {
    app: App,
    sickness: Box<dyn Fn() -> Check + Send + Sync>,
}

impl Operators {
    /// Of a process that has nothing yet and is asked to end by `asked`; `metrics` renders what
    /// `/metrics` shows, and `crew` may give orders.
    pub fn new(
        metrics: impl Fn() -> String + Send + Sync + 'static,
        asked: CancellationToken,
        crew: Crew,
    ) -> Self {
        Self(Arc::new(Inner {
            metrics: Box::new(metrics),
            crew,
            asked,
            awaited: Mutex::default(),
            wired: OnceLock::new(),
        }))
    }

    /// A part is waited for, and why; `None`: it is there.
    pub fn awaits(&self, part: &'static str, why: Option<String>) {
        let mut awaited = self.0.awaited.lock().unwrap_or_else(PoisonError::into_inner);
        match why {
            Some(why) => awaited.insert(part, why),
            None => awaited.remove(part),
        };
    }

    /// Everything is there; `sickness` tells whether the process is unwell all the same.
    pub fn wired(&self, app: &App, sickness: impl Fn() -> Check + Send + Sync + 'static) {
        let (app, sickness) = (app.clone(), Box::new(sickness));
        let _ = self.0.wired.set(Wired { app, sickness });
    }

    /// Every check, those that fail first.
    pub async fn checks(&self) -> Vec<Check> {
        let mut checks = match self.0.wired.get() {
            Some(Wired { app, sickness }) => {
                let mut checks = app.checks().await;
                checks.push(sickness());
                checks
            }
            None => {
                let awaited = self.0.awaited.lock().unwrap_or_else(PoisonError::into_inner);
                let mut checks: Vec<Check> =
                    awaited.iter().map(|(part, why)| Check::of(part, Some(why.clone()))).collect();
                if checks.is_empty() {
                    checks.push(Check::of("starting", Some("it has just been started".into())));
                }
                checks
            }
        };
        let is_asked = self.0.asked.is_cancelled();
        let told = "the process was asked to end, and finishes what it began".to_owned();
        checks.push(Check::of("draining", is_asked.then_some(told)));
        checks.sort_by_key(|check| check.trouble.is_none());
        checks
    }

    /// Who asks, as the audit names him.
    pub(crate) fn who(&self, headers: &HeaderMap) -> Result<String, Refusal> {
        self.0.crew.who(headers)
    }

    /// The verbs, where there is a database.
    pub(crate) fn app(&self) -> Result<&App, Refusal> {
        self.0.wired.get().map(|wired| &wired.app).ok_or_else(|| {
            let told = "This process waits for the database.";
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", told)
        })
    }

    /// Serves the port until `end`.
    ///
    /// # Errors
    /// When the socket fails.
    pub async fn serve(self, listener: TcpListener, end: CancellationToken) -> Result<(), Fault> {
        let routes = Router::new()
            .route("/healthz", get(health::alive))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics))
            .route("/unmapped", get(unmapped))
            .route("/pauses", get(halts::list))
            .route("/pauses/{subject}", put(halts::pause).delete(halts::resume));
        let routes = frame::frame(routes.with_state(self));
        // Whoever keeps a connection open keeps no process from ending.
        let served = axum::serve(listener, routes).into_future();
        match end.run_until_cancelled(served).await {
            Some(ended) => ended.context("serving the operators"),
            None => Ok(()),
        }
    }
}

/// `GET /readyz` where operators ask.
async fn ready(State(operators): State<Operators>) -> Response {
    health::readiness(&operators.checks().await, true)
}

/// `GET /metrics`
async fn metrics(State(operators): State<Operators>) -> Response {
    if let Some(Wired { app, .. }) = operators.0.wired.get() {
        app::observe::measure(app).await;
    }
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], (operators.0.metrics)()).into_response()
}

/// `GET /unmapped`: the refusals that no adapter knows, the most frequent first.
async fn unmapped(State(operators): State<Operators>) -> Answered {
    Ok(success(StatusCode::OK, app::unmapped::top(operators.app()?).await?))
}
