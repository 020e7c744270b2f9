//! The posts of the bench: where they lie, and when they are due.

use super::super::queue::rig::Rig;
use super::{Arguments, Plan};
use base::Fault;
use domain::request::Draft;
use domain::time::Timestamp;
use futures::{StreamExt, TryStreamExt, stream};
use store::seeds::{Seat, Sowing};
use uuid::Uuid;

/// The platform of all posts but a few, and that of the few that must not suffer.
const PLATFORM: &str = "bench";
const BESIDE: &str = "beside";
/// Their queues.
pub const QUEUES: [&str; 2] = ["publish:bench", "publish:beside"];
/// Accounts of one tenant.
const SEATS_OF_A_TENANT: u32 = 50;
/// Accounts of the platform beside.
const BESIDE_SEATS: u32 = 100;
/// Posts of the platform beside that fall due in a second.
const BESIDE_PER_S: u64 = 100;
/// Rows of one statement, and statements at once.
const CHUNK: usize = 10_000;
const SOWING: usize = 4;
/// The numbers of the posts of one second, of those beside, and of those that are due later.
const BURST: u64 = 1 << 32;
const BESIDE_FIRST: u64 = 1 << 40;
const DEFERRED: u64 = 1 << 48;

/// Which part of the posts a number belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// So many a second.
    Steady,
    /// All at one instant.
    Burst,
    /// Of the other platform.
    Beside,
    /// Due tomorrow or later.
    Deferred,
}

impl Part {
    /// The part of a number.
    pub fn of(number: u64) -> Self {
        match number {
            ..BURST => Self::Steady,
            BURST..BESIDE_FIRST => Self::Burst,
            BESIDE_FIRST..DEFERRED => Self::Beside,
            DEFERRED.. => Self::Deferred,
        }
    }
}

/// Accounts, and what is posted on them.
pub struct Field {
    seats: Vec<Seat>,
    beside: Vec<Seat>,
    draft: Draft,
}

impl Field {
    /// Makes the accounts.
    ///
    /// # Errors
    /// Postgres fails.
    pub async fn new(lanes: u32, rig: &Rig) -> Result<Self, Fault> {
        let uuid = |number: u32| Uuid::from_u128(u128::from(number) << 80 | 7);
        let seat =
            |number| Seat { account: uuid(number), tenant: uuid(number / SEATS_OF_A_TENANT) };
        let field = Self {
            seats: (0..lanes).map(seat).collect(),
            beside: (lanes..lanes + BESIDE_SEATS).map(seat).collect(),
            draft: Draft {
                brand_slug: "b".to_owned(),
                text: "Words of a usual length, as a brand would post them. ".repeat(3),
                platforms: vec![PLATFORM.to_owned()],
                ..Draft::default()
            },
        };
        rig.store.sow_accounts(PLATFORM, &field.seats).await?;
        rig.store.sow_accounts(BESIDE, &field.beside).await?;
        Ok(field)
    }

    /// Sows what falls due in this run. Nobody relays meanwhile, so the order does not matter.
    ///
    /// # Errors
    /// Postgres fails.
    pub async fn sow_near(
        &self,
        arguments: &Arguments,
        rig: &Rig,
        plan: Plan,
    ) -> Result<(), Fault> {
        let Arguments { rate, seconds, same_second, .. } = *arguments;
        let mut parts = chunks(self.sowing(0, rate * seconds, (plan.starts_at, rate)));
        if same_second > 0 {
            // More than a thousand times as many a second as there are: all in one millisecond.
            let at_once = same_second.saturating_mul(1_001);
            let burst = self.sowing(BURST, same_second, (plan.burst_at, at_once));
            let count = 2 * plan.beside_s * BESIDE_PER_S;
            let beside = self.sowing(BESIDE_FIRST, count, (plan.beside_at, BESIDE_PER_S));
            parts.extend(chunks(burst).into_iter().chain(chunks(beside)));
        }
        sow(rig, parts).await
    }

    /// Sows what is due from an instant on, one a second.
    ///
    /// # Errors
    /// Postgres fails.
    pub async fn sow_far(&self, rig: &Rig, count: u64, from: Timestamp) -> Result<(), Fault> {
        sow(rig, chunks(self.sowing(DEFERRED, count, (from, 1)))).await
    }

    fn sowing(
        &self,
        first: u64,
        count: u64,
        (first_due_at, per_s): (Timestamp, u64),
    ) -> Sowing<'_> {
        let (platform, queue, seats) = match Part::of(first) {
            Part::Beside => (BESIDE, QUEUES[1], &self.beside),
            Part::Steady | Part::Burst | Part::Deferred => (PLATFORM, QUEUES[0], &self.seats),
        };
        let draft = &self.draft;
        Sowing { platform, queue, seats, draft, first, count, origin: first, first_due_at, per_s }
    }
}

/// A sowing in statements of a bearable size.
fn chunks(whole: Sowing<'_>) -> Vec<Sowing<'_>> {
    let chunk = |from: u64| Sowing {
        first: whole.first + from,
        count: (whole.count - from).min(CHUNK as u64),
        ..whole
    };
    (0..whole.count).step_by(CHUNK).map(chunk).collect()
}

async fn sow(rig: &Rig, parts: Vec<Sowing<'_>>) -> Result<(), Fault> {
    let sowing = stream::iter(parts).map(|part| rig.store.sow_posts(part));
    sowing.buffer_unordered(SOWING).try_collect().await
}
