//! Publishing on Instagram: a container for each item of a carousel, one for the post itself, and
//! the one call that makes it public.
//!
//! How many posts are left of the day is asked first, and again after a limit: then nothing is
//! made, or tried, in vain.
//! Invariant: only `media_publish` is irreversible, and a container that it was refused for is
//! looked at before another one is made: what turns out to be out is never made again.

mod containers;
pub(super) mod list;
mod position;
mod upload;

use super::auth::flavour;
use super::version::VERSION;
use super::wire::{Made, Seen, Status};
use super::{Instagram, limits};
use crate::meta;
use crate::port::{Call, Checkpoint, Publish, Receipt, Reply, Step, View};
use domain::failure::{Effect, Failure};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// docs: a container lives 24 hours; the last one is not relied upon.
const CONTAINER_LIFE: Duration = Duration::from_secs(23 * 3_600);
/// Looks at a container in processing before it is given up; the waits between them add up to a
/// quarter of an hour. docs: five minutes; films of a quarter of an hour are taken, so thrice that.
const LOOKS_MAX: u32 = 20;
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
    /// Where its film goes, when that is sent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    uri: Option<String>,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub(super) enum Stage {
    /// Ask how many posts are left of the day.
    Quota,
    /// Make the container of the next item, or else of the post.
    Create,
    /// Send the film of the newest container from this byte on; so often in a row, nothing new
    /// arrived.
    Upload { offset: u64, tries: u32 },
    /// The upload that began there was broken off. Ask how much has arrived.
    Arrived { offset: u64, tries: u32 },
    /// Ask, from `look_at` on, whether the newest thing made is ready; asked `looks` times so far.
    Check { looks: u32, look_at: Timestamp },
    /// Its publication was refused, and its container tells nothing any more. Look in the list
    /// before it is made anew.
    Seek { look_at: Timestamp },
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
        Position { stage: Stage::Quota, ..Position::fresh(0) }.save()
    }

    fn reads(&self, at: &Checkpoint) -> bool {
        serde_json::from_value::<Stored>(at.0.clone()).is_ok()
    }

    fn outlives(&self, at: &Checkpoint, until: Timestamp) -> bool {
        Position::load(at).outlives(until)
    }

    fn next(&self, at: &Checkpoint, view: &View<'_>) -> Step {
        let position = Position::load(at);
        let aged = position.aged(view.now);
        let call = match (&position.stage, aged) {
            (
                Stage::Check { look_at, .. }
                | Stage::Seek { look_at }
                | Stage::Find { look_at, .. },
                _,
            ) if view.now < *look_at => {
                return Step::Wait(*look_at);
            }
            (Stage::Done { remote_id, permalink }, _) => {
                let permalink = permalink.clone().unwrap_or_else(|| profile_page(view));
                return Step::Published(Receipt { remote_id: remote_id.clone(), permalink });
            }
            (Stage::Quota, _) => {
                let url = format!("{}/content_publishing_limit", account(view));
                meta::get(limits::QUOTA, &url, &[("fields", "config,quota_usage")])
            }
            // What is too old to be relied upon is looked at once more, for it may be out.
            (
                Stage::Create
                | Stage::Upload { .. }
                | Stage::Arrived { .. }
                | Stage::Publish { .. },
                Some(aged),
            ) => containers::status(aged, view),
            (Stage::Upload { offset, .. }, None) => upload::send(&position, *offset, view),
            (Stage::Arrived { .. }, None) => match position.newest() {
                Some(container) => upload::ask(container, view),
                None => containers::create(&position, view),
            },
            (Stage::Create, None) => containers::create(&position, view),
            (Stage::Check { .. }, _) => match position.checked() {
                Some(container) => containers::status(container, view),
                None => containers::create(&position, view),
            },
            (Stage::Publish { .. }, None) => publication(&position, view),
            (Stage::Seek { .. } | Stage::Find { .. }, _) => list::call(None, view),
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
            (Stage::Quota, ..) => {
                limits::check_quota(reply)?;
                position.begin();
            }
            (Stage::Seek { .. }, ..) => {
                return position.seek(&list::read(reply)?, view).map(Position::save);
            }
            (Stage::Arrived { .. }, Some(status), _) => {
                return position.arrive(&status, reply.at, view).map(Position::save);
            }
            (
                Stage::Create | Stage::Upload { .. } | Stage::Check { .. } | Stage::Publish { .. },
                Some(status),
                _,
            ) => return position.look(&status, reply.at, view).map(Position::save),
            (Stage::Create, None, Some(made)) => position.make(made, reply.at, view),
            (Stage::Upload { offset, tries }, None, _) => match upload::read(reply)? {
                true => position.go_on(reply.at, view),
                false => {
                    position.stage = Stage::Arrived { offset: *offset, tries: tries + 1 };
                }
            },
            (Stage::Publish { .. }, None, Some(Made { id, .. })) => {
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
            (Stage::Create | Stage::Arrived { .. } | Stage::Check { .. }, None, _) => {
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
        let is_held = matches!(
            why,
            Failure::RateLimit { .. } | Failure::Auth { .. } | Failure::Operator { .. }
        );
        match &position.stage {
            // An answer that is not to be had holds nothing up.
            Stage::Quota if !is_held => position.begin(),
            Stage::Upload { offset, tries } if !is_held => {
                position.stage = Stage::Arrived { offset: *offset, tries: tries + 1 };
            }
            // Whether the limit is over is asked before the call is made again.
            Stage::Publish { .. } if matches!(why, Failure::RateLimit { .. }) => {
                position.stage = Stage::Quota;
            }
            Stage::Link { media_id } => {
                let remote_id = media_id.clone();
                position.stage = Stage::Done { remote_id, permalink: None };
            }
            Stage::Find { .. } => position.give_up_finding(),
            // What cannot be told is asked as after silence.
            Stage::Seek { .. } if matches!(why, Failure::Unknown { .. }) => {
                position.stage = Stage::Publish { search: None };
            }
            Stage::Publish { .. } if is_lost => position.look_before(REFUSALS_MAX, view.now),
            Stage::Publish { .. } if is_early => {
                position.look_before(position.refusals + 1, view.now + NOT_READY_WAIT);
            }
            // The look that a refused publication asked for was refused too: it is still owed.
            Stage::Check { .. } if is_refused && position.refusals >= REFUSALS_MAX => {}
            // What the user changes is told anew, and its tries are counted anew.
            Stage::Create | Stage::Arrived { .. } | Stage::Check { .. } if is_refused => {
                let anew = Position { renewals: 0, ..position };
                position = anew.replaced(Position::again, view);
            }
            Stage::Create | Stage::Arrived { .. } | Stage::Check { .. } if is_lost => {
                position = position.replaced(Position::renewed, view);
            }
            Stage::Create | Stage::Check { .. } if is_early => {
                position = position.wait_for_containers(view);
            }
            Stage::Quota
            | Stage::Create
            | Stage::Upload { .. }
            | Stage::Arrived { .. }
            | Stage::Check { .. }
            | Stage::Seek { .. }
            | Stage::Publish { .. }
            | Stage::Done { .. } => {}
        }
        position.save()
    }
}

/// The irreversible call.
fn publication(position: &Position, view: &View<'_>) -> Call {
    let own = position.own().map_or("", Container::id);
    let url = format!("{}/media_publish", account(view));
    meta::post("media.publish", Effect::Irreversible, &url, &[("creation_id", own)])
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
