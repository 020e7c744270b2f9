//! Doubts: wordings of which nobody knows whether they are out.
//!
//! A row is written before its delivery moves to `reconciling` and only counts while the delivery
//! is `sending` or `reconciling`, so nothing has to be deleted in time.

use crate::Store;
use base::Fault;
use domain::id::{AccountId, DeliveryId};
use sqlx::Row;

/// A wording on an account, and the delivery that carries it.
#[derive(Debug, Clone, Copy)]
pub struct Wording<'a> {
    /// Which account.
    pub account: AccountId,
    /// Which delivery.
    pub delivery: DeliveryId,
    /// SHA-256 of the first segment's text, in hexadecimal digits.
    pub sha256: &'a str,
}

impl Store {
    /// Remembers that it may be out.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn doubt(&self, wording: Wording<'_>) -> Result<(), Fault> {
        sqlx::query(
            "INSERT INTO doubts (account_id, delivery_id, wording_sha256) VALUES ($1, $2, $3)
             ON CONFLICT (account_id, delivery_id)
             DO UPDATE SET wording_sha256 = EXCLUDED.wording_sha256",
        )
        .bind(wording.account.uuid())
        .bind(wording.delivery.uuid())
        .bind(wording.sha256)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Another delivery of the account with this wording may be out.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn is_in_doubt(&self, wording: Wording<'_>) -> Result<bool, Fault> {
        let row = sqlx::query(
            "SELECT EXISTS (
                 SELECT FROM doubts o JOIN deliveries d ON d.id = o.delivery_id
                 WHERE o.account_id = $1 AND o.delivery_id <> $2 AND o.wording_sha256 = $3
                     AND d.status IN ('sending', 'reconciling')) AS is_in_doubt",
        )
        .bind(wording.account.uuid())
        .bind(wording.delivery.uuid())
        .bind(wording.sha256)
        .fetch_one(&self.pool)
        .await?;
        Ok(row.try_get("is_in_doubt")?)
    }
}
