//! The same content on the same account again: looked for, and guarded where that is refused.
//!
//! Invariant: two posts that want the same content on an account which takes it once meet at a
//! lock, before either looks for the other.

use crate::accepts::NewPost;
use crate::claims::{is_out_of_time, wait_no_longer};
use crate::{Store, convert};
use base::Fault;
use domain::delivery::Status;
use domain::duplicate::{Guard, Policy};
use domain::id::{AccountId, PostId};
use domain::time::Timestamp;
use sqlx::{PgConnection, Row};
use std::collections::{BTreeSet, HashSet};
use uuid::Uuid;

/// Another post with the same content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alike {
    /// On which account.
    pub account: AccountId,
    /// The name a person knows it by.
    pub handle: String,
    /// On which platform.
    pub platform: String,
    /// Which post.
    pub post: PostId,
    /// Where its delivery stands.
    pub status: Status,
    /// When that is due.
    pub due_at: Timestamp,
    /// So many hours at least lie between two of them elsewhere.
    pub within_hours: u32,
}

/// A content whose likes are looked for.
#[derive(Debug, Clone)]
pub struct Sought {
    /// The post that has it, which is like itself.
    pub post: PostId,
    /// When that is due, unless at once.
    pub due_at: Option<Timestamp>,
    /// How close is close.
    pub within_hours: u32,
    /// The account and the content on it.
    pub on: Vec<(AccountId, i64)>,
}

impl Sought {
    /// The contents of a post, as far as they are guarded.
    pub fn of(new: &NewPost, policy: Policy) -> Option<Self> {
        let Guard { policy: own, within_hours } = new.guard;
        let on = new.deliveries.iter().filter_map(|one| Some((one.account, one.mark.content?)));
        let on: Vec<(AccountId, i64)> = on.filter(|_| own == policy).collect();
        let due_at = new.draft.scheduled_at;
        (!on.is_empty()).then_some(Self { post: new.id, due_at, within_hours, on })
    }
}

impl Store {
    /// Of each of these, the posts that are like it: one an account. Behind its own commit, so that
    /// of two that are stored at once the later sees the other.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn alike(&self, sought: Vec<Sought>) -> Result<Vec<Vec<Alike>>, Fault> {
        alike(&mut *self.pool.acquire().await?, &sought).await
    }
}

/// Locks the contents that posts want for themselves, waiting for whoever has one; `false` when
/// that takes too long.
pub(crate) async fn hold(db: &mut PgConnection, posts: &[&NewPost]) -> Result<bool, Fault> {
    let locks = locks(posts);
    let accounts: BTreeSet<i64> = locks.iter().map(|lock| lock.account).collect();
    let contents: BTreeSet<i64> = locks.iter().map(|lock| lock.content).collect();
    Ok(wait(db, "SELECT pg_advisory_xact_lock_shared($1)", accounts).await?
        && wait(db, "SELECT pg_advisory_xact_lock($1)", contents).await?)
}

/// Locks the accounts whose contents so many posts want for themselves that a lock for each would
/// be more than Postgres has.
pub(crate) async fn hold_accounts(
    db: &mut PgConnection,
    posts: &[&NewPost],
) -> Result<bool, Fault> {
    let accounts = locks(posts).into_iter().map(|lock| lock.account).collect();
    wait(db, "SELECT pg_advisory_xact_lock($1)", accounts).await
}

async fn wait(
    db: &mut PgConnection,
    lock: &'static str,
    keys: BTreeSet<i64>,
) -> Result<bool, Fault> {
    if keys.is_empty() {
        return Ok(true);
    }
    wait_no_longer(db).await?;
    for key in keys {
        match sqlx::query(lock).bind(key).execute(&mut *db).await {
            Ok(_) => {}
            Err(error) if is_out_of_time(&error) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
    }
    sqlx::query("SET LOCAL lock_timeout TO DEFAULT").execute(db).await?;
    Ok(true)
}

/// Locks what nobody else has; of each post whether somebody does, another of these posts among
/// them.
pub(crate) async fn try_hold(
    db: &mut PgConnection,
    posts: &[&NewPost],
) -> Result<Vec<bool>, Fault> {
    let all: Vec<Lock> = locks(posts).into_iter().collect();
    if all.is_empty() {
        return Ok(vec![false; posts.len()]);
    }
    let rows = sqlx::query(
        "SELECT content FROM UNNEST($1::bigint[], $2::bigint[]) AS t (account, content)
         WHERE pg_try_advisory_xact_lock_shared(account) AND pg_try_advisory_xact_lock(content)",
    )
    .bind(all.iter().map(|lock| lock.account).collect::<Vec<_>>())
    .bind(all.iter().map(|lock| lock.content).collect::<Vec<_>>())
    .fetch_all(db)
    .await?;
    let won = rows.iter().map(|row| row.try_get("content"));
    let won = won.collect::<Result<HashSet<i64>, _>>()?;
    let mut taken = HashSet::new();
    let is_busy = |post: &&NewPost| {
        let own = locks(&[post]);
        !own.into_iter().all(|one| won.contains(&one.content) && taken.insert(one.content))
    };
    Ok(posts.iter().map(is_busy).collect())
}

/// The post that stands against each of these, where an account takes a content once.
pub(crate) async fn alike_of(
    db: &mut PgConnection,
    posts: &[&NewPost],
) -> Result<Vec<Option<Alike>>, Fault> {
    let sought: Vec<Option<Sought>> =
        posts.iter().map(|post| Sought::of(post, Policy::Refuse)).collect();
    let asked: Vec<Sought> = sought.iter().flatten().cloned().collect();
    let mut found = alike(db, &asked).await?.into_iter();
    let first = |sought: Option<Sought>| sought.and_then(|_| found.next()?.into_iter().next());
    Ok(sought.into_iter().map(first).collect())
}

/// The locks of one content on one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Lock {
    /// Shared by those who want one content of it, whole for whoever wants many.
    account: i64,
    content: i64,
}

/// The locks of the contents that posts want for themselves. Two that meet in a lock by chance
/// wait for each other, once in an age.
fn locks(posts: &[&NewPost]) -> BTreeSet<Lock> {
    let sought = posts.iter().filter_map(|post| Sought::of(post, Policy::Refuse));
    let lock = |(account, content): (AccountId, i64)| {
        let (high, low) = account.uuid().as_u64_pair();
        let account = i64::from_ne_bytes((high ^ low.rotate_left(17)).to_ne_bytes());
        Lock { account, content: account.rotate_left(7) ^ content }
    };
    sought.flat_map(|one| one.on.into_iter().map(lock)).collect()
}

async fn alike(db: &mut PgConnection, sought: &[Sought]) -> Result<Vec<Vec<Alike>>, Fault> {
    let mut found: Vec<Vec<Alike>> = sought.iter().map(|_| Vec::new()).collect();
    if sought.is_empty() {
        return Ok(found);
    }
    let each = || sought.iter().flat_map(|one| one.on.iter().map(move |on| (one, on)));
    let places: Vec<usize> = sought
        .iter()
        .enumerate()
        .flat_map(|(place, one)| one.on.iter().map(move |_| place))
        .collect();
    let rows = sqlx::query(
        "SELECT t.place, t.within_hours, t.account_id, a.handle, a.platform, d.post_id, d.status,
             d.due_at
         FROM UNNEST($1::uuid[], $2::uuid[], $3::bigint[], $4::timestamptz[], $5::int[])
             WITH ORDINALITY
             AS t (post_id, account_id, content, asked_at, within_hours, place)
         JOIN accounts a ON a.id = t.account_id
         CROSS JOIN LATERAL (
             SELECT post_id, status, due_at
             FROM deliveries d
             WHERE d.account_id = t.account_id AND d.content = t.content
                 AND d.post_id <> t.post_id AND d.status NOT IN ('cancelled', 'failed')
                 AND abs(extract(epoch FROM d.due_at - coalesce(t.asked_at, clock_timestamp())))
                     < t.within_hours * 3600
             ORDER BY abs(extract(epoch FROM d.due_at - coalesce(t.asked_at, clock_timestamp())))
             LIMIT 1) d
         ORDER BY t.place",
    )
    .bind(each().map(|(one, _)| one.post.uuid()).collect::<Vec<Uuid>>())
    .bind(each().map(|(_, on)| on.0.uuid()).collect::<Vec<Uuid>>())
    .bind(each().map(|(_, on)| on.1).collect::<Vec<i64>>())
    .bind(each().map(|(one, _)| one.due_at.map(convert::at)).collect::<Vec<_>>())
    .bind(each().map(|(one, _)| i32::try_from(one.within_hours).unwrap_or(0)).collect::<Vec<_>>())
    .fetch_all(db)
    .await?;
    for row in &rows {
        let place = usize::try_from(row.try_get::<i64, _>("place")? - 1).unwrap_or(usize::MAX);
        let Some(of) = places.get(place).and_then(|place| found.get_mut(*place)) else { continue };
        of.push(Alike {
            account: convert::id(row, "account_id")?,
            handle: row.try_get("handle")?,
            platform: row.try_get("platform")?,
            post: convert::id(row, "post_id")?,
            status: convert::word(row, "status", Status::parse)?,
            due_at: convert::time(row, "due_at")?,
            within_hours: u32::try_from(row.try_get::<i32, _>("within_hours")?).unwrap_or(0),
        });
    }
    Ok(found)
}
