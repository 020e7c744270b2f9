//! The states of a fleet that runs: limits, refusals, doubts, waits and ends.

use super::{Told, age, told};
use crate::support::scene::{Way, X, delivery};
use crate::support::{Account, Fleet, Scene, ageing, files};
use base::clock;
use futures::FutureExt;
use futures::future::{LocalBoxFuture, join_all};
use serde_json::{Value, json};
use std::time::Duration;

/// Doubts, calls under way and processing last long enough to be looked at.
const SLOW: [(&str, &str); 2] = [
    ("POSTFLEET__PLATFORMS__X__VISIBILITY_DELAY_MS", "60000"),
    ("POSTFLEET__PLATFORMS__X__CALL_DEADLINE_MS", "30000"),
];

/// A stage of its own for one state: a brand with one account.
struct Stage<'a> {
    scene: Scene<'a>,
    account: Account,
}

impl<'a> Stage<'a> {
    async fn on(fleet: &'a Fleet, way: Way) -> Self {
        let scene = Scene::on(fleet, "why").await;
        let account = scene.connect_on(way, "why").await;
        Self { scene, account }
    }

    async fn fault(&self, fault: Value) {
        self.scene.fault(&self.account, fault).await;
    }

    /// X answers the create call so.
    async fn refuse(&self, status: u16, body: Value) {
        self.fault(json!({
            "kind": "serverError", "route": "tweets.create", "status": status, "body": body,
        }))
        .await;
    }

    async fn say(&self) -> Value {
        self.post(json!({})).await
    }

    /// A post with further fields.
    async fn post(&self, mut fields: Value) -> Value {
        fields["accounts"] = json!([self.account.id]);
        if fields["text"].is_null() {
            fields["text"] = format!("Why, {}", self.scene.brand).into();
        }
        self.scene.post(fields).await
    }

    async fn film(&self) -> Value {
        json!([{"id": self.scene.api.upload(files::FILM.to_vec(), "a.mp4").await}])
    }

    async fn told(&self, post: &Value, name: &'static str, cause: &str) -> Told {
        told(&self.scene, &self.account, post, (name, cause)).await
    }
}

/// A time of day that is far away.
fn later(s: u64) -> Value {
    json!(clock::now() + Duration::from_secs(s))
}

/// Every state of a running fleet.
pub async fn states() -> Vec<Told> {
    let fleet = Fleet::start(&[], &SLOW).await;
    let all: Vec<LocalBoxFuture<'_, Vec<Told>>> = vec![
        in_time(&fleet).boxed_local(),
        limited(&fleet).boxed_local(),
        refused(&fleet).boxed_local(),
        tokens(&fleet).boxed_local(),
        doubts(&fleet).boxed_local(),
        chains(&fleet).boxed_local(),
        films(&fleet).boxed_local(),
        elsewhere(&fleet).boxed_local(),
    ];
    let mut told = join_all(all).await.concat();
    // What concerns all accounts of a platform comes last.
    told.extend(everybody(&fleet).await);
    told
}

async fn in_time(fleet: &Fleet) -> Vec<Told> {
    let stage = Stage::on(fleet, X).await;
    let scheduled = stage.post(json!({"scheduledAt": later(7_200)})).await;
    let a = stage.told(&scheduled, "scheduled", "is scheduled and goes out at").await;
    stage.scene.order(&scheduled, "cancel").await.data();
    let b = stage.told(&scheduled, "cancelled", "was cancelled").await;
    let out = stage.say().await;
    let c = stage.told(&out, "published", "It is out at").await;
    let twice = stage.say().await;
    let d = stage.told(&twice, "failed by a duplicate", "change the wording").await;

    let stage = Stage::on(fleet, X).await;
    let bounded = json!({"scheduledAt": later(7_200), "notAfter": later(9_000)});
    let expired = stage.post(bounded).await;
    stage.told(&expired, "scheduled", "is scheduled and goes out at").await;
    let past = "WITH p AS (UPDATE posts SET not_after = clock_timestamp() - interval '1 hour'
             WHERE id = (SELECT post_id FROM deliveries WHERE id = $1)),
         j AS (UPDATE jobs SET due_at = clock_timestamp() - interval '1 minute' WHERE subject = $1)
         UPDATE deliveries SET due_at = clock_timestamp() - interval '2 hours' WHERE id = $1";
    age(fleet, &expired, past).await;
    let e = stage.told(&expired, "failed after its last hour", "it was to be out by").await;
    vec![a, b, c, d, e]
}

async fn limited(fleet: &Fleet) -> Vec<Told> {
    let limit = |s: u64| json!({"kind": "limit", "route": "tweets.create", "resetInS": s});
    let stage = Stage::on(fleet, X).await;
    stage.fault(limit(600)).await;
    let held = stage.say().await;
    let a = stage.told(&held, "account limited", "takes no calls from @").await;
    let stage = Stage::on(fleet, X).await;
    // 83 hours: longer than a delivery may wait.
    stage.fault(limit(300_000)).await;
    let over = stage.say().await;
    let b = stage.told(&over, "failed by a limit", "limit lasts longer than it may wait").await;
    let stage = Stage::on(fleet, X).await;
    stage.refuse(403, json!({"detail": "Your account is temporarily locked."})).await;
    let locked = stage.say().await;
    let c = stage.told(&locked, "account locked", "refuses @").await;
    vec![a, b, c]
}

async fn refused(fleet: &Fleet) -> Vec<Told> {
    let stage = Stage::on(fleet, X).await;
    stage.refuse(403, json!({"detail": "Your Tweet text is too long."})).await;
    let a = stage.told(&stage.say().await, "failed by content", "text is too long").await;
    let stage = Stage::on(fleet, X).await;
    stage.refuse(400, json!({"detail": "Your media IDs are invalid."})).await;
    let b = stage.told(&stage.say().await, "failed by media", "upload media in a format").await;
    let stage = Stage::on(fleet, X).await;
    let broken = json!({"kind": "serverError", "route": "media.initialize", "status": 503,
        "count": 1_000});
    stage.fault(broken).await;
    let media = stage.film().await;
    let c = stage.post(json!({"media": media})).await;
    let c = stage.told(&c, "again after a fault", "of at most 10 failed").await;
    vec![a, b, c]
}

async fn tokens(fleet: &Fleet) -> Vec<Told> {
    let stage = Stage::on(fleet, X).await;
    stage.fault(json!({"kind": "expireToken"})).await;
    let a = stage.say().await;
    let a = stage.told(&a, "fresh token refused", "token of @").await;

    let stage = Stage::on(fleet, X).await;
    let later = stage.post(json!({"scheduledAt": later(7_200)})).await;
    stage.told(&later, "scheduled", "is scheduled").await;
    ageing::age(fleet, &stage.account, Duration::from_secs(3_600)).await;
    stage.fault(json!({"kind": "revoke"})).await;
    let b = stage.say().await;
    ageing::lose(fleet, &stage.account).await;
    let b = stage.told(&b, "refresh dead", "reconnect the account").await;
    let c = stage.told(&later, "needs reconnect", "has to be connected again").await;

    let stage = Stage::on(fleet, X).await;
    ageing::age(fleet, &stage.account, Duration::ZERO).await;
    let body = json!({"error": "server_error"});
    let torn = json!({"kind": "serverError", "route": "oauth.token", "status": 500, "body": body});
    stage.scene.sim.faults(json!([torn])).await;
    let d = stage.say().await;
    let d = stage.told(&d, "refresh pending", "could not be renewed yet").await;
    vec![a, b, c, d]
}

async fn doubts(fleet: &Fleet) -> Vec<Told> {
    let stage = Stage::on(fleet, X).await;
    stage.fault(json!({"kind": "delay", "route": "tweets.create", "ms": 25_000})).await;
    let a = stage.say().await;
    let a = stage.told(&a, "in flight", "is under way and may take until").await;

    let stage = Stage::on(fleet, X).await;
    stage.fault(json!({"kind": "resetBeforeAccept", "route": "tweets.create"})).await;
    // Unanswered questions are put again, so that one can be met between two of them.
    let mute = json!({"kind": "serverError", "route": "users.tweets", "status": 503, "count": 3});
    stage.fault(mute).await;
    let lost = stage.say().await;
    let b = stage.told(&lost, "being asked", "is asked at").await;
    let c = stage.told(&lost, "absent once", "did not show it once").await;
    let twin = stage.say().await;
    let d = stage.told(&twin, "twin in doubt", "An equal wording may be out").await;

    let stage = Stage::on(fleet, ("linkedin", Some("personal"))).await;
    stage.fault(json!({"kind": "acceptThenReset", "route": "posts.create"})).await;
    let undecided = stage.say().await;
    let e = stage.told(&undecided, "review undecided", "A person has to look").await;
    vec![a, b, c, d, e]
}

async fn chains(fleet: &Fleet) -> Vec<Told> {
    let thread = |stage: &Stage<'_>| {
        let part = |n: u8| format!("{n}, {}", stage.scene.brand);
        json!({"text": part(1), "x": {"thread": [part(2), part(3)]}})
    };
    let stage = Stage::on(fleet, X).await;
    let no = json!({"kind": "serverError", "route": "tweets.create", "status": 403, "after": 1,
        "body": {"detail": "Your Tweet text is too long."}});
    stage.fault(no).await;
    let a = stage.post(thread(&stage)).await;
    let a = stage.told(&a, "chain stopped", "It stopped after part 1 of 3").await;

    let stage = Stage::on(fleet, X).await;
    let limit = json!({"kind": "limit", "route": "tweets.create", "resetInS": 600, "after": 1,
        "count": 1});
    stage.fault(limit).await;
    let b = stage.post(thread(&stage)).await;
    let b = stage.told(&b, "chain limited", "it goes on then; out so far: 1 of 3 parts").await;
    vec![a, b]
}

async fn films(fleet: &Fleet) -> Vec<Told> {
    let stage = Stage::on(fleet, X).await;
    let picture = stage.scene.api.upload(files::picture(), "a.png").await;
    let ready = stage.post(json!({"media": [{"id": picture}], "scheduledAt": later(500)})).await;
    let a = stage.told(&ready, "staged ahead", "Everything before the last step is done").await;

    stage.scene.sim.faults(json!([{"kind": "stuckProcessing", "s": 600}])).await;
    let media = stage.film().await;
    let ahead = stage.post(json!({"media": media, "scheduledAt": later(500)})).await;
    let b = stage.told(&ahead, "processing ahead", "still processing what was sent ahead").await;
    let media = stage.film().await;
    let now = stage.post(json!({"media": media, "text": "Film"})).await;
    let c = stage.told(&now, "processing", "still processing its media").await;
    stage.scene.sim.faults(json!([{"kind": "stuckProcessing", "s": 0}])).await;
    vec![a, b, c]
}

/// A step after publishing, and then the day of a whole app.
async fn elsewhere(fleet: &Fleet) -> Vec<Told> {
    let stage = Stage::on(fleet, ("youtube", None)).await;
    let body = json!({"error": {"code": 403, "message": "Not allowed.", "errors": [
        {"domain": "youtube.thumbnail", "reason": "forbidden", "message": "Not allowed."}]}});
    stage
        .fault(json!({"kind": "serverError", "route": "thumbnails.set", "status": 403,
            "body": body}))
        .await;
    let film = stage.film().await;
    let picture = stage.scene.api.upload(files::jpeg(1_280, 720), "a.jpg").await;
    let options = json!({"title": "A film", "thumbnailMediaId": picture, "media": film});
    let a = stage.post(json!({"youtube": options})).await;
    let a = stage.told(&a, "a step after it failed", "a step after it failed").await;

    stage.scene.sim.limits("youtube", &json!({"insertsMax": 0})).await;
    let film = stage.film().await;
    let options = json!({"title": "Another film", "media": film});
    let b = stage.post(json!({"youtube": options})).await;
    let b = stage.told(&b, "app limited", "every account connected through it").await;
    vec![a, b]
}

async fn everybody(fleet: &Fleet) -> Vec<Told> {
    let stage = Stage::on(fleet, X).await;
    let one = json!({"account": {"tweets.create": {"callsMax": 1, "windowS": 900}}});
    stage.scene.sim.limits("x", &one).await;
    let first = stage.say().await;
    let shown = stage.scene.published(&first).await;
    assert_eq!(delivery(&shown, &stage.account)["status"], "published");
    let second = stage.post(json!({"text": format!("Second, {}", stage.scene.brand)})).await;
    let a = stage.told(&second, "our own limiter", "for now are spent").await;

    let stage = Stage::on(fleet, X).await;
    stage.refuse(402, json!({"title": "CreditsDepleted", "detail": "No credits."})).await;
    let unpaid = stage.say().await;
    let b = stage.told(&unpaid, "app unpaid", "refuses our app").await;
    let other = Stage::on(fleet, X).await;
    let c = other.say().await;
    let c = other.told(&c, "held by the app's gate", "takes no calls from our app").await;
    vec![a, b, c]
}
