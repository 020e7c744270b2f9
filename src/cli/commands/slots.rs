//! `postfleet slots`: shows and sets the weekly slots of a brand or an account.

use crate::say::say;
use base::{Context, Fault};
use client::{Client, Place, Slots};
use serde_json::{Value, json};
use std::process::ExitCode;

/// What `postfleet slots` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// The brand's slug.
    #[arg(required_unless_present = "account")]
    brand: Option<String>,
    /// The slots of this account, instead of those of a brand.
    #[arg(long, value_name = "ID", conflicts_with = "brand")]
    account: Option<String>,
    /// Sets the slots: a day and a time, as `mon 09:30`, by the clocks of the brand. Repeated for
    /// each; those that are not named are taken away.
    #[arg(long, value_name = "DAY TIME")]
    set: Vec<String>,
    /// Takes all slots away.
    #[arg(long, conflicts_with = "set")]
    clear: bool,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// Sets the slots if any are named, and shows them.
///
/// # Errors
/// The fleet refuses or does not answer.
pub async fn run(arguments: &Arguments) -> Result<ExitCode, Fault> {
    let fleet = Client::new(&Place::find()?)?;
    let owner = match (&arguments.account, &arguments.brand) {
        (Some(account), _) => ["accounts", account.as_str()],
        (None, brand) => ["brands", brand.as_deref().unwrap_or_default()],
    };
    let slots = arguments.set.iter().map(|slot| read(slot)).collect::<Result<Vec<_>, _>>()?;
    let shown = match arguments.clear || !slots.is_empty() {
        true => fleet.put_slots(owner, &slots).await?,
        false => fleet.slots(owner).await?,
    };
    match arguments.json {
        true => say(serde_json::to_string_pretty(&shown).unwrap_or_default()),
        false => lines(&shown).iter().for_each(say),
    }
    Ok(ExitCode::SUCCESS)
}

fn read(slot: &str) -> Result<Value, Fault> {
    let (day, time) = slot.split_once(' ').context("--set is a day and a time, as `mon 09:30`")?;
    Ok(json!({"day": day, "time": time.trim()}))
}

/// The week, and when the next free slots fall.
fn lines(shown: &Slots) -> Vec<String> {
    let week = shown.slots.iter().map(|slot| format!("{} {}", slot.day, slot.time));
    let next = shown.next.iter().map(|slot| format!("next {} ({})", slot.local, shown.time_zone));
    week.chain(next).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_a_day_and_a_time() {
        assert_eq!(read("mon 09:30").unwrap(), json!({"day": "mon", "time": "09:30"}));
        assert!(read("mon").is_err());
    }
}
