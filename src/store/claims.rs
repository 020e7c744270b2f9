//! What makes a request safe to repeat: the names under which it claims to be the only one.

use crate::accepts::{Accepted, NewPost};
use crate::{Store, convert};
use base::Fault;
use domain::id::{PostId, TenantId};
use sqlx::{PgConnection, Postgres, Row, Transaction};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// An `Idempotency-Key` can stand for another request after so long.
pub(crate) const KEPT_H: u64 = 72;
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

    /// By the key of a request that brings many posts, and the line of one of them: so a line is
    /// asked again as the request is.
    pub fn line(key: &str, line: u64, sha256: &str) -> Self {
        let name = format!("\u{2}{key}\u{2}{line}");
        Self { name, sha256: sha256.to_owned(), is_for_ever: false }
    }

    /// By the caller's own reference, which stands for one post for ever. No header can carry the
    /// control character that it is kept under.
    pub fn reference(reference: &str, sha256: &str) -> Self {
        let name = format!("\u{1}{reference}");
        Self { name, sha256: sha256.to_owned(), is_for_ever: true }
    }
}

/// How somebody is met who has a name and has not committed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Others {
    /// He is told of, not waited for: each name has a lock, which is asked for.
    Passed,
    /// His end is waited for, without locks: there are more names than Postgres has locks.
    Awaited,
}

impl Store {
    /// Begins the transaction that stores a post, with its claims made; or what stands against
    /// them. Who comes second while the first is at it waits for its end.
    pub(crate) async fn begin_claimed(
        &self,
        new: &NewPost,
    ) -> Result<Result<Transaction<'static, Postgres>, Accepted>, Fault> {
        let mut tx = self.pool.begin().await?;
        if !wait(&mut tx, new).await? {
            return Ok(Err(Accepted::InProgress));
        }
        match claim_all(&mut tx, std::slice::from_ref(new), Others::Passed).await?.pop().flatten() {
            None => Ok(Ok(tx)),
            Some(against) => Ok(Err(against)),
        }
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
        let mut db = self.pool.acquire().await?;
        let asked: Vec<_> = claims.iter().map(|claim| (tenant, claim)).collect();
        let before = before(&mut db, &asked).await?;
        Ok(before.into_iter().find_map(|before| match before {
            Some(Accepted::Again(id)) => Some(id),
            _ => None,
        }))
    }

    /// A post that another request than this became under one of these claims.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn claimed_otherwise(
        &self,
        tenant: TenantId,
        claims: &[Claim],
    ) -> Result<Option<PostId>, Fault> {
        let mut db = self.pool.acquire().await?;
        let asked: Vec<_> = claims.iter().map(|claim| (tenant, claim)).collect();
        Ok(before(&mut db, &asked).await?.into_iter().find_map(|before| match before {
            Some(Accepted::KeyTaken(id) | Accepted::ReferenceTaken(id)) => Some(id),
            _ => None,
        }))
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

/// Makes the claims of posts; what stands against each of them, none of whose claims is made then.
/// Nobody is waited for: of whoever has a name and has not committed yet, as another of these
/// posts, it is told that he is at it.
pub(crate) async fn claim_all(
    db: &mut PgConnection,
    posts: &[NewPost],
    others: Others,
) -> Result<Vec<Option<Accepted>>, Fault> {
    let mut names = HashSet::new();
    let mut against: Vec<Option<Accepted>> = Vec::with_capacity(posts.len());
    for post in posts {
        let mut claims = post.claims.iter();
        let is_first = claims.all(|claim| names.insert((post.tenant, &*claim.name)));
        against.push((!is_first).then_some(Accepted::InProgress));
    }
    let mut asked: Vec<(usize, TenantId, &Claim)> = Vec::new();
    for (place, post) in posts.iter().enumerate().filter(|(place, _)| against[*place].is_none()) {
        asked.extend(post.claims.iter().map(|claim| (place, post.tenant, claim)));
    }
    // Those who have no locks, as a version before this one, are met in the order of the names.
    asked.sort_by_key(|(_, tenant, claim)| (*tenant, &claim.name));
    let won = insert(db, posts, &asked, others).await?;
    let is_won = |(place, _, claim): &(usize, TenantId, &Claim)| {
        won.contains(&(posts[*place].id.uuid(), claim.name.clone()))
    };
    let lost: Vec<_> = asked.iter().filter(|one| !is_won(one)).collect();
    if lost.is_empty() {
        return Ok(against);
    }
    let named: Vec<_> = lost.iter().map(|(_, tenant, claim)| (*tenant, *claim)).collect();
    for ((place, ..), before) in lost.iter().zip(before(db, &named).await?) {
        against[*place].get_or_insert(before.unwrap_or(Accepted::InProgress));
    }
    let in_vain = asked.iter().filter(|one| against[one.0].is_some() && is_won(one));
    let in_vain: Vec<_> = in_vain.map(|(_, tenant, claim)| (*tenant, *claim)).collect();
    give_back(db, &in_vain).await?;
    Ok(against)
}

/// Gives the names of posts back that are not stored after all.
pub(crate) async fn unclaim(db: &mut PgConnection, posts: &[&NewPost]) -> Result<(), Fault> {
    let of = |post: &&NewPost| -> Vec<(TenantId, Claim)> {
        post.claims.iter().map(|claim| (post.tenant, claim.clone())).collect()
    };
    let claims: Vec<(TenantId, Claim)> = posts.iter().flat_map(of).collect();
    let claims: Vec<_> = claims.iter().map(|(tenant, claim)| (*tenant, claim)).collect();
    give_back(db, &claims).await
}

async fn give_back(db: &mut PgConnection, claims: &[(TenantId, &Claim)]) -> Result<(), Fault> {
    if claims.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "DELETE FROM idempotency_keys k USING UNNEST($1::uuid[], $2::text[]) AS t (tenant_id, key)
         WHERE k.tenant_id = t.tenant_id AND k.key = t.key",
    )
    .bind(claims.iter().map(|(tenant, _)| tenant.uuid()).collect::<Vec<_>>())
    .bind(claims.iter().map(|(_, claim)| &*claim.name).collect::<Vec<_>>())
    .execute(db)
    .await?;
    Ok(())
}

/// The claims that could be made: the post and the name of each.
async fn insert(
    db: &mut PgConnection,
    posts: &[NewPost],
    asked: &[(usize, TenantId, &Claim)],
    others: Others,
) -> Result<HashSet<(Uuid, String)>, Fault> {
    if asked.is_empty() {
        return Ok(HashSet::new());
    }
    // The locks are asked for, not waited for: whoever has one has not committed yet.
    let rows = sqlx::query(
        "WITH turn AS MATERIALIZED (
             SELECT *, $7 OR
                 pg_try_advisory_xact_lock(hashtextextended(tenant_id::text || ':' || key, 0))
                 AS won
             FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::boolean[])
                 AS t (tenant_id, key, sha256, post_id, is_for_ever))
         INSERT INTO idempotency_keys AS k (tenant_id, key, request_sha256, post_id, is_for_ever)
         SELECT tenant_id, key, sha256, post_id, is_for_ever FROM turn WHERE won
         ON CONFLICT (tenant_id, key) DO UPDATE
         SET request_sha256 = EXCLUDED.request_sha256, post_id = EXCLUDED.post_id,
             created_at = clock_timestamp()
         WHERE NOT k.is_for_ever AND k.created_at < clock_timestamp() - $6::text::interval
         RETURNING post_id, key",
    )
    .bind(asked.iter().map(|(_, tenant, _)| tenant.uuid()).collect::<Vec<_>>())
    .bind(asked.iter().map(|(.., claim)| &*claim.name).collect::<Vec<_>>())
    .bind(asked.iter().map(|(.., claim)| &*claim.sha256).collect::<Vec<_>>())
    .bind(asked.iter().map(|(place, ..)| posts[*place].id.uuid()).collect::<Vec<_>>())
    .bind(asked.iter().map(|(.., claim)| claim.is_for_ever).collect::<Vec<_>>())
    .bind(format!("{KEPT_H} hours"))
    .bind(others == Others::Awaited)
    .fetch_all(db)
    .await?;
    rows.iter().map(|row| Ok((row.try_get("post_id")?, row.try_get("key")?))).collect()
}

/// Waits for whoever carries out the same request. `false` when that takes too long.
async fn wait(tx: &mut Transaction<'static, Postgres>, new: &NewPost) -> Result<bool, Fault> {
    wait_no_longer(tx).await?;
    for claim in &new.claims {
        let waited = sqlx::query(
            "SELECT pg_advisory_xact_lock(hashtextextended($1::uuid::text || ':' || $2::text, 0))",
        )
        .bind(new.tenant.uuid())
        .bind(&claim.name)
        .execute(&mut **tx)
        .await;
        match waited {
            Ok(_) => {}
            Err(error) if is_out_of_time(&error) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
    }
    sqlx::query("SET LOCAL lock_timeout TO DEFAULT").execute(&mut **tx).await?;
    Ok(true)
}

/// From here on, a transaction gives up what it waits for too long.
pub(crate) async fn wait_no_longer(db: &mut PgConnection) -> Result<(), Fault> {
    sqlx::query("SELECT set_config('lock_timeout', $1, true)").bind(WAIT).execute(db).await?;
    Ok(())
}

/// It gave up waiting.
pub(crate) fn is_out_of_time(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).as_deref() == Some(LOCK_NOT_AVAILABLE)
}

/// What was accepted under each of these claims, as long as it stands.
async fn before(
    db: &mut PgConnection,
    asked: &[(TenantId, &Claim)],
) -> Result<Vec<Option<Accepted>>, Fault> {
    let rows = sqlx::query(
        "SELECT k.tenant_id, k.key, k.request_sha256, k.post_id
         FROM UNNEST($1::uuid[], $2::text[]) AS t (tenant_id, key)
         JOIN idempotency_keys k ON k.tenant_id = t.tenant_id AND k.key = t.key
         WHERE k.is_for_ever OR k.created_at >= clock_timestamp() - $3::text::interval",
    )
    .bind(asked.iter().map(|(tenant, _)| tenant.uuid()).collect::<Vec<_>>())
    .bind(asked.iter().map(|(_, claim)| &*claim.name).collect::<Vec<_>>())
    .bind(format!("{KEPT_H} hours"))
    .fetch_all(db)
    .await?;
    let mut found = HashMap::new();
    for row in &rows {
        let key: (TenantId, String) = (convert::id(row, "tenant_id")?, row.try_get("key")?);
        let sha256: String = row.try_get("request_sha256")?;
        found.insert(key, (sha256, convert::id(row, "post_id")?));
    }
    let of = |(tenant, claim): &(TenantId, &Claim)| {
        let (sha256, post) = found.get(&(*tenant, claim.name.clone()))?;
        Some(match (*sha256 == claim.sha256, claim.is_for_ever) {
            (true, _) => Accepted::Again(*post),
            (false, false) => Accepted::KeyTaken(*post),
            (false, true) => Accepted::ReferenceTaken(*post),
        })
    };
    Ok(asked.iter().map(of).collect())
}
