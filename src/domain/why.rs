//! One sentence on a delivery: why it is not out (or that it is, and where), and what comes next.
//!
//! Invariant: total and pure. Whatever stands in the tables, there is a sentence, and it promises
//! nothing that the rows do not owe.

use crate::account::Paused;
use crate::decision::ATTEMPTS_MAX;
use crate::delivery::Status;
use crate::failure::Scope;
use crate::id::DeliveryId;
use crate::lateness::HELD;
use crate::post::Stage;
use crate::time::Timestamp;
use crate::timeline::Wait;
use std::time::Duration;

/// A job that is overdue by this much tells of missing workers; the sweep looks every 15 s, and a
/// worker that is there takes milliseconds.
pub const SILENCE: Duration = Duration::from_secs(20);

/// What stands in the tables about a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The present.
    pub now: Timestamp,
    /// Where it stands.
    pub status: Status,
    /// Where its post stands.
    pub stage: Stage,
    /// The platform.
    pub platform: String,
    /// The name a person knows the account by.
    pub account: String,
    /// When it is due.
    pub due_at: Timestamp,
    /// The closed gate that holds it.
    pub gate: Option<Gate>,
    /// The account needs its owner, for this reason.
    pub needs_reconnect: Option<String>,
    /// The account or its brand is paused, for this reason.
    pub paused: Option<(Paused, String)>,
    /// The limits that the account's owner has set, in words.
    pub own_limits: Option<String>,
    /// What may keep it from going out in time.
    pub risk: Option<String>,
    /// Why it failed, waits or is under review.
    pub failure: Option<Reason>,
    /// The deadline of the open intent.
    pub deadline_at: Option<Timestamp>,
    /// Postgres went back and may have forgotten that it is out: it is asked for from then on.
    pub ask_from: Option<Timestamp>,
    /// Complete look-ups that found nothing.
    pub absences: u32,
    /// Deaths of a process while it was worked on.
    pub crashes: u32,
    /// Attempts spent.
    pub attempts: u32,
    /// Another delivery of the account whose equal wording may be out.
    pub twin: Option<DeliveryId>,
    /// Somebody renews the account's token, until this instant at most.
    pub refresh_until: Option<Timestamp>,
    /// When its next wake-up is due, where one is owed.
    pub wake_at: Option<Timestamp>,
    /// What it waits for, as the last attempt left it.
    pub wait: Option<Wait>,
    /// A step that failed after it was out.
    pub after: Option<String>,
    /// Parts that are out.
    pub parts_out: u32,
    /// Parts in all; 1 for what is no chain.
    pub parts: u32,
    /// When it was settled as published.
    pub published_at: Option<Timestamp>,
    /// Where a person can see it.
    pub permalink: Option<String>,
}

/// A closed gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// Whose.
    pub scope: Scope,
    /// When it opens.
    pub until: Timestamp,
    /// Why it is closed.
    pub reason: String,
}

/// A failure as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The product's error type.
    pub kind: String,
    /// The story.
    pub message: String,
    /// The way out.
    pub resolution: String,
}

/// The sentence.
pub fn why(facts: &Facts) -> String {
    let told = match facts.status {
        Status::Validating => checking(facts),
        Status::Scheduled | Status::Ready => waiting(facts),
        Status::Sending => sending(facts),
        Status::Reconciling => asking(facts),
        Status::Review if facts.failure.as_ref().is_some_and(|why| why.kind == HELD) => format!(
            "It is late and waits for a person: {}; to let it out or drop it, settle its review",
            message(facts, "nobody can tell"),
        ),
        Status::Review => format!(
            "A person has to look whether it is out on {} and settle the review: {}",
            facts.account,
            message(facts, "nobody can tell"),
        ),
        Status::Published => published(facts),
        Status::Failed => failed(facts),
        Status::Cancelled => "It was cancelled before it left and will not go out".to_owned(),
    };
    format!("{told}.")
}

fn checking(facts: &Facts) -> String {
    if let Some(told) = held(facts) {
        return told;
    }
    if let Some(silence) = silence(facts) {
        return format!(
            "It was accepted, but no worker has checked it for {silence}: it goes on as soon as \
             one with the role fan-out runs"
        );
    }
    let then = match facts.due_at > facts.now {
        true => format!("at {}", at(facts, facts.due_at)),
        false => "at once".to_owned(),
    };
    format!("It was accepted and is about to be checked by a worker; then it goes out {then}")
}

/// What keeps a delivery that nothing is under way for, the strongest reason first.
fn waiting(facts: &Facts) -> String {
    if let Some(told) = held(facts) {
        return told;
    }
    if let Some(reason) = &facts.needs_reconnect {
        return format!(
            "{} has to be connected again ({}): it fails at its time unless that is done first",
            facts.account,
            bare(reason),
        );
    }
    if let Some((what, reason)) = &facts.paused {
        let told = format!(
            "{} is paused ({}): it goes out {}once somebody resumes the {}",
            match what {
                Paused::Account => facts.account.clone(),
                Paused::Brand => format!("The brand of {}", facts.account),
            },
            bare(reason),
            match facts.due_at > facts.now {
                true => format!("at {} or ", at(facts, facts.due_at)),
                false => String::new(),
            },
            what.as_str(),
        );
        return chained(facts, told);
    }
    if let Some(gate) = facts.gate.as_ref().filter(|gate| gate.until > facts.due_at) {
        return chained(facts, parked(facts, gate));
    }
    if facts.crashes > 0 {
        let times = times(facts.crashes);
        return format!(
            "Working on it ended a worker process {times}: it is tried again on its own, and \
             given up after three times"
        );
    }
    if facts.due_at > facts.now {
        return ahead(facts);
    }
    if facts.ask_from.is_some() {
        return format!(
            "The database went back in time and may have forgotten that it is out: {} is asked \
             before it is sent",
            facts.platform,
        );
    }
    if let Some(twin) = facts.twin {
        return format!(
            "An equal wording may be out on {} already (delivery {twin}): it waits until that is \
             known",
            facts.account,
        );
    }
    chained(facts, due(facts))
}

/// What its post says about it, where it does not simply go its way.
fn held(facts: &Facts) -> Option<String> {
    let told = match facts.stage {
        Stage::Live => return None,
        Stage::Draft | Stage::Held => "Its post is held back: nothing leaves until it is released",
        Stage::Cancelled | Stage::Archived => "Its post was taken back: it will not go out",
    };
    Some(told.to_owned())
}

fn parked(facts: &Facts, gate: &Gate) -> String {
    let (platform, until, reason) = (&facts.platform, at(facts, gate.until), bare(&gate.reason));
    let whose = match gate.scope {
        Scope::Account => facts.account.clone(),
        Scope::App => "our app, for every account connected through it,".to_owned(),
        Scope::Platform => "all our accounts".to_owned(),
    };
    match facts.failure.as_ref().map(|failure| failure.kind.as_str()) {
        Some("PlatformOperatorError") => format!(
            "Somebody has to act, because {platform} refuses {} ({reason}): it is tried again at \
             {until}",
            match gate.scope {
                Scope::Account => facts.account.as_str(),
                Scope::App => "our app",
                Scope::Platform => "us",
            },
        ),
        Some("PlatformAuthError") => format!(
            "{platform} refused a token of {} that had just been renewed ({reason}): it is tried \
             again at {until}",
            facts.account,
        ),
        _ => format!(
            "{platform} takes no calls from {whose} until {until} ({reason}): it goes on then"
        ),
    }
}

/// Before the due time.
fn ahead(facts: &Facts) -> String {
    let due = at(facts, facts.due_at);
    if let Some(risk) = &facts.risk {
        return format!("It is scheduled for {due}, but in danger: {}", bare(risk));
    }
    match (facts.status, facts.wait) {
        (Status::Scheduled, _) => format!("It is scheduled and goes out at {due}"),
        (_, Some(Wait::Processing)) => format!(
            "{} is still processing what was sent ahead: it goes out at {due}",
            facts.platform,
        ),
        _ => format!("Everything before the last step is done: it goes out at {due}"),
    }
}

/// At or after the due time, with no gate, no death and no twin in the way.
fn due(facts: &Facts) -> String {
    let Some(wake_at) = facts.wake_at.filter(|wake_at| *wake_at > facts.now) else {
        return overdue(facts);
    };
    let wake = at(facts, wake_at);
    if facts.wait == Some(Wait::Token) || facts.refresh_until.is_some() {
        let words = facts.failure.as_ref().map(|f| format!(" ({})", bare(&f.message)));
        return format!(
            "The token of {} could not be renewed yet{}: it goes on at {wake}",
            facts.account,
            words.unwrap_or_default(),
        );
    }
    if let Some(failure) = &facts.failure {
        return format!(
            "Attempt {} of at most {ATTEMPTS_MAX} failed ({}): the next one is made at {wake}",
            facts.attempts,
            bare(&failure.message),
        );
    }
    match facts.wait {
        Some(Wait::Limit) => match &facts.own_limits {
            None => format!(
                "All calls that {} takes from {} for now are spent: it goes on at {wake}",
                facts.platform, facts.account,
            ),
            Some(own) => format!(
                "All calls that {} takes from {} for now are spent, or the limits set for it \
                 ({own}) leave no room: it goes on at {wake}",
                facts.platform, facts.account,
            ),
        },
        Some(Wait::Processing) => format!(
            "{} is still processing its media: it is looked at again at {wake}",
            facts.platform,
        ),
        Some(Wait::Backlog) => format!(
            "It is late, and late posts of {} leave apart: it goes out at {wake}",
            facts.account,
        ),
        Some(Wait::Doubt | Wait::Due | Wait::Token | Wait::Turn) | None => {
            format!("It goes on at {wake}")
        }
    }
}

fn overdue(facts: &Facts) -> String {
    match silence(facts) {
        Some(silence) => format!(
            "It has been due for {silence}, and no worker has taken it up: it goes on as soon as \
             one that publishes on {} is free",
            facts.platform,
        ),
        None => "It is due, and a worker is about to take it up".to_owned(),
    }
}

fn sending(facts: &Facts) -> String {
    match facts.deadline_at.filter(|deadline| *deadline > facts.now) {
        Some(deadline) => format!(
            "The call that publishes it is under way and may take until {}: after that {} is \
             asked what became of it",
            at(facts, deadline),
            facts.platform,
        ),
        None => format!(
            "The worker that sent it ended without a word: {} is asked what became of it before \
             anything is sent again",
            facts.platform,
        ),
    }
}

fn asking(facts: &Facts) -> String {
    let platform = &facts.platform;
    let wake_at = facts.wake_at.filter(|wake_at| *wake_at > facts.now);
    let when = match (&facts.paused, wake_at) {
        (Some((what, _)), _) => format!("once somebody resumes the {}", what.as_str()),
        (None, Some(wake_at)) => format!("at {}", at(facts, wake_at)),
        (None, None) => "now".to_owned(),
    };
    match facts.absences {
        0 => format!(
            "The answer to the call that publishes it was lost: {platform} is asked {when} \
             whether it is out, and it is sent again only if it is not"
        ),
        count => format!(
            "The answer to the call that publishes it was lost, and {platform} did not show it \
             {}: it is asked again {when}, and if it is absent then too, it is sent again",
            times(count),
        ),
    }
}

fn published(facts: &Facts) -> String {
    let since = facts.published_at.map(|at| format!(" since {}", second(at))).unwrap_or_default();
    let place = facts.permalink.as_deref().unwrap_or("an address that nobody told");
    match &facts.after {
        None => format!("It is out at {place}{since}"),
        Some(words) => {
            format!("It is out at {place}{since}, though a step after it failed ({})", bare(words))
        }
    }
}

fn failed(facts: &Facts) -> String {
    let begin = match facts.parts_out {
        0 => "It will not go out".to_owned(),
        out => format!("It stopped after part {out} of {}", facts.parts),
    };
    let way = facts.failure.as_ref().map(|f| bare(&f.resolution)).filter(|way| !way.is_empty());
    let way = way.map(|way| format!("; {}", lower(&way))).unwrap_or_default();
    let limited = facts.failure.as_ref().is_some_and(|f| f.kind == "PlatformRateLimitError");
    let reason = message(facts, "no reason was kept");
    match limited {
        true => format!("{begin}, because the limit lasts longer than it may wait ({reason})"),
        false => format!("{begin}: {reason}{way}"),
    }
}

/// The sentence of a chain says how much of it is out.
fn chained(facts: &Facts, told: String) -> String {
    match facts.parts_out {
        out if out > 0 && facts.parts > 1 => {
            format!("{told}; out so far: {out} of {} parts", facts.parts)
        }
        _ => told,
    }
}

fn message(facts: &Facts, otherwise: &str) -> String {
    let message = facts.failure.as_ref().map(|failure| bare(&failure.message));
    message.filter(|message| !message.is_empty()).unwrap_or_else(|| otherwise.to_owned())
}

/// How long a wake-up has been overdue, when that is suspicious.
fn silence(facts: &Facts) -> Option<String> {
    let late = facts.now.since(facts.wake_at?);
    (late >= SILENCE).then(|| span(late))
}

/// Words of others inside our sentence: without their full stops.
fn bare(words: &str) -> String {
    words.trim().trim_end_matches(['.', '!', ' ']).replace(". ", "; ")
}

fn lower(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

fn times(count: u32) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        count => format!("{count} times"),
    }
}

/// An instant, and how far away it is.
fn at(facts: &Facts, at: Timestamp) -> String {
    format!("{} (in {})", second(at), span(at.since(facts.now)))
}

/// An instant to the second, never earlier than it is.
fn second(at: Timestamp) -> String {
    let ms = at.ms();
    let whole = Timestamp::from_seconds(ms.div_euclid(1_000) + i64::from(ms.rem_euclid(1_000) > 0));
    whole.to_string().replace(".000Z", "Z")
}

/// A length of time in its largest fitting unit, rounded up.
fn span(time: Duration) -> String {
    let s = time.as_millis().div_ceil(1_000);
    match s {
        0..=120 => format!("{s} s"),
        121..=7_200 => format!("{} min", s.div_ceil(60)),
        7_201..=172_800 => format!("{} h", s.div_ceil(3_600)),
        _ => format!("{} days", s.div_ceil(86_400)),
    }
}

#[cfg(test)]
mod tests;
