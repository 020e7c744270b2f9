//! What is owed of a post that is out, read off its row.
//!
//! Invariant: pure. A deletion comes before everything, and a repost that may have been heard is
//! made or taken back, whatever a person has said since.

use domain::operation::{Removal, RepostStatus};
use domain::repost::{End, Next, next};
use domain::time::Timestamp;
use store::operating::CameTo;
use store::operations::{Operation, Repost};

/// What is owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owed {
    /// To delete the post, now.
    Delete,
    /// This repost, at this instant.
    Repost { number: i32, at: Timestamp },
    /// To take back what shows the post, at this instant: this repost, the last that does.
    Undo { number: i32, at: Timestamp },
    /// Nothing; where there are reposts, because they are over for this reason.
    Nothing(Option<End>),
}

/// What is owed of a post now.
pub(super) fn owed(operation: &Operation, now: Timestamp) -> Owed {
    if operation.removal == Some(Removal::Waiting) {
        return Owed::Delete;
    }
    let (Some(rule), Some(published_at)) = (&operation.rule, operation.published_at) else {
        return Owed::Nothing(operation.ended.map(|ended| ended.0));
    };
    let past = operation.past();
    let number = i32::try_from(past.len()).unwrap_or(i32::MAX).saturating_add(1);
    let open = operation.reposts.iter().find(|one| one.status == RepostStatus::Sending);
    let ended = operation.ended.map(|ended| ended.0);
    match (next(rule, published_at, &past, ended, now), open) {
        (Next::Repost(at), _) => Owed::Repost { number, at },
        (_, Some(open)) if ended.is_none_or(End::leaves_undo) => {
            Owed::Undo { number: open.number, at: now }
        }
        (Next::Undo(at), _) => {
            let shown = operation.reposts.iter().rev().find(|one| one.is_shown());
            Owed::Undo { number: shown.map_or(number, |shown| shown.number), at }
        }
        (Next::Over(end), _) => Owed::Nothing(Some(end)),
    }
}

/// What the row will be once it holds what a lease came to.
pub(super) fn come_to(operation: &mut Operation, came_to: &CameTo, at: Timestamp) {
    let take_back = |one: &mut Repost| {
        if one.status == RepostStatus::Published {
            one.undone_at = one.undone_at.or(Some(at));
        }
    };
    let reopen = |one: &mut Repost| {
        if one.status == RepostStatus::Sending {
            one.status = RepostStatus::Scheduled;
        }
    };
    let reposts = operation.reposts.iter_mut();
    match came_to {
        CameTo::Waits { is_spent: false, .. } if operation.attempts == 0 => {
            reposts.for_each(reopen);
        }
        CameTo::Nothing | CameTo::Waits { .. } => {}
        CameTo::Reposted(number) => reposts.for_each(|one| {
            take_back(one);
            if one.number == *number {
                (one.status, one.ended_at) = (RepostStatus::Published, Some(at));
            }
        }),
        CameTo::Failed(number, _) => {
            for one in reposts.filter(|one| one.number == *number) {
                (one.status, one.ended_at) = (RepostStatus::Failed, Some(at));
            }
        }
        CameTo::Undone => reposts.for_each(|one| {
            take_back(one);
            reopen(one);
        }),
        CameTo::NotUndone(_) => reposts.for_each(|one| {
            one.is_left |= one.is_shown();
            reopen(one);
        }),
        CameTo::Removed => operation.removal = Some(Removal::Done),
        CameTo::NotRemoved(_) => operation.removal = Some(Removal::Failed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::repost::{Beat, Rule};
    use std::time::Duration;

    const OUT: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn s(seconds: u64) -> Timestamp {
        OUT + Duration::from_secs(seconds)
    }

    fn repost(number: i32, status: RepostStatus) -> Repost {
        let ended_at = (status == RepostStatus::Published).then_some(s(3_600));
        Repost {
            number,
            status,
            due_at: s(3_600),
            failure: None,
            ended_at,
            undo_at: None,
            undone_at: None,
            is_left: false,
        }
    }

    fn operation(reposts: Vec<Repost>) -> Operation {
        let rule = Rule {
            beat: Beat::AfterS(3_600),
            times: 3,
            until: None,
            quiet_hours: None,
            undo_after_s: None,
            min_gap_s: 900,
        };
        Operation {
            revision: 1,
            rule: Some(rule),
            ended: None,
            removal: None,
            removal_asked_at: None,
            removal_failure: None,
            removed_at: None,
            epoch: 0,
            lease: 0,
            doing: None,
            is_sending: false,
            checkpoint: None,
            attempts: 0,
            auth_refusals: 0,
            receipt: Some("1".to_owned()),
            published_at: Some(OUT),
            reposts,
        }
    }

    #[test]
    fn a_deletion_comes_before_a_repost_and_nothing_behind_it() {
        let mut all = operation(vec![repost(1, RepostStatus::Scheduled)]);
        assert_eq!(owed(&all, s(9)), Owed::Repost { number: 1, at: s(3_600) });
        all.removal = Some(Removal::Waiting);
        all.ended = Some((End::Removed, s(8)));
        assert_eq!(owed(&all, s(9)), Owed::Delete);
        come_to(&mut all, &CameTo::Removed, s(9));
        assert_eq!(owed(&all, s(9)), Owed::Nothing(Some(End::Removed)));
    }

    #[test]
    fn what_may_have_been_heard_when_it_was_cancelled_is_taken_back() {
        let mut open = operation(vec![repost(1, RepostStatus::Sending)]);
        assert_eq!(owed(&open, s(4_000)), Owed::Repost { number: 1, at: s(3_600) });
        open.ended = Some((End::Cancelled, s(3_999)));
        assert_eq!(owed(&open, s(4_000)), Owed::Undo { number: 1, at: s(4_000) });
        come_to(&mut open, &CameTo::Undone, s(4_001));
        assert_eq!(owed(&open, s(4_001)), Owed::Nothing(Some(End::Cancelled)));
        // Its own process lives, and says that it is out: then it stays.
        let mut open = operation(vec![repost(1, RepostStatus::Sending)]);
        open.ended = Some((End::Cancelled, s(3_999)));
        come_to(&mut open, &CameTo::Reposted(1), s(4_000));
        assert_eq!(owed(&open, s(4_001)), Owed::Nothing(Some(End::Cancelled)));
    }

    #[test]
    fn the_next_one_follows_what_ended() {
        let mut all = operation(vec![repost(1, RepostStatus::Published)]);
        assert_eq!(owed(&all, s(3_700)), Owed::Repost { number: 2, at: s(7_200) });
        all.reposts.push(repost(2, RepostStatus::Sending));
        come_to(&mut all, &CameTo::Failed(2, serde_json::Value::Null), s(7_300));
        assert_eq!(owed(&all, s(7_300)), Owed::Repost { number: 3, at: s(10_900) });
        all.reposts.push(repost(3, RepostStatus::Sending));
        come_to(&mut all, &CameTo::Reposted(3), s(11_000));
        assert_eq!(owed(&all, s(11_000)), Owed::Nothing(Some(End::Done)));
        assert!(all.reposts[0].undone_at.is_some() && all.reposts[2].undone_at.is_none());
    }
}
