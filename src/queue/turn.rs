//! One turn: acknowledgements and a claim in one script, written and read.

use crate::claimed::{Claimed, Outcome};
use crate::core::{Ended, Ending};
use crate::handle::add_wakeup;
use crate::lease::Lease;
use crate::shared::Shared;
use crate::wire::{self, MINE, TURN};
use base::rng;
use domain::time::Timestamp;
use redis::{ErrorKind, RedisResult};
use std::sync::Arc;
use uuid::Uuid;

/// A handed-back job pauses this long, so that a fault does not turn it in circles.
const RELEASE_MS: i64 = 100;
/// Lanes that one script looks at for what is ours.
const LANES_A_LOOK: usize = 500;

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

type Reply = (String, i64, i64, String, Vec<u8>, Vec<Vec<u8>>, Vec<Vec<u8>>);

impl Turn<'_> {
    pub(crate) async fn take(&self, shared: &Shared) -> RedisResult<Turned> {
        let (done, others): (Vec<&Ended>, Vec<_>) =
            self.ended.iter().partition(|one| matches!(one.ending, Ending::Outcome(Outcome::Done)));
        let mut turn = wire::on(&TURN, self.shard);
        turn.arg(self.guard.session())
            .arg(&**self.queue)
            .arg(self.claims)
            .arg(self.lane_in_flight)
            .arg(rng::nonce())
            .arg(self.claims * 4 + 64)
            .arg(done.len())
            .arg(others.len())
            .arg(self.hints);
        for Ended { claimed, .. } in done {
            turn.arg(&*claimed.lane).arg(&*claimed.receipt);
        }
        let mut moves = Vec::new();
        for one in others {
            add_ended(&mut turn, one, &mut moves);
        }
        moves.iter().for_each(|wakeup| add_wakeup(&mut turn, wakeup));
        let reply: Reply = turn.invoke_async(&mut shared.wire.turns.of(self.shard)).await?;
        self.read(&reply)
    }

    fn read(&self, reply: &Reply) -> RedisResult<Turned> {
        let (status, server_ms, ahead, incarnation, results, jobs, suspects) = reply;
        let status = match status.as_str() {
            "ok" => Status::Ok,
            "lost" => Status::Lost,
            _ => Status::Unknown,
        };
        let jobs = jobs.chunks_exact(2).map(|fields| {
            let mut claimed = claimed(self.queue, self.shard, self.guard, &fields[0], &fields[1])?;
            let is_it = |id: &Vec<u8>| id == claimed.subject.as_bytes();
            claimed.is_suspect = suspects.iter().any(is_it);
            Ok(claimed)
        });
        Ok(Turned {
            status,
            server_ms: *server_ms,
            ahead_ms: u64::try_from(*ahead).ok(),
            incarnation: incarnation.clone(),
            stale: results.iter().filter(|taken| **taken == 0).count(),
            jobs: jobs.collect::<RedisResult<_>>()?,
        })
    }
}

/// A job by its lane and its receipt, whose form `lua/prelude.lua` tells.
fn claimed(
    queue: &Arc<str>,
    shard: u16,
    guard: &Arc<Lease>,
    lane: &[u8],
    receipt: &[u8],
) -> RedisResult<Claimed> {
    let mut lines = receipt.get(1..).ok_or_else(unreadable)?.splitn(3, |byte| *byte == b'\n');
    let mut line = || lines.next().ok_or_else(unreadable);
    let (group, fence, job) = (line()?, line()?, line()?);
    let mut fence = text(fence)?.split([':', ' ']).map(str::parse);
    let mut number = || fence.next().and_then(Result::ok).ok_or_else(unreadable);
    let (epoch, lease) = (number()?, number()?);
    let at = job.iter().position(|byte| *byte == b' ').ok_or_else(unreadable)?;
    let (id, generation) = job[at + 1..].split_at_checked(16).ok_or_else(unreadable)?;
    Ok(Claimed {
        queue: queue.clone(),
        subject: Uuid::from_slice(id).map_err(|_| unreadable())?,
        generation: text(generation)?.parse().map_err(|_| unreadable())?,
        due_at: Timestamp::from_ms(text(&job[..at])?.parse().map_err(|_| unreadable())?),
        shard,
        lane: text(lane)?.into(),
        group: text(group)?.into(),
        epoch,
        lease,
        is_suspect: false,
        receipt: receipt.into(),
        guard: guard.clone(),
    })
}

fn text(bytes: &[u8]) -> RedisResult<&str> {
    std::str::from_utf8(bytes).map_err(|_| unreadable())
}

fn unreadable() -> redis::RedisError {
    (ErrorKind::UnexpectedReturnType, "a claim cannot be read").into()
}

/// The five fields of an acknowledgement in `lua/turn.lua`.
fn add_ended<'a>(
    turn: &mut redis::ScriptInvocation<'_>,
    one: &'a Ended,
    moves: &mut Vec<&'a crate::Wakeup>,
) {
    let claimed = &one.claimed;
    turn.arg(&*claimed.lane).arg(&*claimed.receipt);
    // Suspicion stays on a job until its work has ended in good order.
    let suspect = i64::from(claimed.is_suspect);
    let (op, a, b) = match &one.ending {
        Ending::Unbegun => ("h", suspect, 0),
        Ending::Broken { rests_until } => ("t", 1, rests_until.ms()),
        Ending::Outcome(Outcome::Done) => ("d", 0, 0),
        Ending::Outcome(Outcome::Again { generation, due_at }) => ("a", *generation, due_at.ms()),
        Ending::Outcome(Outcome::Release) => ("r", suspect, RELEASE_MS),
        Ending::Outcome(Outcome::ReleaseFor(time)) => {
            ("r", suspect, i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
        }
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
    let (mut held, mut cursor) = (Vec::new(), "0".to_owned());
    loop {
        let mut mine = wire::on(&MINE, shard);
        mine.arg(guard.session()).arg(&**queue).arg(&cursor).arg(LANES_A_LOOK);
        let found: Vec<Vec<u8>> = mine.invoke_async(&mut shared.wire.turns.of(shard)).await?;
        let (next, found) = found.split_first().ok_or_else(unreadable)?;
        for fields in found.chunks_exact(2) {
            held.push(claimed(queue, shard, guard, &fields[0], &fields[1])?);
        }
        text(next)?.clone_into(&mut cursor);
        if cursor == "0" {
            return Ok(held);
        }
    }
}
