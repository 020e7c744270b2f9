//! Waiting for facts, and saying things past the capture of test output.

use base::{clock, rng};
use std::io::Write;
use std::time::Duration;

/// What happens at once on a machine with nothing else to do.
pub const SOON: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Looks again and again until there is something to see. `look` says what it saw instead.
///
/// # Panics
/// When there is nothing to see `within` the time.
pub async fn eventually<T>(
    what: &str,
    within: Duration,
    mut look: impl AsyncFnMut() -> Result<T, String>,
) -> T {
    let since = clock::stopwatch();
    loop {
        match look().await {
            Ok(seen) => return seen,
            Err(seen) if since.elapsed() > within => {
                panic!("{what}: not within {within:?}; the last thing seen: {seen}")
            }
            Err(_) => clock::pause(LOOK_EVERY).await,
        }
    }
}

/// Says a line that is to be read even when the test passes.
pub fn say(line: impl std::fmt::Display) {
    let mut stderr = std::io::stderr().lock();
    writeln!(stderr, "{line}").unwrap();
}

/// What chance follows in `what`: said, so that a failure can be had again.
pub fn seed(what: &str) -> u64 {
    let given = std::env::var("POSTFLEET_TEST_SEED").ok();
    let given = given.map(|seed| seed.parse().expect("POSTFLEET_TEST_SEED is a number"));
    let seed = given.unwrap_or_else(|| rng::nonce().unsigned_abs());
    say(format_args!("{what}: POSTFLEET_TEST_SEED={seed}"));
    seed
}

/// A turn among the runs that keep the whole machine busy: beside each other they would wait for
/// the processor, not for what they are about. Whoever waits for clocks and leases takes none.
pub async fn turn() -> tokio::sync::MutexGuard<'static, ()> {
    static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    TURN.lock().await
}
