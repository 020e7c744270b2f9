//! Whose rows a connection sees: the second wall behind the tenant that every query names.
//!
//! A task that works for a tenant runs inside [`of_tenants`], and each connection that it takes is
//! told so: it takes a role that row-level security holds to the tenants it names
//! (`migrations/0050_hold_tenants_apart.sql`). What runs in no scope is the fleet's own work, as
//! the owner of the tables, whom nothing holds.
//! Invariant: nobody is lent a connection that still serves another scope.

use crate::Store;
use base::Fault;
use domain::id::TenantId;
use sqlx::{PgConnection, Row};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::task_local;

/// Every tenant, as the setting says it.
const EVERYBODY: &str = "*";
/// The role that is held, and that of whoever connected.
const HELD: &str = "postfleet_tenant";
const FREE: &str = "none";

task_local! {
    static SCOPE: Scope;
}

/// The tenants that a task works for, as the setting lists them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Scope(Arc<str>);

/// Does `work` with connections that see these tenants alone; nothing, where there are none.
pub async fn of_tenants<T>(
    tenants: impl IntoIterator<Item = TenantId>,
    work: impl Future<Output = T>,
) -> T {
    let mut tenants: Vec<String> =
        tenants.into_iter().map(|tenant| tenant.uuid().to_string()).collect();
    tenants.sort_unstable();
    tenants.dedup();
    SCOPE.scope(Scope(tenants.join(",").into()), work).await
}

/// Does `work` with connections that nothing holds: where a tenant's request depends on what is
/// true of all of them, or on an index that serves no query behind the wall. Such a query names its
/// tenant, or an id that was read under it.
pub async fn of_everybody<T>(work: impl Future<Output = T>) -> T {
    SCOPE.scope(Scope(EVERYBODY.into()), work).await
}

/// This task works for everybody.
pub(crate) fn is_everybodys() -> bool {
    SCOPE.try_with(|scope| &*scope.0 == EVERYBODY).unwrap_or(true)
}

/// Lets a connection of this task see everything, inside a transaction too, until [`hold`].
pub(crate) async fn lift(db: &mut PgConnection) -> Result<(), Fault> {
    if is_everybodys() {
        return Ok(());
    }
    Ok(set(db, EVERYBODY).await?)
}

/// Has it serve its task's tenants alone again.
pub(crate) async fn hold(db: &mut PgConnection) -> Result<(), Fault> {
    let scope = SCOPE.try_with(Clone::clone).ok();
    match scope.filter(|_| !is_everybodys()) {
        Some(scope) => Ok(set(db, &scope.0).await?),
        None => Ok(()),
    }
}

async fn set(db: &mut PgConnection, tenants: &str) -> Result<(), sqlx::Error> {
    let role = if tenants == EVERYBODY { FREE } else { HELD };
    sqlx::query("SELECT set_config('postfleet.tenants', $1, false), set_config('role', $2, false)")
        .bind(tenants)
        .bind(role)
        .execute(db)
        .await?;
    Ok(())
}

impl Store {
    /// Whoever connects may take the role that requests are held by. Without it none is served.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn can_hold(&self) -> Result<bool, Fault> {
        let row = sqlx::query(
            "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1
                 AND pg_has_role(current_user, oid, 'MEMBER')) AS can",
        );
        Ok(row.bind(HELD).fetch_one(&self.pool).await?.try_get("can")?)
    }
}

/// Has the connections of one pool serve whoever takes them.
#[derive(Clone, Default)]
pub(crate) struct Serving {
    /// Some connection was told of a tenant: from then on each is told whom it serves. In a process
    /// that has no scopes, a worker, nobody ever is.
    is_scoped: Arc<AtomicBool>,
}

impl Serving {
    /// Tells a connection whom it serves, as its taker's task says. It takes one round trip, as the
    /// question whether the connection is alive would, and answers that as well.
    pub(crate) async fn tell(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let scope = SCOPE.try_with(Clone::clone).ok();
        let tenants = scope.as_ref().map_or(EVERYBODY, |scope| &*scope.0);
        if tenants != EVERYBODY {
            self.is_scoped.store(true, Ordering::Release);
        } else if !self.is_scoped.load(Ordering::Acquire) {
            return sqlx::Connection::ping(connection).await;
        }
        set(connection, tenants).await
    }
}
