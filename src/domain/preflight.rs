//! What may keep a delivery from going out, judged before it is due.
//!
//! Invariant: total and pure. A delivery without a problem has no row, and one problem of one
//! delivery is one row, however often it is looked at.

use crate::id::DeliveryId;
use crate::time::Timestamp;
use crate::zone::Zone;
use std::time::Duration;

/// So long before its due time a delivery is looked at.
pub const LOOKS: [Duration; 3] =
    [Duration::from_secs(24 * 3_600), Duration::from_secs(3_600), Duration::from_secs(600)];
/// A look sees what is due within this time: the earliest of the looks.
pub const AHEAD: Duration = LOOKS[0];

/// An account as its posts will find it, unless somebody acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The name a person knows it by.
    pub handle: String,
    /// The platform.
    pub platform: String,
    /// What keeps the whole account from publishing, in a few words.
    pub down: Option<Down>,
    /// When its token ends, where nothing renews it.
    pub token_ends_at: Option<Timestamp>,
    /// What its owner did not consent to, of what publishing needs.
    pub scopes_missing: Vec<String>,
    /// The version of the platform's API in use, and when it may be gone.
    pub version: Option<(String, Timestamp)>,
    /// How much it may publish.
    pub windows: Vec<Window>,
}

/// The whole account stands still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Down {
    /// The word: `needs_reconnect`, `damaged`, `disconnected` or `paused`.
    pub kind: &'static str,
    /// Why, in the words that were kept.
    pub reason: String,
}

/// A limit of posts, with what was used of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Tells it from the others of the account.
    pub name: String,
    /// Whose limit it is, as `linkedin` or `your limit for this account`.
    pub whose: String,
    /// Calls allowed in it.
    pub calls_max: u32,
    /// Its length.
    pub length: Duration,
    /// The zone whose calendar day it is; a rolling one without.
    pub day_in: Option<Zone>,
    /// What of a delivery counts in it.
    pub counts: Counts,
    /// When the calls that count were made.
    pub used: Vec<Timestamp>,
}

/// What of a delivery counts in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    /// The whole of it, once.
    Posts,
    /// Each of its parts.
    Parts,
    /// The parts behind its first.
    FurtherParts,
}

/// A delivery that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Which one.
    pub id: DeliveryId,
    /// When.
    pub due_at: Timestamp,
    /// Its parts; 1 for what is no chain.
    pub parts: u32,
    /// Files that it names and that are not in the library any more.
    pub media_missing: Vec<String>,
}

/// A problem of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Risk {
    /// Of which one.
    pub delivery: DeliveryId,
    /// The word for programs.
    pub kind: &'static str,
    /// Tells two problems of a kind apart; mostly empty.
    pub about: String,
    /// The story in a sentence.
    pub message: String,
    /// What to do about it.
    pub resolution: &'static str,
}

/// When a delivery is looked at next; `None` when its last look is over.
pub fn next_look(due_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
    LOOKS.iter().map(|ahead| due_at - *ahead).find(|look| *look > now)
}

/// Every problem of what is due, by delivery and in the order of due times.
pub fn judge(account: &Account, due: &[Due]) -> Vec<Risk> {
    let mut due: Vec<&Due> = due.iter().collect();
    due.sort_by_key(|one| (one.due_at, one.id));
    let mut risks: Vec<Risk> = due.iter().flat_map(|one| of_account(account, one)).collect();
    // What stands still uses nothing up, and its owner has one thing to do first.
    if account.down.is_none() {
        for window in &account.windows {
            risks.extend(beyond(window, &due));
        }
    }
    let place = |risk: &Risk| due.iter().position(|one| one.id == risk.delivery);
    risks.sort_by_key(place);
    risks
}

/// The problems that a delivery has by itself or shares with its whole account.
fn of_account(account: &Account, due: &Due) -> Vec<Risk> {
    let Account { handle, platform, .. } = account;
    let mut risks = Vec::new();
    let mut tell = |kind, about: &str, message: String, resolution| {
        let about = about.to_owned();
        risks.push(Risk { delivery: due.id, kind, about, message, resolution });
    };
    if let Some(Down { kind, reason }) = &account.down {
        let (state, way) = match *kind {
            "paused" => ("is paused", "Resume it before the post is due."),
            "disconnected" => {
                ("was disconnected", "Connect the account again, or cancel the post.")
            }
            _ => ("has to be connected again", "Connect the account again before the post is due."),
        };
        tell(kind, "", format!("{handle} {state}: {}.", bare(reason)), way);
        return risks;
    }
    if let Some(end) = account.token_ends_at.filter(|end| *end <= due.due_at) {
        let message = format!("The token of {handle} ends at {end}, and nothing renews it.");
        tell("token_ends", "", message, "Connect the account again before then.");
    }
    if !account.scopes_missing.is_empty() {
        let missing = account.scopes_missing.join(", ");
        let message = format!("{handle} was connected without {missing}, which publishing needs.");
        tell("scopes_missing", "", message, "Connect the account again and leave nothing out.");
    }
    if let Some((version, end)) = account.version.as_ref().filter(|(_, end)| *end <= due.due_at) {
        let message = format!("Version {version} of the API of {platform} may be gone at {end}.");
        tell("version_ends", "", message, "The operator has to name a later `api_version`.");
    }
    for asset in &due.media_missing {
        let message = format!("The file {asset} is not in the library any more.");
        tell("media_missing", asset, message, "Upload it again and put it into the post.");
    }
    risks
}

/// The deliveries that a window has no room for when their time comes.
fn beyond(window: &Window, due: &[&Due]) -> Vec<Risk> {
    let cost = |one: &Due| match window.counts {
        Counts::Posts => 1,
        Counts::Parts => one.parts.max(1),
        Counts::FurtherParts => one.parts.saturating_sub(1),
    };
    let mut risks = Vec::new();
    for (place, one) in due.iter().enumerate() {
        let (from, to) = window.around(one.due_at);
        let used = window.used.iter().filter(|at| (from..to).contains(*at)).count();
        let left = window.calls_max.saturating_sub(u32::try_from(used).unwrap_or(u32::MAX));
        let inside = |other: &&&Due| (from..to).contains(&other.due_at);
        let wanted: u32 = due[..=place].iter().filter(inside).map(|other| cost(other)).sum();
        if wanted <= left || cost(one) == 0 {
            continue;
        }
        let all: u32 = due.iter().filter(inside).map(|other| cost(other)).sum();
        let (what, when) = (window.what(), window.when());
        risks.push(Risk {
            delivery: one.id,
            kind: "quota",
            about: window.name.clone(),
            message: format!(
                "{all} {what} due, {left} left {when} (the limit of {} is {}): this one is beyond \
                 them and would go out late.",
                window.whose, window.calls_max,
            ),
            resolution: "Move it to another time, or cancel what matters less.",
        });
    }
    risks
}

impl Window {
    /// The time whose calls count together with one at this instant.
    fn around(&self, at: Timestamp) -> (Timestamp, Timestamp) {
        match self.day_in {
            Some(zone) => (zone.last_midnight(at), zone.next_midnight(at)),
            // To the millisecond after it, so that it counts itself.
            None => (at - self.length, at + Duration::from_millis(1)),
        }
    }

    fn what(&self) -> &'static str {
        match self.counts {
            Counts::Posts => "posts",
            Counts::Parts => "posts (each part of a chain is one)",
            Counts::FurtherParts => "replies in chains",
        }
    }

    fn when(&self) -> String {
        match self.day_in {
            Some(Zone::Utc) => "on that day (UTC)".to_owned(),
            Some(Zone::Pacific) => "on that day (Pacific time)".to_owned(),
            None => format!("in the {} h before it", self.length.as_secs() / 3_600),
        }
    }
}

fn bare(words: &str) -> &str {
    words.trim().trim_end_matches(['.', '!', ' '])
}

#[cfg(test)]
mod tests;
