//! What goes into Redis: wake-ups, gates, counters and the relay's position.

use domain::time::Timestamp;
use uuid::Uuid;

/// Somebody is to be woken: ids only, the truth is in Postgres.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wakeup {
    /// The queue it wakes, as `publish:x`.
    pub queue: String,
    /// What it is about.
    pub subject: Uuid,
    /// Its generation; an older one that wakes is forgotten by the worker.
    pub generation: i64,
    /// The shard it lives in, by [`Queue::shard_of`](crate::Queue::shard_of).
    pub shard: u16,
    /// Shares the queue fairly with the other groups. `<tenant>:<platform>:<app>` obeys the gates
    /// of that app and platform; another name obeys none.
    pub group: String,
    /// Jobs of one lane run one after the other. `<platform>:<app>:<account uuid>` obeys the
    /// gate of that account; its group has the same platform and app.
    pub lane: String,
    /// Never claimed before this instant of Redis's clock.
    pub due_at: Timestamp,
}

/// How far the relay has told a shard of Redis what Postgres holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Which filling of this Redis the position belongs to.
    pub incarnation: i64,
    /// Due time of the last job that was pushed.
    pub due_at: Timestamp,
    /// Its subject; together they are the keyset of the walk.
    pub subject: Uuid,
}

impl Cursor {
    /// Before the first job.
    pub fn beginning(incarnation: i64) -> Self {
        Self { incarnation, due_at: Timestamp::from_ms(0), subject: Uuid::nil() }
    }
}

/// What a shard knows of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CursorState {
    /// It is the Redis that was filled under this cursor.
    Known(Cursor),
    /// Wiped, restored, restarted or failed over: draw a new incarnation and
    /// [`adopt`](crate::Queue::adopt).
    Unknown,
}

/// What became of a relay's push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relayed {
    /// Pushed; the cursor stands where the push said.
    Advanced,
    /// Nothing was pushed: another relay was faster and left the cursor here.
    Moved(Cursor),
    /// Nothing was pushed: this Redis has to be adopted first.
    Unknown,
}

/// A closed gate: nobody of this scope starts before the instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// `account:<platform>:<app>:<uuid>`, `app:<platform>:<app>` or `platform:<platform>`.
    pub scope_key: String,
    /// When it opens.
    pub until: Timestamp,
}

/// Calls that were made in the running window of a limit, counted from the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counter {
    /// The key of the window, as in [`Quota::Window`](crate::Quota::Window).
    pub key: String,
    /// Calls made in it.
    pub used: u32,
    /// When it begins anew.
    pub reset_at: Timestamp,
}
