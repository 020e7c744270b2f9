//! `postfleet calendar`: what a brand plans between two days, and its free slots.

use crate::say::say;
use base::Fault;
use client::{CalendarEntry, Client, Place};
use std::process::ExitCode;

/// Characters of a wording that a line shows.
const WORDS_CHARS_MAX: usize = 60;

/// What `postfleet calendar` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// The brand's slug.
    brand: String,
    /// The first day, as 2026-12-01, by the clocks of the brand; or a time.
    #[arg(long, value_name = "DAY")]
    from: String,
    /// The day behind the last one.
    #[arg(long, value_name = "DAY")]
    to: String,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// Prints one line for each post and each free slot.
///
/// # Errors
/// The fleet refuses or does not answer.
pub async fn run(arguments: &Arguments) -> Result<ExitCode, Fault> {
    let fleet = Client::new(&Place::find()?)?;
    let Arguments { brand, from, to, json } = arguments;
    let mut after = None;
    loop {
        let page = fleet.calendar(brand, (from, to), after.as_deref()).await?;
        for entry in &page.entries {
            match json {
                true => say(serde_json::to_string(entry).unwrap_or_default()),
                false => say(line(entry)),
            }
        }
        after = page.next_cursor;
        if after.is_none() {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

fn line(entry: &CalendarEntry) -> String {
    let Some(post) = &entry.post else { return format!("{}  free", entry.local) };
    let text = |name: &str| post[name].as_str().unwrap_or_default();
    let words: String = text("text").chars().take(WORDS_CHARS_MAX).collect();
    // One line each, whatever is in the wording.
    let words: Vec<&str> = words.split_whitespace().collect();
    format!("{}  {:<10} {}  {}", entry.local, text("status"), text("id"), words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_post_is_one_line_whatever_its_words() {
        let entry = |post| CalendarEntry {
            kind: "post".to_owned(),
            at: "2026-12-01T08:00:00.000Z".to_owned(),
            local: "2026-12-01T09:00:00+01:00".to_owned(),
            account_id: None,
            post,
        };
        let post = json!({"id": "pst_1", "status": "scheduled", "text": "We\n are live"});
        let expected = "2026-12-01T09:00:00+01:00  scheduled  pst_1  We are live";
        assert_eq!(line(&entry(Some(post))), expected);
        assert_eq!(line(&entry(None)), "2026-12-01T09:00:00+01:00  free");
    }
}
