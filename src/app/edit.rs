//! Changes what a post says, when and where it goes out, as far as it has not left.
//!
//! A change is a merge patch of what was written, and is checked as if it were written anew. It
//! names the revision that was seen; behind the locks each delivery takes it, keeps what was
//! written, or stands against it (`domain::edit`).

use crate::caller::Caller;
use crate::order::{at_release, nowhere, owed, told, unreached, wrong_stage};
use crate::show::{self, PostView};
use crate::validate::{Anew, Checked, validate_as};
use crate::{Answer, App, Refused, accept, access, slots};
use base::rng;
use domain::capability::Profile;
use domain::delivery::Status;
use domain::edit::{Now, Way, Wish, Words, edited, recheck};
use domain::id::{AccountId, BrandId, DeliveryId, PostId};
use domain::post::Stage;
use domain::request::{Change, Draft, written};
use platforms::Checkpoint;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use store::accepts::{Mark, NewDelivery, NewPost};
use store::changes::{Due, Move, Standing, Turn, Write};
use store::posts::Post;
use store::premises::Terms;

/// What a change is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    /// What was written changes.
    Edit,
    /// What failed is tried again with it.
    Retry,
    /// A draft goes its way.
    Release,
}

/// A delivery with its account and platform.
type Named = (DeliveryId, AccountId, &'static str);

/// What a change comes to, delivery by delivery.
#[derive(Default)]
struct Plan {
    moves: Vec<Move>,
    added: Vec<Named>,
    /// Those that stand against it.
    refused: Vec<(DeliveryId, Now)>,
    /// Those that keep what was written.
    spared: Vec<(DeliveryId, Now)>,
    /// Some are to be checked by a fan-out.
    is_checked: bool,
    /// A failed one goes on.
    is_retried: bool,
}

/// Changes a post.
///
/// # Errors
/// When Postgres fails; then nothing of it is changed.
pub async fn edit(app: &App, caller: &Caller, id: PostId, change: &Change) -> Answer<PostView> {
    change_post(app, caller, id, (change, Goal::Edit)).await
}

/// Changes a post and tries its failed deliveries again, in one step. What is out keeps what was
/// written.
///
/// # Errors
/// When Postgres fails; then nothing of it is changed.
pub async fn retry(app: &App, caller: &Caller, id: PostId, change: &Change) -> Answer<PostView> {
    change_post(app, caller, id, (change, Goal::Retry)).await
}

/// Lets a draft go.
///
/// # Errors
/// When Postgres fails; then it stays a draft.
pub(crate) async fn release(app: &App, caller: &Caller, id: PostId) -> Answer<PostView> {
    change_post(app, caller, id, (&Change::default(), Goal::Release)).await
}

async fn change_post(
    app: &App,
    caller: &Caller,
    id: PostId,
    (change, goal): (&Change, Goal),
) -> Answer<PostView> {
    let Some(post) = app.0.store.post(caller.tenant, id).await? else {
        return Ok(Err(nowhere(id)));
    };
    if let Some(refused) = access::refuse_live(caller, post.brand, post.stage) {
        return Ok(Err(refused));
    }
    if let Some(refused) = against(&post, change, goal) {
        return Ok(Err(refused));
    }
    let checked = match check(app, caller, &post, (change, goal)).await? {
        Ok(checked) => checked,
        Err(refused) => return Ok(Err(refused)),
    };
    let Some(turn) = app.0.store.begin_change(caller.tenant, id).await? else {
        return Ok(Err(nowhere(id)));
    };
    // What was checked is what stands there.
    if turn.post.revision != post.revision {
        return Ok(Err(unseen(&turn.post, post.revision)));
    }
    write(app, caller, turn, (checked, change, goal)).await
}

/// Reads and checks what would be written.
async fn check(
    app: &App,
    caller: &Caller,
    post: &Post,
    (change, goal): (&Change, Goal),
) -> Answer<Checked> {
    let body = written(&post.draft, &change.patch, post.now);
    let takes = |status: Status| match status {
        Status::Validating | Status::Scheduled | Status::Ready | Status::Failed => true,
        Status::Sending | Status::Reconciling | Status::Review => false,
        Status::Published | Status::Cancelled => false,
    };
    let kept = post.deliveries.iter().filter(|one| takes(one.status));
    let kept: Vec<AccountId> = kept.map(|one| one.account).collect();
    let is_draft = post.stage == Stage::Draft && goal != Goal::Release;
    let is_kept = post.stage != Stage::Draft && !readdresses(change, goal);
    let anew = Anew { kept: is_kept.then_some(kept.as_slice()), is_draft };
    let checked = validate_as(app, caller, &body, anew).await?;
    Ok(checked.map(|mut checked| {
        checked.draft.keep_times(&post.draft, &change.patch);
        checked
    }))
}

async fn write(
    app: &App,
    caller: &Caller,
    mut turn: Turn,
    (checked, change, goal): (Checked, &Change, Goal),
) -> Answer<PostView> {
    let Checked { mut draft, targets, warnings, brand, marks, terms } = checked;
    let is_draft = turn.post.stage == Stage::Draft && goal != Goal::Release;
    let accounts: Vec<AccountId> = targets.iter().map(|(account, _)| *account).collect();
    if let Some(wanted) = slots::wanted(caller, brand, &draft, &accounts)
        && !is_draft
    {
        draft = match turn.place(wanted).await? {
            Ok(place) => place.fill(&draft),
            Err(none) => return Ok(Err(slots::refusal(&draft.brand_slug, none))),
        };
    }
    if let Some(accounts) = revived(&turn, &draft, &targets, (change, goal)) {
        draft = match turn.reclaim(&draft, &accounts).await? {
            Ok(Some(place)) => place.fill(&draft),
            Ok(None) => draft,
            Err(none) => return Ok(Err(slots::refusal(&draft.brand_slug, none))),
        };
    }
    let post = &turn.post;
    if goal == Goal::Release
        && let Err(refused) = at_release(&draft, post)
    {
        return Ok(Err(refused));
    }
    let plan = match is_draft {
        true => Plan::default(),
        false => plan(&turn, &draft, &targets, (change, goal)),
    };
    if let Some(refused) = plan.refusal(post.stage, goal) {
        return Ok(Err(refused));
    }
    let draft = Arc::new(draft);
    if let Err(refused) = weigh(&mut turn, &plan, (brand, &draft), (&marks, terms)).await? {
        return Ok(Err(refused));
    }
    let Plan { moves, added, spared, is_checked, .. } = plan;
    let post = &turn.post;
    let stage = if goal == Goal::Release { Stage::Live } else { post.stage };
    let (id, actor) = (post.id, caller.actor());
    let action = match goal {
        Goal::Edit => "post.edit",
        Goal::Retry => "post.retry",
        Goal::Release => "post.release",
    };
    let fields: Vec<&String> = change.patch.keys().collect();
    let revision = post.revision + 1;
    let edited =
        json!({ "revision": revision, "fields": fields, "scheduledAt": draft.scheduled_at });
    let write = Write {
        stage,
        hold: post.hold.map(|hold| hold.0).filter(|_| stage == Stage::Held),
        draft: Some(&draft),
        marks: &marks,
        arms: owed(app, (caller, post), (stage, is_checked), draft.scheduled_at),
        audit: (&actor, action, "through the API"),
        notes: (
            json!({ "revision": post.revision, "scheduledAt": post.scheduled_at }),
            edited.clone(),
        ),
        event: (goal != Goal::Release).then_some(("post.edited", edited)),
        moves,
        added,
    };
    let jobs = turn.commit(write).await?;
    app.wake(&jobs).await;
    tracing::info!(post = %id, actor, action, revision, "a post is changed");
    let shown = show::post(app, caller, id).await?;
    let unreached = spared.into_iter().map(|(id, now)| unreached(id, now)).collect();
    Ok(shown.map(|view| PostView { unreached, warnings, ..view }))
}

/// What an account or the tenant has no room for stands against the change.
async fn weigh(
    turn: &mut Turn,
    plan: &Plan,
    written: (BrandId, &Arc<Draft>),
    known: (&BTreeMap<&'static str, Mark>, Terms),
) -> Answer<()> {
    let added = as_new(turn, written, &plan.added, known);
    let anew: Vec<_> = said_anew(turn, &plan.moves).chain(plan.added.iter().copied()).collect();
    let anew = as_new(turn, written, &anew, known);
    match turn.weigh(&anew, &added).await? {
        Some(against) => Ok(accept::settled(&anew, against).map(|_| ())),
        None => Ok(Ok(())),
    }
}

/// The deliveries that a change gives other words or another time, and that go out still.
fn said_anew(turn: &Turn, moves: &[Move]) -> impl Iterator<Item = Named> {
    let is_anew = |one: &&Move| {
        (one.words == Words::New || one.due == Due::Scheduled)
            && one.status != Some(Status::Cancelled)
    };
    let of = |one: &Move| turn.standing.iter().find(|standing| standing.id == one.id);
    moves.iter().filter(is_anew).filter_map(of).filter_map(|one| {
        platforms::find(&one.platform).map(|platform| (one.id, one.account, platform.name()))
    })
}

/// Some deliveries of a change, as they would be accepted of a new post.
fn as_new(
    turn: &Turn,
    (brand, draft): (BrandId, &Arc<Draft>),
    deliveries: &[Named],
    (marks, terms): (&BTreeMap<&'static str, Mark>, Terms),
) -> NewPost {
    let delivery = |(id, account, platform): &Named| {
        let mark = marks.get(platform).copied().unwrap_or_default();
        NewDelivery { id: *id, account: *account, platform, mark }
    };
    NewPost {
        id: turn.post.id,
        tenant: turn.tenant(),
        brand,
        draft: Arc::clone(draft),
        deliveries: deliveries.iter().map(delivery).collect(),
        guard: terms.guard,
        is_limited: terms.is_limited,
        claims: Vec::new(),
        owed: None,
    }
}

/// The accounts on which some of a post goes on at the time it had; `None` where none does, or the
/// change names another time.
fn revived(
    turn: &Turn,
    draft: &Draft,
    targets: &[(AccountId, &'static str)],
    (change, goal): (&Change, Goal),
) -> Option<Vec<AccountId>> {
    let is_same = draft.scheduled_at == turn.post.draft.scheduled_at;
    let of = |status| turn.standing.iter().filter(move |one| one.now.status == status);
    let stays = |account: &AccountId| of(Status::Failed).any(|one| one.account == *account);
    let accounts: Vec<AccountId> = match (goal, readdresses(change, goal)) {
        (Goal::Release, _) | (Goal::Edit, false) => return None,
        (Goal::Edit, true) if targets.iter().all(|(account, _)| stays(account)) => return None,
        (_, true) => targets.iter().map(|(account, _)| *account).collect(),
        (Goal::Retry, false) => of(Status::Failed).map(|one| one.account).collect(),
    };
    Some(accounts).filter(|accounts| is_same && !accounts.is_empty())
}

/// The change says anew on which accounts the post goes out.
fn readdresses(change: &Change, goal: Goal) -> bool {
    goal == Goal::Release || change.has("platforms") || change.has("accounts")
}

/// What stands against a change before it is looked at.
fn against(post: &Post, change: &Change, goal: Goal) -> Option<Refused> {
    let seen = change.revision.unwrap_or(post.revision);
    if seen != post.revision {
        return Some(unseen(post, seen));
    }
    match (post.stage, goal) {
        (Stage::Cancelled | Stage::Archived, _) => {
            let what = "Only a post that is not put away or taken back can be changed; \
                        POST /v1/posts/{id}/duplicate makes a draft of it";
            Some(wrong_stage(what, post.stage))
        }
        (Stage::Live, Goal::Edit | Goal::Retry) | (Stage::Draft, Goal::Edit | Goal::Release) => {
            None
        }
        (Stage::Held, Goal::Edit) => None,
        (Stage::Draft | Stage::Held, Goal::Retry) => {
            Some(wrong_stage("Only what went its way can be tried again", post.stage))
        }
        (Stage::Live | Stage::Held, Goal::Release) => {
            Some(wrong_stage("Only a draft is released so", post.stage))
        }
    }
}

fn unseen(post: &Post, seen: i32) -> Refused {
    Refused::Conflict {
        code: "revision_conflict",
        message: format!(
            "The post has revision {} by now, and the change was made of revision {seen}: look at \
             it again and send the change with the new revision.",
            post.revision,
        ),
    }
}

/// What a change means for each delivery, behind their locks.
fn plan(
    turn: &Turn,
    draft: &Draft,
    targets: &[(AccountId, &'static str)],
    (change, goal): (&Change, Goal),
) -> Plan {
    let (post, is_anew) = (&turn.post, readdresses(change, goal));
    let is_timed = draft.scheduled_at != post.draft.scheduled_at;
    let is_moved =
        is_timed || draft.not_after != post.draft.not_after || draft.late != post.draft.late;
    let spares = change.is_rest || goal == Goal::Retry;
    let mut plan = Plan::default();
    for one in &turn.standing {
        let is_target = targets.iter().any(|(account, _)| *account == one.account);
        let wish = Wish {
            is_addressed: !is_anew || is_target,
            is_called_back: is_anew && is_target,
            is_rewritten: is_rewritten(&one.platform, &post.draft, draft),
            is_moved,
            is_retried: goal != Goal::Edit,
            spares,
        };
        let Some((words, way)) = edited(one.now, wish) else {
            plan.refused.push((one.id, one.now));
            continue;
        };
        if edited(one.now, Wish { spares: false, ..wish }).is_none() {
            plan.spared.push((one.id, one.now));
        }
        plan.is_retried |= one.now.status == Status::Failed && way == Way::Check;
        let stays_unchecked = way == Way::Stay && one.now.status == Status::Validating;
        plan.is_checked |= way == Way::Check || stays_unchecked;
        if (words, way) != (Words::Same, Way::Stay) {
            let due = if is_timed || wish.is_called_back { Due::Scheduled } else { Due::Same };
            plan.moves.push(moved(one, (words, way), due, draft));
        }
    }
    let known = |account: &AccountId| turn.standing.iter().any(|one| one.account == *account);
    let added = targets.iter().filter(|(account, _)| is_anew && !known(account));
    plan.added = added.map(|(account, platform)| (rng::id(), *account, *platform)).collect();
    plan.is_checked |= !plan.added.is_empty();
    plan
}

fn moved(one: &Standing, (words, way): (Words, Way), due: Due, draft: &Draft) -> Move {
    let status = match way {
        Way::Stay => None,
        Way::Check => one.now.status.after(recheck(one.now.status)),
        Way::Cancel => Some(Status::Cancelled),
    };
    // What is out, or may be, stays due when it was.
    let due = if way == Way::Stay && one.now.status != Status::Failed { Due::Same } else { due };
    let is_outlived = due == Due::Scheduled
        && draft.scheduled_at.is_some_and(|until| !outlives(one, until))
        && !one.now.is_part_out;
    Move {
        id: one.id,
        status,
        due,
        words,
        is_dropped: words == Words::New || is_outlived,
        is_stopped: way != Way::Stay,
    }
}

/// What was made ready of a delivery is still there then. Of a sealed checkpoint nobody can tell
/// without opening it, and what it holds is made anew.
fn outlives(one: &Standing, until: domain::time::Timestamp) -> bool {
    let Some(at) = one.checkpoint.clone().map(Checkpoint) else { return true };
    let adapter = platforms::find(&one.platform).and_then(|platform| platform.adapter());
    adapter.filter(|adapter| !adapter.has_secret_checkpoints()).is_some_and(|adapter| {
        adapter.publish().reads(&at) && adapter.publish().outlives(&at, until)
    })
}

/// What goes out on a platform differs between two drafts.
fn is_rewritten(platform: &str, old: &Draft, new: &Draft) -> bool {
    let Some(platform) = platforms::find(platform) else { return false };
    let content = |draft| platform.content(Profile::Extended, draft, &mut Vec::new());
    content(old) != content(new)
}

impl Plan {
    /// What stands against it.
    fn refusal(&self, stage: Stage, goal: Goal) -> Option<Refused> {
        if !self.refused.is_empty() {
            let message = format!(
                "It is too late for this change: {}. Send `\"scope\": \"remaining\"` to change \
                 what has not left.",
                told(&self.refused),
            );
            return Some(Refused::Conflict { code: "too_late", message });
        }
        if goal == Goal::Retry && !self.is_retried {
            return Some(Refused::Conflict {
                code: "nothing_failed",
                message: "None of the deliveries of this post has failed.".to_owned(),
            });
        }
        let takes = |one: &Move| one.status.is_some() || one.words == Words::New;
        let is_taken = self.moves.iter().any(takes) || !self.added.is_empty();
        if stage == Stage::Live && !self.spared.is_empty() && !is_taken {
            let message =
                format!("Nothing is left that could take this change: {}.", told(&self.spared));
            return Some(Refused::Conflict { code: "too_late", message });
        }
        None
    }
}
