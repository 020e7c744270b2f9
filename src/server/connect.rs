//! The way of a person who connects an account: link, choice, platform, callback, result.
//!
//! Invariant: a code, a state and a session are never logged, never shown and never left in an
//! address; what came of a consent is told at an address of its own.

use crate::cookie::{self, SameOrigin, Visitor};
use crate::envelope::Refusal;
use crate::extract::Named;
use crate::pages::connecting::{self, Shown, Way, Ways};
use crate::pages::{Page, guard};
use app::connect::callbacks::{self, Brought, Landing};
use app::connect::choosing;
use app::connect::links::{self, Entered, Next};
use app::connect::visits::{self, Visit};
use app::{Answer, App, Refused};
use axum::Form;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use http::header::SET_COOKIE;
use std::collections::HashMap;

/// Where a person chooses a platform.
const LOBBY: &str = "/connect";
/// Where a person chooses among the accounts of a consent.
const CHOOSE: &str = "/connect/choose";
/// Where a person reads what came of a consent.
const RESULT: &str = "/connect/result";

/// What a handler here comes to; both are pages or lead to one.
type Shows = Result<Response, Page>;

/// `GET /connect/{ticket}`: looks, and uses nothing up.
pub(crate) async fn peek(State(app): State<App>, Named(ticket): Named) -> Shows {
    let invited = told(links::peek(&app, &ticket).await, &Ways::default())?;
    let reconnecting = invited.reconnecting.as_deref();
    Ok(connecting::entrance(&invited.brand, invited.title, reconnecting).into_response())
}

/// `POST /connect/{ticket}`: uses the link up, and lets this browser in.
pub(crate) async fn enter(State(app): State<App>, _: SameOrigin, Named(ticket): Named) -> Shows {
    let Entered { session, next } = told(links::enter(&app, &ticket).await, &Ways::default())?;
    let mut response = match next {
        Next::Choose => sent_to(LOBBY),
        Next::Away(url) => connecting::away(&url).into_response(),
    };
    if let Some(cookie) = cookie::keep(app.public_url(), &session) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// `GET /connect`: the ways to connect.
pub(crate) async fn lobby(State(app): State<App>, visitor: Visitor) -> Shows {
    let visit = visit_of(&app, &visitor).await?;
    let way = |way: &visits::Way| Way {
        value: format!("{}:{}", way.platform, way.app),
        title: way.title.to_owned(),
        note: way.note.to_owned(),
        is_configured: way.is_configured,
    };
    let ways: Vec<Way> = visit.ways.iter().map(way).collect();
    let back = Ways { back: visit.return_url, again: None };
    Ok(connecting::lobby(&visit.brand, &ways, visit.reconnecting.as_deref(), &back).into_response())
}

/// `POST /connect`: on to the platform.
pub(crate) async fn begin(
    State(app): State<App>,
    _: SameOrigin,
    visitor: Visitor,
    Form(form): Form<HashMap<String, String>>,
) -> Shows {
    let session = visitor.session()?;
    let again = Ways { back: None, again: Some("Choose again") };
    let way = form.get("way").map_or("", String::as_str);
    let (platform, name) = way.split_once(':').unwrap_or((way, ""));
    let url = told(visits::begin(&app, session, platform, name).await, &again)?;
    Ok(connecting::away(&url).into_response())
}

/// `GET /oauth/{platform}/callback`: what the browser brings back, and on to an address that does
/// not hold it.
pub(crate) async fn callback(
    State(app): State<App>,
    visitor: Visitor,
    Named(platform): Named,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let given = |name: &str| query.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let brought = Brought {
        code: given("code"),
        state: given("state"),
        error: given("error"),
        error_reason: given("error_reason"),
        error_description: given("error_description"),
    };
    match callbacks::callback(&app, &platform, brought, visitor.0.as_ref()).await {
        Ok(Ok(Landing::Connected { .. })) => sent_to(RESULT),
        Ok(Ok(Landing::Choose)) => sent_to(CHOOSE),
        Ok(Err(refused)) => {
            let Refusal { code, .. } = refused.into();
            // What ended before anything was begun is not a part of the visit.
            match early(code) {
                Some(_) => sent_to(&format!("/connect/refused?why={code}")),
                None => sent_to(RESULT),
            }
        }
        Err(fault) => {
            tracing::error!(%fault, platform, "a connection could not be finished");
            sent_to("/connect/refused?why=unavailable")
        }
    }
}

/// `GET /connect/choose`: the accounts that the consent covers.
pub(crate) async fn choices(State(app): State<App>, visitor: Visitor) -> Shows {
    choices_page(&app, &visitor, None).await.map(IntoResponse::into_response)
}

/// `POST /connect/choose`: connects those that are ticked.
pub(crate) async fn choose(
    State(app): State<App>,
    _: SameOrigin,
    visitor: Visitor,
    Form(form): Form<Vec<(String, String)>>,
) -> Shows {
    let session = visitor.session()?;
    let ids: Vec<String> =
        form.into_iter().filter(|(name, _)| name == "id").map(|(_, id)| id).collect();
    let again = Ways { back: None, again: Some("Begin again") };
    match choosing::choose(&app, session, &ids).await {
        Ok(Ok(_)) => Ok(sent_to(RESULT)),
        Ok(Err(Refused::Invalid(_))) => {
            let problem = Some("Tick at least one account.");
            choices_page(&app, &visitor, problem).await.map(IntoResponse::into_response)
        }
        other => told(other, &again).map(|_| sent_to(RESULT)),
    }
}

async fn choices_page(app: &App, visitor: &Visitor, problem: Option<&str>) -> Result<Page, Page> {
    let session = visitor.session()?;
    let again = Ways { back: None, again: Some("Begin again") };
    let visit = visit_of(app, visitor).await?;
    let found = told(choosing::choices(app, session).await, &again)?;
    let shown = found.into_iter().map(|choice| Shown {
        id: choice.id,
        handle: choice.handle,
        kind: choice.kind,
        is_connected: choice.is_connected,
    });
    Ok(connecting::choices(&visit.brand, &shown.collect::<Vec<_>>(), problem))
}

/// `GET /connect/result`: how the newest consent of this visit ended.
pub(crate) async fn result(State(app): State<App>, visitor: Visitor) -> Shows {
    let session = visitor.session()?;
    let visit = visit_of(&app, &visitor).await?;
    let Some(outcome) = told(visits::outcome(&app, session).await, &Ways::default())? else {
        return Ok(sent_to(LOBBY));
    };
    if let Some((code, story)) = outcome.refused {
        let ways = Ways { back: outcome.return_url, again: Some("Try again") };
        let page = connecting::refused(StatusCode::CONFLICT, title(&code), &story, &ways);
        return Ok(page.into_response());
    }
    let is_new = visit.reconnecting.is_none();
    let ways =
        Ways { back: outcome.return_url, again: is_new.then_some("Connect another account") };
    let shown = outcome.accounts.into_iter().map(|account| {
        let is_it = |way: &&visits::Way| way.platform == account.platform && way.app == account.app;
        let way = visit.ways.iter().find(is_it);
        let words = || format!("{} ({})", account.platform, account.kind);
        let kind = way.map_or_else(words, |way| way.title.to_owned());
        Shown { id: account.id.to_string(), handle: account.handle, kind, is_connected: true }
    });
    let page = connecting::connected(&shown.collect::<Vec<_>>(), &outcome.notes, &ways);
    Ok(page.into_response())
}

/// `GET /connect/refused?why=`: what came back and belongs to no visit of this browser.
pub(crate) async fn refused(
    visitor: Visitor,
    Query(query): Query<HashMap<String, String>>,
) -> Page {
    let code = query.get("why").map_or("", String::as_str);
    let story = early(code).unwrap_or("Ask for a new link, and open it in one browser.");
    let again = visitor.0.is_some().then_some("Begin again");
    connecting::refused(StatusCode::CONFLICT, title(code), story, &Ways { back: None, again })
}

async fn visit_of(app: &App, visitor: &Visitor) -> Result<Visit, Page> {
    told(visits::visit(app, visitor.session()?).await, &Ways::default())
}

/// What a verb brings, or the page that tells why not.
fn told<T>(answer: Answer<T>, ways: &Ways) -> Result<T, Page> {
    match answer {
        Ok(Ok(brought)) => Ok(brought),
        Ok(Err(refused)) => {
            let Refusal { status, code, message, .. } = refused.into();
            Err(connecting::refused(status, title(code), &message, ways))
        }
        Err(fault) => {
            tracing::error!(%fault, "a page could not be shown");
            let status = StatusCode::SERVICE_UNAVAILABLE;
            let story = "Something of ours is away for the moment. Load this page again shortly.";
            Err(connecting::refused(status, title("unavailable"), story, ways))
        }
    }
}

fn sent_to(path: &str) -> Response {
    let mut response = Redirect::to(path).into_response();
    guard(&mut response);
    response
}

/// The heading of a refusal.
fn title(code: &str) -> &'static str {
    match code {
        "link_used" => "This link was opened before",
        "link_expired" => "This link is too old",
        "session_over" => "This visit is over",
        "consent_declined" => "You did not give your consent",
        "consent_failed" => "The platform sent you back",
        "wrong_identity" => "This is another account",
        "connect_refused" => "This account cannot be connected",
        "platform_away" => "The platform is away",
        "scopes_missing" => "The permission is not enough",
        "state_foreign" => "This was begun in another browser",
        "state_used" => "This was finished before",
        "state_expired" => "This took too long",
        "state_unknown" | "state_damaged" | "callback_incomplete" => "Something is missing",
        "choices_over" => "There is nothing to choose from any more",
        "platform_not_configured" => "This platform is not set up here",
        "not_found" => "There is nothing here",
        "unavailable" => "Not now",
        _ => "The account was not connected",
    }
}

/// The stories of those refusals that no visit remembers.
fn early(code: &str) -> Option<&'static str> {
    Some(match code {
        "state_foreign" => {
            "The consent was begun in another browser, or this one does not keep cookies, so \
             nothing was connected. Open the link in one browser, and stay there."
        }
        "state_used" => {
            "What came of this consent is told in the window that was first. To connect something \
             else, begin again."
        }
        "state_expired" => {
            "The consent took longer than ten minutes, so nothing was connected. Begin again."
        }
        "state_unknown" | "callback_incomplete" => {
            "A platform sends people back to this address after a consent that was begun here. \
             This one was not, or only a part of it arrived, so nothing was connected."
        }
        "unavailable" => {
            "Something of ours was away when the platform sent you back, so this consent may be \
             lost. Begin again in a moment."
        }
        _ => return None,
    })
}
