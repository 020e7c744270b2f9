//! Choosing among the identities that one consent brought.

use super::callbacks::{self, Landing};
use super::identities::Speaker;
use super::landing::{self, Party};
use super::{conflict, dialect, digest, sealing, visits};
use crate::caller::Caller;
use crate::show::AccountView;
use crate::{Answer, App, Refused, registrations};
use base::Fault;
use domain::account::Status;
use domain::rejection::{Rejection, Rule, excerpt};
use domain::secret::Secret;
use platforms::Identity;
use serde::Serialize;
use store::choices::Choices;
use utoipa::ToSchema;

/// One identity to choose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Choice {
    /// What to name it by.
    pub id: String,
    /// The name a person knows it by.
    pub handle: String,
    /// The kind that capabilities depend on.
    pub kind: String,
    /// The brand has it already, and it works; choosing it renews its grant.
    pub is_connected: bool,
}

/// What the newest consent of a session left to choose from.
///
/// # Errors
/// When Postgres fails.
pub async fn choices(app: &App, session: &Secret) -> Answer<Vec<Choice>> {
    let (errand, sha256) = match visits::session_of(app, session).await? {
        Ok((session, sha256)) => (session.errand, sha256),
        Err(refused) => return Ok(Err(refused)),
    };
    match app.0.store.choices(&sha256).await? {
        Some(choices) if choices.tenant == errand.tenant => {
            match open(app, &choices, &sha256).await? {
                Some(identities) => shown(app, &choices, &identities).await.map(Ok),
                None => Ok(Err(over())),
            }
        }
        _ => Ok(Err(over())),
    }
}

/// Connects those that the person of a session has chosen.
///
/// # Errors
/// When Postgres fails.
pub async fn choose(app: &App, session: &Secret, ids: &[String]) -> Answer<Landing> {
    let (session, sha256) = match visits::session_of(app, session).await? {
        Ok(found) => found,
        Err(refused) => return Ok(Err(refused)),
    };
    let Some(choices) = app.0.store.choices(&sha256).await? else { return Ok(Err(over())) };
    let landed = match take(app, &choices, &sha256, ids).await? {
        Ok(accounts) => Ok((accounts, choices.notes)),
        // What was chosen can be chosen better; nothing has ended.
        Err(refused) => return Ok(Err(refused)),
    };
    callbacks::end(app, &sha256, session.errand.return_url, landed).await
}

/// Connects those that an upstream app has chosen, by the handle that it was given.
///
/// # Errors
/// When Postgres fails.
pub async fn choose_exchanged(
    app: &App,
    caller: &Caller,
    handle: &str,
    ids: &[String],
) -> Answer<(Vec<AccountView>, Vec<String>)> {
    let sha256 = digest(handle);
    let found = app.0.store.choices(&sha256).await?;
    let Some(choices) = found.filter(|choices| choices.tenant == caller.tenant) else {
        return Ok(Err(over()));
    };
    let taken = take(app, &choices, &sha256, ids).await?;
    Ok(taken.map(|accounts| (accounts, choices.notes)))
}

/// Identities as they are shown, none of their grants among it.
pub(super) async fn shown(
    app: &App,
    choices: &Choices,
    identities: &[Identity],
) -> Result<Vec<Choice>, Fault> {
    let known = app.0.store.accounts_of_brand(choices.tenant, choices.brand).await?;
    let choice = |identity: &Identity| Choice {
        id: identity.facts.remote_id.clone(),
        handle: identity.facts.handle.clone(),
        kind: identity.facts.kind.clone(),
        is_connected: known.iter().any(|account| {
            account.platform == choices.platform
                && account.app == choices.app
                && account.remote_id == identity.facts.remote_id
                && account.status == Status::Connected
        }),
    };
    Ok(identities.iter().map(choice).collect())
}

async fn open(app: &App, choices: &Choices, sha256: &[u8]) -> Result<Option<Vec<Identity>>, Fault> {
    let place = (choices.platform.as_str(), sha256);
    sealing::open_identities(app, choices.tenant, place, &choices.sealed).await
}

async fn take(
    app: &App,
    choices: &Choices,
    sha256: &[u8],
    ids: &[String],
) -> Answer<Vec<AccountView>> {
    let Some(identities) = open(app, choices, sha256).await? else { return Ok(Err(over())) };
    let chosen = match picked(identities, ids) {
        Ok(chosen) => chosen,
        Err(rejection) => return Ok(Err(Refused::Invalid(vec![*rejection]))),
    };
    let (platform, auth) = match dialect(&choices.platform) {
        Ok(dialect) => dialect,
        Err(refused) => return Ok(Err(refused)),
    };
    let way = (choices.platform.as_str(), choices.app.as_str());
    let own_app_key = choices.own_app_key.as_deref();
    let registration = registrations::of(app, choices.tenant, way, own_app_key).await?;
    let Some(registration) = registration else {
        return Ok(Err(super::not_configured(way.0, way.1)));
    };
    let party = Party { tenant: choices.tenant, brand: choices.brand, account: None, own_app_key };
    let speaker = Speaker { platform, auth, registration: &registration };
    let connected = landing::connect(app, party, speaker, &chosen, Some(sha256)).await?;
    Ok(connected.and_then(|connected| connected.ok_or_else(over)))
}

/// The identities that are named, each once.
fn picked(identities: Vec<Identity>, ids: &[String]) -> Result<Vec<Identity>, Box<Rejection>> {
    let offered: Vec<String> = identities.iter().map(|one| one.facts.remote_id.clone()).collect();
    if ids.is_empty() {
        let rejection = Rejection::request(Rule::Required, "ids", "Nothing is chosen.");
        return Err(Box::new(rejection.bounds(offered, 0).resolve("Choose one at least.")));
    }
    if let Some(stranger) = ids.iter().find(|id| !offered.contains(id)) {
        let message = format!("{:?} is not among what the consent brought.", excerpt(stranger));
        let rejection = Rejection::request(Rule::NotFound, "ids", message);
        let rejection = rejection.bounds(offered, stranger.as_str());
        return Err(Box::new(rejection.resolve("Choose among those.")));
    }
    Ok(identities.into_iter().filter(|one| ids.contains(&one.facts.remote_id)).collect())
}

fn over() -> Refused {
    conflict(
        "choices_over",
        "There is nothing to choose from any more: it was chosen, or ten minutes have passed. \
         Begin again.",
    )
}
