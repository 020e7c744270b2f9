//! Accepts a post: checked, stored with its deliveries and its wake-up in one transaction.

use crate::caller::Caller;
use crate::show::{self, PostView};
use crate::validate::Checked;
use crate::{Answer, App, Refused, access, slots, targets, validate, waiting};
use base::digest::sha256_hex;
use base::{Context, Fault, crash, rng};
use domain::id::{AccountId, DeliveryId, PostId};
use domain::post::Stage;
use domain::rejection::{Rejection, Rule};
use serde_json::Value;
use std::sync::Arc;
use store::accepts::{Accepted, NewPost};
use store::claims::Claim;
use store::slots::Wanted;

/// The longest idempotency key.
pub const KEY_MAX: usize = 255;

/// A post that is stored.
#[derive(Debug)]
pub struct Acceptance {
    /// As the API shows it.
    pub view: PostView,
    /// The same request had been accepted before.
    pub is_again: bool,
}

/// Accepts the JSON of a post. Once this returns, the post is never lost.
///
/// # Errors
/// When Postgres fails; then nothing is stored, or the same call with the same key tells.
pub async fn accept(
    app: &App,
    caller: &Caller,
    body: &Value,
    idempotency_key: Option<&str>,
) -> Answer<Acceptance> {
    let refused = match validate::validate(app, caller, body).await? {
        Ok(checked) => return store(app, caller, checked, body, idempotency_key).await,
        Err(refused) => refused,
    };
    // What was accepted once stays accepted, though its time is past by now or its account is
    // gone: whoever lost the answer asks again.
    let claims = claims(body, idempotency_key);
    match app.0.store.accepted_before(caller.tenant, &claims).await? {
        Some(id) => {
            let view = read_back(app, caller, id).await?;
            Ok(Ok(Acceptance { view, is_again: true }))
        }
        None => Ok(Err(refused)),
    }
}

/// The names under which a request claims to be the only one: its key, and its own reference.
fn claims(asked: &Value, idempotency_key: Option<&str>) -> Vec<Claim> {
    let digest = sha256_hex(asked.to_string().as_bytes());
    let reference = asked.get("clientRef").and_then(Value::as_str).map(str::trim);
    let reference = reference.filter(|reference| !reference.is_empty());
    let key = idempotency_key.map(|key| Claim::key(key, &digest));
    let reference = reference.map(|reference| Claim::reference(reference, &digest));
    key.into_iter().chain(reference).collect()
}

/// Stores what was checked; `asked` is what the key stands for.
pub(crate) async fn store(
    app: &App,
    caller: &Caller,
    checked: Checked,
    asked: &Value,
    idempotency_key: Option<&str>,
) -> Answer<Acceptance> {
    let id: PostId = rng::id();
    let stage = checked.draft.begin.stage();
    // Whom a draft is for is decided when it is released.
    let targets = checked.targets.iter().filter(|_| stage != Stage::Draft);
    let deliveries: Vec<(DeliveryId, AccountId, &'static str)> =
        targets.map(|(account, platform)| (rng::id(), *account, *platform)).collect();
    if let Some(refused) = access::refuse_live(caller, checked.brand, stage) {
        return Ok(Err(refused));
    }
    let draft = Arc::new(checked.draft);
    let accounts: Vec<AccountId> = checked.targets.iter().map(|(account, _)| *account).collect();
    let shard = app.shard(&caller.tenant.uuid().to_string());
    let owed = match stage {
        Stage::Live => Some(targets::fan_out(caller.tenant, id.uuid(), shard)),
        _ => {
            let due_at = draft.scheduled_at;
            waiting::arm(app, (caller.tenant, id), stage, due_at, app.0.store.time().await?)
        }
    };
    let new = NewPost {
        id,
        tenant: caller.tenant,
        brand: checked.brand,
        draft: Arc::clone(&draft),
        deliveries,
        claims: claims(asked, idempotency_key),
        owed,
    };
    let place =
        slots::wanted(caller, checked.brand, &draft, &accounts).filter(|_| stage != Stage::Draft);
    let (id, is_again) = match put(app, new, place).await? {
        Accepted::New(jobs) => {
            crash::point("accept.after_commit");
            app.wake(&jobs).await;
            (id, false)
        }
        Accepted::Again(id) => (id, true),
        Accepted::KeyTaken(id) => {
            let way = "Send a key of its own with each post; one key is kept for 72 hours.";
            let taken = ("idempotency_key_taken", "Idempotency-Key");
            return Ok(Err(name_taken(taken, id, way)));
        }
        Accepted::ReferenceTaken(id) => {
            let way = "Give each post a reference of its own, or leave it out.";
            return Ok(Err(name_taken(("client_ref_taken", "clientRef"), id, way)));
        }
        Accepted::InProgress => {
            return Ok(Err(Refused::Conflict {
                code: "in_progress",
                message: "The same request is being carried out. Ask again in a moment, with the \
                          same key: the answer will be that post."
                    .to_owned(),
            }));
        }
        Accepted::NoPlace(none) => {
            return Ok(Err(slots::refusal(&draft.brand_slug, none)));
        }
    };
    metrics::counter!("postfleet_posts_accepted_total").increment(u64::from(!is_again));
    let mut view = read_back(app, caller, id).await?;
    view.warnings = checked.warnings;
    Ok(Ok(Acceptance { view, is_again }))
}

/// Stores a post with those that arrive beside it. One that wants a slot, or whose name somebody is
/// about to take, goes alone: it waits for others.
async fn put(app: &App, new: NewPost, place: Option<Wanted<'_>>) -> Result<Accepted, Fault> {
    if place.is_none() {
        match app.0.accepts.call(new.clone()).await? {
            Accepted::InProgress => {}
            accepted => return Ok(accepted),
        }
    }
    app.0.store.accept(new, place).await
}

/// Another request has its name.
fn name_taken((code, field): (&'static str, &str), id: PostId, way: &str) -> Refused {
    let message = format!("Another request under this {field} became post {id}.");
    let why = Rejection::request(Rule::Conflict, field, message);
    let why = Box::new(why.bounds("one request", id.to_string()).resolve(way));
    Refused::NameTaken { code, why }
}

async fn read_back(app: &App, caller: &Caller, id: PostId) -> Result<PostView, Fault> {
    let post = app.0.posts.call((caller.tenant, id)).await?;
    Ok(show::view(app, &post.context("the post that was just stored is not there")?))
}
