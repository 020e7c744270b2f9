//! What makes a request safe to repeat: the names under which it claims to be the only one.

use crate::posts::{Accepted, NewPost};
use crate::{Store, convert};
use base::Fault;
use domain::id::{PostId, TenantId};
use sqlx::{Postgres, Row, Transaction};

/// An `Idempotency-Key` can stand for another request after so long.
const KEPT: &str = "72 hours";
/// Whoever carries out the same request at this moment is waited for so long.
const WAIT: &str = "5s";
/// What Postgres says when a lock was waited for too long.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// A name that only one request may have.
#[derive(Debug, Clone)]
pub struct Claim {
    name: String,
    /// SHA-256 of the request.
    sha256: String,
    is_for_ever: bool,
}

impl Claim {
    /// By the key of a header, which serves for 72 hours.
    pub fn key(key: &str, sha256: &str) -> Self {
        Self { name: key.to_owned(), sha256: sha256.to_owned(), is_for_ever: false }
    }

    /// By the caller's own reference, which stands for one post for ever. No header can carry the
    /// control character that it is kept under.
    pub fn reference(reference: &str, sha256: &str) -> Self {
        let name = format!("\u{1}{reference}");
        Self { name, sha256: sha256.to_owned(), is_for_ever: true }
    }
}

/// What a claim came to.
enum Claimed {
    Ours,
    Before(Accepted),
    /// Somebody is at it.
    InProgress,
}

impl Store {
    /// Begins the transaction that stores a post, with its claims made; or what stands against
    /// them. Who comes second while the first is at it waits for its end.
    pub(crate) async fn begin_claimed(
        &self,
        new: &NewPost<'_>,
    ) -> Result<Result<Transaction<'static, Postgres>, Accepted>, Fault> {
        let mut tx = self.pool.begin().await?;
        match claim_all(&mut tx, new).await? {
            Claimed::Ours => return Ok(Ok(tx)),
            Claimed::Before(accepted) => return Ok(Err(accepted)),
            Claimed::InProgress => tx.rollback().await?,
        }
        // A request that comes a hundred times at once must not hold a hundred connections; one
        // that is placed has its turn already.
        let _turn = match new.place {
            Some(_) => None,
            None => Some(self.turn().await?),
        };
        let mut tx = self.pool.begin().await?;
        if !wait(&mut tx, new).await? {
            return Ok(Err(Accepted::InProgress));
        }
        Ok(match claim_all(&mut tx, new).await? {
            Claimed::Ours => Ok(tx),
            Claimed::Before(accepted) => Err(accepted),
            Claimed::InProgress => Err(Accepted::InProgress),
        })
    }

    /// The post that the same request became under one of these claims.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn accepted_before(
        &self,
        tenant: TenantId,
        claims: &[Claim],
    ) -> Result<Option<PostId>, Fault> {
        let mut tx = self.pool.begin().await?;
        for claim in claims {
            if let Some(Accepted::Again(id)) = before(&mut tx, tenant, claim).await? {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// The post that a caller named so.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn post_by_reference(
        &self,
        tenant: TenantId,
        reference: &str,
    ) -> Result<Option<PostId>, Fault> {
        let row =
            sqlx::query("SELECT post_id FROM idempotency_keys WHERE tenant_id = $1 AND key = $2")
                .bind(tenant.uuid())
                .bind(Claim::reference(reference, "").name)
                .fetch_optional(&self.pool)
                .await?;
        row.as_ref().map(|row| convert::id(row, "post_id")).transpose()
    }
}

async fn claim_all(
    tx: &mut Transaction<'static, Postgres>,
    new: &NewPost<'_>,
) -> Result<Claimed, Fault> {
    for claim in new.claims {
        // The lock is asked for, not waited for: whoever has it has not committed yet.
        let claimed = sqlx::query(
            "WITH turn AS (
                 SELECT pg_try_advisory_xact_lock(hashtextextended($1::uuid::text || ':' || $2::text, 0))
                     AS won)
             INSERT INTO idempotency_keys AS k (tenant_id, key, request_sha256, post_id, is_for_ever)
             SELECT $1, $2, $3::text, $4::uuid, $5::boolean FROM turn WHERE won
             ON CONFLICT (tenant_id, key) DO UPDATE
             SET request_sha256 = EXCLUDED.request_sha256, post_id = EXCLUDED.post_id,
                 created_at = clock_timestamp()
             WHERE NOT k.is_for_ever AND k.created_at < clock_timestamp() - $6::text::interval",
        )
        .bind(new.tenant.uuid())
        .bind(&claim.name)
        .bind(&claim.sha256)
        .bind(new.id.uuid())
        .bind(claim.is_for_ever)
        .bind(KEPT)
        .execute(&mut **tx)
        .await?;
        if claimed.rows_affected() == 0 {
            let before = before(tx, new.tenant, claim).await?;
            return Ok(before.map_or(Claimed::InProgress, Claimed::Before));
        }
    }
    Ok(Claimed::Ours)
}

/// Waits for whoever carries out the same request. `false` when that takes too long.
async fn wait(tx: &mut Transaction<'static, Postgres>, new: &NewPost<'_>) -> Result<bool, Fault> {
    sqlx::query("SELECT set_config('lock_timeout', $1, true)")
        .bind(WAIT)
        .execute(&mut **tx)
        .await?;
    for claim in new.claims {
        let waited = sqlx::query(
            "SELECT pg_advisory_xact_lock(hashtextextended($1::uuid::text || ':' || $2::text, 0))",
        )
        .bind(new.tenant.uuid())
        .bind(&claim.name)
        .execute(&mut **tx)
        .await;
        match waited {
            Ok(_) => {}
            Err(sqlx::Error::Database(error))
                if error.code().as_deref() == Some(LOCK_NOT_AVAILABLE) =>
            {
                return Ok(false);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}

/// What was accepted under a claim, as long as it stands.
async fn before(
    tx: &mut Transaction<'static, Postgres>,
    tenant: TenantId,
    claim: &Claim,
) -> Result<Option<Accepted>, Fault> {
    let row = sqlx::query(
        "SELECT request_sha256, post_id FROM idempotency_keys
         WHERE tenant_id = $1 AND key = $2
             AND (is_for_ever OR created_at >= clock_timestamp() - $3::text::interval)",
    )
    .bind(tenant.uuid())
    .bind(&claim.name)
    .bind(KEPT)
    .fetch_optional(&mut **tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let post = convert::id(&row, "post_id")?;
    let is_same = row.try_get::<String, _>("request_sha256")? == claim.sha256;
    Ok(Some(match (is_same, claim.is_for_ever) {
        (true, _) => Accepted::Again(post),
        (false, false) => Accepted::KeyTaken(post),
        (false, true) => Accepted::ReferenceTaken(post),
    }))
}
