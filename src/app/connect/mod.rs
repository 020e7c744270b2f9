//! Connects accounts: a link, a browser session, consent, exchange, choice, sealed grant.
//!
//! Two ways lead in. A person opens a link that works once and gets a browser session, which every
//! consent is bound to. An upstream app walks its user through the consent on its own and brings
//! code and state back with its key. Invariant: a ticket, a session and a state are stored as their
//! SHA-256 alone, and each lets one bearer through once.

pub mod callbacks;
pub mod choosing;
pub mod exchanges;
mod flows;
mod identities;
pub mod imports;
mod landing;
pub mod links;
pub mod own_apps;
pub mod rehearsing;
mod sealing;
mod urls;
pub mod visits;

use crate::{App, Refused};
use base::digest::{hex, sha256};
use base::{Fault, rng};
use domain::rejection::{Rejection, RejectionType, Rule, excerpt};
use domain::secret::Secret;
use platforms::{Auth, Platform};
use serde_json::json;
use std::time::Duration;

pub(crate) use urls::read_entry;

/// Links, sessions and states that are over are remembered so long, to tell latecomers why.
const MEMORY: Duration = Duration::from_secs(86_400);
/// Rows of each kind that one sweep forgets.
const FORGOTTEN_MAX: i64 = 1_000;

/// 256 random bits that a bearer is given, and the digest of them that is stored.
struct Token {
    clear: Secret,
    sha256: [u8; 32],
}

impl Token {
    fn fresh() -> Self {
        let mut bytes = [0; 32];
        rng::fill(&mut bytes);
        let clear = hex(&bytes);
        Self { sha256: sha256(clear.as_bytes()), clear: clear.into() }
    }
}

/// What is stored of a token that a bearer has brought.
fn digest(token: &str) -> [u8; 32] {
    sha256(token.as_bytes())
}

/// Deletes what is over.
///
/// # Errors
/// When Postgres fails.
pub async fn sweep(app: &App) -> Result<(), Fault> {
    app.0.store.forget_visits(MEMORY, FORGOTTEN_MAX).await.map(|_| ())
}

/// The platform of this name, if accounts can be connected on it.
fn dialect(name: &str) -> Result<(&'static dyn Platform, &'static dyn Auth), Refused> {
    let platform = platforms::find(name);
    let found = platform.and_then(|platform| Some((platform, platform.adapter()?.auth())));
    found.ok_or_else(|| {
        Refused::NotFound(format!("{:?} is no platform that can be connected.", excerpt(name)))
    })
}

/// The registration that a request means: the first one where it names none, unless the platform
/// has several that are all called something.
fn app_named(
    platform: &dyn Platform,
    auth: &dyn Auth,
    asked: Option<&str>,
) -> Result<&'static str, Refused> {
    let apps = auth.apps();
    let assumed = apps.first().copied().filter(|first| *first == "default");
    let found = match asked {
        Some(asked) => apps.iter().copied().find(|app| *app == asked),
        None => assumed,
    };
    found.ok_or_else(|| unknown_app(platform, apps, asked))
}

fn unknown_app(platform: &dyn Platform, apps: &[&str], asked: Option<&str>) -> Refused {
    let name = platform.name();
    let message = match asked {
        Some(asked) => format!("{name} has no app {:?}.", excerpt(asked)),
        None => format!("{name} has {} apps, so the request has to name one.", apps.len()),
    };
    Refused::Invalid(vec![Rejection {
        kind: RejectionType::ValidationError,
        rule: Rule::OutOfRange,
        platform: Some(name.to_owned()),
        field: "app".to_owned(),
        message,
        limit: json!(apps),
        actual: json!(asked.map(excerpt)),
        resolution: format!("Set `app` to one of: {}.", apps.join(", ")),
    }])
}

fn not_configured(platform: &str, app: &str) -> Refused {
    let message = format!(
        "[platforms.{platform}] holds no client_id for the app {app:?}: the operator has to \
         register with the platform first, or bring a registration of your own with PUT \
         /v1/oauth-apps/{platform}/{app}."
    );
    Refused::Conflict { code: "platform_not_configured", message }
}

fn no_brand(slug: &str) -> Refused {
    Refused::NotFound(format!("There is no brand {:?}.", excerpt(slug)))
}

fn conflict(code: &'static str, message: impl Into<String>) -> Refused {
    Refused::Conflict { code, message: message.into() }
}
