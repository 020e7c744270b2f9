//! Publishing on LinkedIn: each image goes up and is waited for, then one call makes the post.
//!
//! Invariant: a post whose URN stands in the checkpoint is never created again, and everything
//! that makes a post what it is travels in the body of the one irreversible call.

mod image;

use super::options::Options;
use super::wire::{CreatePost, Distribution, Picture, PostContent};
use super::{LinkedIn, auth, errors, little};
use crate::port::{Body, Call, Checkpoint, Publish, Receipt, Reply, Step, View};
use domain::failure::{Effect, Failure};
use domain::time::Timestamp;
use http::{Method, Request};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// How long a create may take: assumed, LinkedIn names no number.
const CREATE_DEADLINE: Duration = Duration::from_secs(30);

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
    /// The images that LinkedIn holds for us, in order. Only the last can be unready, unless
    /// LinkedIn sent us back to look again.
    pub images: Vec<Image>,
    /// This grant may not look at images: they are given time instead.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    is_blind: bool,
    /// What comes next.
    pub stage: Stage,
}

/// An image that went up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Image {
    pub urn: String,
    /// LinkedIn said that a post may use it.
    is_ready: bool,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub(super) enum Stage {
    /// Ask where the next image may go.
    Initialize,
    /// Send it there.
    Upload { file: Uploading },
    /// Ask, from `check_at` on, whether LinkedIn is done with the first image that is not ready.
    Process { since: Timestamp, check_at: Timestamp, checks: usize },
    /// Make the post. `start` is how far a look-up for it has come.
    Create {
        #[serde(skip_serializing_if = "Option::is_none", default)]
        start: Option<usize>,
    },
    /// It is out.
    Done { post: String },
}

/// An image on its way. The address is signed, so it is as good as a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Uploading {
    urn: String,
    address: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    expires_at: Option<Timestamp>,
}

impl Publish for LinkedIn {
    fn start(&self, view: &View<'_>) -> Checkpoint {
        let (images, stage) = (Vec::new(), Stage::Initialize);
        let mut position = Position { images, is_blind: false, stage };
        position.advance(view.now, view);
        position.save()
    }

    fn next(&self, at: &Checkpoint, view: &View<'_>) -> Step {
        let position = Position::load(at).due(view.now, view);
        match &position.stage {
            Stage::Done { post } => Step::Published(receipt(post)),
            Stage::Create { .. } => Step::Call(Box::new(position.create(view))),
            Stage::Process { check_at, .. } if view.now < *check_at => Step::Wait(*check_at),
            _ => Step::Call(Box::new(image::call(&position, view))),
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
            Stage::Done { .. } => {}
            _ => position = image::read(position, reply, view)?,
        }
        Ok(position.save())
    }

    fn recover(&self, at: &Checkpoint, why: &Failure, view: &View<'_>) -> Checkpoint {
        let mut position = Position::load(at).due(view.now, view);
        match (&position.stage, why) {
            (Stage::Done { .. } | Stage::Initialize, _) => {}
            (Stage::Create { .. }, failure) if errors::is_early(failure) => {
                position.images.iter_mut().for_each(|image| image.is_ready = false);
                position.advance(view.now, view);
            }
            // LinkedIn will not attach what it holds: every image goes up again.
            (Stage::Create { .. }, Failure::Media { .. }) => {
                position.images.clear();
                position.advance(view.now, view);
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
                let is_unready = position.images.iter().position(|image| !image.is_ready);
                position.images.truncate(is_unready.unwrap_or(position.images.len()));
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

    /// Sets the stage that follows from what is done; waiting began at `since`.
    fn advance(&mut self, since: Timestamp, view: &View<'_>) {
        let is_waiting = self.images.iter().any(|image| !image.is_ready);
        self.stage = if is_waiting {
            let check_at = if self.is_blind { since + image::BLIND_WAIT } else { since };
            Stage::Process { since, check_at, checks: 0 }
        } else if self.images.len() < view.content.media().count() {
            Stage::Initialize
        } else {
            Stage::Create { start: None }
        };
    }

    /// The position as it is at `now`: an address may have ended, a blind wait be over.
    pub fn due(mut self, now: Timestamp, view: &View<'_>) -> Self {
        match &self.stage {
            Stage::Upload { file } if file.is_over(now) => self.stage = Stage::Initialize,
            Stage::Process { check_at, .. } if self.is_blind && *check_at <= now => {
                self.images.iter_mut().for_each(|image| image.is_ready = true);
                self.advance(now, view);
            }
            _ => {}
        }
        self
    }

    /// The irreversible call.
    fn create(&self, view: &View<'_>) -> Call {
        let text = view.content.segments.first().map_or("", |segment| segment.text.as_str());
        let mut pictures: Vec<Picture<'_>> = self
            .images
            .iter()
            .zip(view.content.media())
            .map(|(image, used)| Picture {
                id: &image.urn,
                alt_text: used.alt_text.as_deref().filter(|text| !text.is_empty()),
            })
            .collect();
        let content = match pictures.len() {
            0 => None,
            1 => pictures.pop().map(PostContent::Media),
            _ => Some(PostContent::MultiImage { images: pictures }),
        };
        let body = CreatePost {
            author: &view.account.remote_id,
            commentary: little::escaped(text),
            // Options that do not read were refused before anything was scheduled.
            visibility: Options::read(view.content).visibility,
            distribution: Distribution {
                feed_distribution: "MAIN_FEED",
                target_entities: [],
                third_party_distribution_channels: [],
            },
            content,
            lifecycle_state: "PUBLISHED",
            is_reshare_disabled_by_author: false,
        };
        let request = post("posts", &body);
        let (endpoint, effect) = ("posts.create", Effect::Irreversible);
        Call { endpoint, effect, request, deadline: CREATE_DEADLINE }
    }
}

/// The URN of a post; of several images LinkedIn makes a `ugcPost`.
pub(super) fn is_post(id: &str) -> bool {
    let number = id.strip_prefix("urn:li:share:").or_else(|| id.strip_prefix("urn:li:ugcPost:"));
    number.is_some_and(|number| {
        !number.is_empty() && number.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
    })
}

/// The proof; the page follows from the URN.
fn receipt(post: &str) -> Receipt {
    let permalink = format!("https://www.linkedin.com/feed/update/{post}");
    Receipt { remote_id: post.to_owned(), permalink }
}

/// A request that posts JSON.
fn post<T: Serialize>(path: &str, body: &T) -> Request<Body> {
    // The structs of `wire` hold strings and constants only, which always serialize.
    let json = serde_json::to_vec(body).unwrap_or_default();
    auth::rest(Method::POST, path, Some(json))
}
