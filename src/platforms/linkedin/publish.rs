//! Publishing on LinkedIn: each file goes up and is waited for, then one call makes the post; one
//! more takes it back.
//!
//! Invariant: a post whose URN stands in the checkpoint is never created again, and everything
//! that makes a post what it is travels in the body of the one irreversible call.

mod create;
mod film;
mod upload;

use super::{LinkedIn, auth, errors};
use crate::port::{Body, Call, Checkpoint, Operation, Publish, Receipt, Reply, Step, View};
use domain::failure::{Effect, Failure};
use domain::time::Timestamp;
use film::Film;
use http::{HeaderValue, Method, Request};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use upload::Uploading;

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
    /// The files that LinkedIn holds for us, in order. Only the last can be unready, unless
    /// LinkedIn sent us back to look again.
    #[serde(rename = "images")]
    pub files: Vec<Held>,
    /// This grant may not look at files: they are given time instead.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    is_blind: bool,
    /// What comes next.
    pub stage: Stage,
}

/// A file that went up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    pub urn: String,
    /// LinkedIn said that a post may use it.
    is_ready: bool,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub(super) enum Stage {
    /// Ask where the next file may go.
    Initialize,
    /// Send it there, whole.
    Upload { file: Uploading },
    /// Send the next part of a film.
    Part { film: Film },
    /// Have its parts joined.
    Finalize { film: Film },
    /// Ask, from `check_at` on, whether LinkedIn is done with the first file that is not ready.
    Process { since: Timestamp, check_at: Timestamp, checks: usize },
    /// Make the post. `start` is how far a look-up for it has come.
    Create {
        #[serde(skip_serializing_if = "Option::is_none", default)]
        start: Option<usize>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        named: Option<Named>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        control: Option<Control>,
    },
    /// It is out, or gone again.
    Done { post: String },
    /// Take it back.
    Delete { post: String },
}

/// The post that LinkedIn named when it refused ours as a duplicate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Named {
    pub urn: String,
    /// It was looked at, and this is why it is not ours.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub told: Option<String>,
}

/// What is known of the newest post of ours, when a list of posts lacks it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Control {
    /// It is asked for by itself: if it exists, the list is of the past.
    Asking(String),
    /// It does not exist any more.
    Gone,
}

impl Stage {
    /// The post is to be made; nothing was looked up.
    pub const CREATE: Self = Self::Create { start: None, named: None, control: None };
}

impl Publish for LinkedIn {
    fn start(&self, view: &View<'_>) -> Checkpoint {
        if view.operation == Operation::Delete {
            let stage = Stage::Delete { post: published(view) };
            return Position { files: Vec::new(), is_blind: false, stage }.save();
        }
        let (files, stage) = (Vec::new(), Stage::Initialize);
        let mut position = Position { files, is_blind: false, stage };
        position.advance(view.now, view);
        position.save()
    }

    fn reads(&self, at: &Checkpoint) -> bool {
        serde_json::from_value::<Stored>(at.0.clone()).is_ok()
    }

    fn next(&self, at: &Checkpoint, view: &View<'_>) -> Step {
        let position = Position::load(at).due(view.now, view);
        match &position.stage {
            Stage::Done { post } => Step::Published(receipt(post)),
            Stage::Create { .. } => Step::Call(Box::new(create::call(&position, view))),
            Stage::Delete { post } => Step::Call(Box::new(delete(post))),
            Stage::Process { check_at, .. } if view.now < *check_at => Step::Wait(*check_at),
            _ => Step::Call(Box::new(upload::call(&position, view))),
        }
    }

    fn read(&self, at: &Checkpoint, reply: &Reply, view: &View<'_>) -> Result<Checkpoint, Failure> {
        let mut position = Position::load(at);
        // A blind wait brings no replies: there was a call, so the wait was over.
        if let Stage::Process { check_at, .. } = position.stage {
            position = position.due(check_at, view);
        }
        match &position.stage {
            Stage::Create { .. } => {
                let post = reply.header("x-restli-id").filter(|id| is_post(id));
                let post = post.ok_or_else(|| errors::unreadable(Effect::Irreversible, reply))?;
                position.publish(post.to_owned());
            }
            Stage::Delete { post } => position.publish(post.clone()),
            Stage::Done { .. } => {}
            _ => position = upload::read(position, reply, view)?,
        }
        Ok(position.save())
    }

    fn recover(&self, at: &Checkpoint, why: &Failure, view: &View<'_>) -> Checkpoint {
        let mut position = Position::load(at).due(view.now, view);
        match (&position.stage, why) {
            (Stage::Done { .. } | Stage::Initialize, _) => {}
            // What is not there any more needs no taking back.
            (Stage::Delete { post }, failure) if errors::is_not_there(failure) => {
                position.publish(post.clone());
            }
            (Stage::Delete { .. }, _) => {}
            (Stage::Create { .. }, failure) if errors::is_early(failure) => {
                position.files.iter_mut().for_each(|file| file.is_ready = false);
                position.advance(view.now, view);
            }
            // LinkedIn will not attach what it holds: every file goes up again.
            (Stage::Create { .. }, Failure::Media { .. }) => {
                position.files.clear();
                position.advance(view.now, view);
            }
            // Where an earlier call went unanswered this is what is looked at first.
            (Stage::Create { .. }, Failure::Duplicate { named: Some(urn), .. }) => {
                let named = Some(Named { urn: urn.clone(), told: None });
                position.stage = Stage::Create { start: None, named, control: None };
            }
            (Stage::Create { .. }, _) => {}
            (Stage::Process { since, .. }, failure) if errors::is_status_hidden(failure) => {
                let since = *since;
                position.is_blind = true;
                position.advance(since, view);
            }
            (_, failure)
                if matches!(failure, Failure::Media { .. }) || errors::is_upload_gone(failure) =>
            {
                let unready = position.unready().unwrap_or(position.files.len());
                position.files.truncate(unready);
                position.stage = Stage::Initialize;
            }
            _ => {}
        }
        position.save()
    }
}

impl Position {
    /// Reads a checkpoint. One that is not ours must never be taken for a fresh delivery: that
    /// would publish again what is out.
    pub fn load(at: &Checkpoint) -> Self {
        match serde_json::from_value(at.0.clone()) {
            Ok(Stored::V1(position)) => position,
            Err(refused) => {
                panic!("a checkpoint of LinkedIn is readable by every later version: {refused}")
            }
        }
    }

    /// The checkpoint to store.
    pub fn save(self) -> Checkpoint {
        // Strings, numbers and instants always serialize.
        Checkpoint(serde_json::to_value(Stored::V1(self)).unwrap_or(Value::Null))
    }

    /// The position after the post got this URN.
    pub fn publish(&mut self, post: String) {
        self.stage = Stage::Done { post };
    }

    /// The position of the first file that is not ready.
    fn unready(&self) -> Option<usize> {
        self.files.iter().position(|file| !file.is_ready)
    }

    /// The file is whole at LinkedIn, since `at`.
    fn hold(&mut self, urn: String, at: Timestamp, view: &View<'_>) {
        self.files.push(Held { urn, is_ready: false });
        self.advance(at, view);
    }

    /// Sets the stage that follows from what is done; waiting began at `since`.
    fn advance(&mut self, since: Timestamp, view: &View<'_>) {
        self.stage = if let Some(at) = self.unready() {
            let wait = upload::Api::of(at, view).blind_wait();
            let check_at = if self.is_blind { since + wait } else { since };
            Stage::Process { since, check_at, checks: 0 }
        } else if self.files.len() < view.content.media().count() {
            Stage::Initialize
        } else {
            Stage::CREATE
        };
    }

    /// The position as it is at `now`: an address may have ended, a blind wait be over.
    pub fn due(mut self, now: Timestamp, view: &View<'_>) -> Self {
        match &self.stage {
            Stage::Upload { file } if file.is_over(now) => self.stage = Stage::Initialize,
            Stage::Part { film } if film.is_over(now) => self.stage = Stage::Initialize,
            Stage::Process { check_at, .. } if self.is_blind && *check_at <= now => {
                self.files.iter_mut().for_each(|file| file.is_ready = true);
                self.advance(now, view);
            }
            _ => {}
        }
        self
    }
}

/// The URN of the post that went out before.
fn published(view: &View<'_>) -> String {
    let told = view.ended.map(|at| Position::load(at).stage);
    match (view.receipt, told) {
        (Some(post), _) => post.to_owned(),
        (None, Some(Stage::Done { post } | Stage::Delete { post })) => post,
        _ => panic!("what is published on LinkedIn has a URN"),
    }
}

/// What is deleted twice is deleted: LinkedIn answers as before (Posts API, delete).
fn delete(post: &str) -> Call {
    let path = format!("posts/{}", auth::encoded(post));
    let mut request = auth::rest(Method::DELETE, &path, None);
    request.headers_mut().insert("x-restli-method", HeaderValue::from_static("DELETE"));
    let (endpoint, effect) = ("posts.delete", Effect::Repeatable);
    Call { endpoint, effect, request, deadline: create::DEADLINE }
}

/// The URN of a post; of several images, and of a film, LinkedIn makes a `ugcPost`.
pub(super) fn is_post(id: &str) -> bool {
    let number = id.strip_prefix("urn:li:share:").or_else(|| id.strip_prefix("urn:li:ugcPost:"));
    number.is_some_and(|number| {
        !number.is_empty() && number.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
    })
}

/// Where a person can see a post.
pub(super) fn page(post: &str) -> String {
    format!("https://www.linkedin.com/feed/update/{post}")
}

/// The proof; the page follows from the URN.
fn receipt(post: &str) -> Receipt {
    Receipt { remote_id: post.to_owned(), permalink: page(post) }
}

/// A request that posts JSON.
fn post<T: Serialize>(path: &str, body: &T) -> Request<Body> {
    // The structs of `wire` hold strings, numbers and constants only, which always serialize.
    let json = serde_json::to_vec(body).unwrap_or_default();
    auth::rest(Method::POST, path, Some(json))
}
