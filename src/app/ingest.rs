//! Takes in what upstream apps add to their tenants' inboxes.
//!
//! Invariant: an entry leaves its inbox only behind the commit of its post, or because it can never
//! become one; either way with an answer. Taken in twice it is one post, by its key. What Postgres
//! fails on stays where it is.

mod answers;
mod entries;

use crate::caller::Caller;
use crate::{App, accept, scope};
use base::trace::{self, Cause, Kind, Span};
use base::{Context, Fault, clock, rng};
use entries::Read;
use futures::{StreamExt, stream};
use queue::inbox::{Entries, Entry, EntryAnswer, Reader, can_have_inbox};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How often it is looked which tenants there are, and what other readers left.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How often readers that are gone are forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(60);
/// Posts of one tenant that are stored at once, and tenants at once: each post holds a connection
/// to Postgres, and the rest of the process needs some too.
const POSTS_AT_ONCE: usize = 4;
const TENANTS_AT_ONCE: usize = 3;
/// So many rounds in which nothing but faults came back are not about the entries.
const BARREN_MAX: u32 = 2;

/// A reader of all inboxes, and what it knows of the tenants.
pub struct Ingest {
    app: App,
    /// Its name among the readers; drawn, so that a process never takes another's entries for its.
    consumer: String,
    reader: Option<Reader>,
    tenants: BTreeMap<String, Caller>,
    looked: Option<Instant>,
    forgot: Instant,
    barren: u32,
}

/// What became of the entries of a round.
#[derive(Debug, Default)]
struct Round {
    done: usize,
    faults: usize,
    first: Option<Fault>,
}

impl Ingest {
    /// A reader that has not read yet.
    pub fn new(app: &App) -> Self {
        Self {
            app: app.clone(),
            consumer: rng::uuid().simple().to_string(),
            reader: None,
            tenants: BTreeMap::new(),
            looked: None,
            forgot: clock::stopwatch(),
            barren: 0,
        }
    }

    /// Takes in what waits; returns after about a second when nothing does, and at once when
    /// `shutdown` fires before anything was read.
    ///
    /// # Errors
    /// When Redis or Postgres does not answer. Nothing is lost: it can be called again.
    pub async fn round(&mut self, shutdown: &CancellationToken) -> Result<(), Fault> {
        let round = self.step(shutdown).await;
        if round.is_err() {
            // A connection with half a reply in it is not used again.
            self.reader = None;
        }
        round
    }

    /// Ends the reader, so that nobody waits for it.
    pub async fn leave(mut self) {
        if let Some(reader) = &mut self.reader
            && let Err(fault) = reader.forget(true).await
        {
            tracing::debug!(%fault, "a reader of the inboxes left without a word");
        }
    }

    async fn step(&mut self, shutdown: &CancellationToken) -> Result<(), Fault> {
        if self.barren > 0 {
            // Nothing more is taken in hand while it cannot be stored.
            self.app.0.store.ping().await.context("Postgres does not answer; the inbox waits")?;
        }
        if self.reader.is_none() {
            self.reader = Some(self.app.0.queue.inbox().reader(&self.consumer).await?);
            self.looked = None;
        }
        if self.looked.is_none_or(|looked| looked.elapsed() >= LOOK_EVERY) {
            self.looked = Some(clock::stopwatch());
            let left = self.look().await?;
            if !left.is_empty() {
                // There may be more than one script brings.
                self.looked = None;
                return self.take(left).await;
            }
        }
        let reader = self.reader.as_mut().context("the reader of the inboxes is gone")?;
        let entries = tokio::select! {
            entries = reader.next() => entries?,
            () = shutdown.cancelled() => {
                // What the read would have brought goes to another reader.
                self.reader = None;
                return Ok(());
            }
        };
        if !reader.is_open() {
            self.looked = None;
        }
        self.take(entries).await
    }

    /// Looks which tenants there are, how much waits, and what was left unsettled.
    async fn look(&mut self) -> Result<Entries, Fault> {
        let reader = self.reader.as_mut().context("the reader of the inboxes is gone")?;
        let tenants = self.app.0.store.tenants_by_name().await?;
        let with_inbox = tenants.into_iter().filter(|(name, _)| can_have_inbox(name));
        self.tenants = with_inbox.map(|(name, tenant)| (name, Caller::of_inbox(&tenant))).collect();
        reader.open(self.tenants.keys().cloned().collect()).await?;
        let waiting = reader.waiting().await?;
        let longest = waiting.iter().map(|inbox| inbox.entries).max().unwrap_or(0);
        gauge("postfleet_inbox_entries", waiting.iter().map(|inbox| inbox.entries).sum());
        gauge("postfleet_inbox_longest_entries", longest);
        if self.forgot.elapsed() >= FORGET_EVERY {
            self.forgot = clock::stopwatch();
            reader.forget(false).await?;
        }
        reader.reclaim().await
    }

    /// Has entries accepted, tenant beside tenant, and answers each tenant's as they are done.
    async fn take(&mut self, entries: Entries) -> Result<(), Fault> {
        if entries.is_empty() {
            return Ok(());
        }
        let reader = self.reader.as_ref().context("the reader of the inboxes is gone")?;
        let (app, tenants) = (&self.app, &self.tenants);
        let rounds: Vec<Result<Round, Fault>> = stream::iter(entries)
            .map(|(name, entries)| async move {
                let Some(caller) = tenants.get(&name) else { return Ok(Round::default()) };
                let (round, answers) = accept_all(app, caller, entries).await;
                if !answers.is_empty() {
                    reader.settle(&name, &answers).await?;
                }
                Ok(round)
            })
            .buffer_unordered(TENANTS_AT_ONCE)
            .collect()
            .await;
        let mut all = Round::default();
        for round in rounds {
            all.add(round?);
        }
        self.judge(all)
    }

    /// Faults beside successes are the entries' own: they stay, and come back with a reclaim.
    fn judge(&mut self, round: Round) -> Result<(), Fault> {
        let Some(fault) = round.first else {
            self.barren = 0;
            return Ok(());
        };
        self.barren = if round.done > 0 { 0 } else { self.barren + 1 };
        if self.barren >= BARREN_MAX {
            return Err(fault.context("nothing of the inbox can be stored"));
        }
        let entries = round.faults;
        tracing::warn!(entries, %fault, "entries of the inbox could not be stored; they stay");
        Ok(())
    }
}

impl Round {
    fn add(&mut self, other: Self) {
        self.done += other.done;
        self.faults += other.faults;
        self.first = self.first.take().or(other.first);
    }
}

/// Has the entries of a tenant accepted, a few at once. Entries with the same key wait for each
/// other, so that the first of them in the inbox is the first in Postgres.
async fn accept_all(app: &App, caller: &Caller, entries: Vec<Entry>) -> (Round, Vec<EntryAnswer>) {
    let (mut round, mut answers) = (Round::default(), Vec::with_capacity(entries.len()));
    let mut in_a_row = 0;
    let mut waiting: Vec<(Origin, Read)> =
        entries.iter().map(|entry| (Origin::of(entry), entries::read(entry))).collect();
    while !waiting.is_empty() {
        let mut keys = BTreeSet::new();
        let is_first = |(_, read): &(Origin, Read)| match read {
            Read::Post { key, .. } => keys.insert(key.clone()),
            Read::Refused { .. } => true,
        };
        let (now, later) = waiting.into_iter().partition::<Vec<_>, _>(is_first);
        waiting = later;
        let mut done = stream::iter(now)
            .map(|(origin, read)| accept_one(app, caller.clone(), origin, read))
            .buffered(POSTS_AT_ONCE);
        while let Some(answer) = done.next().await {
            match answer {
                Ok(answer) => {
                    (round.done, in_a_row) = (round.done + 1, 0);
                    count(answer.outcome);
                    answers.push(answer);
                }
                Err(fault) => {
                    (round.faults, in_a_row) = (round.faults + 1, in_a_row + 1);
                    count("fault");
                    round.first.get_or_insert(fault);
                }
            }
            // Each would wait for a Postgres that is away; they are safe where they are.
            if in_a_row == POSTS_AT_ONCE {
                in_a_row = 0;
                if app.0.store.ping().await.is_err() {
                    return (round, answers);
                }
            }
        }
    }
    (round, answers)
}

/// Where an entry comes from: its place in the inbox, and the span of whoever added it.
struct Origin {
    id: String,
    traceparent: Option<String>,
}

impl Origin {
    fn of(entry: &Entry) -> Self {
        Self { id: entry.id.clone(), traceparent: entries::traceparent(entry) }
    }
}

/// Has one entry accepted, in a task of its own: what it breaks, it breaks alone.
async fn accept_one(
    app: &App,
    caller: Caller,
    Origin { id, traceparent }: Origin,
    read: Read,
) -> Result<EntryAnswer, Fault> {
    let (key, body) = match read {
        Read::Post { key, body } => (key, body),
        Read::Refused { key, refusal } => return Ok(answers::unread(id, key, &refusal)),
    };
    let app = app.clone();
    let cause = Cause::Part(traceparent.as_deref());
    let span = Span::begin(Kind::Consumer, cause, || "process inbox".to_owned());
    let task = tokio::spawn(trace::within(span, async move {
        let accepting = accept::accept(&app, &caller, &body, Some(&key));
        let accepted = scope::of_tenants([caller.tenant], accepting).await?;
        Ok(match accepted {
            Ok(acceptance) => answers::accepted(id, key, &acceptance),
            Err(refused) => answers::refused(id, key, &refused),
        })
    }));
    task.await.context("taking in an entry of the inbox")?
}

fn count(outcome: &'static str) {
    metrics::counter!("postfleet_inbox_answers_total", "outcome" => outcome).increment(1);
}

#[expect(clippy::cast_precision_loss, reason = "an inbox is far shorter than 2^52")]
fn gauge(name: &'static str, value: u64) {
    metrics::gauge!(name).set(value as f64);
}
