//! What an operator pauses and resumes: a platform, one of its registrations, a queue.
//!
//! A platform or a registration is a gate in Redis, told of before this returns. A queue is no
//! gate: each process reads with its next sign of life that it claims nothing from it.

use base::Fault;
use queue::{Gate, Queue};
use store::Store;
use store::halts::{Halt, Shut};
use store::pauses::PAUSE_ENDS;
use store::presence::queue_pause;

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

    fn scope_key(&self) -> String {
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

/// Pauses it until it is resumed. `false` where it was paused for this reason already.
///
/// # Errors
/// When Postgres or Redis fails; once more is harmless.
pub async fn pause(
    (store, queue): (&Store, &Queue),
    target: &Target,
    reason: &str,
) -> Result<bool, Fault> {
    let (scope_key, subject) = (target.scope_key(), target.subject());
    let halt = Halt {
        scope_key: &scope_key,
        subject: &subject,
        platform: target.name(),
        actor: OPERATOR,
        reason,
    };
    let is_new = store.halt(halt).await?;
    if target.name().is_some() {
        queue.close_gate(&Gate { scope_key, until: PAUSE_ENDS }).await?;
    }
    Ok(is_new)
}

/// Ends a pause. `false` where there was none; Redis is told of it all the same.
///
/// # Errors
/// When Postgres or Redis fails; once more is harmless.
pub async fn resume(
    (store, queue): (&Store, &Queue),
    target: &Target,
    reason: &str,
) -> Result<bool, Fault> {
    let (scope_key, subject) = (target.scope_key(), target.subject());
    let halt = Halt {
        scope_key: &scope_key,
        subject: &subject,
        platform: target.name(),
        actor: OPERATOR,
        reason,
    };
    let was_paused = store.unhalt(halt).await?;
    if target.name().is_some() {
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
    }
}
