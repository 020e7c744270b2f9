//! Publishing on X: each segment's files go up, then the segment itself, as a reply to the one
//! before. What else can be done with a post stands in `operate.rs`.
//!
//! Invariant: a segment whose id stands in the checkpoint is never created again, and everything
//! that makes a created post what it is travels in the body of the one irreversible call.

mod operate;
mod subscription;
mod upload;

pub(super) use upload::digits;

use super::options::Options;
use super::reconcile::Look;
use super::wire::{Answer, AttachedMedia, CreatePost, Created, PollBody, ReplyTo};
use super::{API, X, auth, errors};
use crate::oauth;
use crate::port::{
    AccountFacts, Body, Call, Checkpoint, Operation, Publish, Receipt, Reply, Step, View,
};
use domain::content::{Content, Segment};
use domain::failure::{Effect, Failure};
use domain::repost::{End, Rule};
use domain::time::Timestamp;
use http::Method;
use operate::Operating;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// How long a create may take: X answers within seconds or not at all.
const CREATE_DEADLINE: Duration = Duration::from_secs(30);

/// A checkpoint as it is stored, with its version.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "v")]
enum Stored {
    #[serde(rename = "1")]
    V1(Position),
    /// Something else than publishing.
    #[serde(rename = "1-operation")]
    Operation(Operating),
}

/// Where a delivery stands. The current segment is the one after the last published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// The ids of the published segments, in order.
    pub posts: Vec<String>,
    /// The files of the current segment that are ready to be attached, in order.
    media: Vec<Uploaded>,
    /// The size of the chunks; a smaller one once X found ours too large.
    chunk_bytes: u64,
    /// What comes next.
    pub stage: Stage,
}

/// A file that X holds for us until it expires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Uploaded {
    id: String,
    expires_at: Timestamp,
}

/// What comes next: for the first file that is not ready, or for the segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub(super) enum Stage {
    /// Ask whether the account may still write long posts.
    Subscription,
    /// Ask for an upload.
    Initialize,
    /// Send this chunk.
    Append { file: Uploading, chunk: u64 },
    /// Close the upload.
    Finalize { file: Uploading },
    /// Ask, from `check_at` on, whether X is done with the file it got at `since`.
    Process { file: Uploading, since: Timestamp, check_at: Timestamp },
    /// Say what a screen reader says.
    Describe { file: Uploading },
    /// Create the segment. `look` is how far a look-up for it has come.
    Create {
        #[serde(skip_serializing_if = "Look::is_fresh", default)]
        look: Look,
    },
    /// Every segment is out.
    Done,
}

/// A file on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Uploading {
    id: String,
    expires_at: Timestamp,
}

impl Publish for X {
    fn start(&self, view: &View<'_>) -> Checkpoint {
        if view.operation != Operation::Publish {
            return Stored::Operation(Operating::start(view)).save();
        }
        let mut position = Position {
            posts: Vec::new(),
            media: Vec::new(),
            chunk_bytes: upload::CHUNK_BYTES,
            stage: Stage::Done,
        };
        position.advance(view);
        if subscription::is_needed(view) {
            position.stage = Stage::Subscription;
        }
        position.save()
    }

    fn reads(&self, at: &Checkpoint) -> bool {
        serde_json::from_value::<Stored>(at.0.clone()).is_ok()
    }

    fn outlives(&self, at: &Checkpoint, until: Timestamp) -> bool {
        match Stored::load(at) {
            Stored::V1(position) => position.outlives(until),
            Stored::Operation(_) => false,
        }
    }

    fn next(&self, at: &Checkpoint, view: &View<'_>) -> Step {
        let position = match Stored::load(at) {
            Stored::V1(position) => position.without_expired(view, view.now),
            Stored::Operation(operating) => return operating.next(view),
        };
        match &position.stage {
            Stage::Create { .. } => Step::Call(Box::new(position.create(view))),
            Stage::Done => Step::Published(receipt(&position.posts, view)),
            Stage::Process { check_at, .. } if view.now < *check_at => Step::Wait(*check_at),
            Stage::Subscription => Step::Call(Box::new(auth::whoami())),
            _ => Step::Call(Box::new(upload::call(&position, view))),
        }
    }

    fn read(&self, at: &Checkpoint, reply: &Reply, view: &View<'_>) -> Result<Checkpoint, Failure> {
        let mut position = match Stored::load(at) {
            Stored::V1(position) => position,
            Stored::Operation(operating) => {
                return operating.read(reply).map(|next| Stored::Operation(next).save());
            }
        };
        match position.stage {
            Stage::Create { .. } => {}
            Stage::Subscription => {
                subscription::check(&auth::read_user(reply)?, view)?;
                position.advance(view);
                return Ok(position.save());
            }
            _ => {
                let position = position.without_expired(view, reply.at);
                return upload::read(position, reply, view).map(Position::save);
            }
        }
        // A file can expire between the call and its reply. What was answered tells which call it
        // was, not the clock: a created post has a text, an upload never.
        let created: Option<Answer<Created>> = serde_json::from_slice(&reply.body).ok();
        if let Some(Answer { data: Created { id, .. } }) = created {
            position.publish(id, view);
            return Ok(position.save());
        }
        let renewed = position.without_expired(view, reply.at);
        match renewed.stage {
            Stage::Initialize => upload::read(renewed, reply, view).map(Position::save),
            _ => Err(errors::unreadable(Effect::Irreversible, reply)),
        }
    }

    fn recover(&self, at: &Checkpoint, why: &Failure, view: &View<'_>) -> Checkpoint {
        let mut position = match Stored::load(at) {
            Stored::V1(position) => position,
            Stored::Operation(operating) => {
                return Stored::Operation(operating.recover(why)).save();
            }
        };
        if errors::is_chunk_too_large(why) {
            position.chunk_bytes = upload::CHUNK_BYTES_SMALL;
        }
        match (&position.stage, why) {
            // X no longer knows the file, or will not attach it: it goes up again.
            (Stage::Create { .. }, Failure::Media { .. }) => {
                position.media.clear();
                position.advance(view);
            }
            (Stage::Create { .. } | Stage::Done | Stage::Initialize | Stage::Subscription, _) => {}
            (_, Failure::Media { .. }) => position.stage = Stage::Initialize,
            (_, failure) if errors::is_upload_gone(failure) => position.stage = Stage::Initialize,
            (_, failure) if errors::is_chunk_too_large(failure) => {
                position.stage = Stage::Initialize;
            }
            _ => {}
        }
        position.save()
    }

    fn reposts(&self, content: &Content) -> Option<Rule> {
        Options::read(content).auto_repost
    }

    fn stops(&self, at: &Checkpoint, why: &Failure) -> Option<End> {
        match Stored::load(at) {
            Stored::Operation(operating) => operating.stops(why),
            Stored::V1(_) => None,
        }
    }

    fn learned(&self, at: &Checkpoint, reply: &Reply) -> Option<AccountFacts> {
        let is_asked = Position::load(at).is_some_and(|p| p.stage == Stage::Subscription);
        is_asked.then(|| auth::read_user(reply).ok()).flatten()
    }

    fn segments(&self, at: &Checkpoint, handle: &str) -> Vec<Receipt> {
        // A look does not break over a checkpoint of a later version; publishing does.
        let posts = match serde_json::from_value(at.0.clone()) {
            Ok(Stored::V1(position)) => position.posts,
            Ok(Stored::Operation(_)) | Err(_) => Vec::new(),
        };
        posts.iter().map(|id| receipt_of(id, handle)).collect()
    }
}

impl Stored {
    /// Reads a checkpoint. One that is not ours must never be taken for a fresh delivery: that
    /// would publish again what is out.
    fn load(at: &Checkpoint) -> Self {
        match serde_json::from_value(at.0.clone()) {
            Ok(stored) => stored,
            Err(refused) => {
                panic!("a checkpoint of X is readable by every later version: {refused}")
            }
        }
    }

    /// The checkpoint to store.
    fn save(self) -> Checkpoint {
        // Strings, numbers and instants always serialize.
        Checkpoint(serde_json::to_value(self).unwrap_or(Value::Null))
    }
}

impl Position {
    /// Where publishing stands; `None` where something else is done with a post.
    pub fn load(at: &Checkpoint) -> Option<Self> {
        match Stored::load(at) {
            Stored::V1(position) => Some(position),
            Stored::Operation(_) => None,
        }
    }

    /// The checkpoint to store.
    pub fn save(self) -> Checkpoint {
        Stored::V1(self).save()
    }

    /// The segment to be published next.
    pub fn segment<'a>(&self, view: &View<'a>) -> Option<&'a Segment> {
        view.content.segments.get(self.posts.len())
    }

    /// The position after the current segment got this id.
    pub fn publish(&mut self, id: String, view: &View<'_>) {
        self.posts.push(id);
        self.media.clear();
        self.advance(view);
    }

    /// The position of the next file in [`View::assets`].
    fn asset(&self, view: &View<'_>) -> usize {
        let before = view.content.segments.iter().take(self.posts.len());
        before.map(|segment| segment.media.len()).sum::<usize>() + self.media.len()
    }

    /// Sets the stage that follows from what is done.
    fn advance(&mut self, view: &View<'_>) {
        self.stage = match self.segment(view) {
            None => Stage::Done,
            Some(segment) if self.media.len() < segment.media.len() => Stage::Initialize,
            Some(_) => Stage::Create { look: Look::default() },
        };
    }

    /// The position without the files that X has dropped by `now`.
    fn without_expired(mut self, view: &View<'_>, now: Timestamp) -> Self {
        let is_gone = |expires_at: Timestamp| expires_at <= now + upload::EXPIRY_MARGIN;
        if let Some(first) = self.media.iter().position(|file| is_gone(file.expires_at)) {
            self.media.truncate(first);
            self.advance(view);
            return self;
        }
        match &self.stage {
            Stage::Append { file, .. }
            | Stage::Finalize { file }
            | Stage::Process { file, .. }
            | Stage::Describe { file }
                if is_gone(file.expires_at) =>
            {
                self.stage = Stage::Initialize;
            }
            _ => {}
        }
        self
    }

    /// X keeps every file it holds for us until then.
    fn outlives(&self, until: Timestamp) -> bool {
        let lasts = |expires_at: Timestamp| expires_at > until + upload::EXPIRY_MARGIN;
        let open = match &self.stage {
            Stage::Append { file, .. }
            | Stage::Finalize { file }
            | Stage::Process { file, .. }
            | Stage::Describe { file } => Some(file.expires_at),
            Stage::Subscription | Stage::Initialize | Stage::Create { .. } | Stage::Done => None,
        };
        self.media.iter().map(|file| file.expires_at).chain(open).all(lasts)
    }

    /// The irreversible call.
    fn create(&self, view: &View<'_>) -> Call {
        // Options that do not read were refused before anything was scheduled.
        let options = Options::read(view.content);
        let is_first = self.posts.is_empty();
        let poll = options.poll.as_ref().filter(|_| is_first);
        let ids: Vec<&str> = self.media.iter().map(|file| file.id.as_str()).collect();
        let body = CreatePost {
            text: self.segment(view).map_or("", |segment| segment.text.as_str()),
            reply: self.posts.last().map(|id| ReplyTo { in_reply_to_tweet_id: id }),
            media: (!ids.is_empty()).then_some(AttachedMedia { media_ids: ids }),
            poll: poll.map(|poll| PollBody {
                options: &poll.options,
                duration_minutes: poll.duration_minutes,
            }),
            reply_settings: options.reply_settings.as_deref().filter(|_| is_first),
        };
        post("tweets.create", Effect::Irreversible, "/2/tweets", &body, CREATE_DEADLINE)
    }
}

/// The proof: the first segment stands for the chain.
fn receipt(posts: &[String], view: &View<'_>) -> Receipt {
    receipt_of(posts.first().map_or("", String::as_str), &view.account.handle)
}

/// The proof of one segment.
fn receipt_of(id: &str, handle: &str) -> Receipt {
    let permalink = format!("https://x.com/{}/status/{id}", handle.trim_start_matches('@'));
    Receipt { remote_id: id.to_owned(), permalink }
}

/// A call that posts JSON.
fn post<T: Serialize>(
    endpoint: &'static str,
    effect: Effect,
    path: &str,
    body: &T,
    deadline: Duration,
) -> Call {
    // The structs of `wire` hold strings and numbers only, which always serialize.
    let json = serde_json::to_vec(body).unwrap_or_default();
    let uri = format!("{API}{path}");
    let json_type = Some("application/json");
    let request = oauth::request(Method::POST, &uri, json_type, Body::inline(json));
    Call { endpoint, effect, request, deadline }
}
