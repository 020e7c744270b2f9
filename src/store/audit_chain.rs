//! The chain of the audit: rows sealed in an order, each hash over its row and the hash before it.
//!
//! Rows are sealed behind the transactions that write them, a batch at a time and one sealer at a
//! time, so nobody who is audited waits for it. Hashes are computed here, not by the database that
//! is to be watched. Invariant: what is hashed is what `COLUMNS` reads, nothing else.

use crate::{Store, convert};
use base::Fault;
use base::digest::{hex, sha256};
use domain::time::Timestamp;
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row};
use uuid::Uuid;

/// The advisory lock that one sealer at a time holds: `audit` in ASCII.
pub const SEALER: i64 = 0x61_75_64_69_74;
/// A row that is younger may wait for the next sweep.
const UNSEALED_MAX: &str = "10 minutes";
/// What a row says, as text that does not depend on a connection's settings.
const COLUMNS: &str = "a.id, a.tenant_id, a.actor, a.action, a.subject, a.reason,
    a.before::text AS before, a.after::text AS after,
    (extract(epoch FROM a.at) * 1000000)::bigint AS at_us";

/// A row of the audit as it is hashed and exported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Said {
    /// Its number.
    pub id: i64,
    /// In whose audit.
    pub tenant_id: Uuid,
    /// Who acted.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub subject: String,
    /// Why.
    pub reason: String,
    /// What was there before, as JSON in the order of the database.
    pub before: String,
    /// What was there afterwards.
    pub after: String,
    /// When, in microseconds since 1970.
    pub at_us: i64,
}

impl Said {
    fn of(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            tenant_id: row.try_get("tenant_id")?,
            actor: row.try_get("actor")?,
            action: row.try_get("action")?,
            subject: row.try_get("subject")?,
            reason: row.try_get("reason")?,
            before: row.try_get("before")?,
            after: row.try_get("after")?,
            at_us: row.try_get("at_us")?,
        })
    }

    /// The SHA-256 of what it says; each part carries its length, so that nothing slides from one
    /// into the next.
    pub fn sha256(&self) -> [u8; 32] {
        let mut bytes = b"postfleet audit row 1\0".to_vec();
        bytes.extend_from_slice(&self.id.to_be_bytes());
        bytes.extend_from_slice(self.tenant_id.as_bytes());
        bytes.extend_from_slice(&self.at_us.to_be_bytes());
        let texts =
            [&self.actor, &self.action, &self.subject, &self.reason, &self.before, &self.after];
        for text in texts {
            bytes.extend_from_slice(&(text.len() as u64).to_be_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        sha256(&bytes)
    }
}

/// A link of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its place, from 1.
    pub no: i64,
    /// The row that it seals.
    pub audit_id: i64,
    /// What that row said.
    pub content_sha256: Vec<u8>,
    /// The hash.
    pub hash: Vec<u8>,
    /// The row, where it is there still.
    pub said: Option<Said>,
}

/// The hash of a link: where it stands, what it seals, and what was before it.
pub fn link(before: &[u8], no: i64, audit_id: i64, content_sha256: &[u8]) -> [u8; 32] {
    let mut bytes = b"postfleet audit link 1\0".to_vec();
    bytes.extend_from_slice(&no.to_be_bytes());
    bytes.extend_from_slice(&audit_id.to_be_bytes());
    bytes.extend_from_slice(content_sha256);
    bytes.extend_from_slice(before);
    sha256(&bytes)
}

/// What the first link has before it.
pub const BEGINNING: [u8; 32] = [0; 32];

/// Where the chain begins, when what was before is forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Anchor {
    /// The last link that went.
    pub no: i64,
    /// Its hash: the first link that is left follows from it.
    #[serde(skip)]
    pub hash: Vec<u8>,
    /// When it went.
    pub at: Timestamp,
}

/// The end of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Head {
    /// The place of the last link; 0 where there is none.
    pub no: i64,
    /// Its hash, in hexadecimal digits.
    pub hash: String,
}

impl Head {
    /// Whether this is that link; a hash may be noted by its beginning.
    pub fn is_at(&self, no: i64, hash: &[u8]) -> bool {
        self.no == no && hex(hash).starts_with(&self.hash)
    }
}

impl Store {
    /// Seals the oldest rows that wait, `most` of them; the new end of the chain, where anything
    /// was sealed.
    ///
    /// # Errors
    /// When Postgres fails; then nothing is sealed.
    pub async fn seal_audit(&self, most: i64) -> Result<Option<Head>, Fault> {
        let mut tx = self.pool.begin().await?;
        if !is_sealer(&mut tx).await? {
            return Ok(None);
        }
        // Constants of this file. The rows go from `audit_unsealed` in the same statement.
        let rows = sqlx::query(AssertSqlSafe(format!(
            "WITH waiting AS (
                 DELETE FROM audit_unsealed WHERE audit_id IN (
                     SELECT audit_id FROM audit_unsealed ORDER BY audit_id LIMIT $1)
                 RETURNING audit_id)
             SELECT {COLUMNS} FROM waiting w JOIN audit a ON a.id = w.audit_id
             WHERE NOT EXISTS (SELECT FROM audit_chain c WHERE c.audit_id = a.id)
             ORDER BY a.id"
        )))
        .bind(most)
        .fetch_all(&mut *tx)
        .await?;
        if rows.is_empty() {
            tx.commit().await?;
            return Ok(None);
        }
        let (mut no, mut hash) = end(&mut tx).await?;
        let (mut nos, mut ids, mut contents, mut hashes) = (vec![], vec![], vec![], vec![]);
        for row in &rows {
            let said = Said::of(row)?;
            let content = said.sha256();
            no += 1;
            hash = link(&hash, no, said.id, &content).to_vec();
            nos.push(no);
            ids.push(said.id);
            contents.push(content.to_vec());
            hashes.push(hash.clone());
        }
        sqlx::query(
            "INSERT INTO audit_chain (no, audit_id, content_sha256, hash)
             SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bytea[])",
        )
        .bind(&nos)
        .bind(&ids)
        .bind(&contents)
        .bind(&hashes)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Some(Head { no, hash: hex(&hash) }))
    }

    /// Where the chain begins; nothing where it begins at its beginning.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn audit_anchor(&self) -> Result<Option<Anchor>, Fault> {
        let last = "SELECT no, hash, at FROM audit_anchors ORDER BY no DESC LIMIT 1";
        let row = sqlx::query(last).fetch_optional(&self.pool).await?;
        let anchor = |row: PgRow| {
            let at = convert::time(&row, "at")?;
            Ok(Anchor { no: row.try_get("no")?, hash: row.try_get("hash")?, at })
        };
        row.map(anchor).transpose()
    }

    /// Forgets the chain up to a link, with the rows that it seals. How many they were.
    ///
    /// # Errors
    /// When Postgres fails, or refuses: a row is younger than that.
    pub async fn forget_audit(&self, through: i64, older_than: Timestamp) -> Result<u64, Fault> {
        let mut tx = self.pool.begin().await?;
        // A sealer is done in a moment, and the next walk is an hour away.
        sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(SEALER).execute(&mut *tx).await?;
        let row = sqlx::query("SELECT forget_audit($1, $2) AS gone")
            .bind(through)
            .bind(convert::at(older_than))
            .fetch_one(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(row.try_get::<i64, _>("gone")?.unsigned_abs())
    }

    /// The end of the chain as it stands.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn audit_head(&self) -> Result<Head, Fault> {
        let mut db = self.pool.acquire().await?;
        let (no, hash) = end(&mut db).await?;
        Ok(Head { no, hash: hex(&hash) })
    }

    /// Links behind `after`, in their order, with what they seal.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn audit_links(&self, after: i64, most: i64) -> Result<Vec<Link>, Fault> {
        // Constants of this file.
        let rows = sqlx::query(AssertSqlSafe(format!(
            "SELECT c.no, c.audit_id, c.content_sha256, c.hash, {COLUMNS}
             FROM (SELECT * FROM audit_chain WHERE no > $1 ORDER BY no LIMIT $2) c
             LEFT JOIN audit a ON a.id = c.audit_id ORDER BY c.no"
        )))
        .bind(after)
        .bind(most)
        .fetch_all(&self.pool)
        .await?;
        let link = |row: &PgRow| {
            let is_there = row.try_get::<Option<i64>, _>("id")?.is_some();
            Ok(Link {
                no: row.try_get("no")?,
                audit_id: row.try_get("audit_id")?,
                content_sha256: row.try_get("content_sha256")?,
                hash: row.try_get("hash")?,
                said: is_there.then(|| Said::of(row)).transpose()?,
            })
        };
        rows.iter().map(link).collect()
    }

    /// Rows that no link seals though a sweep should have long since: somebody has put them there
    /// past the trigger, or taken the end of the chain away.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn audit_outside(&self, most: i64) -> Result<Vec<i64>, Fault> {
        let rows = sqlx::query(
            "SELECT a.id FROM audit a
             WHERE NOT EXISTS (SELECT FROM audit_chain c WHERE c.audit_id = a.id)
                 AND (a.at < clock_timestamp() - $1::text::interval
                     OR NOT EXISTS (SELECT FROM audit_unsealed u WHERE u.audit_id = a.id))
             ORDER BY a.id LIMIT $2",
        )
        .bind(UNSEALED_MAX)
        .bind(most)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok(row.try_get("id")?)).collect()
    }
}

/// Takes the sealer's lock for a transaction, unless another has it.
async fn is_sealer(tx: &mut PgConnection) -> Result<bool, Fault> {
    let lock = "SELECT pg_try_advisory_xact_lock($1) AS is_ours";
    Ok(sqlx::query(lock).bind(SEALER).fetch_one(tx).await?.try_get("is_ours")?)
}

async fn end(db: &mut PgConnection) -> Result<(i64, Vec<u8>), Fault> {
    // All of it may be forgotten: then the next link follows from what went last.
    let row = sqlx::query(
        "(SELECT no, hash FROM audit_chain ORDER BY no DESC LIMIT 1)
         UNION ALL (SELECT no, hash FROM audit_anchors ORDER BY no DESC LIMIT 1)
         ORDER BY no DESC LIMIT 1",
    )
    .fetch_optional(db)
    .await?;
    match row {
        Some(row) => Ok((row.try_get("no")?, row.try_get("hash")?)),
        None => Ok((0, BEGINNING.to_vec())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said() -> Said {
        Said {
            id: 7,
            tenant_id: Uuid::from_u128(1),
            actor: "key:12".into(),
            action: "post.cancel".into(),
            subject: "pst_1".into(),
            reason: "a typo".into(),
            before: "{}".into(),
            after: "null".into(),
            at_us: 1,
        }
    }

    // case: S-11
    #[test]
    fn every_part_of_a_row_is_in_its_hash() {
        let whole = said().sha256();
        let forged: [fn(&mut Said); 9] = [
            |s| s.id = 8,
            |s| s.tenant_id = Uuid::from_u128(2),
            |s| s.actor.push('1'),
            |s| s.action = "post.hold".into(),
            |s| s.subject = "pst_2".into(),
            |s| s.reason.clear(),
            |s| s.before = "null".into(),
            |s| s.after = "{}".into(),
            |s| s.at_us = 2,
        ];
        for forge in forged {
            let mut other = said();
            forge(&mut other);
            assert_ne!(other.sha256(), whole);
        }
        // What slides from one part into the next is another row.
        let mut slid = said();
        (slid.actor, slid.action) = ("key:12p".into(), "ost.cancel".into());
        assert_ne!(slid.sha256(), whole);
    }

    #[test]
    fn a_link_knows_its_place_and_what_was_before_it() {
        let content = said().sha256();
        let first = link(&BEGINNING, 1, 7, &content);
        assert_ne!(first, link(&BEGINNING, 2, 7, &content));
        assert_ne!(first, link(&BEGINNING, 1, 8, &content));
        assert_ne!(first, link(&first, 1, 7, &content));
    }
}
