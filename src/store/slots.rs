//! The weekly slots of brands and accounts, and the posts that were placed into them.
//!
//! Whoever places a post holds its brand's row until the end of his transaction, so placements of
//! one brand come one after the other; that a slot has one post is a unique index beside it.

use crate::deeds::{self, Deed};
use crate::{Store, convert, scope};
use base::Fault;
use domain::id::{AccountId, BrandId, PostId, TenantId};
use domain::local::{Local, TimeZone};
use domain::request::Draft;
use domain::slots::{HORIZON, Occurrence, Week};
use domain::time::Timestamp;
use serde_json::json;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

/// Slots that are asked about in one statement.
const ASKED: usize = 200;

/// Whose slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// Of whom.
    pub tenant: TenantId,
    /// Of which brand.
    pub brand: BrandId,
    /// Of an account of the brand, and not of all of it.
    pub account: Option<AccountId>,
}

impl Owner {
    fn uuid(&self) -> Uuid {
        self.account.map_or(self.brand.uuid(), |account| account.uuid())
    }
}

/// The slots of an owner, as they are stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Slots {
    /// The account they belong to, if not to the brand.
    pub account: Option<AccountId>,
    /// The slots.
    pub week: Week,
    /// Raised by every change; 0 before the first.
    pub revision: i32,
}

/// What is wanted of a slot.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Of whom.
    pub tenant: TenantId,
    /// Its brand.
    pub brand: BrandId,
    /// The accounts it goes out on. One that is alone uses its own slots, where it has any.
    pub accounts: &'a [AccountId],
    /// The latest instant that will do.
    pub not_after: Option<Timestamp>,
}

/// A slot for a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// When it is.
    pub at: Timestamp,
    /// As the clocks of the brand show it.
    pub local: Local,
    owner: Uuid,
}

impl Place {
    /// A draft with the time of its slot.
    pub fn fill(self, draft: &Draft) -> Draft {
        Draft { scheduled_at: Some(self.at), scheduled_local: Some(self.local), ..draft.clone() }
    }
}

/// Why there is no slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoPlace {
    /// Neither the account nor the brand has slots.
    NoSlots,
    /// None is free.
    AllTaken {
        /// Slots of a week.
        slots: usize,
        /// Slots that were looked at.
        tried: usize,
        /// Up to this.
        until: Timestamp,
    },
}

fn slots_of(row: &PgRow) -> Result<Slots, Fault> {
    Ok(Slots {
        account: convert::id_or_none(row, "account_id")?,
        week: convert::json(row, "slots")?,
        revision: row.try_get("revision")?,
    })
}

impl Store {
    /// The slots of an owner; none where nobody set any.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn slots(&self, owner: Owner) -> Result<Slots, Fault> {
        let row = sqlx::query(
            "SELECT account_id, slots, revision FROM slot_weeks
             WHERE tenant_id = $1 AND owner_id = $2",
        )
        .bind(owner.tenant.uuid())
        .bind(owner.uuid())
        .fetch_optional(&self.pool)
        .await?;
        let none = Slots { account: owner.account, ..Slots::default() };
        row.as_ref().map_or(Ok(none), slots_of)
    }

    /// The slots of a brand and of its accounts, the brand's first.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn slots_of_brand(
        &self,
        tenant: TenantId,
        brand: BrandId,
    ) -> Result<Vec<Slots>, Fault> {
        let rows = sqlx::query(
            "SELECT w.account_id, w.slots, w.revision FROM slot_weeks w
             LEFT JOIN accounts a ON a.id = w.account_id
             WHERE w.tenant_id = $1 AND w.brand_id = $2
                 AND (w.account_id IS NULL OR a.status <> 'disconnected')
             ORDER BY w.account_id NULLS FIRST LIMIT 1000",
        )
        .bind(tenant.uuid())
        .bind(brand.uuid())
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(slots_of).collect()
    }

    /// Sets the slots of an owner and writes who did it. With an `expected` revision only if they
    /// are still that; otherwise `Err` has the one they are.
    ///
    /// # Errors
    /// When Postgres fails; then nothing is written.
    pub async fn put_slots(
        &self,
        owner: Owner,
        week: &Week,
        expected: Option<i32>,
        actor: &str,
    ) -> Result<Result<Slots, i32>, Fault> {
        let mut tx = self.pool.begin().await?;
        // The row is there from the first change on, so that two of them meet at its lock.
        sqlx::query(
            "INSERT INTO slot_weeks (owner_id, tenant_id, brand_id, account_id, slots, revision)
             VALUES ($1, $2, $3, $4, '[]', 0) ON CONFLICT (owner_id) DO NOTHING",
        )
        .bind(owner.uuid())
        .bind(owner.tenant.uuid())
        .bind(owner.brand.uuid())
        .bind(owner.account.map(|account| account.uuid()))
        .execute(&mut *tx)
        .await?;
        let row = sqlx::query(
            "SELECT account_id, slots, revision FROM slot_weeks
             WHERE tenant_id = $1 AND owner_id = $2 FOR UPDATE",
        )
        .bind(owner.tenant.uuid())
        .bind(owner.uuid())
        .fetch_one(&mut *tx)
        .await?;
        let old = slots_of(&row)?;
        if expected.is_some_and(|expected| expected != old.revision) {
            return Ok(Err(old.revision));
        }
        let row = sqlx::query(
            "UPDATE slot_weeks SET slots = $2, revision = revision + 1,
                 updated_at = clock_timestamp()
             WHERE owner_id = $1 RETURNING account_id, slots, revision",
        )
        .bind(owner.uuid())
        .bind(Json(week))
        .fetch_one(&mut *tx)
        .await?;
        let (action, subject) = match owner.account {
            Some(account) => ("account.slots", account.to_string()),
            None => ("brand.slots", owner.brand.to_string()),
        };
        let (subject, reason) = (&subject, "set through the API");
        let (before, after) = (&json!({ "slots": old.week }), &json!({ "slots": week }));
        let deed = Deed { actor, action, subject, reason, before, after };
        deeds::note(&mut tx, owner.tenant, deed).await?;
        tx.commit().await?;
        slots_of(&row).map(Ok)
    }

    /// The free ones among the slots of an owner, in their order, at most so many.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn free_slots(
        &self,
        owner: Owner,
        slots: &[Timestamp],
        limit: usize,
    ) -> Result<Vec<Timestamp>, Fault> {
        let mut db = self.pool.acquire().await?;
        let accounts: Vec<Uuid> = owner.account.iter().map(|account| account.uuid()).collect();
        let asked = Asked {
            brand: owner.brand.uuid(),
            owner: owner.uuid(),
            accounts: &accounts,
            except: Uuid::nil(),
        };
        asked.free(&mut db, slots, limit).await
    }

    /// The slot that a post would be placed into now.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn next_slot(&self, wanted: Wanted<'_>) -> Result<Result<Place, NoPlace>, Fault> {
        let mut db = self.pool.acquire().await?;
        find(&mut db, wanted, Uuid::nil()).await
    }
}

/// Places a post into the next slot that is free, instead of the one it had. The brand's row is
/// locked until the end of the transaction; a post that is locked too is locked before.
pub(crate) async fn take(
    tx: &mut PgConnection,
    post: PostId,
    wanted: Wanted<'_>,
) -> Result<Result<Place, NoPlace>, Fault> {
    lock_brands(tx, &[wanted.brand.uuid()]).await?;
    let place = match find(tx, wanted, post.uuid()).await? {
        Ok(place) => place,
        Err(none) => return Ok(Err(none)),
    };
    free(tx, post).await?;
    // A post that was moved, or whose deliveries have all failed, still has the row of its slot.
    sqlx::query(
        "DELETE FROM placements o WHERE o.owner_id = $1 AND o.slot_at = $2 AND NOT EXISTS (
             SELECT FROM posts p JOIN deliveries d ON d.post_id = p.id
             WHERE p.id = o.post_id AND p.scheduled_at = o.slot_at AND p.stage IN ('live', 'held')
                 AND d.status NOT IN ('failed', 'cancelled')
                 AND (o.owner_id = p.brand_id OR o.owner_id = d.account_id))",
    )
    .bind(place.owner)
    .bind(convert::at(place.at))
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "INSERT INTO placements (post_id, tenant_id, owner_id, slot_at) VALUES ($1, $2, $3, $4)",
    )
    .bind(post.uuid())
    .bind(wanted.tenant.uuid())
    .bind(place.owner)
    .bind(convert::at(place.at))
    .execute(tx)
    .await?;
    Ok(Ok(place))
}

/// Locks brands against placements until the end of the transaction.
pub(crate) async fn lock_brands(tx: &mut PgConnection, brands: &[Uuid]) -> Result<(), Fault> {
    sqlx::query("SELECT 1 FROM brands WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE")
        .bind(brands)
        .execute(tx)
        .await?;
    Ok(())
}

/// Gives the slot of a post back, if it has one.
pub(crate) async fn free(tx: &mut PgConnection, post: PostId) -> Result<(), Fault> {
    sqlx::query("DELETE FROM placements WHERE post_id = $1").bind(post.uuid()).execute(tx).await?;
    Ok(())
}

/// The next free slot for a post.
async fn find(
    db: &mut PgConnection,
    wanted: Wanted<'_>,
    except: Uuid,
) -> Result<Result<Place, NoPlace>, Fault> {
    // An account's own slots come first, and only one that is alone is asked for them.
    let alone = match wanted.accounts {
        [account] => Some(account.uuid()),
        _ => None,
    };
    let row = sqlx::query(
        "SELECT w.owner_id, w.slots, b.time_zone, clock_timestamp() AS now
         FROM slot_weeks w JOIN brands b ON b.id = w.brand_id
         WHERE w.tenant_id = $1 AND w.brand_id = $2 AND w.slots <> '[]'
             AND (w.account_id IS NULL OR w.account_id = $3)
         ORDER BY w.account_id NULLS LAST LIMIT 1",
    )
    .bind(wanted.tenant.uuid())
    .bind(wanted.brand.uuid())
    .bind(alone)
    .fetch_optional(&mut *db)
    .await?;
    let Some(row) = row else { return Ok(Err(NoPlace::NoSlots)) };
    let week: Week = convert::json(&row, "slots")?;
    let zone = convert::word(&row, "time_zone", TimeZone::named)?;
    let now = convert::time(&row, "now")?;
    let accounts: Vec<Uuid> = wanted.accounts.iter().map(|account| account.uuid()).collect();
    let owner = row.try_get("owner_id")?;
    let asked = Asked { brand: wanted.brand.uuid(), owner, accounts: &accounts, except };
    let horizon = now + HORIZON;
    let until = wanted.not_after.map_or(horizon, |end| end.min(horizon));
    // `notAfter` itself will do.
    let end = Timestamp::from_ms(until.ms() + 1);
    let mut upcoming = week.upcoming(&zone, now, end);
    let mut tried = 0;
    loop {
        let some: Vec<Occurrence> = upcoming.by_ref().take(ASKED).collect();
        if some.is_empty() {
            return Ok(Err(NoPlace::AllTaken { slots: week.slots().len(), tried, until }));
        }
        tried += some.len();
        let instants: Vec<Timestamp> = some.iter().map(|one| one.at).collect();
        let free = asked.free(db, &instants, 1).await?.first().copied();
        if let Some(one) = some.iter().find(|one| Some(one.at) == free) {
            let local = zone.told(one.wall, one.at, one.shift);
            return Ok(Ok(Place { at: one.at, local, owner }));
        }
    }
}

/// For whom slots are to be free.
struct Asked<'a> {
    brand: Uuid,
    owner: Uuid,
    /// The accounts that the post goes out on.
    accounts: &'a [Uuid],
    /// The post itself is in nobody's way.
    except: Uuid,
}

impl Asked<'_> {
    /// The free ones of some instants.
    ///
    /// A slot of a brand is filled by whatever the brand plans for its instant, save what stands
    /// in a slot of one of its accounts. No account of the post has anything else at that instant,
    /// nor comes closer to another post, or to more on one day of UTC, than its owner allows. What
    /// has failed or was taken back is in nobody's way.
    async fn free(
        &self,
        db: &mut PgConnection,
        slots: &[Timestamp],
        limit: usize,
    ) -> Result<Vec<Timestamp>, Fault> {
        // Behind the wall between tenants no index serves these times. All that is named is theirs.
        scope::lift(db).await?;
        let free = self.free_of(db, slots, limit).await?;
        scope::hold(db).await?;
        Ok(free)
    }

    async fn free_of(
        &self,
        db: &mut PgConnection,
        slots: &[Timestamp],
        limit: usize,
    ) -> Result<Vec<Timestamp>, Fault> {
        let rows = sqlx::query(
            "SELECT c.at FROM UNNEST($1::timestamptz[]) WITH ORDINALITY AS c (at, place)
             WHERE NOT EXISTS (
                     SELECT FROM posts p
                     WHERE $2 = $3 AND p.brand_id = $2
                         AND coalesce(p.scheduled_at, p.created_at) = c.at
                         AND p.stage IN ('live', 'held') AND p.id <> $5
                         AND EXISTS (SELECT FROM deliveries d WHERE d.post_id = p.id
                             AND d.status NOT IN ('failed', 'cancelled'))
                         AND NOT EXISTS (SELECT FROM placements o
                             WHERE o.post_id = p.id AND o.owner_id <> $3))
                 AND NOT EXISTS (
                     SELECT FROM accounts a
                     JOIN deliveries d ON d.account_id = a.id
                         AND d.due_at >= c.at - coalesce(a.min_gap_s, 0) * interval '1 second'
                         AND d.due_at <= c.at + coalesce(a.min_gap_s, 0) * interval '1 second'
                     JOIN posts p ON p.id = d.post_id
                     WHERE a.id = ANY($4) AND p.stage IN ('live', 'held') AND p.id <> $5
                         AND d.status NOT IN ('failed', 'cancelled')
                         AND (d.due_at = c.at OR abs(extract(epoch FROM d.due_at - c.at))
                             < a.min_gap_s))
                 AND NOT EXISTS (
                     SELECT FROM accounts a
                     WHERE a.id = ANY($4) AND a.posts_per_day <= (
                         SELECT count(*) FROM deliveries d JOIN posts p ON p.id = d.post_id
                         WHERE d.account_id = a.id
                             AND d.due_at >= date_trunc('day', c.at, 'UTC')
                             AND d.due_at < date_trunc('day', c.at, 'UTC') + interval '24 hours'
                             AND p.stage IN ('live', 'held') AND p.id <> $5
                             AND d.status NOT IN ('failed', 'cancelled')))
             ORDER BY c.place LIMIT $6",
        )
        .bind(slots.iter().map(|at| convert::at(*at)).collect::<Vec<_>>())
        .bind(self.brand)
        .bind(self.owner)
        .bind(self.accounts)
        .bind(self.except)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(db)
        .await?;
        rows.iter().map(|row| convert::time(row, "at")).collect()
    }
}
