//! `postfleet post`: uploads files, enqueues a post, and waits for its deliveries if asked to.

use super::status;
use crate::say::say;
use base::{Context, Fault};
use client::{Client, Place};
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;

/// What `postfleet post` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// The brand's slug.
    #[arg(long, value_name = "SLUG")]
    brand: String,
    /// The wording.
    #[arg(long, default_value = "")]
    text: String,
    /// A file to go with it, and what to tell those who cannot see it. May be repeated.
    #[arg(long, value_name = "FILE[:ALT]")]
    media: Vec<String>,
    /// Files for one platform alone, instead of those for all. May be repeated.
    #[arg(long, value_name = "PLATFORM=FILE[:ALT]")]
    media_for: Vec<String>,
    /// A field of the post, as `threads.text=Hello` or `youtube.madeForKids=false`. May be
    /// repeated.
    #[arg(long, value_name = "FIELD=VALUE")]
    set: Vec<String>,
    /// A platform: every account of it on the brand. May be repeated.
    #[arg(long, value_name = "NAME")]
    platform: Vec<String>,
    /// An account's id. May be repeated.
    #[arg(long, value_name = "ID")]
    account: Vec<String>,
    /// When it is due, as 2026-12-01T09:00:00Z, or as 2026-12-01T09:00 by the clocks of the brand;
    /// now without it.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// It is due in the next free slot.
    #[arg(long, conflicts_with = "at")]
    next_slot: bool,
    /// Sent twice with the same key, it is one post.
    #[arg(long, value_name = "TEXT")]
    key: Option<String>,
    /// Waits for the deliveries.
    #[command(flatten)]
    wait: status::Wait,
}

/// Enqueues the post.
///
/// # Errors
/// The fleet refuses, with everything that is wrong.
pub async fn run(arguments: &Arguments) -> Result<ExitCode, Fault> {
    let place = Place::find()?;
    let fleet = Client::new(&place)?;
    let mut media = Vec::with_capacity(arguments.media.len());
    for named in &arguments.media {
        media.push(upload(&fleet, named).await?);
    }
    let mut body = body(arguments, media);
    for given in &arguments.media_for {
        let (platform, named) = given.split_once('=').context("--media-for is PLATFORM=FILE")?;
        let used = upload(&fleet, named).await?;
        match &mut body[platform]["media"] {
            Value::Array(list) => list.push(used),
            none => *none = json!([used]),
        }
    }
    for given in &arguments.set {
        let (field, value) = given.split_once('=').context("--set is FIELD=VALUE")?;
        // What reads as JSON is taken so; everything else is a text.
        let value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
        set(&mut body, field, value)?;
    }
    let accepted = fleet.post(&body, arguments.key.as_deref()).await?;
    if !arguments.wait.watch {
        say(format_args!("{}  {}", accepted.id, accepted.status));
        return Ok(ExitCode::SUCCESS);
    }
    status::watch(&fleet, &place, &accepted.id, &arguments.wait).await
}

/// Writes a value where a dotted name points.
fn set(body: &mut Value, field: &str, value: Value) -> Result<(), Fault> {
    let mut at = body;
    for name in field.split('.') {
        if !at.is_null() && !at.is_object() {
            return Err(Fault::new(format!("--set {field}: there is a value on the way already")));
        }
        at = &mut at[name];
    }
    *at = value;
    Ok(())
}

/// Brings a file in; the way a post names it.
async fn upload(fleet: &Client, named: &str) -> Result<Value, Fault> {
    let (file, alt) = split(named, |file| Path::new(file).is_file());
    let asset = fleet.upload(Path::new(file)).await?;
    Ok(match alt {
        Some(alt) => json!({"id": asset.id, "altText": alt}),
        None => json!({"id": asset.id}),
    })
}

fn body(arguments: &Arguments, media: Vec<Value>) -> Value {
    let mut body = json!({"brandSlug": arguments.brand, "text": arguments.text});
    let mut put = |name: &str, value: Value| body[name] = value;
    if !media.is_empty() {
        put("media", media.into());
    }
    if !arguments.platform.is_empty() {
        put("platforms", json!(arguments.platform));
    }
    if !arguments.account.is_empty() {
        put("accounts", json!(arguments.account));
    }
    if let Some(at) = &arguments.at {
        put("scheduledAt", json!(at));
    }
    if arguments.next_slot {
        put("schedule", json!("nextSlot"));
    }
    body
}

/// The file and the alternative text in `FILE[:ALT]`; both may hold colons.
fn split(named: &str, is_file: impl Fn(&str) -> bool) -> (&str, Option<&str>) {
    if is_file(named) {
        return (named, None);
    }
    let colons = named.match_indices(':').map(|(at, _)| (&named[..at], &named[at + 1..]));
    let mut candidates = colons.clone().filter(|(file, _)| is_file(file));
    // A file that is nowhere is complained of under the name before the first colon.
    match candidates.next().or_else(|| colons.clone().next()) {
        Some((file, alt)) => (file, Some(alt)),
        None => (named, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dotted_field_is_set_where_it_points() {
        let mut body = json!({"text": "all", "youtube": {"media": []}});
        set(&mut body, "youtube.title", json!("A title")).unwrap();
        set(&mut body, "x.poll.durationMinutes", json!(5)).unwrap();
        assert_eq!(body["youtube"], json!({"media": [], "title": "A title"}));
        assert_eq!(body["x"]["poll"]["durationMinutes"], 5);
        assert!(set(&mut body, "text.length", json!(1)).is_err());
    }

    #[test]
    fn file_and_alternative_text_are_told_apart_by_what_exists() {
        let is_file = |file: &str| ["a.png", "b:1.png"].contains(&file);
        assert_eq!(split("a.png", is_file), ("a.png", None));
        assert_eq!(split("a.png:A cat: asleep", is_file), ("a.png", Some("A cat: asleep")));
        assert_eq!(split("b:1.png", is_file), ("b:1.png", None));
        assert_eq!(split("b:1.png:one", is_file), ("b:1.png", Some("one")));
        assert_eq!(split("none.png:alt", is_file), ("none.png", Some("alt")));
    }
}
