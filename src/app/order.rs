//! What a person orders of a post as a whole: it is held, let go, made a draft again, put away.
//!
//! Which delivery an order reaches is decided behind its lock (`domain::edit`): whoever commits
//! first, order or intent, wins, and the other is told.

use crate::accept::{self, Acceptance};
use crate::caller::Caller;
use crate::show::{self, PostView, UnreachedView};
use crate::validate::Checked;
use crate::{Answer, App, Refused, edit, targets, waiting};
use domain::delivery::Status;
use domain::edit::{Against, Now, Order, Step, stage_after, step};
use domain::id::{DeliveryId, PostId};
use domain::post::{Begin, Hold, Release, Stage};
use domain::request::Draft;
use serde_json::json;
use std::collections::BTreeMap;
use store::changes::{Due, Move, Standing, Turn, Write};
use store::jobs::Arm;
use store::posts::Post;

/// Holds a post, or says anew what it waits for: nothing of it leaves until it is released. What is
/// under way by then is named in the answer.
///
/// # Errors
/// When Postgres fails.
pub async fn hold(app: &App, caller: &Caller, id: PostId, hold: Hold) -> Answer<PostView> {
    carry_out(app, caller, id, (Order::Hold, Some(hold))).await
}

/// Lets a held post or a draft go: at its time, or now where that has passed.
///
/// # Errors
/// When Postgres fails.
pub async fn release(app: &App, caller: &Caller, id: PostId) -> Answer<PostView> {
    match app.0.store.post(caller.tenant, id).await? {
        // It is checked whole, and its accounts are sought now.
        Some(post) if post.stage == Stage::Draft => edit::release(app, caller, id).await,
        _ => carry_out(app, caller, id, (Order::Release, None)).await,
    }
}

/// Makes a post a draft again, of which nothing is out or may be; its time is taken away.
///
/// # Errors
/// When Postgres fails.
pub async fn unschedule(app: &App, caller: &Caller, id: PostId) -> Answer<PostView> {
    carry_out(app, caller, id, (Order::Unschedule, None)).await
}

/// Puts a post away that has ended.
///
/// # Errors
/// When Postgres fails.
pub async fn archive(app: &App, caller: &Caller, id: PostId) -> Answer<PostView> {
    carry_out(app, caller, id, (Order::Archive, None)).await
}

/// Makes a new draft of what was written of a post, without its times.
///
/// # Errors
/// When Postgres fails.
pub async fn duplicate(
    app: &App,
    caller: &Caller,
    id: PostId,
    idempotency_key: Option<&str>,
) -> Answer<Acceptance> {
    let Some(post) = app.0.store.post(caller.tenant, id).await? else {
        return Ok(Err(nowhere(id)));
    };
    let draft = Draft {
        begin: Begin::Draft,
        scheduled_at: None,
        not_after: None,
        client_ref: None,
        copy_of: None,
        ..post.draft.clone()
    };
    let asked = (caller.tenant, Some(post.draft.brand_slug));
    let terms = app.0.premises.call(asked).await?.terms;
    let (targets, warnings, marks) = (Vec::new(), Vec::new(), BTreeMap::new());
    let checked = Checked { draft, brand: post.brand, targets, warnings, marks, terms };
    accept::store(app, caller, checked, &json!({ "duplicate": id }), idempotency_key).await
}

async fn carry_out(
    app: &App,
    caller: &Caller,
    id: PostId,
    (order, hold): (Order, Option<Hold>),
) -> Answer<PostView> {
    let Some(turn) = app.0.store.begin_change(caller.tenant, id).await? else {
        return Ok(Err(nowhere(id)));
    };
    let nows: Vec<Now> = turn.standing.iter().map(|one| one.now).collect();
    let stage = match stage_after(turn.post.stage, order, &nows) {
        Ok(stage) => stage,
        Err(against) => return Ok(Err(refusal(&turn, order, against))),
    };
    let post = &turn.post;
    if (stage, hold) == (post.stage, post.hold.map(|hold| hold.0)) {
        drop(turn);
        return show::post(app, caller, id).await;
    }
    let due = match order {
        Order::Release => match at_release(&post.draft, post) {
            Ok(due) => due,
            Err(refused) => return Ok(Err(refused)),
        },
        Order::Hold | Order::Unschedule | Order::Archive | Order::Cancel => Due::Same,
    };
    let refused = turn.standing.iter().filter(|one| step(order, one.now) == Step::Refuse);
    let unreached = refused.map(|one| unreached(one.id, one.now)).collect();
    let moves: Vec<Move> = turn.standing.iter().filter_map(|one| moved(order, one, due)).collect();
    let timeless = Draft { scheduled_at: None, ..post.draft.clone() };
    let draft = (order == Order::Unschedule).then_some(&timeless);
    let is_checked = moves.iter().any(|one| one.status == Some(Status::Validating));
    let due_at = draft.map_or(post.scheduled_at, |draft| draft.scheduled_at);
    let (actor, action) = (caller.actor(), action(order));
    let reason = hold.map_or("through the API", Hold::as_str);
    let write = Write {
        stage,
        hold,
        draft,
        marks: &BTreeMap::new(),
        added: Vec::new(),
        arms: owed(app, (caller, post), (stage, is_checked), due_at),
        audit: (&actor, action, reason),
        notes: (
            json!({ "stage": post.stage, "hold": post.hold.map(|hold| hold.0) }),
            json!({ "stage": stage, "hold": hold, "deliveries": moves.len() }),
        ),
        event: None,
        moves,
    };
    let jobs = turn.commit(write).await?;
    app.wake(&jobs).await;
    tracing::info!(post = %id, actor, action, "a post is changed as a whole");
    let shown = show::post(app, caller, id).await?;
    Ok(shown.map(|view| PostView { unreached, ..view }))
}

/// What an order does to a delivery. A hold raises the revision of all that has not ended, so that
/// an attempt in flight finds no right any more to write an intent.
fn moved(order: Order, one: &Standing, due: Due) -> Option<Move> {
    let is_stopped = one.now.is_at_rest();
    match step(order, one.now) {
        Step::To(event) => {
            let status = one.now.status.after(event);
            Some(Move { status, due, is_stopped, ..Move::of(one.id) })
        }
        Step::Keep | Step::Refuse if order == Order::Hold && !one.now.status.is_ended() => {
            Some(Move { is_stopped, ..Move::of(one.id) })
        }
        Step::Keep | Step::Refuse => None,
    }
}

/// The wake-ups that a post in `stage` owes after a change.
pub(crate) fn owed(
    app: &App,
    (caller, post): (&Caller, &Post),
    (stage, is_checked): (Stage, bool),
    due_at: Option<domain::time::Timestamp>,
) -> Vec<Arm> {
    let shard = app.shard(&caller.tenant.uuid().to_string());
    if stage == Stage::Live && is_checked {
        return vec![targets::fan_out(caller.tenant, post.id.uuid(), shard)];
    }
    waiting::arm(app, (caller.tenant, post.id), stage, due_at, post.now).into_iter().collect()
}

/// When what is released is due.
pub(crate) fn at_release(draft: &Draft, post: &Post) -> Result<Due, Refused> {
    match domain::post::release(draft.scheduled_at, draft.not_after, post.now) {
        Release::InTime => Ok(Due::Same),
        Release::Late => Ok(Due::NotPast),
        Release::Over => Err(Refused::Conflict {
            code: "over",
            message: format!(
                "It was to be out by {}, and it is {}: set a later `notAfter`, or take it away, \
                 with PATCH first.",
                draft.not_after.map_or_else(String::new, |at| at.to_string()),
                post.now,
            ),
        }),
    }
}

fn action(order: Order) -> &'static str {
    match order {
        Order::Hold => "post.hold",
        Order::Release => "post.release",
        Order::Unschedule => "post.unschedule",
        Order::Archive => "post.archive",
        Order::Cancel => "post.cancel",
    }
}

fn refusal(turn: &Turn, order: Order, against: Against) -> Refused {
    let what = match order {
        Order::Hold => "Only a post that goes its way can be held",
        Order::Release => "Only a held post or a draft can be released",
        Order::Unschedule => "Only a post of which nothing is out can become a draft again",
        Order::Archive => "Only a post that has ended can be put away",
        Order::Cancel => "Only a post that has not ended can be taken back",
    };
    if against == Against::Stage {
        return wrong_stage(what, turn.post.stage);
    }
    let refuses = turn.standing.iter().filter(|one| step(order, one.now) == Step::Refuse);
    let named: Vec<_> = refuses.map(|one| (one.id, one.now)).collect();
    if named.is_empty() {
        let message = format!("{what}: every delivery of this one has ended.");
        return Refused::Conflict { code: "too_late", message };
    }
    let code = if order == Order::Archive { "not_ended" } else { "too_late" };
    Refused::Conflict { code, message: format!("{what}: {}.", told(&named)) }
}

/// The stage of the post stands against it.
pub(crate) fn wrong_stage(what: &str, stage: Stage) -> Refused {
    let message = format!("{what}: this one is {}.", stage.as_str());
    Refused::Conflict { code: "wrong_stage", message }
}

/// Deliveries and where they stand, in words.
pub(crate) fn told(deliveries: &[(DeliveryId, Now)]) -> String {
    const NAMED_MAX: usize = 5;
    let named = deliveries.iter().take(NAMED_MAX);
    let named: Vec<String> = named
        .map(|(id, Now { status, is_part_out })| match status.is_ended() || !is_part_out {
            true => format!("delivery {id} is {status}"),
            false => format!("delivery {id} is {status}, and a part of it is out"),
        })
        .collect();
    match deliveries.len().saturating_sub(NAMED_MAX) {
        0 => named.join(", "),
        more => format!("{}, and {more} more", named.join(", ")),
    }
}

/// What a change could not reach.
pub(crate) fn unreached(id: DeliveryId, now: Now) -> UnreachedView {
    UnreachedView { id, status: now.status }
}

/// There is no such post.
pub(crate) fn nowhere(id: PostId) -> Refused {
    Refused::NotFound(format!("There is no post {id}."))
}
