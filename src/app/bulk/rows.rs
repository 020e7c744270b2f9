//! What stands against a row beside what it says itself: other rows, and whose brand it is for.

use super::{Checked, Row};
use crate::caller::Caller;
use crate::{App, Refused, access, likes, validate};
use base::Fault;
use domain::access::Scope;
use domain::id::{AccountId, PostId};
use domain::rejection::{Rejection, Rule};
use domain::time::Timestamp;
use serde_json::Value;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use store::accepts::NewPost;

/// What rows want of an account that takes a content once.
pub(super) struct Twins {
    now: Timestamp,
    seen: HashMap<(AccountId, i64), Vec<(u64, Timestamp)>>,
}

impl Twins {
    pub(super) fn new(app: &App) -> Self {
        Self { now: app.now(), seen: HashMap::new() }
    }

    /// Lets a row pass that is like no other before it.
    pub(super) fn admit(&mut self, line: u64, checked: Checked) -> Result<Checked, Refused> {
        let Checked::Ready(ready) = &checked else { return Ok(checked) };
        let new = &ready.new;
        let Some(sought) = likes::wanted_alone(new) else { return Ok(checked) };
        let due = new.draft.scheduled_at.unwrap_or(self.now);
        let within_ms = i64::from(sought.within_hours) * 3_600_000;
        for on in &sought.on {
            let seen = self.seen.entry(*on).or_default();
            let close = |(_, other): &&(u64, Timestamp)| (due.ms() - other.ms()).abs() < within_ms;
            if let Some((other, _)) = seen.iter().find(close) {
                return Err(twin(new, *other));
            }
            seen.push((line, due));
        }
        Ok(checked)
    }
}

fn twin(new: &NewPost, other: u64) -> Refused {
    let hours = new.guard.within_hours;
    let message = format!(
        "Line {other} has the same content for the same account; two such posts are to lie \
         {hours} h apart."
    );
    let why = Rejection::request(Rule::Conflict, "text", message)
        .bounds(format!("another content within {hours} h"), format!("line {other}"))
        .resolve("Change the text or the files, or choose a time further away.");
    Refused::Limited { code: "duplicate_content", why: Box::new(why), retry_at: None }
}

/// Finds the rows that have a reference which another has, or that are for a brand which the key
/// has no role on.
pub(super) async fn bar(
    app: &App,
    caller: &Caller,
    rows: &[Row],
) -> Result<HashMap<u64, Refused>, Fault> {
    let mut barred = HashMap::new();
    let mut references: HashMap<String, u64> = HashMap::new();
    let mut brands: BTreeMap<String, Option<Refused>> = BTreeMap::new();
    let is_limited = !caller.may_everywhere(Scope::PostsWrite);
    for row in rows {
        let Ok(body) = read(row) else { continue };
        if let Some(name) = reference(&body) {
            match references.entry(name.to_owned()) {
                Entry::Occupied(first) => {
                    _ = barred.insert(row.line, same_reference(name, *first.get()))
                }
                Entry::Vacant(none) => _ = none.insert(row.line),
            }
        }
        let slug = validate::slug_of(&body).filter(|_| is_limited);
        let Some(slug) = slug else { continue };
        if !brands.contains_key(slug) {
            let refused = refused_brand(app, caller, slug).await?;
            brands.insert(slug.to_owned(), refused);
        }
        if let Some(Some(refused)) = brands.get(slug) {
            barred.insert(row.line, refused.clone());
        }
    }
    Ok(barred)
}

/// Why the key may not write on a brand, if it may not.
async fn refused_brand(app: &App, caller: &Caller, slug: &str) -> Result<Option<Refused>, Fault> {
    let brand = app.brand_of_slug(caller, slug).await?;
    // That there is none is told with what else is wrong.
    let Some(brand) = brand else { return Ok(None) };
    let Err(lack) = caller.may(Scope::PostsWrite, brand) else { return Ok(None) };
    Ok(Some(match caller.sees(brand) {
        true => access::refusal(caller, lack),
        false => {
            let message = "The key sees no brand of this slug.";
            let why = Rejection::request(Rule::NotFound, "brandSlug", message)
                .bounds("a brand of the key", slug)
                .resolve("Name a brand of the key, or use a key for all brands.");
            Refused::Invalid(vec![why])
        }
    }))
}

/// The post of a row.
pub(super) fn read(row: &Row) -> Result<Value, Refused> {
    let json = row.json.as_ref().map_err(|why| Refused::Invalid(vec![(**why).clone()]))?;
    serde_json::from_slice(json).map_err(|why| {
        let message = format!("The row is not JSON: {why}.");
        let rejection = Rejection::request(Rule::WrongType, "row", message)
            .bounds("one JSON object on one line, in UTF-8", why.to_string())
            .resolve("Correct the row at that place.");
        Refused::Invalid(vec![rejection])
    })
}

/// What its sender calls it.
pub(super) fn reference(body: &Value) -> Option<&str> {
    let reference = body.get("clientRef")?.as_str()?.trim();
    (!reference.is_empty()).then_some(reference)
}

fn same_reference(name: &str, first: u64) -> Refused {
    let message = format!("Line {first} has the same `clientRef`.");
    let rejection = Rejection::request(Rule::Conflict, "clientRef", message)
        .bounds("one line a reference", name)
        .resolve("Give each row a reference of its own, or leave it out.");
    Refused::Invalid(vec![rejection])
}

/// The key stands for another request.
pub(super) fn key_taken(id: PostId) -> Refused {
    let message =
        format!("Another request under this Idempotency-Key became post {id} and others.");
    let why = Rejection::request(Rule::Conflict, "Idempotency-Key", message)
        .bounds("one request", id.to_string())
        .resolve("Send a key of its own with each request; one key is kept for 72 hours.");
    Refused::NameTaken { code: "idempotency_key_taken", why: Box::new(why) }
}
