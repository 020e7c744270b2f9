//! Settles: what an attempt came to, with its receipt, its next wake-up and the gates it closed,
//! many in one statement.

use crate::intents::Guard;
use crate::jobs::JobKind;
use crate::{Store, convert};
use base::Fault;
use domain::delivery::Status;
use domain::time::Timestamp;
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, Row};
use std::collections::HashMap;
use std::sync::LazyLock;
use uuid::Uuid;

/// Under which condition a settle is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// No intent of ours is open: lease, revision and checkpoint are compared.
    Free,
    /// Our intent is open: epoch, lease and `status = 'sending'` alone are compared.
    Sending,
    /// Somebody's intent was left open and its deadline has passed.
    Abandoned,
    /// The outcome is being asked for: the lease is compared.
    Asking,
}

impl Hold {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Sending => "sending",
            Self::Abandoned => "abandoned",
            Self::Asking => "asking",
        }
    }
}

/// What becomes of the delivery's wake-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wake {
    /// The lease goes on.
    Keep,
    /// Nothing is owed any more.
    Drop,
    /// Wake again.
    Arm {
        /// As what.
        kind: JobKind,
        /// In which queue.
        queue: String,
        /// When; `None` is now.
        due_at: Option<Timestamp>,
    },
}

/// A gate to close with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// Whose.
    pub scope_key: String,
    /// When it opens.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
}

/// How the ledger's row of the intent ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// `replied`, `silent`, `withdrawn`, `found` or `absent`.
    pub outcome: &'static str,
    /// The HTTP status, if a reply came.
    pub http_status: Option<u16>,
    /// The platform's words, without secrets.
    pub detail: Option<String>,
}

/// What an attempt came to.
#[derive(Debug, Clone)]
pub struct Settle {
    /// Who writes.
    pub guard: Guard,
    /// Under which condition.
    pub hold: Hold,
    /// The new status.
    pub status: Status,
    /// The new checkpoint, if it moved.
    pub checkpoint: Option<Value>,
    /// An attempt was spent.
    pub is_attempt_spent: bool,
    /// Refusals of the token that was just refreshed.
    pub auth_refusals: i32,
    /// The outcome of a call is unknown.
    pub has_doubt: bool,
    /// Complete look-ups that found nothing.
    pub absences: i32,
    /// Why it failed, waits or is under review, as the API shows it.
    pub failure: Option<Value>,
    /// Where it failed.
    pub failed_stage: Option<&'static str>,
    /// The platform's id and link.
    pub receipt: Option<(String, String)>,
    /// The ledger.
    pub entry: Option<Entry>,
    /// The wake-up.
    pub wake: Wake,
    /// The gate.
    pub closing: Option<Closing>,
}

/// A settle that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// The generation of the wake-up, where one was armed.
    pub generation: Option<i64>,
    /// The checkpoint's number now.
    pub checkpoint_no: i32,
    /// When the armed wake-up is due.
    pub due_at: Option<Timestamp>,
}

/// A checkpoint that moved, or an end, takes earlier deaths back; what a look-up found out does
/// not, for the call before it may have been the cause.
///
/// The rows come in the order of their ids, and so they are locked: two batches never wait for
/// each other in a circle.
const WRITE: &str = "
WITH i AS (
    SELECT * FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[], $4::int[], $5::int[], $6::text[],
        $7::text[], $8::jsonb[], $9::int[], $10::int[], $11::boolean[], $12::int[], $13::jsonb[],
        $14::text[], $15::text[], $16::text[], $17::text[], $18::int[], $19::text[],
        $20::text[], $21::text[], $22::timestamptz[], $23::text[], $24::timestamptz[],
        $25::text[], $26::text[])
        AS t (id, epoch, lease, revision, checkpoint_no, hold, status, checkpoint, spent,
            auth_refusals, has_doubt, absences, failure, failed_stage, remote_id, permalink,
            outcome, http_status, detail, wake, queue, due_at, gate, gate_until, gate_reason,
            kind)
), u AS (
    UPDATE deliveries d
    SET status = i.status, epoch = i.epoch, lease = i.lease,
        checkpoint = coalesce(i.checkpoint, d.checkpoint),
        checkpoint_no = d.checkpoint_no + (i.checkpoint IS NOT NULL)::int,
        deadline_at = CASE WHEN i.status IN ('sending', 'reconciling') THEN d.deadline_at END,
        attempts = d.attempts + i.spent, auth_refusals = i.auth_refusals,
        has_doubt = i.has_doubt, absences = i.absences, failure = i.failure,
        failed_stage = i.failed_stage, remote_id = coalesce(i.remote_id, d.remote_id),
        permalink = coalesce(i.permalink, d.permalink),
        crashes = CASE WHEN i.status IN ('published', 'failed', 'review')
            OR i.checkpoint IS NOT NULL AND i.hold <> 'asking' THEN 0 ELSE d.crashes END,
        published_at = CASE WHEN i.status = 'published' THEN clock_timestamp() END,
        updated_at = clock_timestamp()
    FROM i
    WHERE d.id = i.id AND CASE i.hold
        WHEN 'sending' THEN
            d.status = 'sending' AND d.epoch = i.epoch AND d.lease = i.lease
        WHEN 'abandoned' THEN
            d.status = 'sending' AND d.epoch < i.epoch AND d.deadline_at <= clock_timestamp()
        WHEN 'asking' THEN
            d.status = 'reconciling' AND d.checkpoint_no = i.checkpoint_no
            AND (d.epoch < i.epoch OR d.epoch = i.epoch AND d.lease = i.lease)
        ELSE d.status IN ('scheduled', 'ready')
            AND d.revision = i.revision AND d.checkpoint_no = i.checkpoint_no
            AND (d.epoch < i.epoch OR d.epoch = i.epoch AND d.lease = i.lease)
        END
    RETURNING d.id, d.checkpoint_no, i.outcome, i.http_status, i.detail, i.wake, i.queue,
        i.due_at, i.gate, i.gate_until, i.gate_reason, i.kind
), ledger AS (
    UPDATE attempts a
    SET outcome = u.outcome, http_status = u.http_status, detail = u.detail,
        ended_at = clock_timestamp()
    FROM u
    WHERE a.delivery_id = u.id AND u.outcome IS NOT NULL
        AND (a.outcome IS NULL OR u.outcome IN ('found', 'absent') AND a.outcome = 'silent')
), gone AS (
    DELETE FROM jobs j USING u
    WHERE j.subject = u.id AND j.kind IN ('publish', 'reconcile')
        AND (u.wake = 'drop' OR u.wake = 'arm' AND j.kind <> u.kind)
    RETURNING j.subject, j.shard, j.fair_group, j.lane
)";

/// What is left to do when nothing is armed and no gate closes: most settles.
const DONE: &str = "
SELECT u.id, u.checkpoint_no, NULL::bigint AS generation, NULL::timestamptz AS due_at FROM u";

const ARM: &str = ", moved AS (
    UPDATE jobs j
    SET queue = u.queue, due_at = coalesce(u.due_at, clock_timestamp()),
        armed_at = clock_timestamp(), generation = nextval('job_generation')
    FROM u
    WHERE j.subject = u.id AND j.kind = u.kind AND u.wake = 'arm'
    RETURNING j.subject, j.generation, j.due_at
), armed AS (
    INSERT INTO jobs (kind, subject, queue, shard, fair_group, lane, due_at)
    SELECT u.kind, u.id, u.queue, g.shard, g.fair_group, g.lane,
        coalesce(u.due_at, clock_timestamp())
    FROM u JOIN gone g ON g.subject = u.id
    WHERE u.wake = 'arm'
    RETURNING subject, generation, due_at
), closed AS (
    INSERT INTO gates (scope_key, until_at, reason)
    SELECT DISTINCT ON (u.gate) u.gate, u.gate_until, u.gate_reason
    FROM u WHERE u.gate IS NOT NULL
    ORDER BY u.gate, u.gate_until DESC
    ON CONFLICT (scope_key) DO UPDATE
    SET until_at = greatest(gates.until_at, EXCLUDED.until_at), reason = EXCLUDED.reason,
        closed_at = clock_timestamp()
)
SELECT u.id, u.checkpoint_no, coalesce(moved.generation, armed.generation) AS generation,
    coalesce(moved.due_at, armed.due_at) AS due_at
FROM u LEFT JOIN moved ON moved.subject = u.id LEFT JOIN armed ON armed.subject = u.id";

static PLAIN: LazyLock<String> = LazyLock::new(|| format!("{WRITE}{DONE}"));
static FULL: LazyLock<String> = LazyLock::new(|| format!("{WRITE}{ARM}"));

impl Store {
    /// Writes settles; `None` for each whose guard matched no row: a late worker's.
    ///
    /// # Errors
    /// When Postgres fails; then none is written.
    pub async fn settle(&self, settles: Vec<Settle>) -> Result<Vec<Option<Settled>>, Fault> {
        let mut all: Vec<&Settle> = settles.iter().collect();
        all.sort_by_key(|s| s.guard.delivery);
        let is_plain = |s: &&Settle| !matches!(s.wake, Wake::Arm { .. }) && s.closing.is_none();
        let sql = if all.iter().all(is_plain) { &PLAIN } else { &FULL };
        let ids: Vec<Uuid> = all.iter().map(|s| s.guard.delivery.uuid()).collect();
        let text =
            |f: &dyn Fn(&Settle) -> Option<String>| all.iter().map(|s| f(s)).collect::<Vec<_>>();
        let count = |f: &dyn Fn(&Settle) -> i32| all.iter().map(|s| f(s)).collect::<Vec<_>>();
        let arm = |s: &Settle| match &s.wake {
            Wake::Arm { kind, queue, due_at } => Some((*kind, queue.clone(), *due_at)),
            Wake::Keep | Wake::Drop => None,
        };
        let wake = |s: &Settle| match s.wake {
            Wake::Keep => Some("keep".to_owned()),
            Wake::Drop => Some("drop".to_owned()),
            Wake::Arm { .. } => Some("arm".to_owned()),
        };
        let gate = |s: &Settle| s.closing.clone();
        let mut warm = self.warm().await?;
        // Both are constants of this file.
        let rows = sqlx::query(AssertSqlSafe(sql.as_str()))
            .bind(&ids)
            .bind(all.iter().map(|s| s.guard.epoch).collect::<Vec<_>>())
            .bind(all.iter().map(|s| s.guard.lease).collect::<Vec<_>>())
            .bind(count(&|s| s.guard.revision))
            .bind(count(&|s| s.guard.checkpoint_no))
            .bind(text(&|s| Some(s.hold.as_str().to_owned())))
            .bind(text(&|s| Some(s.status.as_str().to_owned())))
            .bind(all.iter().map(|s| s.checkpoint.clone().map(Json)).collect::<Vec<_>>())
            .bind(count(&|s| i32::from(s.is_attempt_spent)))
            .bind(count(&|s| s.auth_refusals))
            .bind(all.iter().map(|s| s.has_doubt).collect::<Vec<_>>())
            .bind(count(&|s| s.absences))
            .bind(all.iter().map(|s| s.failure.clone().map(Json)).collect::<Vec<_>>())
            .bind(text(&|s| s.failed_stage.map(str::to_owned)))
            .bind(text(&|s| s.receipt.as_ref().map(|r| r.0.clone())))
            .bind(text(&|s| s.receipt.as_ref().map(|r| r.1.clone())))
            .bind(text(&|s| s.entry.as_ref().map(|e| e.outcome.to_owned())))
            .bind(
                all.iter()
                    .map(|s| s.entry.as_ref().and_then(|e| e.http_status).map(i32::from))
                    .collect::<Vec<_>>(),
            )
            .bind(text(&|s| s.entry.as_ref().and_then(|e| e.detail.clone())))
            .bind(text(&wake))
            .bind(text(&|s| arm(s).map(|a| a.1)))
            .bind(all.iter().map(|s| arm(s).and_then(|a| a.2).map(convert::at)).collect::<Vec<_>>())
            .bind(text(&|s| gate(s).map(|g| g.scope_key)))
            .bind(all.iter().map(|s| gate(s).map(|g| convert::at(g.until))).collect::<Vec<_>>())
            .bind(text(&|s| gate(s).map(|g| g.reason)))
            .bind(text(&|s| arm(s).map(|a| a.0.as_str().to_owned())))
            .fetch_all(&mut **warm)
            .await?;
        warm.keep();
        let mut written = HashMap::new();
        for row in &rows {
            let settled = Settled {
                generation: row.try_get("generation")?,
                checkpoint_no: row.try_get("checkpoint_no")?,
                due_at: convert::time_or_none(row, "due_at")?,
            };
            written.insert(row.try_get::<Uuid, _>("id")?, settled);
        }
        let id = |s: &Settle| s.guard.delivery.uuid();
        Ok(settles.iter().map(|s| written.get(&id(s)).copied()).collect())
    }
}
