//! What an operator pauses and resumes: a platform, one of its registrations, a queue.
//!
//! A platform or a registration is a gate in Redis, told of before this returns. A queue is no
//! gate: each process reads with its next sign of life that it claims nothing from it.

use crate::App;
use base::Fault;
use domain::id::AccountId;
use domain::time::Timestamp;
use queue::{Gate, Queue};
use serde::Serialize;
use store::Store;
use store::halts::{Halt, Shut};
use store::pauses::PAUSE_ENDS;
use store::presence::queue_pause;
use uuid::Uuid;

/// Who is named where no key is.
pub const OPERATOR: &str = "operator";
/// Gates that are shown.
const SHOWN_MAX: i64 = 10_000;

/// What can be paused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Every call to a platform.
    Platform(String),
    /// Every call through one of its registrations.
    App(String, String),
    /// Every job of a queue.
    Queue(String),
}

impl Target {
    /// A platform of this name.
    ///
    /// # Errors
    /// When there is none; the words list those that there are.
    pub fn platform(name: &str) -> Result<Self, Fault> {
        known("platform", name, &names()).map(Self::Platform)
    }

    /// A registration of a platform.
    ///
    /// # Errors
    /// When there is none; the words list those that there are.
    pub fn app(platform: &str, app: &str) -> Result<Self, Fault> {
        let platform = known("platform", platform, &names())?;
        let found = platforms::find(&platform).and_then(|one| one.adapter());
        let apps: Vec<String> = found
            .map(|adapter| adapter.auth().apps().iter().map(|app| (*app).to_owned()).collect())
            .unwrap_or_default();
        // A tenant's own registration is called after its tenant, too.
        let bare = app.split('@').next().unwrap_or_default();
        known("app", bare, &apps)?;
        Ok(Self::App(platform, app.to_owned()))
    }

    /// A queue.
    ///
    /// # Errors
    /// When there is none; the words list those that there are.
    pub fn queue(name: &str) -> Result<Self, Fault> {
        known("queue", name, &crate::queues::all()).map(Self::Queue)
    }

    /// What a subject names: `platform:x`, `app:x:default` or `queue:webhook`.
    ///
    /// # Errors
    /// When it names nothing; the words say what there is.
    pub fn parse(subject: &str) -> Result<Self, Fault> {
        let (kind, name) = subject.split_once(':').unwrap_or((subject, ""));
        match (kind, name.split_once(':')) {
            ("platform", _) => Self::platform(name),
            ("app", Some((platform, app))) => Self::app(platform, app),
            ("queue", _) => Self::queue(name),
            _ => Err(Fault::new(format_args!(
                "nothing is called {subject:?}; there are: platform:NAME, app:PLATFORM:NAME, \
                 queue:NAME"
            ))),
        }
    }

    pub(crate) fn scope_key(&self) -> String {
        match self {
            Self::Platform(name) => crate::targets::platform_gate(name),
            Self::App(platform, app) => format!("app:{platform}:{app}"),
            Self::Queue(name) => queue_pause(name),
        }
    }

    /// As the audit names it.
    pub fn subject(&self) -> String {
        match self {
            Self::Queue(name) => format!("queue:{name}"),
            Self::Platform(_) | Self::App(..) => self.scope_key(),
        }
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Platform(name) | Self::App(name, _) => Some(name),
            Self::Queue(_) => None,
        }
    }
}

fn names() -> Vec<String> {
    platforms::names().into_iter().map(str::to_owned).collect()
}

fn known(kind: &str, name: &str, all: &[String]) -> Result<String, Fault> {
    match all.iter().any(|one| one == name) {
        true => Ok(name.to_owned()),
        false => Err(Fault::new(format_args!("no {kind} {name:?}; there are: {}", all.join(", ")))),
    }
}

/// Who says what of what, and why.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// What it is about.
    pub target: &'a Target,
    /// Who, as the audit names him.
    pub actor: &'a str,
    /// Why.
    pub reason: &'a str,
}

impl Order<'_> {
    /// Has the store write it, and tells whether that changed anything.
    async fn write(&self, store: &Store, is_pause: bool) -> Result<bool, Fault> {
        let (scope_key, subject) = (self.target.scope_key(), self.target.subject());
        let halt = Halt {
            scope_key: &scope_key,
            subject: &subject,
            platform: self.target.name(),
            actor: self.actor,
            reason: self.reason,
        };
        if is_pause { store.halt(halt).await } else { store.unhalt(halt).await }
    }
}

/// Pauses it until it is resumed. `false` where it was paused for this reason already.
///
/// # Errors
/// When Postgres or Redis fails; once more is harmless.
pub async fn pause((store, queue): (&Store, &Queue), order: Order<'_>) -> Result<bool, Fault> {
    let is_new = order.write(store, true).await?;
    if order.target.name().is_some() {
        let scope_key = order.target.scope_key();
        queue.close_gate(&Gate { scope_key, until: PAUSE_ENDS }).await?;
    }
    Ok(is_new)
}

/// Ends a pause. `false` where there was none; Redis is told of it all the same.
///
/// # Errors
/// When Postgres or Redis fails; once more is harmless.
pub async fn resume((store, queue): (&Store, &Queue), order: Order<'_>) -> Result<bool, Fault> {
    let was_paused = order.write(store, false).await?;
    if order.target.name().is_some() {
        let scope_key = order.target.scope_key();
        let limit = store.closed_gates().await?.into_iter().find(|one| one.scope_key == scope_key);
        match limit {
            // The platform's own limit: it was not a person who shut it.
            Some(limit) if !was_paused => {
                queue.close_gate(&Gate { scope_key, until: limit.until }).await?;
            }
            _ => queue.open_gate(&scope_key).await?,
        }
    }
    Ok(was_paused)
}

/// A pause, as operators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HaltView {
    /// What is paused: `platform:x`, `app:x:default`, `queue:webhook`, `brand:acme` or `account:…`.
    pub subject: String,
    /// Since when.
    pub since: Timestamp,
    /// By whose word, where that was written down.
    pub by: Option<String>,
    /// Why.
    pub reason: String,
    /// Whose, where it is a tenant's.
    pub tenant: Option<String>,
    /// The account's name, where it is one.
    pub handle: Option<String>,
}

/// Pauses or resumes, from a process of the fleet.
///
/// # Errors
/// When Postgres or Redis fails; once more is harmless.
pub async fn carry_out(app: &App, order: Order<'_>, is_pause: bool) -> Result<bool, Fault> {
    let parts = (&app.0.store, &app.0.queue);
    match is_pause {
        true => pause(parts, order).await,
        false => resume(parts, order).await,
    }
}

/// Everything that people have paused, of all tenants.
///
/// # Errors
/// When Postgres fails.
pub async fn everything_paused(app: &App) -> Result<Vec<HaltView>, Fault> {
    let shut = everything_shut(&app.0.store).await?;
    Ok(shut.into_iter().filter(|one| one.gate.until == PAUSE_ENDS).map(paused).collect())
}

fn paused(shut: Shut) -> HaltView {
    let Shut { gate, since, by, brand, handle, tenant, platform: _ } = shut;
    let subject = match gate.scope_key.strip_prefix("pause:") {
        None => gate.scope_key,
        Some(queue) if queue.starts_with("queue:") => queue.to_owned(),
        Some(key) => match (key.strip_prefix("brand:"), brand) {
            (Some(_), Some(slug)) => format!("brand:{slug}"),
            (Some(id), None) => format!("brand:{id}"),
            (None, _) => {
                let id = Uuid::try_parse(key).map(AccountId::new);
                format!("account:{}", id.map_or_else(|_| key.to_owned(), |id| id.to_string()))
            }
        },
    };
    HaltView { subject, since, by, reason: gate.reason, tenant, handle }
}

/// Everything that is shut, limits and pauses, of all tenants.
///
/// # Errors
/// When Postgres fails.
pub async fn everything_shut(store: &Store) -> Result<Vec<Shut>, Fault> {
    store.everything_shut(SHOWN_MAX).await
}

#[cfg(test)]
mod tests {
    use super::*;

    // case: O-pause
    #[test]
    fn what_cannot_be_paused_is_refused_with_what_can() {
        assert_eq!(Target::platform("x").unwrap().scope_key(), "platform:x");
        assert_eq!(Target::app("x", "default").unwrap().scope_key(), "app:x:default");
        assert!(Target::app("x", "default@0123").is_ok(), "a tenant's own");
        assert_eq!(Target::queue("webhook").unwrap().scope_key(), "pause:queue:webhook");
        assert!(Target::queue("publish:x").is_ok());
        for refused in [Target::platform("y"), Target::app("x", "other"), Target::queue("posts")] {
            let refused = refused.unwrap_err().to_string();
            assert!(refused.contains("there are: "), "{refused}");
        }
        for subject in ["platform:x", "app:x:default", "queue:publish:x"] {
            assert_eq!(Target::parse(subject).unwrap().subject(), subject);
        }
        for nothing in ["x", "app:x", "brand:acme", "platform:", "app:x:other"] {
            let refused = Target::parse(nothing).unwrap_err().to_string();
            assert!(refused.contains("there are: "), "{refused}");
        }
    }
}
