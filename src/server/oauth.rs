//! Connecting accounts: the URL to send a person to, and the way back.
//!
//! Invariant: a code or a state is never logged and never shown.

use crate::envelope::{Answered, OURS, Refusal, success};
use crate::extract::{Authenticated, JsonBody, Named, fields, finish};
use crate::page::Page;
use app::{App, connect};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use base::text::clean;
use domain::rejection::excerpt;
use http::StatusCode;
use serde_json::json;
use std::collections::HashMap;

/// How platforms say that the person did not want to.
const DECLINED: [&str; 4] =
    ["access_denied", "user_denied", "user_cancelled_login", "user_cancelled_authorize"];

/// `POST /v1/oauth/{platform}/authorize`
pub(crate) async fn authorize(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Named(platform): Named,
    JsonBody(body): JsonBody,
) -> Answered {
    let mut fields = fields(&body)?;
    let brand = fields.required_text("brandSlug", "Name the brand that the account belongs to.");
    let registration = fields.text("app");
    finish(fields)?;
    let brand = brand.unwrap_or_default().trim();
    let url = connect::authorize(&app, &caller, &platform, brand, registration).await??;
    Ok(success(StatusCode::OK, json!({ "url": url })))
}

/// `GET /oauth/{platform}/callback`
pub(crate) async fn callback(
    State(app): State<App>,
    Named(platform): Named,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let (code, state) = match read(&platform, &query) {
        Ok(brought) => brought,
        Err(page) => return page.into_response(),
    };
    let page = match connect::callback(&app, &platform, code, state).await {
        Ok(Ok(accounts)) if accounts.is_empty() => Page::failure(
            StatusCode::CONFLICT,
            "Nothing was connected",
            format!("{platform} named no account that you may publish with."),
        ),
        Ok(Ok(accounts)) => {
            let name = |account: &app::show::AccountView| {
                format!("{} on {} ({})", account.handle, account.platform, account.kind)
            };
            Page::connected(accounts.iter().map(name).collect())
        }
        Ok(Err(refused)) => {
            let Refusal { status, message, .. } = refused.into();
            Page::failure(status, "The account was not connected", message)
        }
        Err(fault) => {
            tracing::error!(%fault, platform, "a connection could not be finished");
            Page::failure(StatusCode::SERVICE_UNAVAILABLE, "Not now", OURS.to_owned())
        }
    };
    page.into_response()
}

/// The code and the state that the browser brought back, or the page that tells why not.
fn read<'a>(
    platform: &str,
    query: &'a HashMap<String, String>,
) -> Result<(&'a str, &'a str), Page> {
    let given = |name: &str| query.get(name).map(String::as_str).filter(|value| !value.is_empty());
    if let Some(error) = given("error") {
        let reasons = [Some(error), given("error_reason")];
        if reasons.into_iter().flatten().any(|reason| DECLINED.contains(&reason)) {
            let story = format!(
                "You did not let us publish on {platform}, so nothing was connected. Begin again \
                 if that was not meant."
            );
            return Err(Page::failure(StatusCode::FORBIDDEN, "Consent was not given", story));
        }
        let told = [error, given("error_description").unwrap_or_default()];
        let told = excerpt(clean(&told.join(" ")).trim());
        let story = format!("{platform} sent you back without consent. It said: {told}");
        return Err(Page::failure(StatusCode::BAD_REQUEST, "The account was not connected", story));
    }
    given("code").zip(given("state")).ok_or_else(|| {
        let story = "This address is where a platform sends you back to after consent. The code \
                     or the state is missing, so nothing was connected. Begin again."
            .to_owned();
        Page::failure(StatusCode::BAD_REQUEST, "Something is missing", story)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brought(pairs: &[(&str, &str)]) -> Result<(String, String), Page> {
        let query = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        read("x", &query).map(|(code, state)| (code.to_owned(), state.to_owned()))
    }

    #[test]
    fn a_code_needs_its_state() {
        let both = brought(&[("code", "c"), ("state", "s")]).unwrap();
        assert_eq!(both, ("c".to_owned(), "s".to_owned()));
        for half in [&[("code", "c")][..], &[("state", "s")], &[("code", ""), ("state", "s")]] {
            assert_eq!(brought(half).unwrap_err().status, StatusCode::BAD_REQUEST);
        }
    }

    #[test]
    fn denied_consent_is_told_from_other_errors() {
        for reason in DECLINED {
            let page = brought(&[("error", reason), ("state", "s")]).unwrap_err();
            assert_eq!(page.title, "Consent was not given");
        }
        let page = brought(&[("error", "server_error"), ("error_description", "<b>")]).unwrap_err();
        assert_eq!(page.status, StatusCode::BAD_REQUEST);
        assert!(page.story.ends_with("It said: server_error <b>"), "{}", page.story);
    }
}
