//! What a later version of this program wrote in a form of its own is left to that version.
//!
//! While a fleet is upgraded both versions claim jobs. One whose checkpoint this version cannot
//! read is handed back for a while: no attempt is spent, nothing is sent, nothing fails.

use base::{Context, Fault};
use platforms::{Adapter, Checkpoint};
use queue::{Claimed, Outcome};
use std::time::Duration;

/// How long it rests, so that another process gets it: its lane waits for no longer than this.
const REST: Duration = Duration::from_secs(5);

/// What the queue is told of a job whose checkpoint a later version wrote; `None` where this one
/// reads it.
pub(crate) fn leave(claimed: &Claimed, adapter: &dyn Adapter, at: &Checkpoint) -> Option<Outcome> {
    if adapter.publish().reads(at) {
        return None;
    }
    // The name of the form alone: the rest may be as good as a token.
    let form = at.0["v"].as_str().unwrap_or("without a name");
    tracing::warn!(queue = %claimed.queue, subject = %claimed.subject, form,
        "a later version of this program has begun it, and is to go on with it");
    metrics::counter!("postfleet_left_to_later_total", "queue" => claimed.queue.to_string())
        .increment(1);
    Some(Outcome::ReleaseFor(REST))
}

/// The same for a person who waits for an answer.
///
/// # Errors
/// When a later version has to be asked.
pub(crate) fn readable(adapter: &dyn Adapter, at: Checkpoint) -> Result<Checkpoint, Fault> {
    let told = "a later version of this program has begun it: ask a process of that version";
    adapter.publish().reads(&at).then_some(at).context(told)
}
