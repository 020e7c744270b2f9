//! Publishing on Instagram: a container for each item of a carousel, one for the post itself, and
//! the one call that makes it public.
//!
//! Invariant: only `media_publish` is irreversible, and a container that it was refused for is
//! looked at before another one is made: what turns out to be out is never made again.

mod containers;
pub(super) mod list;

use super::Instagram;
use super::auth::flavour;
use super::wire::{Made, Seen, Status};
use super::{VERSION, errors};
use crate::meta;
use crate::port::{Call, Checkpoint, Publish, Receipt, Reply, Step, View};
use domain::failure::{Effect, Failure};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// docs: a container lives 24 hours; the last one is not relied upon.
const CONTAINER_LIFE: Duration = Duration::from_secs(23 * 3_600);
/// A container in processing for longer is given up. docs: five minutes of looking; films of a
/// quarter of an hour are taken, so thrice that.
const PROCESSING_MAX: Duration = Duration::from_secs(15 * 60);
/// docs: a container that cannot be seen yet is tried again after half a minute …
const NOT_READY_WAIT: Duration = Duration::from_secs(30);
/// … and replaced after two.
const NOT_READY_MAX: Duration = Duration::from_secs(120);
/// Refusals of one container that only ask for patience, before a new one is made; docs: one or
/// two further tries.
const REFUSALS_MAX: u32 = 3;
/// New containers for what may pass, before the file is to blame; three tries in all, as other
/// publishers do.
const RENEWALS_MAX: u32 = 2;
/// The waits between looks for the id of a post that is out; assumed, the list lags by seconds.
const FIND_AFTER: [u64; 5] = [2, 5, 10, 30, 60];
/// Looks until the post goes without its id.
const FIND_LOOKS_MAX: u32 = 10;

/// A checkpoint as it is stored, with its version.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "v")]
enum Stored {
    #[serde(rename = "1")]
    V1(Position),
}

/// Where a delivery stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// The containers of a carousel's items, in order.
    items: Vec<Container>,
    /// How many of them Instagram is done with.
    finished: usize,
    /// The container of the post itself.
    own: Option<Container>,
    /// How often its publication was refused.
    refusals: u32,
    /// How often everything was begun anew.
    renewals: u32,
    /// What comes next.
    pub stage: Stage,
}

/// What Instagram holds for us until it is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Container {
    id: String,
    made_at: Timestamp,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub(super) enum Stage {
    /// Make the container of the next item, or else of the post.
    Create,
    /// Ask, from `look_at` on, whether the newest thing made is ready; asked `looks` times so far.
    Check { looks: u32, look_at: Timestamp },
    /// Publish. `search` is how far a look-up of what became of it has come.
    Publish {
        #[serde(skip_serializing_if = "Option::is_none", default)]
        search: Option<Search>,
    },
    /// It is out. Look in the list for its id.
    Find { looks: u32, look_at: Timestamp },
    /// It is out under this id. Ask where it can be seen.
    Link { media_id: String },
    /// It is out. Without a permalink, nobody could tell it.
    Done { remote_id: String, permalink: Option<String> },
}

/// A look-up in the list of posts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Search {
    /// What the container said of itself.
    pub state: Told,
    /// Where the next page of the list begins.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<String>,
}

/// What a container that is not waiting to be published said of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Told {
    /// It was published.
    Published,
    /// It broke.
    Broken,
    /// It is expired or not known, which proves nothing.
    Lost,
}

impl Publish for Instagram {
    fn start(&self, _view: &View<'_>) -> Checkpoint {
        Position::fresh(0).save()
    }

    fn next(&self, at: &Checkpoint, view: &View<'_>) -> Step {
        let position = Position::load(at);
        let aged = position.aged(view.now);
        let call = match (&position.stage, aged) {
            (Stage::Check { look_at, .. } | Stage::Find { look_at, .. }, _)
                if view.now < *look_at =>
            {
                return Step::Wait(*look_at);
            }
            (Stage::Done { remote_id, permalink }, _) => {
                let permalink = permalink.clone().unwrap_or_else(|| profile_page(view));
                return Step::Published(Receipt { remote_id: remote_id.clone(), permalink });
            }
            // What is too old to be relied upon is looked at once more, for it may be out.
            (Stage::Create | Stage::Publish { .. }, Some(aged)) => containers::status(aged, view),
            (Stage::Create, None) => containers::create(&position, view),
            (Stage::Check { .. }, _) => match position.checked() {
                Some(container) => containers::status(container, view),
                None => containers::create(&position, view),
            },
            (Stage::Publish { .. }, None) => position.publication(view),
            (Stage::Find { .. }, _) => list::call(None, view),
            (Stage::Link { media_id }, _) => {
                let url = node(view, &meta::digits(media_id));
                meta::get("media.get", &url, &[("fields", "id,permalink")])
            }
        };
        Step::Call(Box::new(call))
    }

    fn read(&self, at: &Checkpoint, reply: &Reply, view: &View<'_>) -> Result<Checkpoint, Failure> {
        let mut position = Position::load(at);
        // A container can grow too old between a call and its reply. What was answered tells which
        // call it was, not the clock: only the state of a container has a `status_code`.
        let status: Option<Status> = serde_json::from_slice(&reply.body).ok();
        let made: Option<Made> = serde_json::from_slice(&reply.body).ok();
        match (&position.stage, status, made) {
            (Stage::Create | Stage::Check { .. } | Stage::Publish { .. }, Some(status), _) => {
                return position.look(&status, reply.at, view).map(Position::save);
            }
            (Stage::Create, None, Some(Made { id })) => position.make(id, reply.at, view),
            (Stage::Publish { .. }, None, Some(Made { id })) => {
                position.stage = Stage::Link { media_id: id };
            }
            (Stage::Publish { .. }, None, None) => {
                return Err(meta::unreadable(Effect::Irreversible, reply));
            }
            (Stage::Find { looks, .. }, ..) => {
                let looks = *looks;
                match list::read(reply)?.found(view).next() {
                    Some(id) => position.stage = Stage::Link { media_id: id.to_owned() },
                    None => position.look_again(looks, reply.at),
                }
            }
            (Stage::Link { media_id }, ..) => {
                let Seen { permalink } = serde_json::from_slice(&reply.body)
                    .map_err(|_| meta::unreadable(Effect::Repeatable, reply))?;
                let remote_id = media_id.clone();
                position.stage = Stage::Done { remote_id, permalink: Some(permalink) };
            }
            (Stage::Done { .. }, ..) => {}
            (Stage::Create | Stage::Check { .. }, None, _) => {
                return Err(meta::unreadable(Effect::Repeatable, reply));
            }
        }
        Ok(position.save())
    }

    fn recover(&self, at: &Checkpoint, why: &Failure, view: &View<'_>) -> Checkpoint {
        let mut position = Position::load(at);
        // Neither the file nor the wording of a container can be changed.
        let is_refused = matches!(
            why,
            Failure::Content { .. } | Failure::Media { .. } | Failure::Duplicate { .. }
        );
        let is_lost = is_refused || meta::is_gone(why);
        let is_early = meta::is_not_ready(why);
        match &position.stage {
            Stage::Link { media_id } => {
                let remote_id = media_id.clone();
                position.stage = Stage::Done { remote_id, permalink: None };
            }
            Stage::Find { .. } => position.give_up_finding(),
            Stage::Publish { .. } if is_lost => position.look_before(REFUSALS_MAX, view.now),
            Stage::Publish { .. } if is_early => {
                position.look_before(position.refusals + 1, view.now + NOT_READY_WAIT);
            }
            Stage::Create | Stage::Check { .. } if is_lost => position = position.renewed(),
            Stage::Create | Stage::Check { .. } if is_early => {
                position.wait_for_containers(view.now);
            }
            Stage::Create | Stage::Check { .. } | Stage::Publish { .. } | Stage::Done { .. } => {}
        }
        position.save()
    }
}

impl Position {
    /// A delivery that nothing is left of but the number of its beginnings.
    fn fresh(renewals: u32) -> Self {
        let (items, own, stage) = (Vec::new(), None, Stage::Create);
        Self { items, finished: 0, own, refusals: 0, renewals, stage }
    }

    /// Reads a checkpoint. One that is not ours must never be taken for a fresh delivery: that
    /// would publish again what is out.
    pub fn load(at: &Checkpoint) -> Self {
        match serde_json::from_value(at.0.clone()) {
            Ok(Stored::V1(position)) => position,
            Err(refused) => {
                panic!("a checkpoint of Instagram is readable by every later version: {refused}")
            }
        }
    }

    /// The checkpoint to store.
    pub fn save(self) -> Checkpoint {
        // Strings, numbers and instants always serialize.
        Checkpoint(serde_json::to_value(Stored::V1(self)).unwrap_or(Value::Null))
    }

    /// Everything anew, with new containers.
    pub fn renewed(self) -> Self {
        Self::fresh(self.renewals.saturating_add(1))
    }

    /// The container of the post itself, once there is one.
    pub fn own(&self) -> Option<&Container> {
        self.own.as_ref()
    }

    /// It is out, and its id is looked for.
    pub fn find(&mut self, now: Timestamp) {
        self.stage = Stage::Find { looks: 0, look_at: now };
    }

    /// The oldest container that counts, when it is too old.
    fn aged(&self, now: Timestamp) -> Option<&Container> {
        let oldest = self.own.as_ref().or(self.items.first());
        oldest.filter(|container| now.since(container.made_at) >= CONTAINER_LIFE)
    }

    /// The container that is waited for.
    fn checked(&self) -> Option<&Container> {
        self.own.as_ref().or_else(|| self.items.get(self.finished))
    }

    /// A container was made.
    fn make(&mut self, id: String, now: Timestamp, view: &View<'_>) {
        let container = Container { id, made_at: now };
        if self.items.len() < containers::items(view) {
            self.items.push(container);
        } else {
            self.own = Some(container);
        }
        // All items are made before the first is waited for, so that they are processed together.
        if self.own.is_some() || self.items.len() == containers::items(view) {
            self.stage = Stage::Check { looks: 0, look_at: now };
        }
    }

    /// The position after a container told its state.
    fn look(mut self, told: &Status, now: Timestamp, view: &View<'_>) -> Result<Self, Failure> {
        let code = told.status_code.as_str();
        if code == "PUBLISHED" && self.own.is_some() {
            self.find(now);
            return Ok(self);
        }
        if self.refusals >= REFUSALS_MAX || self.aged(now).is_some() {
            return Ok(self.renewed());
        }
        match code {
            "FINISHED" | "PUBLISHED" => self.advance(now),
            "IN_PROGRESS" => {
                let since = self.checked().map_or(now, |container| container.made_at);
                if now.since(since) > PROCESSING_MAX {
                    return Err(meta::gone("it was in processing for a quarter of an hour"));
                }
                let looks = match self.stage {
                    Stage::Check { looks, .. } => looks,
                    _ => 0,
                };
                let look_at = now + meta::check_after(looks);
                self.stage = Stage::Check { looks: looks.saturating_add(1), look_at };
            }
            "ERROR" => {
                let is_last = self.renewals >= RENEWALS_MAX;
                return Err(errors::container_failure(&told.status, self.asset(view), is_last));
            }
            "EXPIRED" => return Err(meta::gone("it is expired")),
            _ => return Err(meta::gone("its state is none of those documented")),
        }
        Ok(self)
    }

    /// The container that was waited for is ready.
    fn advance(&mut self, now: Timestamp) {
        self.stage = if self.own.is_some() {
            Stage::Publish { search: None }
        } else {
            self.finished += 1;
            match self.items.get(self.finished) {
                Some(_) => Stage::Check { looks: 0, look_at: now },
                None => Stage::Create,
            }
        };
    }

    /// The file of the container that was waited for, where it has one alone.
    fn asset(&self, view: &View<'_>) -> Option<usize> {
        match self.own {
            None => Some(self.finished),
            Some(_) => (view.assets.len() == 1).then_some(0),
        }
    }

    /// The container is looked at before anything else is done about a refused publication.
    fn look_before(&mut self, refusals: u32, look_at: Timestamp) {
        self.refusals = refusals;
        self.stage = Stage::Check { looks: 0, look_at };
    }

    /// Instagram does not see its own containers yet: wait, or replace them when that lasts.
    fn wait_for_containers(&mut self, now: Timestamp) {
        let Some(oldest) = self.own.as_ref().or(self.items.first()) else {
            return;
        };
        if now.since(oldest.made_at) > NOT_READY_MAX {
            *self = self.clone().renewed();
            return;
        }
        if self.items.len() == self.finished || self.own.is_some() {
            self.finished = 0;
            self.stage = Stage::Check { looks: 0, look_at: now + NOT_READY_WAIT };
        }
    }

    /// The list did not show the post yet.
    fn look_again(&mut self, looks: u32, now: Timestamp) {
        let at = usize::try_from(looks).unwrap_or(usize::MAX);
        let [.., last] = FIND_AFTER;
        let wait = FIND_AFTER.get(at).copied().unwrap_or(last);
        if looks + 1 >= FIND_LOOKS_MAX {
            self.give_up_finding();
        } else {
            let look_at = now + Duration::from_secs(wait);
            self.stage = Stage::Find { looks: looks + 1, look_at };
        }
    }

    /// That it is out is proven by its container. Where the id cannot be found, the container's
    /// stands for it, with a link to the account.
    fn give_up_finding(&mut self) {
        let remote_id = self.own.as_ref().map_or_else(String::new, |own| own.id.clone());
        self.stage = Stage::Done { remote_id, permalink: None };
    }

    /// The irreversible call.
    fn publication(&self, view: &View<'_>) -> Call {
        let own = self.own.as_ref().map_or("", |own| own.id.as_str());
        let url = format!("{}/media_publish", account(view));
        meta::post("media.publish", Effect::Irreversible, &url, &[("creation_id", own)])
    }
}

impl Container {
    /// Instagram's id of it.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// The call that asks a container for its state.
pub(super) fn look(container: &Container, view: &View<'_>) -> Call {
    containers::status(container, view)
}

/// Where a thing of this id is.
fn node(view: &View<'_>, id: &str) -> String {
    format!("{}/{VERSION}/{id}", flavour(view.app).api)
}

/// Where the account is.
fn account(view: &View<'_>) -> String {
    node(view, &meta::digits(&view.account.remote_id))
}

/// The page of the account, for a post whose own page nobody could tell.
fn profile_page(view: &View<'_>) -> String {
    format!("https://www.instagram.com/{}/", view.account.handle.trim_start_matches('@'))
}
