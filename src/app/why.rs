//! Shows one delivery whole: where it stands and why, and what was tried for it.

use crate::attempt::wording_sha256;
use crate::caller::Caller;
use crate::show::{self, DeliveryView};
use crate::{Answer, App, Refused};
use base::Fault;
use domain::capability::Profile;
use domain::failure::Scope;
use domain::id::{DeliveryId, PostId};
use domain::time::Timestamp;
use domain::timeline::{Fact, Line, Next, Page, SHOWN_MAX, Stored};
use domain::why::{Facts, Gate, Reason, why};
use serde::Serialize;
use serde_json::Value;
use store::doubts::Wording;
use store::preflights::Standing;
use store::situations::{Ledgered, Situation};
use utoipa::ToSchema;

/// A delivery, whole.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = DeliveryPage)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryPage {
    /// As posts show it.
    #[serde(flatten)]
    pub view: DeliveryView,
    /// Of which post.
    pub post_id: PostId,
    /// Why it is not out (or that it is, and where), and what comes next.
    pub why: String,
    /// What may keep it from going out in time, while it waits.
    pub risks: Vec<RiskView>,
    /// What was tried, oldest first.
    pub timeline: Vec<AttemptView>,
    /// There are older lines than those shown.
    pub is_cut: bool,
}

/// A problem that was found ahead of its time.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Risk)]
pub struct RiskView {
    /// For programs, as `token_ends`.
    pub risk: String,
    /// For people.
    pub message: String,
    /// What to do about it.
    pub resolution: String,
    /// Since when it is known.
    pub since: Timestamp,
}

/// One lease's work, or a person's.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Attempt)]
#[serde(rename_all = "camelCase")]
pub struct AttemptView {
    /// The lease's growing number.
    pub epoch: i64,
    /// `publish` or `reconcile`, as the worker's; `person` where somebody settled it by hand.
    pub role: String,
    /// What happened, in order.
    pub lines: Vec<Line>,
}

/// Shows one delivery.
///
/// # Errors
/// When Postgres fails.
pub async fn delivery(app: &App, caller: &Caller, id: DeliveryId) -> Answer<DeliveryPage> {
    let Some(situation) = app.0.store.situation(caller.tenant, id).await? else {
        return Ok(Err(Refused::NotFound(format!("There is no delivery {id}."))));
    };
    let (timeline, is_cut) = timeline(app, id).await?;
    let risks = risks(app, &situation).await?;
    let mut facts = facts(app, &situation).await?;
    facts.risk = risks.first().map(|risk| risk.message.clone());
    let why = why(&facts);
    let mut shown = situation.shown;
    // A gate that closes before the due time holds nothing yet.
    shown.gate = shown.gate.filter(|_| shown.due_at <= situation.now);
    let view = show::delivery(app, &shown, &situation.draft, situation.now);
    Ok(Ok(DeliveryPage { view, post_id: shown.post, why, risks, timeline, is_cut }))
}

/// What was found against a delivery ahead of its time. Behind it, the present tells more.
async fn risks(app: &App, situation: &Situation) -> Result<Vec<RiskView>, Fault> {
    let shown = &situation.shown;
    if !situation.is_waiting() || shown.due_at <= situation.now {
        return Ok(Vec::new());
    }
    // What is over shows so by itself; the next look takes it away.
    let is_over = |one: &Standing| match one.kind.as_str() {
        "paused" => situation.paused.is_none(),
        "needs_reconnect" | "damaged" | "disconnected" => situation.needs_reconnect.is_none(),
        _ => false,
    };
    let found = app.0.store.risks(shown.id).await?.into_iter().filter(|one| !is_over(one));
    let view = |one: Standing| {
        let Standing { kind: risk, message, resolution, since } = one;
        RiskView { risk, message, resolution, since }
    };
    Ok(found.map(view).collect())
}

/// What the sentence is made from.
async fn facts(app: &App, situation: &Situation) -> Result<Facts, Fault> {
    let shown = &situation.shown;
    let platform = platforms::find(&shown.platform);
    let content = platform
        .map(|platform| platform.content(Profile::Extended, &situation.draft, &mut Vec::new()));
    let twin = match &content {
        Some(content) if situation.is_waiting() => {
            let sha256 = wording_sha256(content);
            let wording = Wording { account: shown.account, delivery: shown.id, sha256: &sha256 };
            app.0.store.twin_in_doubt(wording).await?
        }
        _ => None,
    };
    let last = situation.last.clone().map(read).unwrap_or_default();
    let decided = last.lines.iter().rev().find_map(|line| match &line.fact {
        Fact::Decision { next, words, .. } => Some((next, words)),
        _ => None,
    });
    let number = |n: i32| u32::try_from(n).unwrap_or(0);
    let parts = content.map_or(1, |content| content.segments.len());
    Ok(Facts {
        now: situation.now,
        status: shown.status,
        stage: situation.stage,
        platform: shown.platform.clone(),
        account: shown.handle.clone(),
        due_at: shown.due_at,
        paused: situation.paused.clone(),
        own_limits: situation.own.words(),
        risk: None,
        gate: shown.gate.as_ref().map(|gate| Gate {
            scope: scope(&gate.scope_key),
            until: gate.until,
            reason: gate.reason.clone(),
        }),
        needs_reconnect: situation.needs_reconnect.clone(),
        failure: shown.failure.as_ref().map(reason),
        deadline_at: situation.deadline_at,
        ask_from: situation.ask_from,
        absences: number(situation.absences),
        crashes: number(situation.crashes),
        attempts: number(shown.attempts),
        twin,
        refresh_until: situation.refresh_until,
        wake_at: situation.wake_at,
        wait: decided.and_then(|(next, _)| match next {
            Next::Wait { why, .. } => Some(*why),
            _ => None,
        }),
        after: decided.and_then(|(next, words)| match next {
            Next::Publish { .. } => words.clone(),
            _ => None,
        }),
        // What is no chain has one receipt at most, which is its end.
        parts_out: match parts {
            0 | 1 => 0,
            parts => u32::try_from(situation.receipts)
                .unwrap_or(0)
                .min(u32::try_from(parts).unwrap_or(0)),
        },
        parts: u32::try_from(parts.max(1)).unwrap_or(u32::MAX),
        published_at: shown.published_at,
        permalink: shown.permalink.clone(),
    })
}

fn scope(key: &str) -> Scope {
    match key.split_once(':') {
        Some(("account", _)) => Scope::Account,
        Some(("app", _)) => Scope::App,
        _ => Scope::Platform,
    }
}

fn reason(stored: &Value) -> Reason {
    let text = |name: &str| stored[name].as_str().unwrap_or_default().to_owned();
    Reason { kind: text("type"), message: text("message"), resolution: text("resolution") }
}

/// Lines of a form that this version does not know are not shown.
fn read(stored: Value) -> Page {
    serde_json::from_value(stored).map(|Stored::V1(page)| page).unwrap_or_default()
}

/// A line and where it belongs.
struct Placed {
    epoch: i64,
    role: String,
    line: Line,
}

impl Placed {
    fn is_intent_of(&self, row: &Ledgered) -> bool {
        let is_its = |until: Timestamp, endpoint: &str| {
            self.epoch == row.epoch && until == row.deadline_at && endpoint == row.endpoint
        };
        matches!(&self.line.fact, Fact::Intent { endpoint, until, .. } if is_its(*until, endpoint))
    }
}

/// The newest lines of workers, persons and the ledger, by lease; whether there are older ones.
async fn timeline(app: &App, id: DeliveryId) -> Result<(Vec<AttemptView>, bool), Fault> {
    let rows_max = i64::try_from(SHOWN_MAX).unwrap_or(i64::MAX).saturating_add(1);
    let told = app.0.store.told(id, rows_max).await?;
    let ledger = app.0.store.ledgered(id, rows_max).await?;
    let mut lines: Vec<Placed> = Vec::new();
    let mut is_cut = false;
    for row in told.into_iter().rev() {
        let page = read(row.lines);
        is_cut |= page.dropped > 0;
        lines.extend(page.lines.into_iter().map(|line| Placed {
            epoch: row.epoch,
            role: row.role.clone(),
            line,
        }));
    }
    for row in ledger.into_iter().rev() {
        let Ledgered { epoch, endpoint, intended_at, deadline_at, outcome } = row.clone();
        let told = lines.iter_mut().find(|placed| placed.is_intent_of(&row));
        if let Some(Line { fact: Fact::Intent { outcome: open, .. }, .. }) =
            told.map(|placed| &mut placed.line)
        {
            *open = outcome;
            continue;
        }
        // Its lease ended without a settle.
        let fact = Fact::Intent { endpoint, until: deadline_at, outcome };
        let line = Line { at: intended_at, fact };
        lines.push(Placed { epoch, role: "publish".to_owned(), line });
    }
    // Stable: what has one instant stays in the order in which it was told.
    lines.sort_by_key(|placed| placed.line.at);
    let older = lines.len().saturating_sub(SHOWN_MAX);
    is_cut |= older > 0;
    let mut attempts: Vec<AttemptView> = Vec::new();
    for Placed { epoch, role, line, .. } in lines.into_iter().skip(older) {
        let is_his = |one: &&mut AttemptView| one.epoch == epoch && one.role == role;
        match attempts.iter_mut().find(is_his) {
            Some(attempt) => attempt.lines.push(line),
            None => attempts.push(AttemptView { epoch, role, lines: vec![line] }),
        }
    }
    Ok((attempts, is_cut))
}
