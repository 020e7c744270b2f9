//! Accepts a post: checked, stored with its deliveries and its wake-up in one transaction.

use crate::caller::Caller;
use crate::show::{self, PostView};
use crate::validate::Checked;
use crate::{Answer, App, Refused, slots, targets, validate, waiting};
use base::digest::sha256_hex;
use base::{Context, Fault, crash, rng};
use domain::id::{AccountId, DeliveryId, PostId};
use domain::post::Stage;
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
    store(app, caller, checked, body, idempotency_key).await
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
    let digest = sha256_hex(asked.to_string().as_bytes());
    let accounts: Vec<AccountId> = checked.targets.iter().map(|(account, _)| *account).collect();
    let shard = app.shard(&caller.tenant.uuid().to_string());
    let owed = match stage {
        Stage::Live => Some(targets::fan_out(caller.tenant, id.uuid(), shard)),
        _ => {
            let due_at = checked.draft.scheduled_at;
            waiting::arm(app, (caller.tenant, id), stage, due_at, app.0.store.time().await?)
        }
    };
    let new = NewPost {
        id,
        tenant: caller.tenant,
        brand: checked.brand,
        draft: &checked.draft,
        deliveries: &deliveries,
        idempotency: idempotency_key.map(|key| (key, digest.as_str())),
        place: slots::wanted(caller, checked.brand, &checked.draft, &accounts)
            .filter(|_| stage != Stage::Draft),
        owed,
    };
    let (id, is_again) = match app.0.store.accept(new).await? {
        Accepted::New(jobs) => {
            crash::point("accept.after_commit");
            app.wake(&jobs).await;
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
    let mut view = read_back(app, caller, id).await?;
    view.warnings = checked.warnings;
    Ok(Ok(Acceptance { view, is_again }))
}

async fn read_back(app: &App, caller: &Caller, id: PostId) -> Result<PostView, Fault> {
    let post = app.0.posts.call((caller.tenant, id)).await?;
    Ok(show::view(app, &post.context("the post that was just stored is not there")?))
}
