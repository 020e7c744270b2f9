//! Links that let a person in once.

use super::{Token, app_named, conflict, dialect, digest, no_brand, not_configured, urls, visits};
use crate::caller::Caller;
use crate::{Answer, App, Refused, registrations};
use base::Fault;
use domain::id::AccountId;
use domain::rejection::{Rejection, Rule};
use domain::secret::Secret;
use domain::time::Timestamp;
use serde::Serialize;
use std::time::Duration;
use store::accounts::Account;
use store::visits::{Errand, LinkUse};
use utoipa::ToSchema;

/// How long a link waits for its person.
const LINK_LIFE: Duration = Duration::from_secs(1_800);
/// How long a browser session lasts: a consent may take ten minutes, and people take breaks.
pub(super) const SESSION_LIFE: Duration = Duration::from_secs(1_800);

/// What a link is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct LinkRequest<'a> {
    /// The brand that accounts are connected for.
    pub brand_slug: &'a str,
    /// On this platform only.
    pub platform: Option<&'a str>,
    /// Through this registration only.
    pub app: Option<&'a str>,
    /// The account to be connected again, and no other.
    pub account: Option<AccountId>,
    /// Where the person is sent back to in the end.
    pub return_url: Option<&'a str>,
}

/// A link that works once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    /// Where to send the person.
    pub url: String,
    /// Until when.
    pub expires_at: Timestamp,
}

/// What a link is for, as its page says before it is used up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The brand's name for people.
    pub brand: String,
    /// The way to connect, where there is no choice.
    pub title: Option<&'static str>,
    /// The account that is to be connected again.
    pub reconnecting: Option<String>,
    /// Until when the link works.
    pub expires_at: Timestamp,
}

/// A browser that was let in.
pub struct Entered {
    /// What its cookie has to hold.
    pub session: Secret,
    /// Where it goes on.
    pub next: Next,
}

/// Where a browser goes on.
pub enum Next {
    /// The page with the ways to choose from.
    Choose,
    /// Straight on to the platform, at this address.
    Away(String),
}

/// Makes a link.
///
/// # Errors
/// When Postgres fails.
pub async fn link(app: &App, caller: &Caller, request: LinkRequest<'_>) -> Answer<Link> {
    let errand = match errand_of(app, caller, request).await? {
        Ok(errand) => errand,
        Err(refused) => return Ok(Err(refused)),
    };
    let ticket = Token::fresh();
    let expires_at = app.0.store.add_link(&ticket.sha256, &errand, LINK_LIFE).await?;
    let url = format!("{}/connect/{}", app.0.settings.public_url, ticket.clear.expose());
    Ok(Ok(Link { url, expires_at }))
}

/// What a link is for, without using it up: who looks may be a preview.
///
/// # Errors
/// When Postgres fails.
pub async fn peek(app: &App, ticket: &str) -> Answer<Invitation> {
    let (errand, expires_at) = match app.0.store.link(&digest(ticket)).await? {
        LinkUse::Good(errand, expires_at) => (errand, expires_at),
        over => return Ok(Err(refused(&over))),
    };
    let ways = visits::ways(app, &errand).await?;
    let title = match ways.as_slice() {
        [only] => Some(only.title),
        _ => None,
    };
    let brand = app.0.store.brand_named(errand.tenant, errand.brand).await?.name;
    let reconnecting = visits::reconnecting(app, &errand).await?;
    Ok(Ok(Invitation { brand, title, reconnecting, expires_at }))
}

/// Uses a link up, and opens a browser session.
///
/// # Errors
/// When Postgres fails.
pub async fn enter(app: &App, ticket: &str) -> Answer<Entered> {
    let (sha256, session) = (digest(ticket), Token::fresh());
    let entered = app.0.store.enter_link(&sha256, &session.sha256, SESSION_LIFE).await?;
    let Some(errand) = entered else {
        return Ok(Err(refused(&app.0.store.link(&sha256).await?)));
    };
    let ways = visits::ways(app, &errand).await?;
    let next = match ways.as_slice() {
        [only] if only.is_configured => {
            let begun = visits::begin(app, &session.clear, only.platform, only.app).await?;
            // What cannot be begun is told on the page with the ways.
            begun.map_or(Next::Choose, Next::Away)
        }
        _ => Next::Choose,
    };
    Ok(Ok(Entered { session: session.clear, next }))
}

fn refused(over: &LinkUse) -> Refused {
    match over {
        LinkUse::Used => conflict(
            "link_used",
            "This link was opened before, and it works once. Go on in the browser that opened it, \
             or ask for a new link.",
        ),
        LinkUse::Expired => {
            conflict("link_expired", "This link is older than 30 minutes. Ask for a new one.")
        }
        // A link that was good a moment ago has been used since by another browser.
        LinkUse::Good(..) => conflict("link_used", "This link was opened just now elsewhere."),
        LinkUse::Unknown => Refused::NotFound(
            "There is no such link. Look whether it was copied whole, or ask for a new one."
                .to_owned(),
        ),
    }
}

/// What a request comes to, checked.
pub(super) async fn errand_of(
    app: &App,
    caller: &Caller,
    request: LinkRequest<'_>,
) -> Result<Result<Errand, Refused>, Fault> {
    let LinkRequest { brand_slug, return_url, .. } = request;
    let Some(brand) = app.0.store.brand(caller.tenant, brand_slug).await? else {
        return Ok(Err(no_brand(brand_slug)));
    };
    if let Some(text) = return_url
        && let Err(rejection) = urls::check(&app.0.settings.return_urls, "returnUrl", text)
    {
        return Ok(Err(Refused::Invalid(vec![*rejection])));
    }
    let account = match request.account {
        None => None,
        Some(id) => {
            let found = app.0.store.accounts(caller.tenant, &[id]).await?.pop();
            let Some(account) = found.filter(|account| account.brand_id == brand.id) else {
                let message = format!("The brand {brand_slug:?} has no account {id}.");
                return Ok(Err(Refused::NotFound(message)));
            };
            Some(account)
        }
    };
    let (platform, name) = match way_of(app, caller, request, account.as_ref()).await? {
        Ok(way) => way,
        Err(refused) => return Ok(Err(refused)),
    };
    Ok(Ok(Errand {
        tenant: caller.tenant,
        brand: brand.id,
        platform: platform.map(str::to_owned),
        app: name.map(str::to_owned),
        account: account.map(|account| account.id),
        return_url: return_url.map(str::to_owned),
    }))
}

type Narrowed<'a> = (Option<&'a str>, Option<&'a str>);

/// The platform and the registration that a request narrows the choice to.
async fn way_of<'a>(
    app: &App,
    caller: &Caller,
    request: LinkRequest<'a>,
    account: Option<&'a Account>,
) -> Result<Result<Narrowed<'a>, Refused>, Fault> {
    if let Some(account) = account {
        let given =
            [("platform", request.platform, &account.platform), ("app", request.app, &account.app)];
        for (field, asked, own) in given {
            if let Some(asked) = asked.filter(|asked| asked != own) {
                return Ok(Err(Refused::Invalid(vec![contradiction(field, asked, own)])));
            }
        }
    }
    let platform = account.map(|account| account.platform.as_str()).or(request.platform);
    let name = account.map(|account| account.app.as_str()).or(request.app);
    let Some(platform) = platform else {
        return Ok(match name {
            None => Ok((None, None)),
            Some(app) => Err(Refused::Invalid(vec![homeless(app)])),
        });
    };
    let (dialect, auth) = match dialect(platform) {
        Ok(dialect) => dialect,
        Err(refused) => return Ok(Err(refused)),
    };
    let name = match name.map(|name| app_named(dialect, auth, Some(name))).transpose() {
        Ok(name) => name,
        Err(refused) => return Ok(Err(refused)),
    };
    let apps: Vec<&str> = name.map_or_else(|| auth.apps().to_vec(), |name| vec![name]);
    for name in &apps {
        if registrations::for_consent(app, caller.tenant, dialect.name(), name).await?.is_some() {
            return Ok(Ok((Some(dialect.name()), (apps.len() == 1).then_some(*name))));
        }
    }
    Ok(Err(not_configured(dialect.name(), apps.first().copied().unwrap_or("default"))))
}

fn contradiction(field: &str, asked: &str, own: &str) -> Rejection {
    let message = format!("`{field}` is not that of the account, which is {own:?}.");
    Rejection::request(Rule::Conflict, field, message)
        .bounds(own, asked)
        .resolve(format!("Leave `{field}` out: the account says it."))
}

fn homeless(app: &str) -> Rejection {
    Rejection::request(Rule::Conflict, "app", "`app` is given without `platform`.")
        .bounds("an app of the platform that is named", app)
        .resolve("Name the platform too, or leave `app` out.")
}
