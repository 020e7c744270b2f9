//! Endpoints of upstream apps: named, changed, given another secret, tried, and taken away.
//!
//! Invariant: a secret is shown once, to whoever asked for it, and lies sealed from then on.

mod log;
mod send;
mod sign;

pub use log::{AGAIN_MAX, MessageView, Replay, list as messages, redeliver, test};
pub(crate) use send::shown;
pub use send::{EventView, herald, send};

use crate::caller::Caller;
use crate::{Answer, App, Refused, seals};
use base::{Fault, rng};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::id::WebhookId;
use domain::rejection::{Rejection, Rule, excerpt};
use domain::time::Timestamp;
use serde::Serialize;
use std::time::Duration;
use store::webhooks::{By, NewSecret, Webhook, Wish};
use utoipa::ToSchema;
use zeroize::Zeroizing;

/// The role's queue.
pub const QUEUE: &str = "webhook";
/// Endpoints of a tenant at most: each event is written once for each of them.
pub const WEBHOOKS_MAX: i64 = 20;
/// The secret before signs beside a new one for so long.
const BOTH_FOR: Duration = Duration::from_secs(24 * 3_600);
/// As long as the tag of HMAC-SHA-256; Standard Webhooks takes 24 to 64.
const SECRET_SIZE_BYTES: usize = 32;
/// What every secret begins with.
const SECRET_PREFIX: &str = "whsec_";

/// An endpoint, as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Webhook)]
#[serde(rename_all = "camelCase")]
pub struct WebhookView {
    /// Which.
    pub id: WebhookId,
    /// Where it is.
    pub url: String,
    /// What its owner calls it.
    pub description: String,
    /// The kinds of events it is sent; every one where there is none.
    pub events: Vec<String>,
    /// Is it sent anything?
    pub enabled: bool,
    /// Why it is not: `asked`, `gone` (it answered 410) or `failing` (it took nothing for days).
    pub disabled_for: Option<String>,
    /// Since when it has taken nothing.
    pub failing_since: Option<Timestamp>,
    /// When it was named.
    pub created_at: Timestamp,
    /// What its messages are signed with; shown once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// Another secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = WebhookSecret)]
#[serde(rename_all = "camelCase")]
pub struct SecretView {
    /// It, shown once.
    pub secret: String,
    /// Until when messages carry the signature of the one before as well.
    pub previous_until: Timestamp,
}

/// What an owner asks of an endpoint; what is not said stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// Where it is.
    pub url: Option<String>,
    /// What its owner calls it.
    pub description: Option<String>,
    /// The kinds of events.
    pub events: Option<Vec<String>>,
    /// Is it sent anything?
    pub enabled: Option<bool>,
}

/// Takes an endpoint in.
///
/// # Errors
/// When Postgres fails.
pub async fn create(app: &App, caller: &Caller, asked: Asked) -> Answer<WebhookView> {
    let wish = Wish {
        url: asked.url.unwrap_or_default(),
        description: asked.description.unwrap_or_default(),
        patterns: asked.events.unwrap_or_default(),
        is_enabled: asked.enabled.unwrap_or(true),
    };
    if let Err(refused) = reachable(app, &wish.url) {
        return Ok(Err(refused));
    }
    let id: WebhookId = rng::id();
    let (secret, told) = fresh_secret(app, caller).await?;
    let shard = app.shard(&caller.tenant.uuid().to_string());
    let actor = caller.actor();
    let by = By { tenant: caller.tenant, actor: &actor };
    let place = (id, shard, WEBHOOKS_MAX);
    if !app.0.store.add_webhook(by, place, &wish, secret).await? {
        let message = format!(
            "There are {WEBHOOKS_MAX} webhooks, and no more are taken: every event is sent to each \
             of them. Delete one that nobody reads, or have one endpoint pass events on."
        );
        return Ok(Err(Refused::Conflict { code: "too_many_webhooks", message }));
    }
    let mut shown = match show(app, caller, id).await? {
        Ok(shown) => shown,
        Err(refused) => return Ok(Err(refused)),
    };
    shown.secret = Some(told);
    Ok(Ok(shown))
}

/// Shows one.
///
/// # Errors
/// When Postgres fails.
pub async fn show(app: &App, caller: &Caller, id: WebhookId) -> Answer<WebhookView> {
    Ok(found(app, caller, id).await?.map(view))
}

/// Shows all.
///
/// # Errors
/// When Postgres fails.
pub async fn list(app: &App, caller: &Caller) -> Result<Vec<WebhookView>, Fault> {
    Ok(app.0.store.webhooks(caller.tenant).await?.into_iter().map(view).collect())
}

/// Changes one.
///
/// # Errors
/// When Postgres fails.
pub async fn edit(app: &App, caller: &Caller, id: WebhookId, asked: Asked) -> Answer<WebhookView> {
    let old = match found(app, caller, id).await? {
        Ok(old) => old,
        Err(refused) => return Ok(Err(refused)),
    };
    if let Some(Err(refused)) = asked.url.as_deref().map(|url| reachable(app, url)) {
        return Ok(Err(refused));
    }
    let wish = Wish {
        url: asked.url.unwrap_or_else(|| old.url.clone()),
        description: asked.description.unwrap_or_else(|| old.description.clone()),
        patterns: asked.events.unwrap_or_else(|| old.patterns.clone()),
        is_enabled: asked.enabled.unwrap_or(old.disabled_for.is_none()),
    };
    let actor = caller.actor();
    let by = By { tenant: caller.tenant, actor: &actor };
    if !app.0.store.change_webhook(by, &old, &wish).await? {
        let message = "It was changed by somebody else just now. Read it again and say what is to \
                       become of it."
            .to_owned();
        return Ok(Err(Refused::Conflict { code: "changed_meanwhile", message }));
    }
    show(app, caller, id).await
}

/// Forgets one, with all that was sent to it.
///
/// # Errors
/// When Postgres fails.
pub async fn delete(app: &App, caller: &Caller, id: WebhookId) -> Answer<()> {
    let actor = caller.actor();
    let by = By { tenant: caller.tenant, actor: &actor };
    let is_gone = app.0.store.delete_webhook(by, id).await?;
    Ok(if is_gone { Ok(()) } else { Err(none(id)) })
}

/// Gives one another secret.
///
/// # Errors
/// When Postgres fails.
pub async fn renew_secret(app: &App, caller: &Caller, id: WebhookId) -> Answer<SecretView> {
    if let Err(refused) = found(app, caller, id).await? {
        return Ok(Err(refused));
    }
    let (sealed, secret) = fresh_secret(app, caller).await?;
    let actor = caller.actor();
    let by = By { tenant: caller.tenant, actor: &actor };
    let until = app.0.store.renew_webhook_secret(by, id, sealed, BOTH_FOR).await?;
    let shown = until.map(|previous_until| SecretView { secret, previous_until });
    Ok(shown.ok_or_else(|| none(id)))
}

async fn found(app: &App, caller: &Caller, id: WebhookId) -> Answer<Webhook> {
    Ok(app.0.store.webhook(caller.tenant, id).await?.ok_or_else(|| none(id)))
}

fn none(id: WebhookId) -> Refused {
    Refused::NotFound(format!("There is no webhook {id}."))
}

/// Looks at an address before anything is stored: what it leads to is looked at at each call.
fn reachable(app: &App, url: &str) -> Result<(), Refused> {
    app.0.outbound.check(url).map(drop).map_err(|closed| {
        let message = format!("`url` is not called: {closed}.");
        let rejection = Rejection::request(Rule::OutOfRange, "url", message)
            .bounds("https://host/path on port 443 or 8443, in the open internet", excerpt(url))
            .resolve(
                "Name an https address of a public host. Whoever runs this installation can open \
                 networks with [outbound] allow.",
            );
        Refused::Invalid(vec![rejection])
    })
}

async fn fresh_secret(app: &App, caller: &Caller) -> Result<(NewSecret, String), Fault> {
    let mut bytes = Zeroizing::new([0; SECRET_SIZE_BYTES]);
    rng::fill(bytes.as_mut_slice());
    let id = rng::uuid();
    let key = app.data_key(caller.tenant).await?;
    let row = id.simple().to_string();
    let sealed = key.seal(&seals::webhook(caller.tenant, &row), bytes.as_slice());
    let told = format!("{SECRET_PREFIX}{}", STANDARD.encode(bytes.as_slice()));
    Ok((NewSecret { id, sealed }, told))
}

fn view(webhook: Webhook) -> WebhookView {
    WebhookView {
        id: webhook.id,
        url: webhook.url,
        description: webhook.description,
        events: webhook.patterns,
        enabled: webhook.disabled_for.is_none(),
        disabled_for: webhook.disabled_for,
        failing_since: webhook.failing_since,
        created_at: webhook.created_at,
        secret: None,
    }
}
