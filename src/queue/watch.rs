//! What operators watch of Redis: whether it knows what is owed, and how full the limiter's windows
//! are. Invariant: whoever looks changes nothing.

use crate::handle::{Queue, add_wakeup};
use crate::wakeup::Wakeup;
use crate::wire::{FULLEST, UNKNOWN, on};
use base::{Context, Fault};

/// Jobs that one script looks at.
const LOOK_MAX: usize = 250;
/// Windows of a shard that are looked at; an installation has as many when half of thousands of
/// accounts are about to meet a limit.
const WINDOWS_MAX: usize = 1_000;

/// A window of which half is used, or more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filling {
    /// The key, as in [`Quota::Window`](crate::Quota::Window).
    pub key: String,
    /// Its calls.
    pub calls_max: u32,
    /// Those that are left, by our count or the platform's, whichever is less.
    pub left: u32,
}

/// The windows of a shard that come near their end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fullest {
    /// The keys of those that refused a call, until an instant that is yet to come.
    pub refusing: Vec<String>,
    /// Those of which half is used, or more.
    pub filling: Vec<Filling>,
}

impl Queue {
    /// Which of a shard's wake-ups it would never give to anybody, by their places in the list:
    /// those that were not told, and those that were lost.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn unknown(&self, shard: u16, wakeups: &[Wakeup]) -> Result<Vec<usize>, Fault> {
        let mut found = Vec::new();
        for (step, batch) in wakeups.chunks(LOOK_MAX).enumerate() {
            let mut look = on(&UNKNOWN, shard);
            batch.iter().for_each(|wakeup| add_wakeup(&mut look, wakeup));
            let doing = "comparing wake-ups";
            let numbers: Vec<usize> = self.shared.wire.call(shard, &look, doing).await?;
            found.extend(numbers.iter().map(|number| step * LOOK_MAX + number - 1));
        }
        Ok(found)
    }

    /// The windows of a shard that come near their end.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn fullest(&self, shard: u16) -> Result<Fullest, Fault> {
        let mut look = on(&FULLEST, shard);
        look.arg(WINDOWS_MAX);
        let doing = "looking at the fullest windows";
        let (refusing, names, most, left): (Vec<String>, Vec<String>, Vec<u32>, Vec<u32>) =
            self.shared.wire.call(shard, &look, doing).await?;
        let key = |name: &String| name.strip_prefix("window:").map(str::to_owned);
        let keys = |names: &[String]| names.iter().map(key).collect::<Option<Vec<_>>>();
        let unnamed = "a window in Redis has another name";
        let figures = most.into_iter().zip(left);
        let filling = keys(&names).context(unnamed)?.into_iter().zip(figures);
        let filling =
            filling.map(|(key, (calls_max, left))| Filling { key, calls_max, left }).collect();
        Ok(Fullest { refusing: keys(&refusing).context(unnamed)?, filling })
    }
}
