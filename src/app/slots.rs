//! The weekly slots of brands and accounts: shown, set, and the place of a post among them.

use crate::caller::Caller;
use crate::{Answer, App, Refused};
use base::Fault;
use domain::id::{AccountId, BrandId};
use domain::local::TimeZone;
use domain::rejection::{Rejection, Rule};
use domain::request::{Draft, Schedule};
use domain::slots::{HORIZON, Slot, Week};
use domain::time::Timestamp;
use serde::Serialize;
use serde_json::Value;
use store::slots::{NoPlace, Owner, Place, Slots, Wanted};
use utoipa::ToSchema;

/// Free slots that are shown beside the week.
const NEXT: usize = 5;
/// Slots that are looked at for them.
const NEXT_OF: usize = 1_000;

/// Whose slots are asked for.
#[derive(Debug, Clone, Copy)]
pub enum Whose<'a> {
    /// Those of the brand of this slug.
    Brand(&'a str),
    /// Those of an account.
    Account(AccountId),
}

/// The slots of a brand or an account.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Slots)]
#[serde(rename_all = "camelCase")]
pub struct SlotsView {
    /// The account, where they are not the brand's.
    pub account_id: Option<AccountId>,
    /// The zone of the brand, by whose clocks they are.
    pub time_zone: String,
    /// Raised by every change; 0 before the first.
    pub revision: i32,
    /// In the order of a week.
    #[schema(value_type = Vec<domain::slots::Written>)]
    pub slots: Vec<Slot>,
    /// The next ones that are free.
    pub next: Vec<SlotAt>,
}

/// A slot on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = FreeSlot)]
pub struct SlotAt {
    /// When it is.
    pub at: Timestamp,
    /// As the clocks of the brand show it, with their offset.
    pub local: String,
}

/// Shows slots.
///
/// # Errors
/// When Postgres fails.
pub async fn show(app: &App, caller: &Caller, whose: Whose<'_>) -> Answer<SlotsView> {
    let (owner, zone) = match find(app, caller, whose).await? {
        Ok(found) => found,
        Err(refused) => return Ok(Err(refused)),
    };
    let slots = app.0.store.slots(owner).await?;
    view(app, owner, &zone, slots).await.map(Ok)
}

/// Sets slots; with a revision only if they are still those that the caller has seen. Posts that
/// were placed already keep their times.
///
/// # Errors
/// When Postgres fails.
pub async fn put(
    app: &App,
    caller: &Caller,
    whose: Whose<'_>,
    (week, revision): (&Week, Option<i32>),
) -> Answer<SlotsView> {
    let (owner, zone) = match find(app, caller, whose).await? {
        Ok(found) => found,
        Err(refused) => return Ok(Err(refused)),
    };
    match app.0.store.put_slots(owner, week, revision, &caller.actor()).await? {
        Ok(slots) => view(app, owner, &zone, slots).await.map(Ok),
        Err(actual) => Ok(Err(Refused::Conflict {
            code: "revision_conflict",
            message: format!(
                "The slots were changed meanwhile: they are at revision {actual}, not {}. Read \
                 them again, and send your change with that revision.",
                revision.unwrap_or_default()
            ),
        })),
    }
}

async fn find(app: &App, caller: &Caller, whose: Whose<'_>) -> Answer<(Owner, TimeZone)> {
    let tenant = caller.tenant;
    match whose {
        Whose::Brand(slug) => Ok(match app.0.store.brand(tenant, slug).await? {
            Some(brand) => Ok((Owner { tenant, brand: brand.id, account: None }, brand.time_zone)),
            None => Err(Refused::NotFound(format!("There is no brand {slug:?}."))),
        }),
        Whose::Account(id) => {
            let Some(account) = app.0.store.accounts(tenant, &[id]).await?.pop() else {
                return Ok(Err(Refused::NotFound(format!("There is no account {id}."))));
            };
            let brand = app.0.store.brand_named(tenant, account.brand_id).await?;
            Ok(Ok((Owner { tenant, brand: brand.id, account: Some(id) }, brand.time_zone)))
        }
    }
}

async fn view(app: &App, owner: Owner, zone: &TimeZone, slots: Slots) -> Result<SlotsView, Fault> {
    let now = app.0.store.time().await?;
    let upcoming = slots.week.upcoming(zone, now, now + HORIZON).take(NEXT_OF);
    let upcoming: Vec<Timestamp> = upcoming.map(|one| one.at).collect();
    let free = app.0.store.free_slots(owner, &upcoming, NEXT).await?;
    Ok(SlotsView {
        account_id: slots.account,
        time_zone: zone.name().to_owned(),
        revision: slots.revision,
        slots: slots.week.slots().to_vec(),
        next: free.into_iter().map(|at| SlotAt { at, local: zone.written(at) }).collect(),
    })
}

/// What a post wants of a slot; `None` for a post that says its time otherwise.
pub(crate) fn wanted<'a>(
    caller: &Caller,
    brand: BrandId,
    draft: &Draft,
    accounts: &'a [AccountId],
) -> Option<Wanted<'a>> {
    match draft.schedule.filter(|_| draft.scheduled_at.is_none())? {
        Schedule::NextSlot => {
            Some(Wanted { tenant: caller.tenant, brand, accounts, not_after: draft.not_after })
        }
    }
}

/// The place that a post would be given now.
///
/// # Errors
/// When Postgres fails.
pub(crate) async fn preview(app: &App, slug: &str, wanted: Wanted<'_>) -> Answer<Place> {
    let place = app.0.store.next_slot(wanted).await?;
    Ok(place.map_err(|none| refusal(slug, none)))
}

/// What is said of a post whose slot was given to another, once it goes on in the next free one.
pub(crate) fn moved(from: Timestamp) -> String {
    format!(
        "Its slot at {from} was given to another post while nothing of this one went on, so it \
         goes out in the next free one."
    )
}

/// Why a post has no slot, and what its sender can do.
pub(crate) fn refusal(slug: &str, none: NoPlace) -> Refused {
    let rejection = match none {
        NoPlace::NoSlots => {
            let message = format!("There are no slots: nobody set any for brand {slug}.");
            Rejection::request(Rule::NotFound, "schedule", message).bounds(Value::Null, "nextSlot")
        }
        NoPlace::AllTaken { slots, tried, until } => {
            let message = format!(
                "No slot is free up to {until}: of {slots} in a week, the next {tried} are taken, \
                 or too close to other posts for the limits of their accounts."
            );
            Rejection::request(Rule::OutOfRange, "schedule", message)
                .bounds(until.to_string(), tried)
        }
    };
    Refused::Invalid(vec![rejection.resolve(format!(
        "Set more slots with PUT /v1/brands/{slug}/slots, or name a time in `scheduledAt`."
    ))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_without_a_slot_is_told_why_and_what_to_do() {
        let until = Timestamp::parse("2026-12-31T00:00:00Z").unwrap();
        for none in [NoPlace::NoSlots, NoPlace::AllTaken { slots: 2, tried: 8, until }] {
            let Refused::Invalid(told) = refusal("acme", none) else { panic!("{none:?}") };
            assert_eq!(told[0].field, "schedule");
            assert!(told[0].resolution.contains("/v1/brands/acme/slots"), "{told:?}");
        }
        let Refused::Invalid(told) =
            refusal("acme", NoPlace::AllTaken { slots: 2, tried: 8, until })
        else {
            panic!("a refusal")
        };
        assert_eq!(
            told[0].message,
            "No slot is free up to 2026-12-31T00:00:00.000Z: of 2 in a week, the next 8 are taken, \
             or too close to other posts for the limits of their accounts."
        );
    }
}
