//! Whether an account may still write as long as it may have been able to when it was connected.
//!
//! A subscription can lapse at any time, and X would tell so only at the create, when the files
//! are up and earlier parts of a thread are out. Invariant: asked once, before anything else.

use super::super::{auth, capabilities};
use crate::port::{AccountFacts, View};
use domain::capability::{Counting, Profile};
use domain::failure::Failure;
use domain::text;

/// The post relies on a subscription.
pub(super) fn is_needed(view: &View<'_>) -> bool {
    view.account.kind == auth::PREMIUM && too_long(view).is_some()
}

/// What was read of the account allows what the post relies on.
pub(super) fn check(read: &AccountFacts, view: &View<'_>) -> Result<(), Failure> {
    let Some((number, length)) = too_long(view).filter(|_| read.kind != auth::PREMIUM) else {
        return Ok(());
    };
    let (handle, limit) = (&read.handle, length_max());
    let detail = format!(
        "the subscription of {handle} that includes long posts has ended: part {number} has \
         {length} weighted characters, and {limit} is the limit without it"
    );
    Err(Failure::Content { field: Some("text".into()), detail })
}

/// The first segment that is longer than anybody may write, counted from one, and its length.
fn too_long(view: &View<'_>) -> Option<(usize, usize)> {
    let segments = view.content.segments.iter().enumerate();
    let mut lengths =
        segments.map(|(at, segment)| (at + 1, text::count(Counting::Weighted, &segment.text)));
    lengths.find(|(_, length)| *length > length_max())
}

fn length_max() -> usize {
    capabilities::of(Profile::Spec, auth::STANDARD).text.length_max
}
