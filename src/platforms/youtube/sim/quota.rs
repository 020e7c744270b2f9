//! The limits of the simulated YouTube: two buckets for a project, which fill at midnight Pacific,
//! and figures that tests shorten.

use super::super::DAY_IN;
use super::refusal::Refusal;
use super::state::State;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// docs/videos/insert: the largest file.
pub(super) const FILE_BYTES_MAX: u64 = 274_877_906_944;

/// The limits in force, in the shape of `GET /_sim/limits`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Limits {
    /// Uploads opened in a day, for a project.
    inserts_max: u64,
    /// Units of everything else in a day, for a project.
    units_max: u64,
    /// Videos of a channel in 24 hours.
    pub channel_videos_max: usize,
    /// How long an access token lives.
    pub access_life_s: u64,
    /// How long a code lives.
    pub code_life_s: u64,
    /// How long a session lives.
    pub session_life_s: u64,
    /// How much of one piece a session keeps.
    pub kept_bytes_max: u64,
    /// How long a video is processed.
    pub processing_s: u64,
    /// How long a video stays out of the list of uploads.
    pub visibility_delay_ms: u64,
    /// Videos of one playlist.
    pub playlist_videos_max: usize,
    /// Every video becomes private, whatever was asked for: what unverified projects had until
    /// 2026-11-02, and what settings of a channel can still do.
    pub only_private: bool,
    /// A session moves with every answer that it goes on with.
    pub moves_sessions: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // determine_quota_cost, 2026.
            inserts_max: 100,
            units_max: 10_000,
            // Assumed: the figure of a channel is not published; new ones have less.
            channel_videos_max: 100,
            // The documented `expires_in`.
            access_life_s: 3_599,
            // Assumed: "minutes".
            code_life_s: 600,
            // Assumed: "about a week".
            session_life_s: 7 * 86_400,
            kept_bytes_max: FILE_BYTES_MAX,
            // Assumed: a short film; hours happen.
            processing_s: 10,
            visibility_delay_ms: 0,
            // General knowledge; the reference names no figure.
            playlist_videos_max: 5_000,
            only_private: false,
            moves_sessions: false,
        }
    }
}

/// What a call is paid from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Bucket {
    Inserts,
    Units,
}

/// What was taken out of a bucket since the last midnight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Used {
    count: u64,
    ends_at: Timestamp,
}

impl Limits {
    pub fn show(&self) -> Value {
        serde_json::to_value(self).unwrap_or(Value::Null)
    }

    /// Puts the named figures in place of the old ones; those not named stay.
    pub fn replace(&mut self, limits: &Value) -> bool {
        let (Value::Object(mut all), Value::Object(named)) = (self.show(), limits) else {
            return false;
        };
        all.extend(named.clone());
        match serde_json::from_value(Value::Object(all)) {
            Ok(new) => {
                *self = new;
                true
            }
            Err(_) => false,
        }
    }
}

/// determine_quota_cost, 2026. The pieces of a file cost nothing.
fn cost(route: &str) -> Option<(Bucket, u64)> {
    match route {
        "videos.open" => Some((Bucket::Inserts, 1)),
        "channels.list" | "videos.list" | "playlistItems.list" => Some((Bucket::Units, 1)),
        "videos.delete" | "thumbnails.set" | "playlistItems.insert" => Some((Bucket::Units, 50)),
        _ => None,
    }
}

impl State {
    /// Takes the cost of a call out of its project's bucket.
    pub fn spend(&mut self, route: &str, app: usize, now: Timestamp) -> Result<(), Refusal> {
        let Some((bucket, cost)) = cost(route) else {
            return Ok(());
        };
        let most = match bucket {
            Bucket::Inserts => self.limits.inserts_max,
            Bucket::Units => self.limits.units_max,
        };
        let fresh = Used { count: 0, ends_at: DAY_IN.next_midnight(now) };
        let used = self.used.entry((app, bucket)).or_insert(fresh);
        if used.ends_at <= now {
            *used = fresh;
        }
        if used.count + cost > most {
            let told = "The request cannot be completed because you have exceeded your quota.";
            return Err(Refusal::forbidden(["youtube.quota", "quotaExceeded"], told));
        }
        used.count += cost;
        Ok(())
    }
}
