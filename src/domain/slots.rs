//! The weekly slots of a brand or an account, and when they fall.
//!
//! Invariant: no slot falls twice on one instant, and each follows the rule of
//! [`crate::local`] where the clocks change.

use crate::local::{Shift, TimeZone, Wall};
use crate::rejection::{Rejection, Rule, excerpt};
use crate::request::Fields;
use crate::time::Timestamp;
use jiff::civil::{Date, Time, Weekday};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use utoipa::ToSchema;

/// Slots of one week: one every 50 minutes, more than any account should fill.
pub const SLOTS_MAX: usize = 200;

/// How far ahead a free slot is looked for: a year, and what is needed to plan the next one.
pub const HORIZON: Duration = Duration::from_secs(400 * 86_400);

/// The days in the order of a week, by the names that requests use.
const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// A time of a week, as the clocks of a brand show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    /// The place of the day in [`DAYS`].
    day: usize,
    time: Time,
}

/// The slots of a week, in its order, each of them once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Week(Vec<Slot>);

/// A slot on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurrence {
    /// When it is.
    pub at: Timestamp,
    /// As it was written, with its date.
    pub wall: Wall,
    /// What the clocks do there.
    pub shift: Shift,
}

impl Slot {
    /// The slot of a day, as `mon`, and a time, as `09:30` or `09:30:15`.
    pub fn read(day: &str, time: &str) -> Option<Self> {
        let day = DAYS.iter().position(|(name, _)| *name == day)?;
        let shape: String =
            time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        let is_time = matches!(shape.as_str(), "00:00" | "00:00:00") && !time.ends_with(":60");
        let time = is_time.then(|| time.parse().ok())??;
        Some(Self { day, time })
    }

    /// Its day, as `mon`.
    pub fn day(self) -> &'static str {
        DAYS[self.day].0
    }

    /// Its time, as `09:30`; seconds are written where there are any.
    pub fn time(self) -> String {
        let form = if self.time.second() == 0 { "%H:%M" } else { "%H:%M:%S" };
        self.time.strftime(form).to_string()
    }
}

/// A slot as JSON has it.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = Slot)]
pub struct Written {
    /// The day of the week, as `mon`.
    #[schema(pattern = "^(mon|tue|wed|thu|fri|sat|sun)$")]
    day: String,
    /// The time of the day, as `09:30`.
    time: String,
}

impl Serialize for Slot {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        Written { day: self.day().to_owned(), time: self.time() }.serialize(s)
    }
}

impl<'de> Deserialize<'de> for Slot {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let Written { day, time } = Written::deserialize(d)?;
        Self::read(&day, &time).ok_or_else(|| D::Error::custom("not a slot of a week"))
    }
}

impl Week {
    /// The slots of a week, whatever their order.
    pub fn of(slots: impl IntoIterator<Item = Slot>) -> Self {
        let mut slots: Vec<Slot> = slots.into_iter().collect();
        slots.sort_unstable();
        slots.dedup();
        Self(slots)
    }

    /// Reads the list in the field `slots`; what is wrong is taken note of.
    pub fn read(fields: &mut Fields<'_>) -> Self {
        if fields.value("slots").is_none() {
            fields.missing("slots", "List the slots; an empty list is none.");
        }
        let entries = fields.list_up_to("slots", SLOTS_MAX).unwrap_or_default();
        let mut slots: Vec<Slot> = Vec::with_capacity(entries.len());
        for (place, entry) in entries.iter().enumerate() {
            let path = format!("slots[{place}]");
            let Some(slot) = read_slot(fields, &path, entry) else { continue };
            if slots.contains(&slot) {
                let (day, time) = (slot.day(), slot.time());
                let message = format!("There is a slot on {day} at {time} already.");
                fields.reject(
                    Rejection::request(Rule::Conflict, path, message)
                        .bounds("each slot once", format!("{day} {time}"))
                        .resolve("Leave it out, or give it another time."),
                );
            } else {
                slots.push(slot);
            }
        }
        Self::of(slots)
    }

    /// The slots, in the order of the week.
    pub fn slots(&self) -> &[Slot] {
        &self.0
    }

    /// When the slots fall, after `after` and before `until`, in the order of their instants.
    pub fn upcoming<'a>(
        &'a self,
        zone: &'a TimeZone,
        after: Timestamp,
        until: Timestamp,
    ) -> Upcoming<'a> {
        // Clocks have skipped a whole day, so what falls behind `after` may be written two days
        // before it.
        let day = zone.wall(after).map(|wall| wall.civil().date());
        let day = day.map(|day| before(before(day)));
        let day = day.filter(|_| !self.0.is_empty());
        Upcoming { week: self, zone, after, until, day, ahead: BTreeMap::new() }
    }
}

fn read_slot<'a>(fields: &mut Fields<'a>, path: &str, entry: &'a Value) -> Option<Slot> {
    let Some(object) = entry.as_object() else {
        fields.wrong_type(path.to_owned(), "an object with `day` and `time`", entry);
        return None;
    };
    let mut slot = Fields::new(Some(object), path, None);
    let days: [(&'static str, &'static str); 7] = DAYS.map(|(name, _)| (name, name));
    let named = slot.required_text("day", "Name the day, as `mon`.");
    let day = named.and_then(|_| slot.choice("day", &days));
    let time = slot.required_text("time", "Say when, as `09:30`.");
    let read = time.and_then(|time| Slot::read("mon", time));
    if let Some(time) = time.filter(|_| read.is_none()) {
        let field = slot.path("time");
        let message = format!("`{field}` is no time of a day: `{}`.", excerpt(time));
        slot.reject(
            Rejection::request(Rule::OutOfRange, field, message)
                .bounds("00:00 to 23:59, with or without seconds", time)
                .resolve("Write hours and minutes with two digits each, as `09:30`."),
        );
    }
    fields.absorb(slot);
    Slot::read(day?, &read?.time())
}

fn before(day: Date) -> Date {
    day.yesterday().unwrap_or(day)
}

/// The slots of a week as they fall, one after the other.
#[derive(Debug)]
pub struct Upcoming<'a> {
    week: &'a Week,
    zone: &'a TimeZone,
    after: Timestamp,
    until: Timestamp,
    /// The next day that is looked at; none behind the last.
    day: Option<Date>,
    /// What falls on the days that were, and was not given out yet.
    ahead: BTreeMap<Timestamp, Occurrence>,
}

impl Upcoming<'_> {
    fn look_at(&mut self, day: Date) {
        for slot in self.week.0.iter().filter(|slot| DAYS[slot.day].1 == day.weekday()) {
            let wall = Wall::of(day.to_datetime(slot.time));
            let Some((at, shift)) = self.zone.instant(wall) else { continue };
            if at > self.after && at < self.until {
                let fallen = Occurrence { at, wall, shift };
                // Two that meet are one, named by the clocks where they show it.
                let known = self.ahead.entry(at).or_insert(fallen);
                if shift == Shift::None {
                    *known = fallen;
                }
            }
        }
        // A day wholly behind the end has nothing more, nor have those after it.
        let begins = self.zone.instant(Wall::of(day.to_datetime(Time::midnight())));
        let is_over = begins.is_none_or(|(at, _)| at >= self.until);
        self.day = if is_over { None } else { day.tomorrow().ok() };
    }
}

impl Iterator for Upcoming<'_> {
    type Item = Occurrence;

    fn next(&mut self) -> Option<Occurrence> {
        // Nothing that is written three days later comes first, whatever the clocks skip.
        while let Some(day) = self.day {
            let first = self.ahead.first_key_value().map(|(_, first)| first.wall.civil().date());
            if first.is_some_and(|first| first < before(before(day))) {
                break;
            }
            self.look_at(day);
        }
        self.ahead.pop_first().map(|(_, fallen)| fallen)
    }
}

#[cfg(test)]
mod tests;
