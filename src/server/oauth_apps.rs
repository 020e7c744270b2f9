//! `/v1/oauth-apps`: registrations with the platforms that a tenant brings of its own.
//!
//! Invariant: a secret comes in and never goes out again.

use crate::envelope::{Answered, success};
use crate::extract::{Authenticated, JsonBody, NamedTwice, fields, finish};
use crate::oauth::token;
use app::App;
use app::connect::own_apps;
use axum::extract::State;
use http::StatusCode;
use serde_json::json;

/// `GET /v1/oauth-apps`
pub(crate) async fn list(State(app): State<App>, Authenticated(caller): Authenticated) -> Answered {
    Ok(success(StatusCode::OK, own_apps::list(&app, &caller).await?))
}

/// `GET /v1/oauth-apps/{platform}/{app}`
pub(crate) async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    NamedTwice(platform, name): NamedTwice,
) -> Answered {
    let way = (platform.as_str(), name.as_str());
    Ok(success(StatusCode::OK, own_apps::show(&app, &caller, way).await??))
}

/// `PUT /v1/oauth-apps/{platform}/{app}`
pub(crate) async fn put(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    NamedTwice(platform, name): NamedTwice,
    JsonBody(body): JsonBody,
) -> Answered {
    let mut fields = fields(&body)?;
    let client_id = token(&mut fields, "clientId");
    let secret = token(&mut fields, "clientSecret");
    for (field, given) in [("clientId", client_id), ("clientSecret", secret)] {
        if given.is_none() {
            fields.missing(field, "Send it as the platform shows it for your registration.");
        }
    }
    finish(fields)?;
    let (client_id, secret) = (client_id.unwrap_or_default(), secret.unwrap_or_default().into());
    let way = (platform.as_str(), name.as_str());
    Ok(success(StatusCode::OK, own_apps::put(&app, &caller, way, client_id, &secret).await??))
}

/// `DELETE /v1/oauth-apps/{platform}/{app}`
pub(crate) async fn delete(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    NamedTwice(platform, name): NamedTwice,
) -> Answered {
    own_apps::delete(&app, &caller, (&platform, &name)).await??;
    Ok(success(StatusCode::OK, json!({})))
}
