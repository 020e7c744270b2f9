//! Settles: what an attempt came to, with its receipt, its next wake-up and the gates it closed,
//! many in one statement.

use crate::intents::Guard;
use crate::jobs::JobKind;
use crate::{Store, convert};
use base::Fault;
use domain::standing::{Change, Outcome, Wake};
use domain::time::Timestamp;
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, Row};
use std::collections::HashMap;
use std::sync::LazyLock;
use uuid::Uuid;

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

/// How the ledger's row of an intent ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// How.
    pub outcome: Outcome,
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
    /// What.
    pub change: Change,
    /// The queue of the wake-up that is armed.
    pub queue: String,
    /// The new checkpoint, if it moved.
    pub checkpoint: Option<Value>,
    /// Why it failed, waits or is under review, as the API shows it.
    pub failure: Option<Value>,
    /// Where it failed.
    pub failed_stage: Option<&'static str>,
    /// The platform's id and link.
    pub receipt: Option<(String, String)>,
    /// The HTTP status, for the ledger, if a reply came.
    pub http_status: Option<u16>,
    /// The platform's words, for the ledger, without secrets.
    pub detail: Option<String>,
    /// The gate.
    pub gate: Option<Closing>,
    /// What people are told of it.
    pub told: Option<Told>,
    /// What the event `post.missed` says, where this makes it true.
    pub missed: Option<Value>,
}

/// The lines that a settle carries into the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The role of the worker: `publish` or `reconcile`.
    pub role: &'static str,
    /// The lines, as `domain::timeline` stores them.
    pub lines: Value,
}

impl Settle {
    /// A settle of a change alone.
    pub fn of(guard: Guard, change: Change) -> Self {
        Self {
            guard,
            change,
            queue: String::new(),
            checkpoint: None,
            failure: None,
            failed_stage: None,
            receipt: None,
            http_status: None,
            detail: None,
            gate: None,
            told: None,
            missed: None,
        }
    }

    /// Ends the ledger's row of the intent with this, if there is one.
    pub fn note(&mut self, entry: Option<Entry>) {
        let Some(Entry { outcome, http_status, detail }) = entry else { return };
        self.change.outcome = Some(outcome);
        (self.http_status, self.detail) = (http_status, detail);
    }

    /// The kind of wake-up that is armed, and when.
    fn armed(&self) -> Option<(JobKind, Option<Timestamp>)> {
        match self.change.wake {
            Wake::Publish(at) => Some((JobKind::Publish, at)),
            Wake::Ask(at) => Some((JobKind::Reconcile, at)),
            Wake::Keep | Wake::Drop => None,
        }
    }

    fn wake(&self) -> &'static str {
        match self.change.wake {
            Wake::Keep => "keep",
            Wake::Drop => "drop",
            Wake::Publish(_) | Wake::Ask(_) => "arm",
        }
    }
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
        $25::text[], $26::text[], $27::text[], $28::jsonb[],
        $29::jsonb[])
        AS t (id, epoch, lease, revision, checkpoint_no, hold, status, checkpoint, spent,
            auth_refusals, has_doubt, absences, failure, failed_stage, remote_id, permalink,
            outcome, http_status, detail, wake, queue, due_at, gate, gate_until, gate_reason,
            kind, role, lines,
            missed)
), u AS (
    UPDATE deliveries d
    SET status = i.status, epoch = i.epoch, lease = i.lease,
        checkpoint = coalesce(i.checkpoint, d.checkpoint),
        checkpoint_no = d.checkpoint_no + (i.checkpoint IS NOT NULL)::int,
        intended_at = CASE WHEN i.status = 'reconciling' THEN coalesce(d.intended_at, d.due_at)
            ELSE d.intended_at END,
        deadline_at = CASE WHEN i.status IN ('sending', 'reconciling') THEN d.deadline_at END,
        ask_from = CASE WHEN i.outcome IS DISTINCT FROM 'absent' THEN d.ask_from END,
        attempts = d.attempts + i.spent, auth_refusals = i.auth_refusals,
        has_doubt = i.has_doubt, absences = i.absences, failure = i.failure,
        failed_stage = i.failed_stage, remote_id = coalesce(i.remote_id, d.remote_id),
        permalink = coalesce(i.permalink, d.permalink),
        crashes = CASE WHEN i.status IN ('published', 'failed', 'review')
            OR i.checkpoint IS NOT NULL AND i.hold <> 'asking' THEN 0 ELSE d.crashes END,
        published_at = CASE WHEN i.status = 'published' THEN clock_timestamp() END,
        missed_at = CASE WHEN i.missed IS NULL THEN d.missed_at
            ELSE coalesce(d.missed_at, clock_timestamp()) END,
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
        i.due_at, i.gate, i.gate_until, i.gate_reason, i.kind, d.tenant_id, d.epoch, i.role,
        i.lines,
        i.missed
), told AS (
    INSERT INTO timeline (tenant_id, delivery_id, epoch, role, lines)
    SELECT u.tenant_id, u.id, u.epoch, u.role, u.lines FROM u WHERE u.lines IS NOT NULL
), missed AS (
    INSERT INTO events (tenant_id, kind, subject, data)
    SELECT u.tenant_id, 'post.missed', u.missed->>'deliveryId', u.missed
    FROM u WHERE u.missed IS NOT NULL
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
    RETURNING j.subject, j.shard, j.fair_group, j.lane, j.traceparent
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
    INSERT INTO jobs (kind, subject, queue, shard, fair_group, lane, due_at, traceparent)
    SELECT u.kind, u.id, u.queue, g.shard, g.fair_group, g.lane,
        coalesce(u.due_at, clock_timestamp()), g.traceparent
    FROM u JOIN gone g ON g.subject = u.id
    WHERE u.wake = 'arm'
    RETURNING subject, generation, due_at
), closed AS (
    INSERT INTO gates (scope_key, until_at, reason)
    SELECT DISTINCT ON (u.gate) u.gate, u.gate_until, u.gate_reason
    FROM u WHERE u.gate IS NOT NULL
    ORDER BY u.gate, u.gate_until DESC
    ON CONFLICT (scope_key) DO UPDATE
    SET until_at = greatest(gates.until_at, EXCLUDED.until_at),
        reason = CASE WHEN gates.until_at > EXCLUDED.until_at THEN gates.reason
            ELSE EXCLUDED.reason END,
        closed_at = CASE WHEN gates.until_at > EXCLUDED.until_at THEN gates.closed_at
            ELSE clock_timestamp() END
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
        let is_plain = |s: &&Settle| s.armed().is_none() && s.gate.is_none();
        let sql = if all.iter().all(is_plain) { &PLAIN } else { &FULL };
        let ids: Vec<Uuid> = all.iter().map(|s| s.guard.delivery.uuid()).collect();
        let text = |f: &dyn Fn(&Settle) -> Option<&str>| -> Vec<Option<String>> {
            all.iter().map(|s| f(s).map(str::to_owned)).collect()
        };
        let count = |f: &dyn Fn(&Settle) -> i32| all.iter().map(|s| f(s)).collect::<Vec<_>>();
        let at = |f: &dyn Fn(&Settle) -> Option<Timestamp>| {
            all.iter().map(|s| f(s).map(convert::at)).collect::<Vec<_>>()
        };
        let mut warm = self.warm().await?;
        // Both are constants of this file.
        let rows = sqlx::query(AssertSqlSafe(sql.as_str()))
            .bind(&ids)
            .bind(all.iter().map(|s| s.guard.epoch).collect::<Vec<_>>())
            .bind(all.iter().map(|s| s.guard.lease).collect::<Vec<_>>())
            .bind(count(&|s| s.guard.revision))
            .bind(count(&|s| s.guard.checkpoint_no))
            .bind(text(&|s| Some(s.change.hold.as_str())))
            .bind(text(&|s| Some(s.change.status.as_str())))
            .bind(all.iter().map(|s| s.checkpoint.clone().map(Json)).collect::<Vec<_>>())
            .bind(count(&|s| i32::from(s.change.is_attempt_spent)))
            .bind(count(&|s| s.change.auth_refusals))
            .bind(all.iter().map(|s| s.change.has_doubt).collect::<Vec<_>>())
            .bind(count(&|s| s.change.absences))
            .bind(all.iter().map(|s| s.failure.clone().map(Json)).collect::<Vec<_>>())
            .bind(text(&|s| s.failed_stage))
            .bind(text(&|s| s.receipt.as_ref().map(|r| r.0.as_str())))
            .bind(text(&|s| s.receipt.as_ref().map(|r| r.1.as_str())))
            .bind(text(&|s| s.change.outcome.map(|outcome| outcome.as_str())))
            .bind(all.iter().map(|s| s.http_status.map(i32::from)).collect::<Vec<_>>())
            .bind(text(&|s| s.detail.as_deref()))
            .bind(text(&|s| Some(s.wake())))
            .bind(text(&|s| s.armed().map(|_| s.queue.as_str())))
            .bind(at(&|s| s.armed().and_then(|armed| armed.1)))
            .bind(text(&|s| s.gate.as_ref().map(|g| g.scope_key.as_str())))
            .bind(at(&|s| s.gate.as_ref().map(|g| g.until)))
            .bind(text(&|s| s.gate.as_ref().map(|g| g.reason.as_str())))
            .bind(text(&|s| s.armed().map(|armed| armed.0.as_str())))
            .bind(text(&|s| s.told.as_ref().map(|told| told.role)))
            .bind(lines(&all))
            .bind(all.iter().map(|s| s.missed.as_ref().map(Json)).collect::<Vec<_>>())
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

fn lines<'s>(all: &[&'s Settle]) -> Vec<Option<Json<&'s Value>>> {
    all.iter().map(|settle| settle.told.as_ref().map(|told| Json(&told.lines))).collect()
}
