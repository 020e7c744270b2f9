//! A post as its sender wrote it: read from JSON with every violation found, not only the first.

mod change;
mod fields;
mod moments;

pub use change::{Change, body, hold, is_incomplete, merge, parse_change, written};
pub(crate) use fields::nearest;
pub use fields::{Fields, LIST_MAX, MEDIA_MAX};
pub use moments::{Moment, read_moment, read_zone};

use crate::content::MediaUse;
use crate::copies::{self, CopyOf};
use crate::duplicate::Policy;
use crate::id::AccountId;
use crate::lateness::Late;
use crate::local::{Local, TimeZone};
use crate::post::{Begin, Hold};
use crate::rejection::{Rejection, Rule, excerpt};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::time::Duration;

/// A due time this far in the past is a slow clock or a slow network: it means now.
pub const LATE_MAX: Duration = Duration::from_secs(60);

/// The longest reference of a sender's own.
pub const CLIENT_REF_CHARS_MAX: usize = 200;

/// Where a post is to stand, when no time is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Schedule {
    /// In the next free slot of its account, or of its brand.
    NextSlot,
}

/// A post as its sender wrote it, read and well-formed. It is stored as it stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Draft {
    /// The brand it is for.
    pub brand_slug: String,
    /// What its sender calls it; no other post of the tenant may be called so.
    #[serde(default)]
    pub client_ref: Option<String>,
    /// The wording for every platform that has none of its own.
    pub text: String,
    /// The files for every platform that has none of its own.
    pub media: Vec<MediaUse>,
    /// Every account of these platforms on the brand is addressed.
    pub platforms: Vec<String>,
    /// These accounts are addressed.
    pub accounts: Vec<AccountId>,
    /// When it is due; without it, now.
    pub scheduled_at: Option<Timestamp>,
    /// The latest instant at which it may still go out.
    pub not_after: Option<Timestamp>,
    /// What becomes of it then.
    #[serde(default)]
    pub late: Late,
    /// Another way to say when; the time it came to is then `scheduled_at`.
    pub schedule: Option<Schedule>,
    /// `scheduled_at` as the clocks of a zone show it, where it was said that way.
    pub scheduled_local: Option<Local>,
    /// Wording of its own, by platform.
    pub texts: BTreeMap<String, String>,
    /// Files of its own, by platform.
    pub medias: BTreeMap<String, Vec<MediaUse>>,
    /// What else was said to a platform: the rest of its object, read by the platform's folder.
    /// A platform that was given an object has an entry, be it empty.
    pub options: BTreeMap<String, Map<String, Value>>,
    /// How it is published anew, as it was written.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub republish: Option<Map<String, Value>>,
    /// What is done with it where an account has the same content already, if it is said here.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub duplicate_content: Option<Policy>,
    /// Of which post it is a copy.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub copy_of: Option<CopyOf>,
    /// Where it begins. The post's own stage is what counts later.
    #[serde(skip)]
    pub begin: Begin,
}

/// Reads the JSON of `POST /v1/posts`.
///
/// # Errors
/// Every violation that shows without looking at the database or at a platform's own options.
/// Times without an offset are read in UTC.
pub fn parse(body: &Value, platforms: &[&str], now: Timestamp) -> Result<Draft, Vec<Rejection>> {
    let (draft, problems) = read(body, platforms, now, &TimeZone::UTC);
    if problems.is_empty() { Ok(draft) } else { Err(problems) }
}

/// Reads the JSON of `POST /v1/posts` as far as it can be read, with what is wrong in it: so that
/// the rest can be checked too, and every violation told at once. Times without an offset are those
/// of `zone`, unless the post names another.
pub fn read(
    body: &Value,
    platforms: &[&str],
    now: Timestamp,
    zone: &TimeZone,
) -> (Draft, Vec<Rejection>) {
    let mut fields = Fields::new(body.as_object(), "", None);
    if !body.is_object() {
        fields.wrong_type("body".to_owned(), "an object", body);
        return (Draft::default(), fields.finish());
    }
    let brand_slug = fields.required_text("brandSlug", "Name the brand that the post is for.");
    let text = fields.text("text").unwrap_or_default().to_owned();
    let media = fields.media("media").unwrap_or_default();
    let addressed = read_platforms(&mut fields, platforms);
    let accounts = read_accounts(&mut fields);
    let (has_platforms, has_accounts) =
        (names_some(body, "platforms"), names_some(body, "accounts"));
    if !has_platforms && !has_accounts {
        fields.missing("platforms", "Name a platform in `platforms`, or an account in `accounts`.");
    }
    let named = read_zone(&mut fields, "timeZone");
    let zone = named.as_ref().unwrap_or(zone);
    let (moment, not_after) = read_times(&mut fields, now, zone);
    let late = read_late(&mut fields, not_after);
    let schedule = read_schedule(&mut fields);
    let begin = read_begin(&mut fields);
    let duplicate_content = fields.choice("duplicateContent", &Policy::WORDS);
    let client_ref = read_client_ref(&mut fields);
    let due_at = moment.as_ref().map(|moment| moment.at);
    let republish = copies::read(&mut fields, due_at, platforms);
    fields.refuse(
        "repostOf",
        "A repost cannot be asked for by itself: LinkedIn, Instagram and YouTube let no program \
         repost, and on X a repost belongs to the post that it repeats.",
        "Leave it out, or write the text as a post of its own.",
    );
    let mut draft = Draft {
        brand_slug: brand_slug.unwrap_or_default().trim().to_owned(),
        client_ref,
        text,
        media,
        platforms: addressed,
        accounts,
        scheduled_at: moment.as_ref().map(|moment| moment.at),
        not_after,
        late,
        schedule,
        scheduled_local: moment.and_then(|moment| moment.local),
        texts: BTreeMap::new(),
        medias: BTreeMap::new(),
        options: BTreeMap::new(),
        republish,
        duplicate_content,
        copy_of: None,
        begin,
    };
    for platform in platforms {
        read_platform(&mut fields, platform, &mut draft);
    }
    let mut problems = fields.finish();
    if has_platforms && !has_accounts {
        let addressed: Vec<&str> = draft.platforms.iter().map(String::as_str).collect();
        problems.extend(unaddressed(&draft, &addressed));
    }
    (draft, problems)
}

/// The options given to platforms that no target belongs to; `addressed` are those that one does.
pub fn unaddressed(draft: &Draft, addressed: &[&str]) -> Vec<Rejection> {
    let idle = draft.options.keys().filter(|name| !addressed.contains(&name.as_str()));
    let rejection = |name: &String| {
        let message = format!("There are options for {name}, but the post does not go there.");
        Rejection::request(Rule::Conflict, name.as_str(), message)
            .bounds(addressed.to_vec(), name.as_str())
            .resolve(format!("Add `{name}` to `platforms`, or leave its options out."))
    };
    idle.map(rejection).collect()
}

/// The field is there and, where it is a list, holds something.
fn names_some(body: &Value, name: &str) -> bool {
    let value = body.get(name).filter(|value| !value.is_null());
    value.is_some_and(|value| value.as_array().is_none_or(|list| !list.is_empty()))
}

fn read_platforms(fields: &mut Fields<'_>, platforms: &[&str]) -> Vec<String> {
    let mut addressed: Vec<String> = Vec::new();
    let entries = fields.list_up_to("platforms", LIST_MAX).unwrap_or_default();
    for (index, entry) in entries.iter().enumerate() {
        let path = format!("platforms[{index}]");
        let Some(name) = fields.as_text(&path, entry) else { continue };
        if !platforms.contains(&name) {
            let message = format!("There is no platform `{}` here.", excerpt(name));
            let resolution = match fields::nearest(name, platforms) {
                Some(near) => format!("Did you mean `{near}`?"),
                None => format!("Use one of: {}.", platforms.join(", ")),
            };
            fields.reject(
                Rejection::request(Rule::OutOfRange, path, message)
                    .bounds(platforms.to_vec(), name)
                    .resolve(resolution),
            );
        } else if !addressed.iter().any(|known| known == name) {
            addressed.push(name.to_owned());
        }
    }
    addressed
}

fn read_accounts(fields: &mut Fields<'_>) -> Vec<AccountId> {
    let mut accounts: Vec<AccountId> = Vec::new();
    let entries = fields.list_up_to("accounts", LIST_MAX).unwrap_or_default();
    for (index, entry) in entries.iter().enumerate() {
        let path = format!("accounts[{index}]");
        let word = fields.as_text(&path, entry);
        if let Some(id) = word.and_then(|word| fields.as_id(&path, word))
            && !accounts.contains(&id)
        {
            accounts.push(id);
        }
    }
    accounts
}

/// What the sender calls the post.
fn read_client_ref(fields: &mut Fields<'_>) -> Option<String> {
    let word = fields.text("clientRef")?.trim();
    let count = word.chars().count();
    let is_fine = (1..=CLIENT_REF_CHARS_MAX).contains(&count) && !word.contains(char::is_control);
    if !is_fine {
        let message = format!(
            "`clientRef` has 1 to {CLIENT_REF_CHARS_MAX} characters, none of them a control \
             character; this one has {count}."
        );
        let rejection = Rejection::request(Rule::OutOfRange, "clientRef", message)
            .bounds(CLIENT_REF_CHARS_MAX, count)
            .resolve("Send the identifier that the post has with you.");
        fields.reject(rejection);
    }
    is_fine.then(|| word.to_owned())
}

/// Whether it is a draft, held, or neither.
fn read_begin(fields: &mut Fields<'_>) -> Begin {
    let is_draft = fields.flag("draft").unwrap_or(false);
    match (is_draft, fields.choice("hold", &Hold::words())) {
        (false, None) => Begin::Live,
        (true, None) => Begin::Draft,
        (false, Some(hold)) => Begin::Held(hold),
        (true, Some(hold)) => {
            let message = "A draft goes out only when it is released, so there is nothing to hold.";
            let rejection = Rejection::request(Rule::Conflict, "hold", message)
                .bounds("no `hold` beside `draft`", hold.as_str())
                .resolve("Leave out `draft` or `hold`.");
            fields.reject(rejection);
            Begin::Draft
        }
    }
}

/// The due time, `None` for now, and the latest time.
fn read_times(
    fields: &mut Fields<'_>,
    now: Timestamp,
    zone: &TimeZone,
) -> (Option<Moment>, Option<Timestamp>) {
    let moment = read_moment(fields, "scheduledAt", zone);
    let asked = moment.as_ref().map(|moment| moment.at);
    let not_after = read_moment(fields, "notAfter", zone).map(|moment| moment.at);
    if let Some(at) = asked.filter(|at| *at < now - LATE_MAX) {
        fields.reject(past(
            "scheduledAt",
            at,
            now,
            "Name a time to come, or leave it out for now.",
        ));
    }
    match (asked, not_after) {
        (Some(due), Some(end)) if end < due => {
            let message = format!("`notAfter` ({end}) lies before `scheduledAt` ({due}).");
            fields.reject(
                Rejection::request(Rule::Conflict, "notAfter", message)
                    .bounds(due.to_string(), end.to_string())
                    .resolve("Name an instant after `scheduledAt`."),
            );
        }
        (_, Some(end)) if end < now => {
            fields.reject(past("notAfter", end, now, "Name an instant to come, or leave it out."));
        }
        _ => {}
    }
    (moment.filter(|moment| moment.at > now), not_after)
}

/// What its sender wants past `notAfter`. Whoever wants something else than the default has to
/// say when that is.
fn read_late(fields: &mut Fields<'_>, not_after: Option<Timestamp>) -> Late {
    let late = fields.choice("late", &Late::WORDS).unwrap_or_default();
    let is_told = fields.value("notAfter").is_some();
    if late != Late::Publish && not_after.is_none() && !is_told {
        let message =
            format!("`late` is `{}`, but nothing says when it is too late.", late.as_str());
        fields.reject(
            Rejection::request(Rule::Required, "notAfter", message)
                .bounds("an instant", Value::Null)
                .resolve("Name the latest instant in `notAfter`, or leave `late` out."),
        );
    }
    late
}

/// Another way to say when than a time.
fn read_schedule(fields: &mut Fields<'_>) -> Option<Schedule> {
    let schedule = fields.choice("schedule", &[("nextSlot", Schedule::NextSlot)]);
    if schedule.is_some() && fields.value("scheduledAt").is_some() {
        let message = "`schedule` and `scheduledAt` both say when the post is due.";
        fields.reject(
            Rejection::request(Rule::Conflict, "schedule", message)
                .bounds("one of schedule, scheduledAt", "both")
                .resolve("Leave one of them out."),
        );
    }
    schedule
}

fn past(name: &str, at: Timestamp, now: Timestamp, resolution: &str) -> Rejection {
    let message = format!("`{name}` ({at}) is over: it is {now}.");
    Rejection::request(Rule::OutOfRange, name, message)
        .bounds(now.to_string(), at.to_string())
        .resolve(resolution)
}

/// Reads what was said to a platform.
pub(crate) fn read_platform<'a>(fields: &mut Fields<'a>, platform: &'a str, draft: &mut Draft) {
    let Some(mut object) = fields.object(platform) else { return };
    if let Some(text) = object.text("text") {
        draft.texts.insert(platform.to_owned(), text.to_owned());
    }
    if let Some(media) = object.media("media") {
        draft.medias.insert(platform.to_owned(), media);
    }
    let (options, found) = object.rest();
    draft.options.insert(platform.to_owned(), options);
    for rejection in found {
        fields.reject(rejection.on(platform));
    }
}

#[cfg(test)]
mod edge_tests;
#[cfg(test)]
mod tests;
