//! Everything that is sealed, page by page, and written back under another key.
//!
//! Invariant: a value is replaced only where it still stands as it was read, without touching what
//! workers compare (versions, revisions, checkpoints' numbers), and without waiting for a row that
//! somebody works on.

use crate::credentials::Credential;
use crate::{Store, convert};
use base::{Context, Fault};
use domain::id::TenantId;
use domain::time::Timestamp;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

/// A kind of sealed value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The grant of an account.
    Grant,
    /// The verifier of an authorisation that is under way.
    Verifier,
    /// The checkpoint of a delivery.
    Checkpoint,
    /// What a consent brought, until its owner has chosen.
    Choices,
    /// The secret of a tenant's own registration.
    OwnApp,
    /// What the messages to an endpoint are signed with.
    Webhook,
}

/// A sealed value that is not under its tenant's present key.
#[derive(Clone)]
pub struct Sealed {
    /// What names its row: an id, or the digest of a state.
    pub row: Vec<u8>,
    /// Whose.
    pub tenant: TenantId,
    /// The platform, where the seal is bound to one.
    pub platform: String,
    /// The version that the seal is bound to.
    pub version: i64,
    /// The value as it stands there: a checkpoint's is text, in base64.
    pub bytes: Vec<u8>,
    /// When the row was renewed, and until when it serves; of grants alone.
    pub times: Option<(Timestamp, Timestamp)>,
    /// The version that the account's grant has reached; of grants alone.
    pub reached: i64,
}

/// How many values of a kind lie under a data key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// What.
    pub field: Field,
    /// The key-encryption key that the data key is wrapped under; `None` when nobody knows the
    /// data key.
    pub wrapped_under: Option<Vec<u8>>,
    /// The data key is the one that seals for its tenant.
    pub is_current: bool,
    /// How many.
    pub count: i64,
}

impl Field {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Grant, Self::Verifier, Self::Checkpoint, Self::Choices, Self::OwnApp, Self::Webhook];

    /// The word for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Verifier => "verifier",
            Self::Checkpoint => "checkpoint",
            Self::Choices => "choices",
            Self::OwnApp => "own_app",
            Self::Webhook => "webhook_secret",
        }
    }

    /// The sealed values of the kind, each with the name of its key. What is no base64 names none,
    /// and must not bring a whole page down.
    const fn rows(self) -> &'static str {
        match self {
            Self::Grant => {
                "SELECT uuid_send(c.account_id) AS row, c.tenant_id, a.platform, c.version,
                     c.sealed AS bytes, substring(c.sealed FROM 2 FOR 8) AS key_id, c.refreshed_at, c.expires_at,
                     coalesce((SELECT g.version FROM grant_versions g
                         WHERE g.account_id = c.account_id), 0) AS reached
                 FROM credentials c JOIN accounts a ON a.id = c.account_id
                 WHERE length(c.sealed) > 0"
            }
            Self::Verifier => {
                "SELECT sha256 AS row, tenant_id, platform, 0::bigint AS version,
                     verifier AS bytes, substring(verifier FROM 2 FOR 8) AS key_id,
                     NULL::timestamptz AS refreshed_at, NULL::timestamptz AS expires_at,
                     0::bigint AS reached
                 FROM oauth_states WHERE length(verifier) > 0"
            }
            Self::Checkpoint => {
                "SELECT uuid_send(id) AS row, tenant_id, '' AS platform,
                     checkpoint_no::bigint AS version,
                     convert_to(checkpoint ->> 'sealed', 'UTF8') AS bytes,
                     CASE WHEN checkpoint ->> 'sealed' ~ '^[A-Za-z0-9+/]{12}' THEN
                         substring(decode(left(checkpoint ->> 'sealed', 12), 'base64')
                             FROM 2 FOR 8) END AS key_id,
                     NULL::timestamptz AS refreshed_at, NULL::timestamptz AS expires_at,
                     0::bigint AS reached
                 FROM deliveries WHERE jsonb_typeof(checkpoint -> 'sealed') = 'string'"
            }
            Self::Choices => {
                "SELECT sha256 AS row, tenant_id, platform, 0::bigint AS version,
                     sealed AS bytes, substring(sealed FROM 2 FOR 8) AS key_id,
                     NULL::timestamptz AS refreshed_at, NULL::timestamptz AS expires_at,
                     0::bigint AS reached
                 FROM connect_choices WHERE true"
            }
            Self::OwnApp => {
                "SELECT uuid_send(id) AS row, tenant_id, platform, version,
                     sealed AS bytes, substring(sealed FROM 2 FOR 8) AS key_id,
                     NULL::timestamptz AS refreshed_at, NULL::timestamptz AS expires_at,
                     0::bigint AS reached
                 FROM oauth_apps WHERE true"
            }
            Self::Webhook => {
                "SELECT uuid_send(id) AS row, tenant_id, '' AS platform, 0::bigint AS version,
                     sealed AS bytes, substring(sealed FROM 2 FOR 8) AS key_id,
                     NULL::timestamptz AS refreshed_at, NULL::timestamptz AS expires_at,
                     0::bigint AS reached
                 FROM webhook_secrets WHERE true"
            }
        }
    }

    /// Keeps the walk on the primary key.
    const fn after(self) -> &'static str {
        match self {
            Self::Grant => "AND c.account_id > $1::uuid ORDER BY c.account_id",
            Self::Verifier | Self::Choices => "AND sha256 > $1::bytea ORDER BY sha256",
            Self::Checkpoint | Self::OwnApp | Self::Webhook => "AND id > $1::uuid ORDER BY id",
        }
    }

    const fn write(self) -> &'static str {
        match self {
            Self::Grant => {
                "WITH t AS (SELECT * FROM UNNEST($1::uuid[], $2::bytea[], $3::bytea[], $4::bigint[])
                     AS t (id, stood, anew, version)
                 ), free AS (
                     SELECT account_id FROM credentials WHERE account_id = ANY($1)
                     FOR NO KEY UPDATE SKIP LOCKED
                 )
                 UPDATE credentials c SET sealed = t.anew FROM t JOIN free f ON f.account_id = t.id
                 WHERE c.account_id = t.id AND c.version = t.version AND c.sealed = t.stood"
            }
            Self::Verifier => {
                "WITH t AS (SELECT * FROM UNNEST($1::bytea[], $2::bytea[], $3::bytea[],
                     $4::bigint[]) AS t (id, stood, anew, version)
                 ), free AS (
                     SELECT sha256 FROM oauth_states WHERE sha256 = ANY($1)
                     FOR NO KEY UPDATE SKIP LOCKED
                 )
                 UPDATE oauth_states s SET verifier = t.anew FROM t JOIN free f ON f.sha256 = t.id
                 WHERE s.sha256 = t.id AND s.verifier = t.stood"
            }
            Self::Checkpoint => {
                "WITH t AS (SELECT id, stood, anew, version FROM UNNEST($1::uuid[], $2::bytea[],
                     $3::bytea[], $4::bigint[]) AS t (id, stood, anew, version)
                 ), free AS (
                     SELECT id FROM deliveries WHERE id = ANY($1) FOR NO KEY UPDATE SKIP LOCKED
                 )
                 UPDATE deliveries d
                 SET checkpoint = jsonb_build_object('sealed', convert_from(t.anew, 'UTF8'))
                 FROM t JOIN free f ON f.id = t.id
                 WHERE d.id = t.id AND d.checkpoint_no = t.version
                     AND d.checkpoint ->> 'sealed' = convert_from(t.stood, 'UTF8')"
            }
            Self::Choices => {
                "WITH t AS (SELECT * FROM UNNEST($1::bytea[], $2::bytea[], $3::bytea[],
                     $4::bigint[]) AS t (id, stood, anew, version)
                 ), free AS (
                     SELECT sha256 FROM connect_choices WHERE sha256 = ANY($1)
                     FOR NO KEY UPDATE SKIP LOCKED
                 )
                 UPDATE connect_choices s SET sealed = t.anew FROM t JOIN free f ON f.sha256 = t.id
                 WHERE s.sha256 = t.id AND s.sealed = t.stood"
            }
            Self::OwnApp => {
                "WITH t AS (SELECT * FROM UNNEST($1::uuid[], $2::bytea[], $3::bytea[], $4::bigint[])
                     AS t (id, stood, anew, version)
                 ), free AS (
                     SELECT id FROM oauth_apps WHERE id = ANY($1) FOR NO KEY UPDATE SKIP LOCKED
                 )
                 UPDATE oauth_apps o SET sealed = t.anew FROM t JOIN free f ON f.id = t.id
                 WHERE o.id = t.id AND o.version = t.version AND o.sealed = t.stood"
            }
            Self::Webhook => {
                "WITH t AS (SELECT * FROM UNNEST($1::uuid[], $2::bytea[], $3::bytea[], $4::bigint[])
                     AS t (id, stood, anew, version)
                 ), free AS (
                     SELECT id FROM webhook_secrets WHERE id = ANY($1)
                     FOR NO KEY UPDATE SKIP LOCKED
                 )
                 UPDATE webhook_secrets w SET sealed = t.anew FROM t JOIN free f ON f.id = t.id
                 WHERE w.id = t.id AND w.sealed = t.stood"
            }
        }
    }
}

/// The data key that a value names is not the one that seals for its tenant.
const NOT_CURRENT: &str = "NOT EXISTS (SELECT FROM data_keys k
    WHERE k.tenant_id = s.tenant_id AND k.state = 'current'
        AND k.key_id = s.key_id)";

/// Rows that a walk looks at in one statement, most of which are in order already.
const LOOKED_AT: i64 = 5_000;

/// A page of a walk.
pub struct Page {
    /// What is to be sealed anew.
    pub sealed: Vec<Sealed>,
    /// The last row that was looked at; `None` at the end.
    pub last: Option<Vec<u8>>,
}

impl Store {
    /// The next values of a kind behind a row that are not under their tenant's present key.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn sealed_elsewhere(&self, field: Field, after: &[u8]) -> Result<Page, Fault> {
        let (rows, walk) = (field.rows(), field.after());
        // All parts are constants of this file.
        let asked = sqlx::query(AssertSqlSafe(format!(
            "WITH s AS MATERIALIZED ({rows} {walk} LIMIT {LOOKED_AT})
             SELECT s.*, {NOT_CURRENT} AS is_elsewhere FROM s
             ORDER BY s.row"
        )));
        let asked = match field {
            Field::Verifier | Field::Choices => asked.bind(after.to_vec()),
            Field::Grant | Field::Checkpoint | Field::OwnApp | Field::Webhook => {
                asked.bind(uuid_of(after))
            }
        };
        let rows = asked.fetch_all(&self.pool).await.context("reading what is sealed")?;
        let is_full = i64::try_from(rows.len()).unwrap_or(LOOKED_AT) >= LOOKED_AT;
        let mut page = Page { sealed: Vec::new(), last: None };
        for row in &rows {
            if is_full {
                page.last = Some(row.try_get("row")?);
            }
            if !row.try_get::<bool, _>("is_elsewhere")? {
                continue;
            }
            let refreshed_at = convert::time_or_none(row, "refreshed_at")?;
            page.sealed.push(Sealed {
                row: row.try_get("row")?,
                tenant: convert::id(row, "tenant_id")?,
                platform: row.try_get("platform")?,
                version: row.try_get("version")?,
                bytes: row.try_get("bytes")?,
                times: refreshed_at.zip(convert::time_or_none(row, "expires_at")?),
                reached: row.try_get("reached")?,
            });
        }
        Ok(page)
    }

    /// Writes values back under another key: each with its bytes as they are now. How many were
    /// written; the others have changed meanwhile, or are being worked on.
    ///
    /// # Errors
    /// When Postgres fails; then none is written.
    pub async fn reseal(&self, field: Field, values: &[(Sealed, Vec<u8>)]) -> Result<u64, Fault> {
        let asked = sqlx::query(AssertSqlSafe(field.write()));
        let asked = match field {
            Field::Verifier | Field::Choices => {
                asked.bind(column(values, |(value, _)| value.row.clone()))
            }
            Field::Grant | Field::Checkpoint | Field::OwnApp | Field::Webhook => {
                asked.bind(column(values, |(value, _)| uuid_of(&value.row)))
            }
        };
        let done = asked
            .bind(column(values, |(value, _)| value.bytes.clone()))
            .bind(column(values, |(_, fresh)| fresh.clone()))
            .bind(column(values, |(value, _)| value.version))
            .execute(&self.pool)
            .await
            .context("sealing anew")?;
        Ok(done.rows_affected())
    }

    /// Takes away the verifiers that no callback can ask for any more, and choices that are over.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn forget_verifiers(&self) -> Result<(), Fault> {
        sqlx::query(
            "UPDATE oauth_states SET verifier = ''
             WHERE length(verifier) > 0
                 AND (used_at IS NOT NULL OR expires_at < clock_timestamp())",
        )
        .execute(&self.pool)
        .await?;
        sqlx::query("DELETE FROM connect_choices WHERE expires_at < clock_timestamp()")
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// How many values lie under which keys.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn tally(&self, field: Field) -> Result<Vec<Tally>, Fault> {
        let values = field.rows();
        let rows = sqlx::query(AssertSqlSafe(format!(
            "SELECT k.wrapped_under, coalesce(k.state = 'current', false) AS is_current,
                 count(*) AS count
             FROM ({values}) s
             LEFT JOIN data_keys k ON k.tenant_id = s.tenant_id
                 AND k.key_id = s.key_id
             GROUP BY 1, 2"
        )))
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Tally {
                    field,
                    wrapped_under: row.try_get("wrapped_under")?,
                    is_current: row.try_get("is_current")?,
                    count: row.try_get("count")?,
                })
            })
            .collect()
    }

    /// How many data keys are wrapped under which key-encryption key; broken ones need none.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn wrappings(&self) -> Result<Vec<(Vec<u8>, i64)>, Fault> {
        let rows = sqlx::query(
            "SELECT under, count(*) AS count FROM (
                 SELECT wrapped_under AS under FROM data_keys WHERE state <> 'broken'
                 UNION ALL
                 SELECT substring(data_key FROM 2 FOR 8) FROM tenants WHERE length(data_key) > 9
             ) w GROUP BY under",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok((row.try_get("under")?, row.try_get("count")?))).collect()
    }
}

impl Sealed {
    /// The grant that this is, of the account it belongs to.
    pub fn credential(&self) -> Option<Credential> {
        let (refreshed_at, expires_at) = self.times?;
        Some(Credential {
            account: domain::id::Id::new(Uuid::from_slice(&self.row).ok()?),
            sealed: self.bytes.clone(),
            version: self.version,
            reached: self.reached,
            expires_at,
            refreshed_at,
        })
    }
}

fn column<T>(values: &[(Sealed, Vec<u8>)], of: fn(&(Sealed, Vec<u8>)) -> T) -> Vec<T> {
    values.iter().map(of).collect()
}

fn uuid_of(row: &[u8]) -> Uuid {
    Uuid::from_slice(row).unwrap_or_default()
}
