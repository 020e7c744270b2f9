//! The pulse of this process's loops, for readiness and for the alarm that apalis does not give.

use base::clock;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// When each loop last heard from Redis. A loop that has ended is no longer listed.
#[derive(Clone, Debug, Default)]
pub struct Health {
    beats: Arc<Mutex<HashMap<String, Beat>>>,
}

/// A loop's last signs of life.
#[derive(Clone, Copy, Debug)]
struct Beat {
    /// The shard that it is about; loops of none are about all.
    shard: Option<u16>,
    heard: Instant,
    /// When it last did anything at all, be it in vain.
    turned: Instant,
}

/// What is wrong with the loops of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ailment {
    /// Why nothing can be claimed, or a loop stands still, if that is so.
    pub trouble: Option<String>,
    /// What is wrong while claims go on, if anything is.
    pub warning: Option<String>,
}

impl Health {
    /// Each running loop and how long ago it last heard from Redis.
    pub fn loops(&self) -> Vec<(String, Duration)> {
        self.lock().iter().map(|(name, beat)| (name.clone(), beat.heard.elapsed())).collect()
    }

    /// How long the most silent loop has heard nothing; zero when none runs.
    pub fn silence(&self) -> Duration {
        self.lock().values().map(|beat| beat.heard.elapsed()).max().unwrap_or_default()
    }

    /// What is wrong, where a silence of `most` is too long. A shard is well when all its loops are;
    /// as long as one shard is well, claims go on, and the others are a warning.
    pub fn ailment(&self, most: Duration) -> Ailment {
        let beats: Vec<(String, Beat)> =
            self.lock().iter().map(|(name, beat)| (name.clone(), *beat)).collect();
        judge(&beats, clock::stopwatch(), most)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Beat>> {
        self.beats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn judge(beats: &[(String, Beat)], now: Instant, most: Duration) -> Ailment {
    let stuck = beats.iter().find(|(_, beat)| now.saturating_duration_since(beat.turned) > most);
    if let Some((name, beat)) = stuck {
        let for_s = now.saturating_duration_since(beat.turned).as_secs();
        let trouble = Some(format!("the loop {name:?} has stood still for {for_s} s"));
        return Ailment { trouble, warning: None };
    }
    let silence = |beat: &Beat| now.saturating_duration_since(beat.heard);
    let mut shards = BTreeMap::<u16, Duration>::new();
    for beat in beats.iter().map(|(_, beat)| beat) {
        let Some(shard) = beat.shard else { continue };
        let known = shards.entry(shard).or_default();
        *known = (*known).max(silence(beat));
    }
    let silent: Vec<u16> =
        shards.iter().filter(|(_, silence)| **silence > most).map(|(shard, _)| *shard).collect();
    if !silent.is_empty() && silent.len() == shards.len() {
        let for_s = shards.values().min().copied().unwrap_or_default().as_secs();
        let trouble = Some(format!("no word from Redis for {for_s} s"));
        return Ailment { trouble, warning: None };
    }
    let mut warnings = Vec::new();
    if !silent.is_empty() {
        let for_s = shards.values().max().copied().unwrap_or_default().as_secs();
        let named = silent.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
        warnings.push(format!("no word from the shards {named} for up to {for_s} s"));
    }
    let deaf = beats.iter().find(|(_, beat)| beat.shard.is_none() && silence(beat) > most);
    if let Some((name, beat)) = deaf {
        let for_s = silence(beat).as_secs();
        warnings.push(format!("the loop {name:?} has heard nothing for {for_s} s"));
    }
    let warning = (!warnings.is_empty()).then(|| warnings.join("; "));
    Ailment { trouble: None, warning }
}

/// Takes a loop off the list when it ends, however it ends.
pub(crate) struct Pulse {
    health: Health,
    name: String,
    shard: Option<u16>,
}

impl Pulse {
    pub(crate) fn begin(health: &Health, name: String, shard: Option<u16>) -> Self {
        let pulse = Self { health: health.clone(), name, shard };
        pulse.beat();
        pulse
    }

    /// The loop heard from Redis.
    pub(crate) fn beat(&self) {
        let now = clock::stopwatch();
        let beat = Beat { shard: self.shard, heard: now, turned: now };
        let mut beats = self.health.lock();
        match beats.get_mut(&self.name) {
            Some(known) => *known = beat,
            None => {
                beats.insert(self.name.clone(), beat);
            }
        }
    }

    /// The loop goes round, and heard nothing.
    pub(crate) fn turn(&self) {
        if let Some(known) = self.health.lock().get_mut(&self.name) {
            known.turned = clock::stopwatch();
        }
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.health.lock().remove(&self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: Duration = Duration::from_secs(30);

    /// Loops by name and shard, and how many seconds ago each heard and went round.
    fn ailment(loops: &[(&str, Option<u16>, u64, u64)]) -> Ailment {
        let now = clock::stopwatch() + Duration::from_secs(1_000);
        let ago = |seconds| now - Duration::from_secs(seconds);
        let beats: Vec<_> = loops
            .iter()
            .map(|(name, shard, heard, turned)| {
                let (heard, turned) = (ago(*heard), ago(*turned));
                ((*name).to_owned(), Beat { shard: *shard, heard, turned })
            })
            .collect();
        judge(&beats, now, MOST)
    }

    // case: O-ready-parts
    #[test]
    fn a_process_is_well_as_long_as_one_shard_answers() {
        assert_eq!(ailment(&[]), Ailment::default());
        let well = ("keep 0", Some(0), 1, 1);
        assert_eq!(ailment(&[well, ("pump x 1", Some(1), 29, 1)]), Ailment::default());
        let half = ailment(&[well, ("keep 1", Some(1), 1, 1), ("pump x 1", Some(1), 40, 1)]);
        assert_eq!(half.trouble, None);
        assert_eq!(half.warning.unwrap(), "no word from the shards 1 for up to 40 s");
        let none = ailment(&[("keep 0", Some(0), 31, 1), ("keep 1", Some(1), 40, 1)]);
        assert_eq!(none.trouble.unwrap(), "no word from Redis for 31 s");
        let deaf = ailment(&[well, ("listen", None, 31, 1)]);
        assert_eq!((deaf.trouble, deaf.warning.is_some()), (None, true));
    }

    #[test]
    fn a_loop_that_stands_still_is_trouble_whatever_the_others_do() {
        let stuck = ailment(&[("keep 0", Some(0), 1, 1), ("pump x 1", Some(1), 31, 31)]);
        let told = "the loop \"pump x 1\" has stood still for 31 s";
        assert_eq!(stuck.trouble.as_deref(), Some(told));
    }
}
