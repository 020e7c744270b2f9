//! Accepts many posts of one request: those that are well, or all or none.
//!
//! Invariant: a line that was accepted stays accepted, whoever loses the answer: the request's key
//! and its line are a name of the post, as its own reference is.

mod rows;

use crate::accept::{self, Ready, Stored};
use crate::caller::Caller;
use crate::{Answer, App, Refused, likes, validate};
use base::digest::sha256_hex;
use base::{Context, Fault, crash};
use bytes::Bytes;
use domain::id::PostId;
use domain::rejection::{Rejection, Rule};
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use rows::{Twins, bar, key_taken, read, reference};
use serde::Serialize;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use store::accepts::Accepted;
use store::claims::Claim;
use store::contents::Sought;
use tokio::sync::SemaphorePermit;
use utoipa::ToSchema;

/// Rows of one request at most.
pub const ROWS_MAX: usize = 5_000;
/// Requests of a process that are read or wait at once: each holds its body in memory.
pub(crate) const READ_AT_ONCE_MAX: usize = 8;
/// Requests of a process that are worked on at once: each holds its posts in memory too.
pub(crate) const AT_ONCE_MAX: usize = 2;
/// How long a request waits to be read.
const TURN_WITHIN: Duration = Duration::from_secs(20);
/// Rows that are checked or stored side by side.
const SIDE_BY_SIDE: usize = 64;
/// Contents whose likes are looked for in one statement.
const SOUGHT_MAX: usize = 512;
/// Violations of one row that are told.
const TOLD_MAX: usize = 5;

/// A row of a request.
#[derive(Debug, Clone)]
pub struct Row {
    /// The line that it begins on, from 1.
    pub line: u64,
    /// The JSON of its post, unless it is not even a row.
    pub json: Result<Bytes, Box<Rejection>>,
}

/// What becomes of the good rows beside bad ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
#[schema(as = BulkMode)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// None is accepted.
    #[default]
    All,
    /// They are accepted.
    Valid,
}

/// A request for many posts.
pub struct Asked<'a> {
    /// Its rows, in order.
    pub rows: Vec<Row>,
    /// The SHA-256 of its body.
    pub sha256: String,
    /// Its Idempotency-Key.
    pub key: Option<&'a str>,
    /// What becomes of the good rows beside bad ones.
    pub mode: Mode,
    /// The rows are checked, and that is all.
    pub is_dry_run: bool,
}

/// What became of each row.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = BulkReport)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The rows were checked alone.
    pub dry_run: bool,
    /// What was to become of the good rows beside bad ones.
    pub mode: Mode,
    /// Rows of the request.
    pub rows: usize,
    /// Rows that are posts now, or would be.
    pub accepted: usize,
    /// Rows that are not.
    pub refused: usize,
    /// The posts, in the order of their lines; none of a dry run.
    pub posts: Vec<Line>,
    /// What is wrong with the others.
    pub errors: Vec<BadLine>,
}

/// A row that is a post now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BulkLine)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// The line that it begins on.
    pub line: u64,
    /// Its post.
    pub id: PostId,
    /// What its sender calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_ref: Option<String>,
    /// The same had been accepted before.
    pub again: bool,
    /// What a draft still lacks, and which accounts have its content already.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Rejection>,
}

/// A row that is none.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BulkBadLine)]
pub struct BadLine {
    /// The line that it begins on.
    pub line: u64,
    /// A stable code.
    pub error: String,
    /// The story.
    pub message: String,
    /// The rules that are broken.
    pub details: Vec<Rejection>,
}

/// A row that was checked.
enum Checked {
    Ready(Box<Ready>),
    /// It was accepted before, and would be refused by now.
    Again(PostId, Option<String>),
}

/// A row's line, and what its check came to.
type Placed = (u64, Result<Checked, Refused>);

/// What holds for all rows of a request.
struct Whole {
    app: App,
    caller: Caller,
    sha256: String,
    key: Option<String>,
    /// Rows that cannot be accepted for what other rows say, or for whose brand they are.
    barred: HashMap<u64, Refused>,
}

impl App {
    /// Waits until there is room for another request with many posts; `None` when that takes too
    /// long. Held while its rows are.
    pub async fn bulk_turn(&self) -> Option<SemaphorePermit<'_>> {
        let turn = tokio::time::timeout(TURN_WITHIN, self.0.bulk_reads.acquire()).await;
        turn.ok().and_then(Result::ok)
    }
}

/// Accepts the posts of a request, or says what is wrong with each.
///
/// # Errors
/// When Postgres fails. What was accepted by then is told when the same is asked again.
pub async fn bulk(app: &App, caller: &Caller, asked: Asked<'_>) -> Answer<Report> {
    let Asked { rows, sha256, key, mode, is_dry_run } = asked;
    let _turn = app.0.bulks.acquire().await.context("the process ends")?;
    let whole = Arc::new(Whole {
        app: app.clone(),
        caller: caller.clone(),
        sha256,
        key: key.map(str::to_owned),
        barred: bar(app, caller, &rows).await?,
    });
    let names: Vec<Claim> = rows.iter().filter_map(|row| whole.line(row.line)).collect();
    if let Some(id) = app.0.store.claimed_otherwise(caller.tenant, &names).await? {
        return Ok(Err(key_taken(id)));
    }
    let mut report = Report { dry_run: is_dry_run, mode, rows: rows.len(), ..Report::default() };
    match (is_dry_run, mode) {
        (true, _) => check_all(&whole, rows, &mut report).await?,
        (false, Mode::Valid) => accept_valid(&whole, rows, &mut report).await?,
        (false, Mode::All) => accept_all(&whole, rows, &mut report).await?,
    }
    report.refused = report.errors.len();
    Ok(Ok(report))
}

impl Whole {
    /// The name of a line under the key of its request.
    fn line(&self, line: u64) -> Option<Claim> {
        self.key.as_ref().map(|key| Claim::line(key, line, &self.sha256))
    }

    /// Reads a row and checks it.
    async fn check(&self, row: &Row) -> Answer<Checked> {
        if let Some(refused) = self.barred.get(&row.line) {
            return Ok(Err(refused.clone()));
        }
        let (app, caller) = (&self.app, &self.caller);
        let body = match read(row) {
            Ok(body) => body,
            Err(refused) => return Ok(Err(refused)),
        };
        let mut claims = accept::claims(&body, None);
        claims.extend(self.line(row.line));
        let refused = match validate::validate(app, caller, &body).await? {
            Ok(checked) => match accept::prepare(app, caller, checked, claims.clone()).await? {
                Ok(ready) => return Ok(Ok(Checked::Ready(Box::new(ready)))),
                Err(refused) => refused,
            },
            Err(refused) => refused,
        };
        // What was accepted once stays accepted.
        Ok(match app.0.store.accepted_before(caller.tenant, &claims).await? {
            Some(id) => Ok(Checked::Again(id, reference(&body).map(str::to_owned))),
            None => Err(refused),
        })
    }

    /// Checks a row and stores it.
    async fn accept(&self, row: &Row) -> Answer<Line> {
        let ready = match self.check(row).await? {
            Ok(Checked::Ready(ready)) => ready,
            Ok(Checked::Again(id, client_ref)) => return Ok(Ok(again(row.line, id, client_ref))),
            Err(refused) => return Ok(Err(refused)),
        };
        Ok(match accept::put(&self.app, &self.caller, &ready).await? {
            Ok(stored) => Ok(self.told(row.line, &ready, &stored).await?),
            Err(refused) => Err(refused),
        })
    }

    async fn told(&self, line: u64, ready: &Ready, stored: &Stored) -> Result<Line, Fault> {
        let mut warnings = ready.warnings.clone();
        warnings.extend(likes::warnings(&self.app, likes::sought(&ready.new, stored.id)).await?);
        let client_ref = ready.new.draft.client_ref.clone();
        Ok(Line { line, id: stored.id, client_ref, again: stored.is_again, warnings })
    }
}

/// Rows that are checked side by side, in their order.
fn checked(whole: &Arc<Whole>, rows: Vec<Row>) -> BoxStream<'static, Result<Placed, Fault>> {
    let whole = Arc::clone(whole);
    let check = move |row: Row| {
        let whole = Arc::clone(&whole);
        async move { Ok::<_, Fault>((row.line, whole.check(&row).await?)) }.boxed()
    };
    stream::iter(rows).map(check).buffered(SIDE_BY_SIDE).boxed()
}

/// Checks every row. What an account would take once counts among the rows too.
async fn check_all(whole: &Arc<Whole>, rows: Vec<Row>, report: &mut Report) -> Result<(), Fault> {
    let mut twins = Twins::new(&whole.app);
    let mut checked = checked(whole, rows);
    while let Some((line, checked)) = checked.try_next().await? {
        match checked.and_then(|checked| twins.admit(line, checked)) {
            Ok(_) => report.accepted += 1,
            Err(refused) => report.errors.push(bad(line, &refused)),
        }
    }
    Ok(())
}

/// Accepts the rows that are well.
async fn accept_valid(
    whole: &Arc<Whole>,
    rows: Vec<Row>,
    report: &mut Report,
) -> Result<(), Fault> {
    let whole = Arc::clone(whole);
    let accept = move |row: Row| {
        let whole = Arc::clone(&whole);
        async move { Ok::<_, Fault>((row.line, whole.accept(&row).await?)) }.boxed()
    };
    let mut done = stream::iter(rows).map(accept).buffered(SIDE_BY_SIDE);
    while let Some((line, accepted)) = done.try_next().await? {
        match accepted {
            Ok(told) => report.posts.push(told),
            Err(refused) => report.errors.push(bad(line, &refused)),
        }
    }
    report.accepted = report.posts.len();
    Ok(())
}

/// Accepts all rows in one transaction, if all of them are well.
async fn accept_all(whole: &Arc<Whole>, rows: Vec<Row>, report: &mut Report) -> Result<(), Fault> {
    let (mut twins, mut ready) = (Twins::new(&whole.app), Vec::with_capacity(rows.len()));
    let mut checked = checked(whole, rows);
    while let Some((line, checked)) = checked.try_next().await? {
        match checked.and_then(|checked| twins.admit(line, checked)) {
            Ok(Checked::Ready(one)) => ready.push((line, one)),
            Ok(Checked::Again(id, client_ref)) => report.posts.push(again(line, id, client_ref)),
            Err(refused) => report.errors.push(bad(line, &refused)),
        }
    }
    drop(checked);
    if !report.errors.is_empty() {
        report.posts.clear();
        return Ok(());
    }
    let posts = ready.iter().map(|(_, one)| (one.new.clone(), one.wanted(&whole.caller)));
    match whole.app.0.store.accept_all(posts.collect()).await? {
        Ok(accepted) => {
            crash::point("accept.after_commit");
            report.posts.extend(stored(whole, &ready, accepted).await?);
            report.posts.sort_by_key(|told| told.line);
            report.accepted = report.posts.len();
        }
        Err(against) => {
            report.posts.clear();
            for (at, against) in against {
                let Some((line, one)) = ready.get(at) else { continue };
                let refused = accept::settled(&one.new, against).err();
                report.errors.extend(refused.map(|refused| bad(*line, &refused)));
            }
        }
    }
    Ok(())
}

/// Wakes whoever goes on with posts that are stored, and tells of each.
async fn stored(
    whole: &Whole,
    ready: &[(u64, Box<Ready>)],
    accepted: Vec<Accepted>,
) -> Result<Vec<Line>, Fault> {
    let (mut lines, mut jobs) = (Vec::with_capacity(ready.len()), Vec::new());
    for ((line, one), accepted) in ready.iter().zip(accepted) {
        // Nothing stands against any of them.
        let Ok(Stored { id, is_again, jobs: owed }) = accept::settled(&one.new, accepted) else {
            continue;
        };
        jobs.extend(owed);
        let (client_ref, warnings) = (one.new.draft.client_ref.clone(), one.warnings.clone());
        lines.push(Line { line: *line, id, client_ref, again: is_again, warnings });
    }
    metrics::counter!("postfleet_posts_accepted_total").increment(jobs.len() as u64);
    whole.app.wake(&jobs).await;
    let sought = ready.iter().zip(&lines).enumerate();
    let sought =
        sought.filter_map(|(at, ((_, one), line))| Some((at, likes::sought(&one.new, line.id)?)));
    let (places, sought): (Vec<usize>, Vec<Sought>) = sought.unzip();
    for (places, sought) in places.chunks(SOUGHT_MAX).zip(sought.chunks(SOUGHT_MAX)) {
        let alike = whole.app.0.store.alike(sought.to_vec()).await?;
        for (at, alike) in places.iter().zip(alike) {
            if let Some(line) = lines.get_mut(*at) {
                line.warnings.extend(alike.iter().map(likes::told));
            }
        }
    }
    Ok(lines)
}

fn again(line: u64, id: PostId, client_ref: Option<String>) -> Line {
    Line { line, id, client_ref, again: true, warnings: Vec::new() }
}

fn bad(line: u64, refused: &Refused) -> BadLine {
    let (error, message) = refused.told();
    let mut details: Vec<Rejection> = refused.details().iter().take(TOLD_MAX).cloned().collect();
    if details.is_empty() {
        let whole = Rejection::request(Rule::Conflict, "row", message.as_str());
        details.push(whole.resolve("Send the row again."));
    }
    BadLine { line, error, message, details }
}

/// The SHA-256 of a body, as a request is known by it.
pub fn digest(body: &[u8]) -> String {
    sha256_hex(body)
}
