//! Writes and reads the truth, one transaction per fact. The only SQL of the project.
//!
//! Invariant: knows no platform, no queue and no secret in clear. Every query names the tenant or
//! an id that was read under one.

pub mod accepts;
pub mod accounts;
pub mod api_keys;
pub mod assets;
pub mod audit_chain;
pub mod audits;
pub mod brand_pauses;
pub mod calendar;
pub mod cancellations;
pub mod catch_ups;
pub mod changes;
pub mod choices;
pub mod claims;
mod clock;
pub mod compare;
pub mod connections;
pub mod contents;
pub mod convert;
pub mod copies;
pub mod crashes;
pub mod credentials;
pub mod damages;
pub mod data_keys;
mod deeds;
pub mod deliveries;
pub mod disconnects;
pub mod doubts;
pub mod erasing;
pub mod erasures;
pub mod events;
pub mod facts;
mod follows;
pub mod forgetting;
pub mod gates;
pub mod gauges;
pub mod halts;
mod histories;
mod inboxes;
pub mod intents;
pub mod jobs;
pub mod ledger;
pub mod lists;
pub mod mailings;
pub mod message_log;
pub mod messages;
pub mod oauth_apps;
pub mod oauth_states;
pub mod open_reviews;
pub mod openings;
pub mod operating;
pub mod operations;
pub mod overviews;
pub mod paused;
pub mod pauses;
pub mod posts;
pub mod preflights;
pub mod premises;
pub mod presence;
pub mod quarantine;
mod reclaims;
pub mod refusals;
pub mod reseals;
pub mod retries;
pub mod reviews;
mod schema;
pub mod scope;
pub mod seeds;
pub mod settles;
pub mod situations;
pub mod slots;
pub mod tenant_limits;
pub mod tenants;
pub mod unmapped;
pub mod uploads;
pub mod visits;
pub mod waiting;
mod warm;
pub mod webhooks;

use base::{Context, Fault};
pub use schema::Schema;
use serde::Deserialize;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection, PgConnection};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Changes of people take this part of the connections at most.
const CHANGES_PART: u32 = 4;

/// Where the truth is kept.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The connection string, `postgres://user:password@host:port/database`.
    pub url: String,
    /// Connections of one process at most.
    pub connections_max: u32,
    /// Give up on a connection after this many milliseconds.
    pub acquire_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        // 16: two cores of Postgres are busy with 8, refreshes hold one each during their call.
        Self { url: String::new(), connections_max: 16, acquire_ms: 5_000 }
    }
}

/// The pool of connections.
#[derive(Clone)]
pub struct Store {
    pub(crate) pool: PgPool,
    at_hand: warm::AtHand,
    heard: clock::Heard,
    /// Changes of people at once: they wait behind the locks of posts and brands.
    changes: Arc<Semaphore>,
}

impl Store {
    /// Connects.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses us.
    pub async fn connect(config: &Config) -> Result<Self, Fault> {
        Self::open(config, false).await
    }

    async fn open(config: &Config, is_recovering: bool) -> Result<Self, Fault> {
        let options = options(config)?;
        let heard = clock::Heard::default();
        let hearing = heard.clone();
        let serving = scope::Serving::default();
        let again = serving.clone();
        let pool = PgPoolOptions::new()
            .max_connections(config.connections_max)
            .acquire_timeout(Duration::from_millis(config.acquire_ms))
            .after_connect(move |connection, _| {
                let (heard, serving) = (hearing.clone(), serving.clone());
                Box::pin(async move {
                    if !is_recovering {
                        quarantine::refuse(connection).await?;
                    }
                    histories::greet(connection).await?;
                    heard.ask(connection).await?;
                    serving.tell(connection).await
                })
            })
            // In the place of the pool's own question whether it is alive.
            .test_before_acquire(false)
            .before_acquire(move |connection, _| {
                let serving = again.clone();
                Box::pin(async move { serving.tell(connection).await.map(|()| true) })
            })
            .connect_with(options.clone())
            .await;
        let pool = match pool {
            Ok(pool) => pool,
            Err(error) => return Err(quarantine::explain(&options, error).await),
        };
        let changes = usize::try_from(config.connections_max / CHANGES_PART).unwrap_or(1).max(1);
        Ok(Self {
            pool,
            at_hand: warm::AtHand::of(config.connections_max),
            heard,
            changes: Arc::new(Semaphore::new(changes)),
        })
    }

    /// A person's turn to change a post, or to place one. Who waits for the lock of a post or a
    /// brand holds a connection, and whoever has it may want another: a button that is pressed
    /// fifty times would take them all.
    pub(crate) async fn turn(&self) -> Result<OwnedSemaphorePermit, Fault> {
        let turn = Arc::clone(&self.changes).acquire_owned().await;
        turn.map_err(|_| Fault::new("the store is closed"))
    }

    /// The database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), Fault> {
        sqlx::query("SELECT 1").execute(&self.pool).await.context("asking Postgres")?;
        Ok(())
    }

    /// Closes the connections.
    pub async fn close(&self) {
        self.at_hand.clear();
        self.pool.close().await;
    }
}

/// Whether a fault says that Postgres cannot be reached or does not let us in, which may pass; a
/// configuration that cannot be read does not.
pub fn is_away(fault: &Fault) -> bool {
    fault.find::<sqlx::Error>().is_some_and(|error| !matches!(error, sqlx::Error::Configuration(_)))
}

/// Looks once whether Postgres lets us in, and says why not: a pool only says that it waited.
///
/// # Errors
/// When it cannot be reached or refuses us.
pub async fn reach(config: &Config) -> Result<(), Fault> {
    let within = Duration::from_millis(config.acquire_ms);
    let asked = tokio::time::timeout(within, PgConnection::connect_with(&options(config)?)).await;
    // As the pool would say it.
    let reached = asked.unwrap_or(Err(sqlx::Error::PoolTimedOut)).context("connecting to Postgres");
    reached?.close().await.context("connecting to Postgres")
}

fn options(config: &Config) -> Result<PgConnectOptions, Fault> {
    Ok(PgConnectOptions::from_str(&config.url)
        .map_err(|_| Fault::new("store.url is not a Postgres connection string"))?
        .application_name("postfleet")
        // The statements of workers are long and their batches short: planning one anew, or
        // compiling it, costs more than running it.
        .options([("plan_cache_mode", "force_generic_plan"), ("jit", "off")])
        // The locks of a process that stands still go to others. A refresh is the longest: its
        // transaction is idle for 40 s while the platform is called.
        .options([("idle_in_transaction_session_timeout", "60s")])
        // Every statement looks rows up by key. A plan that was made while a table was small
        // would scan it for ever, so it may not even look cheap.
        .options([
            ("enable_seqscan", "off"),
            ("enable_hashjoin", "off"),
            ("enable_mergejoin", "off"),
        ]))
}
