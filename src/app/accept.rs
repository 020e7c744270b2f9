//! Accepts a post: checked, stored with its deliveries and its wake-up in one transaction.

use crate::caller::Caller;
use crate::show::{self, PostView};
use crate::{Answer, App, Refused, slots, targets, validate};
use base::digest::sha256_hex;
use base::{Context, Fault, crash, rng};
use domain::id::{AccountId, DeliveryId, PostId};
use serde_json::Value;
use store::posts::{Accepted, NewPost};

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
    let checked = match validate::validate(app, caller, body).await? {
        Ok(checked) => checked,
        Err(refused) => return Ok(Err(refused)),
    };
    let id: PostId = rng::id();
    let deliveries: Vec<(DeliveryId, AccountId, &'static str)> = checked
        .targets
        .iter()
        .map(|(account, platform)| (rng::id(), *account, *platform))
        .collect();
    let accounts: Vec<AccountId> = checked.targets.iter().map(|(account, _)| *account).collect();
    let digest = sha256_hex(body.to_string().as_bytes());
    let shard = app.shard(&caller.tenant.uuid().to_string());
    let new = NewPost {
        id,
        tenant: caller.tenant,
        brand: checked.brand,
        draft: &checked.draft,
        deliveries: &deliveries,
        idempotency: idempotency_key.map(|key| (key, digest.as_str())),
        place: slots::wanted(caller, checked.brand, &checked.draft, &accounts),
        fan_out: targets::fan_out(caller.tenant, id.uuid(), shard),
    };
    let (id, is_again) = match app.0.store.accept(new).await? {
        Accepted::New(job) => {
            crash::point("accept.after_commit");
            app.wake(&[job]).await;
            (id, false)
        }
        Accepted::Again(id) => (id, true),
        Accepted::KeyTaken(id) => {
            return Ok(Err(Refused::Conflict {
                code: "idempotency_key_taken",
                message: format!("Another request under this Idempotency-Key became post {id}."),
            }));
        }
        Accepted::NoPlace(none) => {
            return Ok(Err(slots::refusal(&checked.draft.brand_slug, none)));
        }
    };
    metrics::counter!("postfleet_posts_accepted_total").increment(u64::from(!is_again));
    let view = read_back(app, caller, id).await?;
    Ok(Ok(Acceptance { view, is_again }))
}

async fn read_back(app: &App, caller: &Caller, id: PostId) -> Result<PostView, Fault> {
    let post = app.0.store.post(caller.tenant, id).await?;
    Ok(show::view(app, &post.context("the post that was just stored is not there")?))
}
