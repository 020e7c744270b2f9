//! Every history of a small post, walked to its end: the table has the moves that happen, and no
//! others.

use super::*;
use crate::delivery::{Event, Status};
use crate::edit::{self, Now, Order, Step, Way, Wish};
use std::collections::BTreeSet;

/// A post of two deliveries; what was told of it last comes from its moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Post {
    stage: u8,
    deliveries: [u8; 2],
    told: Told,
}

const EVENTS: [Event; 10] = [
    Event::Check,
    Event::Step,
    Event::Intend,
    Event::Withdraw,
    Event::Publish,
    Event::Fail,
    Event::Doubt,
    Event::Absent,
    Event::GiveUp,
    Event::Retry,
];

const ORDERS: [Order; 5] =
    [Order::Hold, Order::Release, Order::Unschedule, Order::Archive, Order::Cancel];

impl Post {
    fn stage(self) -> Stage {
        Stage::ALL[usize::from(self.stage)]
    }

    fn statuses(self) -> [Status; 2] {
        self.deliveries.map(|place| Status::ALL[usize::from(place)])
    }

    fn told(mut self) -> Self {
        self.told = Told::of(self.stage(), &self.statuses());
        self
    }

    fn in_stage(mut self, stage: Stage) -> Self {
        self.stage = place(&Stage::ALL, stage);
        self
    }

    fn with(mut self, which: usize, status: Status) -> Self {
        self.deliveries[which] = place(&Status::ALL, status);
        self
    }
}

fn place<T: PartialEq>(all: &[T], one: T) -> u8 {
    u8::try_from(all.iter().position(|known| *known == one).unwrap()).unwrap()
}

/// What a worker, or a retry, makes of it.
fn worked(post: Post) -> Vec<Post> {
    let mut next = Vec::new();
    for (which, status) in post.statuses().into_iter().enumerate() {
        for event in EVENTS {
            // A worker begins nothing for what does not live, but ends what is under way; and the
            // owner of an account may take it away.
            let ends = matches!(
                event,
                Event::Publish | Event::Fail | Event::Doubt | Event::Absent | Event::GiveUp
            );
            if post.stage() != Stage::Live && !(ends && post.stage() == Stage::Held) {
                continue;
            }
            if let Some(after) = status.after(event) {
                next.push(post.with(which, after));
            }
        }
    }
    next
}

/// What a person makes of it by an order.
fn ordered(post: Post, order: Order) -> Option<Post> {
    let nows = post.statuses().map(now);
    let stage = edit::stage_after(post.stage(), order, &nows).ok()?;
    let mut after = post.in_stage(stage);
    for (which, status) in post.statuses().into_iter().enumerate() {
        let moved = match (post.stage(), edit::step(order, now(status))) {
            // A draft has deliveries again once it is released.
            (Stage::Draft, _) if order == Order::Release => Some(Status::Validating),
            (_, Step::To(event)) => status.after(event),
            (_, Step::Keep | Step::Refuse) => None,
        };
        after = after.with(which, moved.unwrap_or(status));
    }
    Some(after)
}

fn now(status: Status) -> Now {
    Now { status, is_part_out: status == Status::Published }
}

/// What edits make of it: any of them, but none that addresses nothing.
fn edited(post: Post) -> Vec<Post> {
    let mut next = Vec::new();
    if !matches!(post.stage(), Stage::Live | Stage::Held) {
        return next;
    }
    for (addressed, called, is_retried) in
        (1..4_u8).flat_map(|a| (0..4).flat_map(move |c| [(a, c, false), (a, c, true)]))
    {
        let mut after = post;
        for (which, status) in post.statuses().into_iter().enumerate() {
            let is_addressed = addressed & (1 << which) != 0;
            let wish = Wish {
                is_addressed,
                is_called_back: is_addressed && called & (1 << which) != 0,
                is_rewritten: true,
                is_moved: true,
                is_retried,
                spares: true,
            };
            let moved = match edit::edited(now(status), wish).unwrap().1 {
                Way::Stay => Some(status),
                Way::Check => status.after(edit::recheck(status)),
                Way::Cancel => status.after(Event::Cancel),
            };
            after = after.with(which, moved.unwrap());
        }
        // What is addressed alone is called back when it was cancelled.
        let is_void = after.statuses() == [Status::Cancelled; 2];
        if !is_void {
            next.push(after);
        }
    }
    next
}

// case: T-rollup
#[test]
fn the_table_has_every_move_that_is_told_and_no_other() {
    let begin =
        |stage: Stage| Post { stage: place(&Stage::ALL, stage), deliveries: [0; 2], told: New };
    // A draft has no deliveries; those that were called off stand for none.
    let none = place(&Status::ALL, Status::Cancelled);
    let draft = Post { deliveries: [none; 2], ..begin(Stage::Draft) };
    let mut seen: BTreeSet<Post> = BTreeSet::new();
    let mut open = vec![begin(Stage::Live), begin(Stage::Held).told(), draft.told()];
    let mut moves: BTreeSet<(Told, Told)> = BTreeSet::from([(New, Held), (New, Draft)]);
    while let Some(post) = open.pop() {
        if !seen.insert(post) {
            continue;
        }
        let orders = ORDERS.into_iter().filter_map(|order| ordered(post, order));
        for next in worked(post).into_iter().chain(orders).chain(edited(post)) {
            let next_told = next.told().told;
            if next_told != post.told {
                moves.insert((post.told, next_told));
            }
            open.push(next.told());
            // What goes out at once is told of when it has ended.
            if post.told == New && matches!(next_told, Validating | Scheduled) {
                open.push(Post { told: New, ..next });
            }
        }
    }
    let of_table: BTreeSet<(Told, Told)> =
        MOVES.iter().flat_map(|(to, _, from)| from.iter().map(|from| (*from, *to))).collect();
    let untold: Vec<_> = moves.difference(&of_table).collect();
    // An edit says so itself; a first check and a further one are nothing to tell.
    let silent = [(New, Validating), (Scheduled, Validating)];
    assert!(untold.iter().all(|one| silent.contains(one)), "{untold:?}");
    // Of posts that ended before anything was told of them, the archive is the first to tell.
    let never: Vec<_> = of_table.difference(&moves).collect();
    assert_eq!(never, [&(New, Archived)]);
}

#[test]
fn each_move_has_one_event() {
    for before in Told::ALL {
        for after in Told::ALL {
            let rows = MOVES.iter().filter(|(to, _, from)| *to == after && from.contains(&before));
            assert!(rows.count() <= 1, "{before:?} {after:?}");
        }
        assert_eq!(Told::event(before, before), None);
    }
    assert_eq!(Told::event(Scheduled, Partial), Some("post.partial"));
}
