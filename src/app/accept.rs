//! Accepts a post: checked, stored with its deliveries and its wake-up in one transaction.

use crate::caller::Caller;
use crate::show::{self, PostView};
use crate::validate::Checked;
use crate::{Answer, App, Refused, access, likes, slots, spans, targets, validate, waiting};
use base::digest::sha256_hex;
use base::{Context, Fault, crash, rng, trace};
use domain::id::{AccountId, PostId};
use domain::post::Stage;
use domain::rejection::{Rejection, Rule};
use serde_json::Value;
use std::sync::Arc;
use store::accepts::{Accepted, NewDelivery, NewPost};
use store::claims::Claim;
use store::jobs::Job;
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
pub(crate) fn claims(asked: &Value, idempotency_key: Option<&str>) -> Vec<Claim> {
    let digest = sha256_hex(asked.to_string().as_bytes());
    let reference = asked.get("clientRef").and_then(Value::as_str).map(str::trim);
    let reference = reference.filter(|reference| !reference.is_empty());
    let key = idempotency_key.map(|key| Claim::key(key, &digest));
    let reference = reference.map(|reference| Claim::reference(reference, &digest));
    key.into_iter().chain(reference).collect()
}

/// A post that is ready to be stored.
pub(crate) struct Ready {
    /// What is stored.
    pub new: NewPost,
    /// The accounts it goes out on, be it a draft.
    pub accounts: Vec<AccountId>,
    /// What a draft still lacks.
    pub warnings: Vec<Rejection>,
}

impl Ready {
    /// The slot that it wants, if it wants one.
    pub fn wanted(&self, caller: &Caller) -> Option<Wanted<'_>> {
        let (brand, draft) = (self.new.brand, &self.new.draft);
        let is_draft = draft.begin.stage() == Stage::Draft;
        slots::wanted(caller, brand, draft, &self.accounts).filter(|_| !is_draft)
    }
}

/// Stores what was checked; `asked` is what the key stands for.
pub(crate) async fn store(
    app: &App,
    caller: &Caller,
    checked: Checked,
    asked: &Value,
    idempotency_key: Option<&str>,
) -> Answer<Acceptance> {
    let span = match checked.draft.begin.stage() {
        Stage::Live => spans::send(&trace::present(), targets::FAN_OUT),
        _ => trace::present(),
    };
    let claims = claims(asked, idempotency_key);
    let storing = prepare_and_put(app, caller, checked, claims);
    let (ready, stored) = match trace::within(span.clone(), storing).await? {
        Ok(stored) => stored,
        Err(refused) => return Ok(Err(refused)),
    };
    spans::of_post(&span, stored.id);
    let likes = likes::warnings(app, likes::sought(&ready.new, stored.id));
    let (view, likes) = tokio::join!(read_back(app, caller, stored.id), likes);
    let mut view = view?;
    view.warnings = ready.warnings;
    view.warnings.extend(likes?);
    Ok(Ok(Acceptance { view, is_again: stored.is_again }))
}

async fn prepare_and_put(
    app: &App,
    caller: &Caller,
    checked: Checked,
    claims: Vec<Claim>,
) -> Answer<(Ready, Stored)> {
    let ready = match prepare(app, caller, checked, claims).await? {
        Ok(ready) => ready,
        Err(refused) => return Ok(Err(refused)),
    };
    Ok(put(app, caller, &ready).await?.map(|stored| (ready, stored)))
}

/// Makes what was checked ready to be stored under these names.
pub(crate) async fn prepare(
    app: &App,
    caller: &Caller,
    checked: Checked,
    claims: Vec<Claim>,
) -> Answer<Ready> {
    let id: PostId = rng::id();
    let stage = checked.draft.begin.stage();
    // Whom a draft is for is decided when it is released.
    let targets = checked.targets.iter().filter(|_| stage != Stage::Draft);
    let delivery = |(account, platform): &(AccountId, &'static str)| {
        let mark = checked.marks.get(platform).copied().unwrap_or_default();
        NewDelivery { id: rng::id(), account: *account, platform, mark }
    };
    let deliveries: Vec<NewDelivery> = targets.map(delivery).collect();
    if let Some(refused) = access::refuse_live(caller, checked.brand, stage) {
        return Ok(Err(refused));
    }
    let draft = Arc::new(checked.draft);
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
        draft,
        deliveries,
        guard: checked.terms.guard,
        is_limited: checked.terms.is_limited,
        claims,
        owed,
        traceparent: trace::present().traceparent(),
    };
    let accounts = checked.targets.iter().map(|(account, _)| *account).collect();
    Ok(Ok(Ready { new, accounts, warnings: checked.warnings }))
}

/// A post that is stored.
#[derive(Debug)]
pub(crate) struct Stored {
    pub id: PostId,
    /// The same request had been accepted before.
    pub is_again: bool,
    /// What is owed of it.
    pub jobs: Vec<Job>,
}

/// Stores what is ready, and wakes whoever goes on with it.
pub(crate) async fn put(app: &App, caller: &Caller, ready: &Ready) -> Answer<Stored> {
    let stored = settled(&ready.new, put_new(app, &ready.new, ready.wanted(caller)).await?);
    if let Ok(Stored { is_again, jobs, .. }) = &stored {
        if !is_again {
            crash::point("accept.after_commit");
            app.wake(jobs).await;
        }
        metrics::counter!("postfleet_posts_accepted_total").increment(u64::from(!is_again));
    }
    Ok(stored)
}

/// What became of a post, or why it is not stored.
pub(crate) fn settled(new: &NewPost, accepted: Accepted) -> Result<Stored, Refused> {
    Err(match accepted {
        Accepted::New(jobs) => return Ok(Stored { id: new.id, is_again: false, jobs }),
        Accepted::Again(id) => return Ok(Stored { id, is_again: true, jobs: Vec::new() }),
        Accepted::KeyTaken(id) => {
            let way = "Send a key of its own with each post; one key is kept for 72 hours.";
            name_taken(("idempotency_key_taken", "Idempotency-Key"), id, way)
        }
        Accepted::ReferenceTaken(id) => {
            let way = "Give each post a reference of its own, or leave it out.";
            name_taken(("client_ref_taken", "clientRef"), id, way)
        }
        Accepted::InProgress => Refused::Conflict {
            code: "in_progress",
            message: "The same request is being carried out. Ask again in a moment, with the \
                      same key: the answer will be that post."
                .to_owned(),
        },
        Accepted::NoPlace(none) => slots::refusal(&new.draft.brand_slug, none),
        Accepted::Alike(alike) => likes::refusal(&alike),
        Accepted::Over(over) => likes::over(&over),
    })
}

/// Stores a post with those that arrive beside it. One that wants a slot, or whose name somebody is
/// about to take, goes alone: it waits for others.
async fn put_new(app: &App, new: &NewPost, place: Option<Wanted<'_>>) -> Result<Accepted, Fault> {
    if place.is_none() {
        match app.0.accepts.call(new.clone()).await? {
            Accepted::InProgress => {}
            accepted => return Ok(accepted),
        }
    }
    app.0.store.accept(new.clone(), place).await
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
