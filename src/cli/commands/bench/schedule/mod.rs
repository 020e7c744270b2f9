//! `postfleet bench schedule`: posts that fall due beside a great many that are due later, from
//! their due time to the instant at which the irreversible call would leave.
//!
//! Everything is real but the platform: rows of posts, deliveries and jobs, the relay and the
//! sweep in a process of their own, the queue, and workers that load, intend and settle.

mod cron;
pub mod publisher;

use super::queue::rig::{Report, Rig, Workers};
use super::queue::{Common, rounded, show};
use base::{Fault, clock};
use domain::request::Draft;
use domain::time::Timestamp;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use store::seeds::{Seat, Sowing};
use uuid::Uuid;

/// The platform of all posts but a few, and that of the few which must not suffer.
const PLATFORM: &str = "bench";
const BESIDE: &str = "beside";
const QUEUES: [&str; 2] = ["publish:bench", "publish:beside"];
/// Accounts of one tenant.
const SEATS_OF_A_TENANT: u32 = 50;
/// Accounts of the platform beside.
const BESIDE_SEATS: u32 = 100;
/// Its posts fall due at so many a second, for so many seconds at most before the posts of one
/// second, and as long after.
const BESIDE_PER_S: u64 = 100;
const BESIDE_S_MAX: u64 = 10;
/// Rows of one statement, and statements at once where the order does not matter.
const CHUNK: u64 = 10_000;
const SOWING: usize = 4;
/// Rows are sown at this pace at least, or the machine is too busy to measure on.
const SOWN_PER_S_MIN: u64 = 2_000;
/// Between the last row and the first due time.
const LEAD: Duration = Duration::from_secs(3);
/// What is measured is drained within this time.
const DRAINED_WITHIN: Duration = Duration::from_secs(600);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// The numbers of the posts of one second, of those beside, and of those that are due later.
const BURST: u64 = 1 << 32;
const BESIDE_FIRST: u64 = 1 << 40;
const DEFERRED: u64 = 1 << 48;

/// What `postfleet bench schedule` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// Posts that are due from tomorrow on, one a second.
    #[arg(long, default_value_t = 100_000)]
    deferred: u64,
    /// Posts that fall due in each second.
    #[arg(long, default_value_t = 200)]
    rate: u64,
    /// For so many seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Further posts that fall due at one instant after that, beside those of another platform.
    #[arg(long, default_value_t = 0)]
    same_second: u64,
    #[command(flatten)]
    common: Common,
}

/// When everything is due.
#[derive(Clone, Copy)]
struct Plan {
    starts_at: Timestamp,
    /// The first post of the platform beside.
    beside_at: Timestamp,
    beside_s: u64,
    burst_at: Timestamp,
    ends_at: Timestamp,
}

impl Plan {
    fn of(arguments: &Arguments, starts_at: Timestamp) -> Self {
        let beside_s = arguments.seconds.min(BESIDE_S_MAX);
        // Whatever the steady posts have left behind is done by then.
        let beside_at = starts_at + Duration::from_secs(arguments.seconds + 2);
        let burst_at = beside_at + Duration::from_secs(beside_s);
        let ends_at = match arguments.same_second {
            0 => starts_at + Duration::from_secs(arguments.seconds),
            _ => burst_at + Duration::from_secs(beside_s),
        };
        Self { starts_at, beside_at, beside_s, burst_at, ends_at }
    }
}

/// Measures.
///
/// # Errors
/// A server or a worker fails.
pub async fn run(arguments: &Arguments) -> Result<(), Fault> {
    let rig = Rig::start().await?;
    let figures = measure(arguments, &rig).await;
    rig.end().await?;
    show(&arguments.common, &figures?)
}

async fn measure(arguments: &Arguments, rig: &Rig) -> Result<Value, Fault> {
    let common = &arguments.common;
    let field = Field::sow(arguments, rig).await?;
    let queues = QUEUES.join(",");
    let extra = ["--postgres", rig.postgres_url(), "--queues", &queues];
    let workers = rig.processes("publisher", common, &extra).await?;
    let far = far(arguments, rig, &field).await?;

    let near = arguments.rate * arguments.seconds + arguments.same_second;
    let sown_within = Duration::from_secs(1 + near / SOWN_PER_S_MIN);
    let now = rig.store.time().await?;
    let plan = Plan::of(arguments, Timestamp::from_ms(now.ms()) + sown_within + LEAD);
    let sowing = clock::stopwatch();
    field.sow_near(arguments, rig, plan).await?;
    rig.store.survey().await?;
    let sown_per_s = rounded(near as f64 / sowing.elapsed().as_secs_f64());
    let before = rig.used_memory().await?;
    let mut relay = rig.relay("relay,sweep").await?;
    let bytes_per_job = inside(rig, plan, near, before).await?;
    let report = drain(rig, plan, workers).await?;
    relay.kill().await?;

    let mut figures = figures(arguments, plan, &report);
    let more = [
        ("deferred", json!(arguments.deferred)),
        ("sown_per_s", json!(sown_per_s)),
        ("redis_bytes_per_job", json!(bytes_per_job)),
        ("script_max_ms", json!(rig.script_max_ms().await?)),
    ];
    for (name, value) in more.into_iter().chain(far) {
        figures[name] = value;
    }
    Ok(figures)
}

/// What the posts are sown on.
struct Field {
    seats: Vec<Seat>,
    beside: Vec<Seat>,
    draft: Draft,
}

impl Field {
    async fn sow(arguments: &Arguments, rig: &Rig) -> Result<Self, Fault> {
        let seat = |number: u32| Seat {
            account: uuid(number),
            tenant: uuid(number / SEATS_OF_A_TENANT),
        };
        let lanes = arguments.common.lanes;
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

    fn sowing(&self, first: u64, count: u64, (first_due_at, per_s): (Timestamp, u64)) -> Sowing<'_> {
        let (platform, queue, seats) = match (BESIDE_FIRST..DEFERRED).contains(&first) {
            true => (BESIDE, QUEUES[1], &self.beside),
            false => (PLATFORM, QUEUES[0], &self.seats),
        };
        let draft = &self.draft;
        Sowing { platform, queue, seats, draft, first, count, origin: first, first_due_at, per_s }
    }

    /// Sows what falls due in this run. Nobody relays yet, so the order does not matter.
    async fn sow_near(&self, arguments: &Arguments, rig: &Rig, plan: Plan) -> Result<(), Fault> {
        let steady = arguments.rate * arguments.seconds;
        let mut parts = chunks(self.sowing(0, steady, (plan.starts_at, arguments.rate)));
        if arguments.same_second > 0 {
            let at_once = arguments.same_second.saturating_mul(1_001);
            let burst = self.sowing(BURST, arguments.same_second, (plan.burst_at, at_once));
            let count = 2 * plan.beside_s * BESIDE_PER_S;
            let beside = self.sowing(BESIDE_FIRST, count, (plan.beside_at, BESIDE_PER_S));
            parts.extend(chunks(burst).into_iter().chain(chunks(beside)));
        }
        sow_all(rig, parts).await
    }
}

/// A sowing in statements of a bearable size.
fn chunks(whole: Sowing<'_>) -> Vec<Sowing<'_>> {
    let firsts = (0..whole.count).step_by(usize::try_from(CHUNK).unwrap_or(10_000));
    let chunk = |from: u64| Sowing {
        first: whole.first + from,
        count: CHUNK.min(whole.count - from),
        ..whole
    };
    firsts.map(chunk).collect()
}

async fn sow_all(rig: &Rig, parts: Vec<Sowing<'_>>) -> Result<(), Fault> {
    stream::iter(parts).map(|part| rig.store.sow_posts(part)).buffer_unordered(SOWING).try_collect().await
}

fn uuid(number: u32) -> Uuid {
    Uuid::from_u128(u128::from(number) << 80 | 7)
}

/// Sows what is due later, and looks at what it costs: Redis, and those who walk past it.
async fn far(
    arguments: &Arguments,
    rig: &Rig,
    field: &Field,
) -> Result<Vec<(&'static str, Value)>, Fault> {
    let mut relay = rig.relay("relay,sweep").await?;
    // Its first walk finds nothing; Redis then holds what a fleet at rest does.
    clock::pause(Duration::from_secs(1)).await;
    let empty = rig.used_memory().await?;
    let tomorrow = rig.store.time().await? + Duration::from_secs(86_400);
    let later = field.sowing(DEFERRED, arguments.deferred, (tomorrow, 1));
    let sowing = clock::stopwatch();
    sow_all(rig, chunks(later)).await?;
    let took = sowing.elapsed();
    rig.store.survey().await?;
    // Two walks of the relay pass while nothing is due.
    clock::pause(Duration::from_millis(1_500)).await;
    let held = rig.used_memory().await?;
    let waiting = rig.queue.depth(QUEUES[0]).await?;
    relay.kill().await?;
    let walk = walk_ms(async || rig.store.jobs_due(0, tomorrow_less(tomorrow), Uuid::nil(), app::HORIZON, 500).await.map(|_| ())).await?;
    let sweep = walk_ms(async || {
        rig.store.jobs_to_sweep(0, Duration::from_secs(5), app::HORIZON, 5_000).await.map(|_| ())
    })
    .await?;
    let each = held.saturating_sub(empty) as f64 / arguments.deferred.max(1) as f64;
    Ok(vec![
        ("deferred_sown_per_s", json!(rounded(arguments.deferred as f64 / took.as_secs_f64()))),
        ("deferred_in_redis", json!(waiting)),
        ("redis_bytes_per_deferred_job", json!((each * 100.0).round() / 100.0)),
        ("relay_walk_ms", json!(walk)),
        ("sweep_walk_ms", json!(sweep)),
    ])
}
