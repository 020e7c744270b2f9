//! One turn: acknowledgements and a claim in one script, written and read.

use crate::claimed::{Claimed, Outcome};
use crate::core::{Ended, Ending};
use crate::handle::add_wakeup;
use crate::lease::Lease;
use crate::shared::Shared;
use crate::wire::{self, MINE, TURN};
use base::rng;
use redis::{ErrorKind, RedisResult};
use std::sync::Arc;
use uuid::Uuid;

/// A handed-back job pauses this long, so that a fault does not turn it in circles.
const RELEASE_MS: i64 = 100;

pub(crate) struct Turn<'a> {
    pub(crate) shard: u16,
    pub(crate) queue: &'a Arc<str>,
    pub(crate) lane_in_flight: usize,
    pub(crate) claims: usize,
    /// What the script is told of weights and of full groups.
    pub(crate) hints: &'a str,
    pub(crate) guard: &'a Arc<Lease>,
    pub(crate) ended: &'a [Ended],
}

pub(crate) enum Status {
    /// This Redis knows us.
    Ok,
    /// It must be adopted first.
    Unknown,
    /// Our session is gone.
    Lost,
}

pub(crate) struct Turned {
    pub(crate) status: Status,
    pub(crate) server_ms: i64,
    /// Until the next lane wakes, if one waits.
    pub(crate) ahead_ms: Option<u64>,
    pub(crate) incarnation: String,
    /// Acknowledgements that came too late: somebody else has the job.
    pub(crate) stale: usize,
    pub(crate) jobs: Vec<Claimed>,
}

type Reply = (String, i64, i64, i64, String, Vec<u8>, Vec<Vec<u8>>, Vec<Vec<u8>>);

impl Turn<'_> {
    pub(crate) async fn take(&self, shared: &Shared) -> RedisResult<Turned> {
        let lease = rng::nonce();
        let mut turn = wire::on(&TURN, self.shard);
        turn.arg(self.guard.session())
            .arg(&**self.queue)
            .arg(self.claims)
            .arg(self.lane_in_flight)
            .arg(lease)
            .arg(self.claims * 4 + 64)
            .arg(self.ended.len())
            .arg(self.hints);
        let mut moves = Vec::new();
        for one in self.ended {
            add_ended(&mut turn, one, &mut moves);
        }
        moves.iter().for_each(|wakeup| add_wakeup(&mut turn, wakeup));
        let reply: Reply = turn.invoke_async(&mut shared.wire.turns.clone()).await?;
        self.read(reply, lease)
    }

    fn read(&self, reply: Reply, lease: i64) -> RedisResult<Turned> {
        let (status, server_ms, ahead, epoch, incarnation, results, jobs, suspects) = reply;
        let status = match status.as_str() {
            "ok" => Status::Ok,
            "lost" => Status::Lost,
            _ => Status::Unknown,
        };
        let jobs = jobs.chunks_exact(4).map(|fields| {
            Ok(Claimed {
                queue: self.queue.clone(),
                subject: Uuid::from_slice(&fields[1]).map_err(|_| unreadable())?,
                generation: text(&fields[2])?.parse().map_err(|_| unreadable())?,
                shard: self.shard,
                lane: text(&fields[0])?.into(),
                group: text(&fields[3])?.into(),
                epoch,
                lease,
                is_suspect: suspects.contains(&fields[1]),
                guard: self.guard.clone(),
            })
        });
        Ok(Turned {
            status,
            server_ms,
            ahead_ms: u64::try_from(ahead).ok(),
            incarnation,
            stale: results.iter().filter(|taken| **taken == 0).count(),
            jobs: jobs.collect::<RedisResult<_>>()?,
        })
    }
}

fn text(bytes: &[u8]) -> RedisResult<&str> {
    std::str::from_utf8(bytes).map_err(|_| unreadable())
}

fn unreadable() -> redis::RedisError {
    (ErrorKind::UnexpectedReturnType, "a claim cannot be read").into()
}

/// The six fields of an acknowledgement in `lua/turn.lua`.
fn add_ended<'a>(
    turn: &mut redis::ScriptInvocation<'_>,
    one: &'a Ended,
    moves: &mut Vec<&'a crate::Wakeup>,
) {
    let claimed = &one.claimed;
    let fence = format!("{}:{}:{}", claimed.epoch, claimed.lease, claimed.guard.session());
    turn.arg(&*claimed.lane).arg(claimed.subject.as_bytes().as_slice()).arg(fence);
    // Suspicion stays on a job until its work has ended in good order.
    let suspect = i64::from(claimed.is_suspect);
    let (op, a, b) = match &one.ending {
        Ending::Unbegun => ("h", suspect, 0),
        Ending::Broken { rests_until } => ("t", 1, rests_until.ms()),
        Ending::Outcome(Outcome::Done) => ("d", 0, 0),
        Ending::Outcome(Outcome::Again { generation, due_at }) => ("a", *generation, due_at.ms()),
        Ending::Outcome(Outcome::Release) => ("r", suspect, RELEASE_MS),
        Ending::Outcome(Outcome::ReleaseAt(at)) => ("t", suspect, at.ms()),
        // A move to another shard was pushed there before; here it is done.
        Ending::Outcome(Outcome::Moved { wakeup }) if wakeup.shard != claimed.shard => ("d", 0, 0),
        Ending::Outcome(Outcome::Moved { wakeup }) => {
            moves.push(wakeup);
            ("m", i64::try_from(moves.len() - 1).unwrap_or(0), 0)
        }
    };
    turn.arg(op).arg(a).arg(b);
}

/// What Redis believes this session holds of a queue. A claim whose reply was lost shows here.
pub(crate) async fn believed(
    shared: &Shared,
    shard: u16,
    queue: &Arc<str>,
    guard: &Arc<Lease>,
) -> RedisResult<Vec<Claimed>> {
    let mut mine = wire::on(&MINE, shard);
    mine.arg(guard.session()).arg(&**queue);
    let found: Vec<Vec<u8>> = mine.invoke_async(&mut shared.wire.turns.clone()).await?;
    let held = found.chunks_exact(3).map(|fields| {
        let mut fence = text(&fields[2])?.split(':').map(str::parse);
        let mut number = || fence.next().and_then(Result::ok).ok_or_else(unreadable);
        Ok(Claimed {
            queue: queue.clone(),
            subject: Uuid::from_slice(&fields[1]).map_err(|_| unreadable())?,
            generation: 0,
            shard,
            lane: text(&fields[0])?.into(),
            group: "".into(),
            epoch: number()?,
            lease: number()?,
            is_suspect: false,
            guard: guard.clone(),
        })
    });
    held.collect()
}
