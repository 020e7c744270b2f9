//! Translates HTTP to verbs.
//!
//! Invariant: decides nothing. A handler reads the request, calls one verb of `app` and puts its
//! answer into the envelope; SQL, Redis and the platforms' dialects are out of its sight.

mod accounts;
mod assets;
mod audit;
mod brands;
mod bulk;
mod calendar;
mod capabilities;
mod connect;
mod cookie;
mod crew;
mod deliveries;
mod envelope;
mod events;
mod extract;
mod frame;
mod guard;
mod halts;
mod health;
mod keys;
mod limits;
mod lists;
mod media;
mod oauth;
mod oauth_apps;
mod operators;
mod origin;
mod pages;
mod pauses;
mod posts;
mod reference;
mod slots;
mod uploads;
mod webhooks;

pub use crew::Crew;
pub use operators::Operators;

use app::App;
use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post, put};
use axum::serve::ListenerExt;
use base::{Context, Fault};
use envelope::Refusal;
use http::StatusCode;
use serde::Deserialize;
use std::future::IntoFuture;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// The `[server]` section of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where callers and browsers connect.
    pub listen: String,
    /// Where operators connect: health, metrics and pauses.
    pub private_listen: String,
    /// Who may give orders there, by name, each with a token.
    pub operators: Crew,
    /// How browsers reach us; OAuth callbacks begin with it.
    pub public_url: String,
    /// Where browsers may be sent back to once an account is connected; in the environment with
    /// blanks between them.
    #[serde(deserialize_with = "base::config::list_or_text")]
    pub return_urls: Vec<String>,
    /// Requests of a key in a minute, where it has no limit of its own; 0 is none.
    pub requests_per_minute: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            private_listen: "127.0.0.1:9464".to_owned(),
            operators: Crew::default(),
            public_url: "http://127.0.0.1:8080".to_owned(),
            return_urls: Vec::new(),
            requests_per_minute: app::settings::REQUESTS_PER_MINUTE,
        }
    }
}

/// What the handlers share.
#[derive(Clone)]
struct Site {
    app: App,
    operators: Operators,
}

impl FromRef<Site> for App {
    fn from_ref(site: &Site) -> Self {
        site.app.clone()
    }
}

/// Serves the API on a port that is bound already, until `shutdown`: then nobody new is let in, and
/// the requests that are under way are answered. The caller ends what takes too long.
///
/// # Errors
/// When the socket fails.
pub async fn serve(
    listener: TcpListener,
    app: App,
    operators: Operators,
    shutdown: CancellationToken,
) -> Result<(), Fault> {
    listen(listener, public_routes(Site { app, operators }), &shutdown).await
}

/// Answers that nothing is ready yet, on a port that is bound already, until `over`.
///
/// # Errors
/// When the socket fails.
pub async fn hold(listener: TcpListener, over: CancellationToken) -> Result<(), Fault> {
    let early = || async {
        let told = "We are starting, and wait for a part of the fleet. Send it again in a moment.";
        let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", told);
        Refusal { retry_after_s: Some(1), ..refusal }
    };
    let routes = Router::new().route("/healthz", get(health::alive)).fallback(early);
    listen(listener, routes, &over).await
}

async fn listen(
    listener: TcpListener,
    routes: Router,
    shutdown: &CancellationToken,
) -> Result<(), Fault> {
    // Answers are small and whole; waiting to fill a packet only delays them.
    let listener = listener.tap_io(|socket| {
        let _ = socket.set_nodelay(true);
    });
    axum::serve(listener, routes)
        .with_graceful_shutdown(shutdown.clone().cancelled_owned())
        .into_future()
        .await
        .context("serving HTTP")
}

fn public_routes(site: Site) -> Router {
    let routes = Router::new()
        .route("/v1/posts", post(posts::create).get(posts::list))
        .route("/v1/posts/validate", post(posts::validate))
        // Its own limit is larger than that of a body of JSON.
        .route("/v1/posts/bulk", post(bulk::create).layer(DefaultBodyLimit::disable()))
        .route("/v1/posts/{id}", get(posts::show).patch(posts::edit))
        .route("/v1/posts/{id}/archive", post(posts::archive))
        .route("/v1/posts/{id}/cancel", post(posts::cancel))
        .route("/v1/posts/{id}/copies/cancel", post(posts::cancel_copies))
        .route("/v1/posts/{id}/duplicate", post(posts::duplicate))
        .route("/v1/posts/{id}/hold", post(posts::hold))
        .route("/v1/posts/{id}/release", post(posts::release))
        .route("/v1/posts/{id}/retry", post(posts::retry))
        .route("/v1/posts/{id}/unschedule", post(posts::unschedule))
        .route("/v1/deliveries", get(deliveries::list))
        .route("/v1/deliveries/{id}", get(deliveries::show))
        .route("/v1/deliveries/retry", post(deliveries::retry))
        .route("/v1/deliveries/{id}/remote", delete(deliveries::remove))
        .route("/v1/deliveries/{id}/reposts/cancel", post(deliveries::cancel_reposts))
        .route("/v1/deliveries/{id}/review", post(deliveries::review))
        // The library has its own limit; files are streamed past every other.
        .route(
            "/v1/media",
            post(media::upload).layer(DefaultBodyLimit::disable()).get(assets::list),
        )
        .route("/v1/media/import", post(assets::import))
        .route("/v1/media/presign", post(assets::presign))
        .route("/v1/media/{id}", get(assets::show).delete(assets::delete))
        .route("/v1/media/{id}/complete", post(assets::complete))
        .route("/v1/media/{id}/thumbnail", get(assets::thumbnail))
        .route("/v1/uploads", post(uploads::create).options(uploads::abilities))
        .route("/v1/uploads/{id}", get(uploads::show).patch(uploads::append).delete(uploads::end))
        .route("/m/{signed}", get(origin::fetch).put(origin::lay))
        .route("/v1/brands", post(brands::ensure).get(brands::list))
        .route("/v1/brands/{slug}", delete(brands::erase))
        .route("/v1/brands/{slug}/accounts", get(brands::accounts))
        .route("/v1/brands/{slug}/pause", post(pauses::pause_brand))
        .route("/v1/brands/{slug}/resume", post(pauses::resume_brand))
        .route("/v1/pauses", get(pauses::list))
        .route("/v1/erasures", get(brands::erasures))
        .route("/v1/erasures/{id}", get(brands::erasure))
        .route("/v1/brands/{slug}/slots", get(slots::of_brand).put(slots::put_of_brand))
        .route("/v1/brands/{slug}/duplicates", get(limits::guard).put(limits::put_guard))
        .route("/v1/calendar", get(calendar::show))
        .route("/v1/limits", get(limits::list).put(limits::put))
        .route("/v1/accounts", get(accounts::list))
        .route("/v1/accounts/{id}", get(accounts::show).delete(accounts::disconnect))
        .route("/v1/accounts/{id}/refresh", post(accounts::refresh))
        .route("/v1/accounts/{id}/pause", post(accounts::pause))
        .route("/v1/accounts/{id}/resume", post(accounts::resume))
        .route("/v1/accounts/{id}/limits", put(accounts::limits))
        .route("/v1/accounts/{id}/slots", get(slots::of_account).put(slots::put_of_account))
        .route("/v1/accounts/{id}/retry", post(accounts::retry))
        .route("/v1/brands/{slug}/connect-links", post(oauth::link))
        .route("/v1/platforms", get(capabilities::list))
        .route("/v1/oauth/{platform}/authorize", post(oauth::authorize))
        .route("/v1/oauth/exchange", post(oauth::exchange))
        .route("/v1/oauth/choose", post(oauth::choose))
        .route("/v1/accounts/import", post(oauth::import))
        .route("/v1/accounts/test", post(oauth::rehearse))
        .route("/v1/events", get(events::list))
        .route("/v1/events/{id}", get(events::show))
        .route("/v1/webhooks", post(webhooks::create).get(webhooks::list))
        .route(
            "/v1/webhooks/{id}",
            get(webhooks::show).patch(webhooks::edit).delete(webhooks::delete),
        )
        .route("/v1/webhooks/{id}/messages", get(webhooks::messages))
        .route("/v1/webhooks/{id}/redeliver", post(webhooks::redeliver))
        .route("/v1/webhooks/{id}/secret", post(webhooks::renew_secret))
        .route("/v1/webhooks/{id}/test", post(webhooks::test))
        .route("/v1/oauth-apps", get(oauth_apps::list))
        .route(
            "/v1/oauth-apps/{platform}/{app}",
            get(oauth_apps::show).put(oauth_apps::put).delete(oauth_apps::delete),
        )
        .route("/v1/keys", get(keys::list).post(keys::create))
        .route("/v1/keys/{id}", delete(keys::revoke))
        .route("/v1/keys/{id}/rotate", post(keys::rotate))
        .route("/v1/audit", get(audit::list))
        .route("/connect", get(connect::lobby).post(connect::begin))
        .route("/connect/choose", get(connect::choices).post(connect::choose))
        .route("/connect/result", get(connect::result))
        .route("/connect/refused", get(connect::refused))
        .route("/connect/{ticket}", get(connect::peek).post(connect::enter))
        .route("/oauth/{platform}/callback", get(connect::callback))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready));
    let routes = routes.route_layer(from_fn_with_state(site.clone(), guard::guard));
    // Behind the guard: whoever has no key yet reads what one is good for.
    let routes = routes
        .route("/v1/openapi.json", get(reference::document))
        .route("/docs", get(reference::page));
    frame::frame(routes.with_state(site))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_refused_and_the_defaults_are_loopback() {
        let config: Config = serde_json::from_str("{}").unwrap();
        assert_eq!(config, Config::default());
        assert!(config.listen.starts_with("127.0.0.1:"));
        assert!(serde_json::from_str::<Config>(r#"{"listn": "x"}"#).is_err());
        for two in [r#"["a", "b"]"#, r#""a b""#] {
            let config = format!(r#"{{"return_urls": {two}}}"#);
            let config: Config = serde_json::from_str(&config).unwrap();
            assert_eq!(config.return_urls, ["a", "b"]);
        }
    }
}
