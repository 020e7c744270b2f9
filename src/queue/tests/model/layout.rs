//! The small world of the histories: which jobs, lanes, groups, queues and gates there are.

/// A job; as a subject it is the last of sixteen bytes.
pub type Id = u8;

/// Queues by their number.
pub const QUEUES: [&str; 2] = ["publish:x", "reconcile"];
pub const PUBLISH: usize = 0;
pub const RECONCILE: usize = 1;
/// Jobs of a lane at once, by queue.
pub const LANE_MAX: [usize; 2] = [2, 1];
/// Lanes by their number; the last one obeys no gate.
pub const LANES: [&str; 4] = ["x:default:a", "x:default:b", "x:other:c", "tenant"];
pub const GROUPS: [&str; 4] = ["t1:x:default", "t2:x:default", "t1:x:other", "t2"];
pub const JOBS_MAX: Id = 6;
/// Every gate that is closed now and then.
pub const SCOPES: [&str; 5] =
    ["account:x:default:a", "account:x:default:b", "app:x:default", "app:x:other", "platform:x"];
pub const LEASE_MS: i64 = 10_000;
/// As many quanta of lanes as there are groups: such a claim passes nobody by.
pub const CLAIMS_MANY: usize = 32;

pub fn lane_of(id: Id) -> usize {
    usize::from(id - 1) % LANES.len()
}

/// Does a gate of this scope stand before this lane?
pub fn is_before(scope: &str, lane: usize) -> bool {
    let mut parts = LANES[lane].splitn(3, ':');
    let (Some(platform), Some(app), Some(_)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    scope == format!("account:{}", LANES[lane])
        || scope == format!("app:{platform}:{app}")
        || scope == format!("platform:{platform}")
}

/// The sixteen bytes of a job's subject.
pub fn subject(id: Id) -> [u8; 16] {
    u128::from(id).to_be_bytes()
}

/// What is pushed.
#[derive(Clone, Copy, Debug)]
pub struct Wakeup {
    pub queue: usize,
    pub id: Id,
    pub generation: i64,
    pub due: i64,
}

/// Who claimed, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence {
    pub epoch: i64,
    pub lease: i64,
    pub session: u64,
}

impl Fence {
    pub fn text(&self) -> String {
        format!("{}:{}:{:016x}", self.epoch, self.lease, self.session)
    }
}

/// What became of a claimed job, as the turn is told.
#[derive(Clone, Copy, Debug)]
pub enum Op {
    Done,
    Again { generation: i64, due: i64 },
    Release { delay: i64 },
    Until { due: i64 },
    Back,
    Moved(Wakeup),
}

/// What Redis keeps of a claim; an acknowledgement shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub queue: usize,
    pub id: Id,
    pub generation: i64,
    pub due: i64,
    pub fence: Fence,
    pub is_late: bool,
}

#[derive(Clone, Copy, Debug)]
pub struct Ack {
    pub receipt: Receipt,
    pub op: Op,
}

/// What a turn asks for.
pub struct Ask {
    pub session: u64,
    pub queue: usize,
    pub claims: usize,
    pub lease: i64,
    /// The finished ones first.
    pub acks: Vec<Ack>,
    /// How many of them are finished.
    pub done: usize,
}

/// What a turn answers.
#[derive(Debug)]
pub struct Answer {
    pub status: String,
    pub incarnation: String,
    pub results: Vec<i64>,
    pub jobs: Vec<Receipt>,
}

/// What the shard was told, and on which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    pub incarnation: i64,
    pub due: i64,
    pub subject: Id,
    pub run_id: u64,
    pub replid: u64,
}
