//! Connecting accounts by the API: links for people, codes that an upstream app brings, grants
//! that were obtained elsewhere.
//!
//! Invariant: a code, a state or a token is never logged and never shown.

use crate::envelope::{Answered, success};
use crate::extract::{Authenticated, JsonBody, Named, fields, finish};
use app::App;
use app::connect::callbacks::Brought;
use app::connect::imports::{self, Import};
use app::connect::links::{self, LinkRequest};
use app::connect::{choosing, exchanges, rehearsing};
use axum::extract::State;
use domain::rejection::{Rejection, Rule};
use domain::request::Fields;
use domain::time::Timestamp;
use http::StatusCode;
use serde_json::json;

/// No code or token of a platform is longer; Meta's are below 500 characters.
const TOKEN_CHARS_MAX: usize = 4_096;

/// `POST /v1/brands/{slug}/connect-links`
pub(crate) async fn link(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Named(slug): Named,
    JsonBody(body): JsonBody,
) -> Answered {
    let mut fields = fields(&body)?;
    let platform = fields.text("platform");
    let request = link_request(&mut fields, &slug, platform);
    finish(fields)?;
    Ok(success(StatusCode::CREATED, links::link(&app, &caller, request).await??))
}

/// `POST /v1/oauth/{platform}/authorize`
pub(crate) async fn authorize(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Named(platform): Named,
    JsonBody(body): JsonBody,
) -> Answered {
    let mut fields = fields(&body)?;
    let brand = fields.required_text("brandSlug", "Name the brand that the account belongs to.");
    let redirect_uri = fields.text("redirectUri");
    let brand = brand.unwrap_or_default().trim();
    let request = link_request(&mut fields, brand, Some(&platform));
    finish(fields)?;
    let link = exchanges::authorize(&app, &caller, request, redirect_uri).await??;
    Ok(success(StatusCode::OK, link))
}

fn link_request<'a>(
    fields: &mut Fields<'a>,
    brand_slug: &'a str,
    platform: Option<&'a str>,
) -> LinkRequest<'a> {
    LinkRequest {
        brand_slug,
        platform,
        app: fields.text("app"),
        account: fields.id("accountId"),
        return_url: fields.text("returnUrl"),
    }
}

/// `POST /v1/oauth/exchange`
pub(crate) async fn exchange(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    JsonBody(body): JsonBody,
) -> Answered {
    let mut fields = fields(&body)?;
    let platform = fields.required_text("platform", "Name the platform that sent the code.");
    let state = fields.required_text("state", "Bring the state that came with the code.");
    let code = token(&mut fields, "code");
    let error = fields.text("error");
    let error_description = fields.text("errorDescription");
    if code.is_none() && error.is_none() {
        fields.missing("code", "Bring the code, or the error that came in its place.");
    }
    finish(fields)?;
    let brought = Brought { code, state, error, error_reason: None, error_description };
    let platform = platform.unwrap_or_default();
    let exchanged = exchanges::exchange(&app, &caller, platform, brought).await??;
    Ok(success(StatusCode::OK, exchanged))
}

/// `POST /v1/oauth/choose`
pub(crate) async fn choose(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    JsonBody(body): JsonBody,
) -> Answered {
    let mut fields = fields(&body)?;
    let exchange = fields.required_text("exchange", "Name the exchange that left the choice open.");
    let ids = fields.texts("ids").unwrap_or_default();
    finish(fields)?;
    let ids: Vec<String> = ids.into_iter().map(str::to_owned).collect();
    let exchange = exchange.unwrap_or_default();
    let chosen = choosing::choose_exchanged(&app, &caller, exchange, &ids).await??;
    let (accounts, notes) = chosen;
    Ok(success(StatusCode::OK, json!({ "accounts": accounts, "notes": notes })))
}

/// `POST /v1/accounts/import`
pub(crate) async fn import(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    JsonBody(body): JsonBody,
) -> Answered {
    let mut fields = fields(&body)?;
    let brand_slug = fields.required_text("brandSlug", "Name the brand of the account.");
    let platform = fields.required_text("platform", "Name the platform of the account.");
    let app_name = fields.text("app");
    let access_token = token(&mut fields, "accessToken");
    let refresh_token = token(&mut fields, "refreshToken");
    if access_token.is_none() {
        fields.missing("accessToken", "Send the token that signs calls.");
    }
    let expires_at = instant(&mut fields, "expiresAt");
    finish(fields)?;
    let import = Import {
        brand_slug: brand_slug.unwrap_or_default(),
        platform: platform.unwrap_or_default(),
        app: app_name,
        access_token: access_token.unwrap_or_default().into(),
        refresh_token: refresh_token.map(Into::into),
        expires_at,
    };
    Ok(success(StatusCode::OK, imports::import(&app, &caller, import).await??))
}

/// `POST /v1/accounts/test`
pub(crate) async fn rehearse(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    JsonBody(body): JsonBody,
) -> Answered {
    let mut fields = fields(&body)?;
    let brand_slug = fields.required_text("brandSlug", "Name the brand of the account.");
    let platform = fields.required_text("platform", "Name the platform whose rules it keeps.");
    let handle = fields.required_text("handle", "Choose the name that people know it by.");
    let kind = fields.text("kind");
    let needs_reconnect = fields.flag("needsReconnect").unwrap_or(false);
    finish(fields)?;
    let wanted = rehearsing::Wanted {
        brand_slug: brand_slug.unwrap_or_default(),
        platform: platform.unwrap_or_default(),
        handle: handle.unwrap_or_default(),
        kind,
        needs_reconnect,
    };
    Ok(success(StatusCode::CREATED, rehearsing::rehearse(&app, &caller, wanted).await??))
}

/// A token: text without blanks and bounded. What is wrong with it never repeats it.
pub(crate) fn token<'a>(fields: &mut Fields<'a>, name: &'a str) -> Option<&'a str> {
    let token = fields.text(name)?.trim();
    let is_plain = token.bytes().all(|byte| byte.is_ascii_graphic());
    if is_plain && token.len() <= TOKEN_CHARS_MAX {
        return Some(token).filter(|token| !token.is_empty());
    }
    let message = format!("`{name}` is no token.");
    let limit = format!("1 to {TOKEN_CHARS_MAX} visible characters of ASCII");
    let rejection = Rejection::request(Rule::OutOfRange, name, message)
        .bounds(limit, format!("{} bytes", token.len()))
        .resolve("Send it as the platform gave it, without quotation marks or blanks.");
    fields.reject(rejection);
    None
}

fn instant<'a>(fields: &mut Fields<'a>, name: &'a str) -> Option<Timestamp> {
    let text = fields.text(name)?;
    let read = Timestamp::parse(text);
    if read.is_none() {
        let message = format!("`{name}` is no time.");
        let rejection = Rejection::request(Rule::OutOfRange, name, message)
            .bounds("RFC 3339, as 2026-12-01T09:00:00Z", text)
            .resolve("Write it in that form.");
        fields.reject(rejection);
    }
    read
}
