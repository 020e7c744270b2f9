//! Makes a token old without waiting for hours: what the vault sealed is opened and sealed again,
//! as only the owner of the key file can. And makes open questions old.

use super::fleet::Fleet;
use super::scene::Account;
use base::clock;
use domain::id::{AccountId, TenantId};
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;
use vault::{Associated, DataKey, KeyRing, Wrapped};

/// The account's access token was granted two hours ago and ends after `left`.
pub async fn age(fleet: &Fleet, account: &Account, left: Duration) {
    let mut db = fleet.postgres().await;
    let id: AccountId = account.id.parse().unwrap();
    let (tenant, sealed, version): (Uuid, Vec<u8>, i64) =
        sqlx::query_as("SELECT tenant_id, sealed, version FROM credentials WHERE account_id = $1")
            .bind(id.uuid())
            .fetch_one(&mut db)
            .await
            .unwrap();
    let tenant = TenantId::new(tenant);
    let key = data_key(fleet, tenant, &sealed).await;
    let subject = &account.id;
    let platform = account.way.0;
    let associated = Associated { tenant, subject, platform, field: "grant", version };
    let clear = key.open(&associated, &sealed).unwrap();
    let mut grant: Value = serde_json::from_slice(clear.bytes()).unwrap();
    let ends = clock::now() + left;
    assert!(grant["expires_at"].is_string() || grant["expires_at"].is_number());
    grant["expires_at"] = json!(ends);
    let sealed = key.seal(&associated, grant.to_string().as_bytes());
    sqlx::query(
        "UPDATE credentials SET sealed = $2, expires_at = $3::text::timestamptz,
             refreshed_at = clock_timestamp() - interval '2 hours' WHERE account_id = $1",
    )
    .bind(id.uuid())
    .bind(sealed)
    .bind(ends.to_string())
    .execute(&mut db)
    .await
    .unwrap();
}

/// The data key that sealed something of a tenant, as only the owner of the key file can open it.
pub async fn data_key(fleet: &Fleet, tenant: TenantId, sealed: &[u8]) -> DataKey {
    let wrapped =
        sqlx::query_scalar("SELECT wrapped FROM data_keys WHERE tenant_id = $1 AND key_id = $2");
    let id = vault::key_id(sealed).unwrap();
    let wrapped = wrapped.bind(tenant.uuid()).bind(id.bytes().to_vec());
    let wrapped: Vec<u8> = wrapped.fetch_one(&mut fleet.postgres().await).await.unwrap();
    let ring = KeyRing::open(&fleet.data().join("key")).unwrap();
    ring.unwrap(&Wrapped(wrapped), tenant).unwrap()
}

/// How often the account's tokens were replaced, the first grant included.
pub async fn version(fleet: &Fleet, account: &Account) -> i64 {
    let id: AccountId = account.id.parse().unwrap();
    let asked = sqlx::query_scalar("SELECT version FROM credentials WHERE account_id = $1");
    asked.bind(id.uuid()).fetch_one(&mut fleet.postgres().await).await.unwrap()
}

/// What was sent from the account was sent so much earlier.
pub async fn age_intents(fleet: &Fleet, account: &Account, by: Duration) {
    let id: AccountId = account.id.parse().unwrap();
    let aged = sqlx::query(
        "UPDATE deliveries SET intended_at = intended_at - $2 * interval '1 second'
         WHERE account_id = $1",
    );
    let aged = aged.bind(id.uuid()).bind(i64::try_from(by.as_secs()).unwrap());
    aged.execute(&mut fleet.postgres().await).await.unwrap();
}
