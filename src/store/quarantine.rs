//! A database that was read back from a backup: nobody works on it until it was recovered.
//!
//! The sign of it is a table of its own, made before the first row of the backup is there and
//! outside the migrations, which the backup brings along. Invariant: while it stands, no connection
//! is lent to anybody but the recovery.

use crate::histories::{self, CALLS_END, Forgotten};
use crate::{Config, Store, convert};
use base::{Context, Fault};
use domain::id::{AssetId, TenantId};
use domain::time::Timestamp;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection, Row};
use std::str::FromStr;
use uuid::Uuid;

/// Why a connection is not lent.
#[derive(Debug)]
pub struct Quarantined;

impl std::fmt::Display for Quarantined {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            "this database was read back from a backup and may know less than is out: run \
             `postfleet recover` first",
        )
    }
}

impl std::error::Error for Quarantined {}

/// Since when a database is held, and what it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantine {
    /// When it was begun to be read back.
    pub since: Timestamp,
    /// What is known of the backup.
    pub origin: String,
}

/// What was found to be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marked {
    /// Deliveries that may be out: their platforms are asked before anything is sent.
    pub deliveries: i64,
    /// Grants whose refresh tokens may have been used since.
    pub grants: i64,
}

/// How much a database holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Census {
    /// Tenants.
    pub tenants: i64,
    /// Accounts, whatever their state.
    pub accounts: i64,
    /// Posts.
    pub posts: i64,
    /// Deliveries that have not ended.
    pub waiting: i64,
}

/// Fails where the sign stands.
pub(crate) async fn refuse(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let row = sqlx::query("SELECT to_regclass('quarantine') IS NOT NULL AS is_held")
        .fetch_one(connection)
        .await?;
    match row.try_get("is_held")? {
        true => Err(sqlx::Error::Configuration(Box::new(Quarantined))),
        false => Ok(()),
    }
}

/// The fault of a pool that could not be opened, told by what is in the way: the pool itself waits
/// for a connection until its time is over, and then says no more than that.
pub(crate) async fn explain(options: &PgConnectOptions, error: sqlx::Error) -> Fault {
    let held = async {
        let mut connection = PgConnection::connect_with(options).await.ok()?;
        refuse(&mut connection).await.err()
    };
    Fault::from(held.await.unwrap_or(error)).context("connecting to Postgres")
}

/// Makes an empty database ready to take a backup: the role that its rows are walled by, and the
/// sign. Returns nothing where it holds tables: those are somebody's.
///
/// # Errors
/// When the database cannot be reached, is not empty, or the role may not be made.
pub async fn make_ready(config: &Config, origin: &str) -> Result<(), Fault> {
    let options = PgConnectOptions::from_str(&config.url)
        .map_err(|_| Fault::new("store.url is not a Postgres connection string"))?;
    let mut db = PgConnection::connect_with(&options).await.context("connecting to Postgres")?;
    let row = sqlx::query(
        "SELECT count(*) AS tables, current_database()::text AS name FROM pg_class
         WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
             AND relname <> 'quarantine'",
    )
    .fetch_one(&mut db)
    .await?;
    let (tables, name): (i64, String) = (row.try_get("tables")?, row.try_get("name")?);
    if tables > 0 {
        return Err(Fault::new(format_args!(
            "the database {name:?} holds {tables} tables; a backup is read back into an empty one: \
             make one (`CREATE DATABASE`), and let store.url name it"
        )));
    }
    sqlx::raw_sql(
        "CREATE TABLE IF NOT EXISTS quarantine (
             since timestamptz NOT NULL DEFAULT clock_timestamp(), origin text NOT NULL);
         DO $$ BEGIN
             IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'postfleet_tenant') THEN
                 CREATE ROLE postfleet_tenant NOLOGIN;
             END IF;
             IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'postfleet_runtime') THEN
                 CREATE ROLE postfleet_runtime NOLOGIN;
             END IF;
             IF NOT pg_has_role(current_user, 'postfleet_tenant', 'MEMBER') THEN
                 EXECUTE format('GRANT postfleet_tenant TO %I', current_user);
             END IF;
         END $$",
    )
    .execute(&mut db)
    .await
    .context(
        "preparing the database: an administrator may have to make the roles postfleet_tenant and \
         postfleet_runtime",
    )?;
    sqlx::query("INSERT INTO quarantine (origin) VALUES ($1)")
        .bind(origin)
        .execute(&mut db)
        .await?;
    db.close().await?;
    Ok(())
}

impl Store {
    /// Connects to a database that may be held.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses us.
    pub async fn connect_to_recover(config: &Config) -> Result<Self, Fault> {
        Self::open(config, true).await
    }

    /// Since when this database is held, if it is.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn quarantine(&self) -> Result<Option<Quarantine>, Fault> {
        let row = sqlx::query("SELECT to_regclass('quarantine') IS NOT NULL AS is_held")
            .fetch_one(&self.pool)
            .await?;
        if !row.try_get::<bool, _>("is_held")? {
            return Ok(None);
        }
        let row = sqlx::query("SELECT since, origin FROM quarantine ORDER BY since LIMIT 1")
            .fetch_optional(&self.pool)
            .await?;
        let read = |row: &sqlx::postgres::PgRow| {
            Ok::<_, Fault>(Quarantine {
                since: convert::time(row, "since")?,
                origin: row.try_get("origin")?,
            })
        };
        match row {
            Some(row) => read(&row).map(Some),
            // Whoever made the sign died before he wrote why.
            None => Ok(Some(Quarantine { since: self.time().await?, origin: "unknown".into() })),
        }
    }

    /// Marks what may be out and forgotten, and lets the fleet work again, in one transaction. What
    /// was marked already when the first connection noticed another history is marked anew.
    ///
    /// # Errors
    /// When Postgres fails; then it is held as before.
    pub async fn release(&self, since: Timestamp) -> Result<Marked, Fault> {
        let mut tx = self.pool.begin().await?;
        histories::mark(&mut tx, Forgotten::All).await?;
        // Whoever was at it has lost his database when this one began to be read back.
        sqlx::query(
            "UPDATE deliveries SET ask_from = least(ask_from, $1 + $2::text::interval)
             WHERE ask_from IS NOT NULL",
        )
        .bind(convert::at(since))
        .bind(CALLS_END)
        .execute(&mut *tx)
        .await?;
        let marked = marked(&mut tx).await?;
        sqlx::query("DROP TABLE quarantine").execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(marked)
    }

    /// Files that posts may name, behind `after`, in the order of their ids.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn files_after(
        &self,
        after: Uuid,
        most: i64,
    ) -> Result<Vec<(TenantId, AssetId)>, Fault> {
        let rows = sqlx::query(
            "SELECT tenant_id, id FROM assets WHERE id > $1 AND hidden_at IS NULL
             ORDER BY id LIMIT $2",
        )
        .bind(after)
        .bind(most)
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| Ok((convert::id(row, "tenant_id")?, convert::id(row, "id")?)))
            .collect()
    }

    /// Counts what it holds.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn census(&self) -> Result<Census, Fault> {
        let row = sqlx::query(
            "SELECT (SELECT count(*) FROM tenants) AS tenants,
                 (SELECT count(*) FROM accounts) AS accounts,
                 (SELECT count(*) FROM posts) AS posts,
                 (SELECT count(*) FROM deliveries WHERE status NOT IN
                     ('published', 'failed', 'cancelled')) AS waiting",
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(Census {
            tenants: row.try_get("tenants")?,
            accounts: row.try_get("accounts")?,
            posts: row.try_get("posts")?,
            waiting: row.try_get("waiting")?,
        })
    }

    /// What is still to be asked for.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn marked(&self) -> Result<Marked, Fault> {
        marked(&mut *self.pool.acquire().await?).await
    }
}

async fn marked(db: &mut PgConnection) -> Result<Marked, Fault> {
    let row = sqlx::query(
        "SELECT (SELECT count(*) FROM deliveries WHERE ask_from IS NOT NULL
                 AND status IN ('validating', 'scheduled', 'ready', 'sending', 'reconciling'))
                 AS deliveries,
             (SELECT count(*) FROM credentials WHERE forgotten_at IS NOT NULL) AS grants",
    )
    .fetch_one(db)
    .await?;
    Ok(Marked { deliveries: row.try_get("deliveries")?, grants: row.try_get("grants")? })
}
