//! The audit as an owner reads it, and what goes into it of strangers: whoever names a thing of
//! another tenant is told that there is none, and the thing's own tenant that somebody asked.

use crate::App;
use crate::caller::Caller;
use base::Fault;
use domain::id::{AccountId, AssetId};
use domain::time::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use store::audits::{Entry, Note, Thing};
use store::scope;
use utoipa::ToSchema;
use uuid::Uuid;

/// Things of one request that are looked up at most: more are named by nobody in good faith.
const LOOKED_UP_MAX: usize = 50;

/// A row of the audit.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
#[serde(rename_all = "camelCase")]
pub struct EntryView {
    /// Its place in the list; `before` of the next page.
    pub no: i64,
    /// Who acted: a key by its digest, or `operator`.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub subject: String,
    /// Why.
    pub reason: String,
    /// What was there before.
    pub before: Value,
    /// What was there afterwards.
    pub after: Value,
    /// When.
    pub at: Timestamp,
}

/// Shows rows of the caller's tenant, newest first.
///
/// # Errors
/// When Postgres fails.
pub async fn list(
    app: &App,
    caller: &Caller,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<EntryView>, Fault> {
    let found = app.0.store.audit(caller.tenant, before, i64::from(limit)).await?;
    let view = |entry: Entry| {
        let Entry { no, actor, action, subject, reason, before, after, at } = entry;
        EntryView { no, actor, action, subject, reason, before, after, at }
    };
    Ok(found.into_iter().map(view).collect())
}

/// Notes that the thing of this identifier was asked for in vain, where it is another tenant's.
///
/// # Errors
/// When Postgres fails.
pub async fn note_refused(app: &App, caller: &Caller, id: &str, how: &str) -> Result<(), Fault> {
    let Some((thing, uuid)) = thing(id) else { return Ok(()) };
    note_foreign(app, caller, (thing, &[uuid]), how).await
}

/// The same for what a refused post names.
pub(crate) async fn note_named(
    app: &App,
    caller: &Caller,
    (accounts, assets): (&[AccountId], &[AssetId]),
    how: &str,
) -> Result<(), Fault> {
    let accounts: Vec<Uuid> = accounts.iter().map(|id| id.uuid()).collect();
    let assets: Vec<Uuid> = assets.iter().map(|id| id.uuid()).collect();
    note_foreign(app, caller, (Thing::Account, &accounts), how).await?;
    note_foreign(app, caller, (Thing::Asset, &assets), how).await
}

async fn note_foreign(
    app: &App,
    caller: &Caller,
    (thing, ids): (Thing, &[Uuid]),
    how: &str,
) -> Result<(), Fault> {
    if ids.is_empty() {
        return Ok(());
    }
    let ids = ids.get(..LOOKED_UP_MAX).unwrap_or(ids);
    // Whose things they are is known behind the wall between tenants alone.
    for (id, owner) in scope::of_everybody(app.0.store.owners(thing, ids)).await? {
        if owner == caller.tenant {
            continue;
        }
        metrics::counter!("postfleet_foreign_requests_total").increment(1);
        let subject = named(thing, id);
        let reason = format!("A key of another tenant asked for it ({how}) and was told nothing.");
        let states = (&Value::Null, &json!({ "refused": true }));
        let (tenant, actor) = (owner, caller.actor());
        tracing::warn!(subject, actor, "a thing of another tenant was asked for");
        let (actor, subject, reason) = (actor.as_str(), subject.as_str(), reason.as_str());
        let action = "access.refused";
        let note = Note { tenant, actor, action, subject, reason, states };
        scope::of_tenants([owner], app.0.store.note(note)).await?;
    }
    Ok(())
}

/// What an identifier names, by its prefix.
pub(crate) fn thing(id: &str) -> Option<(Thing, Uuid)> {
    let (prefix, digits) = id.split_once('_').filter(|(_, digits)| digits.len() == 32)?;
    let known = Thing::ALL.into_iter().find(|thing| thing.prefix() == prefix)?;
    Some((known, Uuid::try_parse(digits).ok()?))
}

fn named(thing: Thing, id: Uuid) -> String {
    format!("{}_{}", thing.prefix(), id.simple())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_says_what_it_names() {
        let id = Uuid::from_u128(7);
        for known in Thing::ALL {
            assert_eq!(thing(&named(known, id)), Some((known, id)));
        }
        for none in ["", "pst_", "pst_7", "x_00000000000000000000000000000007", "acme"] {
            assert_eq!(thing(none), None, "{none}");
        }
    }
}
