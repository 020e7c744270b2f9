//! One history: a bad time, then a quiet one in which everything has to come to its end.

use super::chance::Chance;
use super::shard::{Kept, Shard};
use super::worker::die;
use super::world::{Seen, World, written};
use domain::courier::Safeguards;
use domain::delivery::Status;
use std::time::Duration;

/// Rounds of the quiet time; most histories need fewer than fifty.
const ROUNDS_MAX: usize = 2_000;

/// Effects of a worker in a round of the quiet time.
const ACTS_MAX: usize = 40;

/// What one history is made of.
#[derive(Clone, Copy)]
pub struct Plan {
    pub seed: u64,
    pub operations: usize,
    pub safeguards: Safeguards,
    pub is_told: bool,
}

/// What a history came to.
pub struct Ended {
    pub kept: Kept,
    pub seen: Seen,
    /// Empty unless it was to be told.
    pub story: Vec<String>,
}

/// Runs a history.
pub fn run(plan: Plan) -> Ended {
    let mut world = World::new(Chance::new(plan.seed), plan.safeguards);
    world.story = plan.is_told.then(Vec::new);
    let mut lived = || {
        world.pass(0)?;
        world.relay();
        (0..plan.operations).try_for_each(|_| operate(&mut world))?;
        calm(&mut world)
    };
    let kept = lived();
    Ended { kept, seen: world.seen, story: world.story.unwrap_or_default() }
}

fn operate(world: &mut World) -> Kept {
    let w = world.chance.index(3);
    match world.chance.below(100) {
        0..=58 => {
            for _ in 0..=world.chance.index(6) {
                if !world.act(w)? {
                    break;
                }
                let ms = world.chance.between(0, 21);
                world.pass(ms)?;
            }
            Ok(())
        }
        59..=76 => forward(world),
        77..=79 => die(world, w),
        80..=82 => stall(world, w),
        83..=89 => {
            world.reap();
            world.relay();
            Ok(())
        }
        90 => set_clock(world),
        91 => {
            world.saved_shard = Some(world.shard.clone());
            Ok(())
        }
        92..=93 => lose_redis(world),
        94 => {
            world.tell(format_args!("a copy of Postgres is made"));
            world.saved_ledger = Some(world.ledger.clone());
            Ok(())
        }
        95 => lose_postgres(world),
        96..=97 => cancel(world),
        _ => edit(world),
    }
}

/// Time passes, mostly up to when something happens.
fn forward(world: &mut World) -> Kept {
    let until = world.next_event().unwrap_or(world.now);
    let ms = match world.chance.below(10) {
        0 => world.chance.between(1_000, 40_000),
        1 => world.chance.between(40_000, 400_000),
        2..=3 => world.chance.between(1, 2_000),
        _ => i64::try_from(until.since(world.now).as_millis()).unwrap() + 1,
    };
    world.pass(ms)
}

/// A process stands still, mostly the one that has something in hand, and goes on later as if
/// nothing had been.
fn stall(world: &mut World, w: usize) -> Kept {
    let ms = [2_000, 12_000, 45_000, 300_000][world.chance.index(4)];
    let ms = world.chance.between(ms / 2, ms);
    world.tell(format_args!("worker {w} stands still for {ms} ms"));
    world.note("stood still");
    world.workers[w].stalled_until = world.now + Duration::from_millis(ms.unsigned_abs());
    Ok(())
}

fn set_clock(world: &mut World) -> Kept {
    let ahead = world.chance.between(-30_000, 30_000);
    world.tell(format_args!("Redis's clock is ahead by {ahead} ms"));
    world.skew_ms = ahead;
    Ok(())
}

/// Redis is empty, or is what it was a while ago.
fn lose_redis(world: &mut World) -> Kept {
    let older = world.saved_shard.clone().filter(|_| world.chance.one_in(2));
    world.tell(format_args!("Redis is lost; an older state: {}", older.is_some()));
    world.note("Redis lost");
    let mut state = older.unwrap_or_default();
    state.identity = None;
    world.shard = Shard::followed_by(&world.shard, state);
    Ok(())
}

/// Postgres is what it was a while ago, and whoever connects notices.
fn lose_postgres(world: &mut World) -> Kept {
    let Some(older) = world.saved_ledger.take() else { return Ok(()) };
    world.tell(format_args!("Postgres goes back"));
    world.note("Postgres went back");
    world.ledger = older;
    world.ledger.went_back(world.now);
    for (id, post) in &mut world.posts {
        post.is_set_back = true;
        let is_forgotten = world.ledger.rows[id].status != Status::Cancelled;
        if is_forgotten {
            // Nobody remembers that it was taken back, or written anew.
            post.cancelled_at = None;
        }
    }
    Ok(())
}

fn cancel(world: &mut World) -> Kept {
    let id = some_post(world);
    if world.ledger.cancel(id) {
        world.tell(format_args!("delivery {id} is taken back"));
        world.note("taken back");
        let now = world.now;
        world.posts.get_mut(&id).expect("it is one of them").cancelled_at = Some(now);
    }
    Ok(())
}

fn edit(world: &mut World) -> Kept {
    let id = some_post(world);
    let post = &world.posts[&id];
    if post.is_twin || post.is_set_back {
        return Ok(());
    }
    let (revision, segments) = (post.contents.len() + 1, post.contents[0].segments.len());
    if let Some(job) = world.ledger.edit(id, world.now) {
        world.tell(format_args!("delivery {id} is written anew"));
        world.note("written anew");
        let content = written(&format!("post {id}"), revision, segments);
        world.posts.get_mut(&id).expect("it is one of them").contents.push(content);
        if !world.chance.one_in(4) {
            world.push(id, job);
        }
    }
    Ok(())
}

fn some_post(world: &mut World) -> u8 {
    u8::try_from(world.chance.index(world.posts.len())).unwrap() + 1
}

/// Everybody lives, nothing fails: every delivery comes to its end.
fn calm(world: &mut World) -> Kept {
    world.tell(format_args!("-- from here on all is well"));
    world.is_calm = true;
    world.skew_ms = world.skew_ms.max(0);
    for worker in &mut world.workers {
        worker.stalled_until = worker.stalled_until.min(world.now + Duration::from_secs(60));
    }
    for _ in 0..ROUNDS_MAX {
        world.reap();
        world.relay();
        let mut has_acted = false;
        for w in 0..3 {
            // A clock of Redis that is ahead has a job wait for Postgres's in a hurry.
            for _ in 0..ACTS_MAX {
                if !world.act(w)? {
                    break;
                }
                has_acted = true;
            }
        }
        let is_open = |status: Status| !status.is_ended() && status != Status::Review;
        let is_idle = world.workers.iter().all(|worker| worker.task.is_none());
        if is_idle && !world.ledger.rows.values().any(|row| is_open(row.status)) {
            return ended(world);
        }
        let until = world.next_event().unwrap_or(world.now + Duration::from_secs(4));
        let ms = i64::try_from(until.since(world.now).as_millis()).unwrap();
        world.pass(if has_acted { 250 } else { ms.clamp(1, 4_000) })?;
    }
    Err(format!("lost: {:?} has no end; the shard holds {:?}", world.ledger.rows, world.shard))
}

/// Everything is out once, but for what was taken back or left to a person with good reason.
fn ended(world: &mut World) -> Kept {
    // What is still on its way arrives.
    world.pass(120_000)?;
    for (id, row) in &world.ledger.rows {
        let post = &world.posts[id];
        let out = |text: &str| world.network.accepted().filter(|a| a.1 == text).count();
        match row.status {
            Status::Published => {
                let revision = usize::try_from(row.revision).unwrap();
                let content = &post.contents[(revision - 1).min(post.contents.len() - 1)];
                if let Some(missing) = content.segments.iter().find(|s| out(&s.text) == 0) {
                    return Err(format!("{id} is published, and {missing:?} is not out"));
                }
                let receipt = row.remote_id.as_deref();
                let mut accepted = world.network.accepted();
                if !accepted
                    .any(|(id, text, _)| Some(id) == receipt && content.segments[0].text == text)
                {
                    return Err(format!("the receipt {receipt:?} of {id} is not that of its post"));
                }
            }
            Status::Cancelled => {}
            Status::Review if post.is_blind || post.is_twin => {}
            Status::Failed if row.attempts >= 10 => {}
            status => return Err(format!("{id} ends {status}: {row:?}")),
        }
    }
    Ok(())
}
