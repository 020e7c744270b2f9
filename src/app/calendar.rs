//! A brand's calendar: what is planned and was published, and the slots that are still free.

use crate::caller::Caller;
use crate::show::{self, PostView};
use crate::{Answer, App, Refused};
use base::Fault;
use domain::id::{AccountId, BrandId};
use domain::local::TimeZone;
use domain::time::Timestamp;
use serde::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use store::calendar::Window;
use store::slots::{Owner, Slots};
use utoipa::ToSchema;
use uuid::Uuid;

/// Slots that are asked about in one statement.
const ASKED: usize = 200;

/// The calendar of a brand.
#[derive(Debug, Clone)]
pub struct Calendar {
    brand: BrandId,
    /// By whose clocks it is shown.
    pub zone: TimeZone,
}

/// A part of a calendar.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// From this instant on.
    pub from: Timestamp,
    /// Up to this, and not at it.
    pub to: Timestamp,
    /// Behind this place.
    pub after: Option<Cursor>,
    /// Entries at most.
    pub limit: usize,
}

/// A place in a calendar: posts stand before the slots of their microsecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    at_us: i64,
    rank: u8,
    id: Uuid,
}

const POST: u8 = 0;
const SLOT: u8 = 1;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.at_us, self.rank, self.id.simple())
    }
}

/// The first microsecond of the year 10000: nothing here is so late, and Postgres ends later.
const AT_US_END: i64 = 253_402_300_800_000_000;

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.splitn(3, '.');
        let mut part = || parts.next().ok_or(());
        let at_us = part()?.parse().map_err(|_| ())?;
        let rank = part()?.parse().map_err(|_| ())?;
        let id = part()?.parse().map_err(|_| ())?;
        let read = Self { at_us, rank, id };
        // Only what was written here: one place has one form.
        let is_ours = rank <= SLOT && (0..AT_US_END).contains(&at_us) && read.to_string() == text;
        is_ours.then_some(read).ok_or(())
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// What a calendar shows at an instant.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = CalendarEntry)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Entry {
    /// A post.
    Post {
        /// When it is due, or was accepted to go out at once.
        at: Timestamp,
        /// As the clocks of the brand show it, with their offset.
        local: String,
        /// The post.
        post: Box<PostView>,
    },
    /// A free slot.
    Slot {
        /// When it is.
        at: Timestamp,
        /// As the clocks of the brand show it, with their offset.
        local: String,
        /// The account it belongs to, if not to the brand.
        account_id: Option<AccountId>,
    },
}

/// Opens the calendar of a brand.
///
/// # Errors
/// When Postgres fails.
pub async fn open(app: &App, caller: &Caller, slug: &str) -> Answer<Calendar> {
    let brand = app.0.store.brand(caller.tenant, slug).await?;
    Ok(brand
        .map(|brand| Calendar { brand: brand.id, zone: brand.time_zone })
        .ok_or_else(|| Refused::NotFound(format!("There is no brand {slug:?}."))))
}

/// A page of a calendar in the order of its times, and the place where the next one begins.
///
/// # Errors
/// When Postgres fails.
pub async fn page(
    app: &App,
    caller: &Caller,
    calendar: &Calendar,
    part: Part,
) -> Result<(Vec<Entry>, Option<Cursor>), Fault> {
    let Calendar { brand, zone } = calendar;
    let after = match part.after {
        None => (part.from.ms() * 1_000, Uuid::nil()),
        Some(Cursor { at_us, rank: POST, id }) => (at_us, id),
        Some(Cursor { at_us, .. }) => (at_us, Uuid::max()),
    };
    let window = Window { tenant: caller.tenant, brand: *brand, after, until: part.to };
    // One more than shown tells whether there is a next page.
    let limit = part.limit + 1;
    let posts = app.0.store.planned(window, i64::try_from(limit).unwrap_or(i64::MAX)).await?;
    let mut entries: Vec<(Cursor, Entry)> = Vec::new();
    for (at_us, post) in posts {
        let at = Timestamp::from_ms(at_us.div_euclid(1_000));
        let place = Cursor { at_us, rank: POST, id: post.id.uuid() };
        let post = Box::new(show::view(app, &post));
        entries.push((place, Entry::Post { at, local: zone.written(at), post }));
    }
    for slots in app.0.store.slots_of_brand(caller.tenant, *brand).await? {
        let owner = Owner { tenant: caller.tenant, brand: *brand, account: slots.account };
        for (place, at) in free(app, owner, (&slots, zone), part).await? {
            let account_id = slots.account;
            entries.push((place, Entry::Slot { at, local: zone.written(at), account_id }));
        }
    }
    entries.sort_by_key(|(place, _)| *place);
    let has_more = entries.len() > part.limit;
    entries.truncate(part.limit);
    let next = entries.last().filter(|_| has_more).map(|(place, _)| *place);
    Ok((entries.into_iter().map(|(_, entry)| entry).collect(), next))
}

/// The first free slots of an owner in a part of a calendar; none that are over.
async fn free(
    app: &App,
    owner: Owner,
    (slots, zone): (&Slots, &TimeZone),
    part: Part,
) -> Result<Vec<(Cursor, Timestamp)>, Fault> {
    let id = slots.account.map_or(owner.brand.uuid(), |account| account.uuid());
    let now = app.0.store.time().await?;
    let begin = part.after.map_or(part.from, |place| {
        part.from.max(Timestamp::from_ms(place.at_us.div_euclid(1_000)))
    });
    let begin = now.max(Timestamp::from_ms(begin.ms() - 1));
    let place = |at: Timestamp| Cursor { at_us: at.ms() * 1_000, rank: SLOT, id };
    let mut upcoming = slots
        .week
        .upcoming(zone, begin, part.to)
        .map(|one| one.at)
        .filter(|at| part.after.is_none_or(|after| place(*at) > after));
    let mut found = Vec::new();
    while found.len() <= part.limit {
        let some: Vec<Timestamp> = upcoming.by_ref().take(ASKED).collect();
        if some.is_empty() {
            break;
        }
        let free = app.0.store.free_slots(owner, &some, part.limit + 1 - found.len()).await?;
        found.extend(free.into_iter().map(|at| (place(at), at)));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written_and_nothing_else_is() {
        let id = Uuid::from_u128(7);
        let place = Cursor { at_us: 1_796_115_600_000_001, rank: SLOT, id };
        assert_eq!(place.to_string().parse(), Ok(place));
        for bad in ["", "1", "1.1", "x.1.0", "1.2.00000000000000000000000000000007", "1.1.7"] {
            assert_eq!(bad.parse::<Cursor>(), Err(()), "{bad}");
        }
        for at_us in [-1, AT_US_END, i64::MAX] {
            let far = Cursor { at_us, ..place }.to_string();
            assert_eq!(far.parse::<Cursor>(), Err(()), "Postgres knows no such time: {far}");
        }
        let post = Cursor { rank: POST, id: Uuid::max(), ..place };
        assert!(post < place && place < Cursor { at_us: place.at_us + 1, ..post });
    }
}
