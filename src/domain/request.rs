//! A post as its sender wrote it: read from JSON with every violation found, not only the first.

mod change;
mod fields;

pub use change::{Change, body, hold, is_incomplete, merge, parse_change, written};
pub use fields::{Fields, LIST_MAX, MEDIA_MAX};

use crate::content::MediaUse;
use crate::id::AccountId;
use crate::post::{Begin, Hold};
use crate::rejection::{Rejection, Rule, excerpt};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::time::Duration;

/// A due time this far in the past is a slow clock or a slow network: it means now.
pub const LATE_MAX: Duration = Duration::from_secs(60);

/// A post as its sender wrote it, read and well-formed. It is stored as it stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Draft {
    /// The brand it is for.
    pub brand_slug: String,
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
    /// Wording of its own, by platform.
    pub texts: BTreeMap<String, String>,
    /// Files of its own, by platform.
    pub medias: BTreeMap<String, Vec<MediaUse>>,
    /// What else was said to a platform: the rest of its object, read by the platform's folder.
    /// A platform that was given an object has an entry, be it empty.
    pub options: BTreeMap<String, Map<String, Value>>,
    /// Where it begins. The post's own stage is what counts later.
    #[serde(skip)]
    pub begin: Begin,
}

/// Reads the JSON of `POST /v1/posts`.
///
/// # Errors
/// Every violation that shows without looking at the database or at a platform's own options.
pub fn parse(body: &Value, platforms: &[&str], now: Timestamp) -> Result<Draft, Vec<Rejection>> {
    let (draft, problems) = read(body, platforms, now);
    if problems.is_empty() { Ok(draft) } else { Err(problems) }
}

/// Reads the JSON of `POST /v1/posts` as far as it can be read, with what is wrong in it: so that
/// the rest can be checked too, and every violation told at once.
pub fn read(body: &Value, platforms: &[&str], now: Timestamp) -> (Draft, Vec<Rejection>) {
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
    let (scheduled_at, not_after) = read_times(&mut fields, now);
    let begin = read_begin(&mut fields);
    fields.refuse(
        "repostOf",
        "A repost cannot be asked for by itself: LinkedIn, Instagram and YouTube let no program \
         repost, and on X a repost belongs to the post that it repeats.",
        "Leave it out, or write the text as a post of its own.",
    );
    let mut draft = Draft {
        brand_slug: brand_slug.unwrap_or_default().trim().to_owned(),
        text,
        media,
        platforms: addressed,
        accounts,
        scheduled_at,
        not_after,
        texts: BTreeMap::new(),
        medias: BTreeMap::new(),
        options: BTreeMap::new(),
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
fn read_times(fields: &mut Fields<'_>, now: Timestamp) -> (Option<Timestamp>, Option<Timestamp>) {
    let asked = read_time(fields, "scheduledAt");
    let not_after = read_time(fields, "notAfter");
    if let Some(at) = asked.filter(|at| *at < now - LATE_MAX) {
        fields.reject(past(
            "scheduledAt",
            at,
            now,
            "Name a time to come, or leave it out for now.",
        ));
    }
    let due_at = asked.filter(|at| *at > now);
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
    (due_at, not_after)
}

fn read_time(fields: &mut Fields<'_>, name: &'static str) -> Option<Timestamp> {
    let word = fields.text(name)?;
    let read = Timestamp::parse(word);
    if read.is_none() {
        let message = format!("`{name}` is no instant: `{}`.", excerpt(word));
        fields.reject(
            Rejection::request(Rule::OutOfRange, name, message)
                .bounds("an RFC 3339 date and time with an offset", word)
                .resolve("Write it with its offset, as 2026-12-01T09:00:00Z."),
        );
    }
    read
}

fn past(name: &str, at: Timestamp, now: Timestamp, resolution: &str) -> Rejection {
    let message = format!("`{name}` ({at}) is over: it is {now}.");
    Rejection::request(Rule::OutOfRange, name, message)
        .bounds(now.to_string(), at.to_string())
        .resolve(resolution)
}

fn read_platform<'a>(fields: &mut Fields<'a>, platform: &'a str, draft: &mut Draft) {
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
mod tests;
