//! Publishing on YouTube: open a session with the metadata, send the file in pieces, then the
//! thumbnail, where the user gave one.
//!
//! Invariant: only the last piece makes a video. A session whose last piece may have arrived is
//! never replaced by a new one before the platform was asked; and once the id of the video is
//! known, every way on leads to its receipt.

mod upload;

pub(super) use upload::{Answer, ask, read_answer};

use super::options::Options;
use super::{API, YouTube, errors};
use crate::oauth;
use crate::port::{Body, Call, Checkpoint, Part, Publish, Receipt, Reply, Step, View};
use domain::failure::{Effect, Failure};
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// 60 s: assumed; a thumbnail has up to 50 MB.
const THUMBNAIL_DEADLINE: Duration = Duration::from_secs(60);
/// docs/thumbnails/set: the media types that it takes.
const THUMBNAIL_TYPES: [&str; 2] = ["image/jpeg", "image/png"];

/// A checkpoint as it is stored, with its version.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "v")]
enum Stored {
    #[serde(rename = "1")]
    V1(Stage),
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub(super) enum Stage {
    /// Open a session.
    Open,
    /// Send the file from this byte on.
    Send { session: String, offset: u64 },
    /// Ask the session how far it is: a call of it failed.
    Ask { session: String },
    /// Only while it is found out what became of the last piece: the session is gone, and the
    /// channel's uploads are looked through, from this page on.
    Search {
        session: String,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        uploads: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        page: Option<String>,
    },
    /// The video is out; give it its thumbnail.
    Illustrate { id: String },
    /// The video is out, and nothing is left to do.
    Done { id: String },
}

impl Publish for YouTube {
    fn start(&self, _view: &View<'_>) -> Checkpoint {
        Stage::Open.save()
    }

    fn next(&self, at: &Checkpoint, view: &View<'_>) -> Step {
        Step::Call(Box::new(match Stage::load(at).settled(view) {
            Stage::Open => upload::open(view),
            Stage::Send { session, offset } => upload::send(&session, offset, view),
            Stage::Ask { session } | Stage::Search { session, .. } => ask(&session, view),
            Stage::Illustrate { id } => match thumbnail(view) {
                Some(asset) => illustrate(&id, asset, view),
                None => return Step::Published(receipt(id)),
            },
            Stage::Done { id } => return Step::Published(receipt(id)),
        }))
    }

    fn read(&self, at: &Checkpoint, reply: &Reply, view: &View<'_>) -> Result<Checkpoint, Failure> {
        let stage = match Stage::load(at).settled(view) {
            Stage::Open => {
                let session = upload::session(reply)
                    .ok_or_else(|| errors::unreadable(Effect::Repeatable, reply))?;
                Stage::Send { session, offset: 0 }
            }
            Stage::Send { session, offset } => upload::read(Some(offset), &session, reply, view)?,
            Stage::Ask { session } | Stage::Search { session, .. } => {
                upload::read(None, &session, reply, view)?
            }
            Stage::Illustrate { id } | Stage::Done { id } => Stage::Done { id },
        };
        Ok(stage.save())
    }

    fn recover(&self, at: &Checkpoint, why: &Failure, view: &View<'_>) -> Checkpoint {
        let stage = match (Stage::load(at).settled(view), why) {
            // A video without its thumbnail is published all the same.
            (Stage::Illustrate { id } | Stage::Done { id }, _) => Stage::Done { id },
            // The session holds the metadata and the file that were refused.
            (_, Failure::Content { .. } | Failure::Media { .. }) => Stage::Open,
            // What became of the last piece is asked by `reconcile`.
            (stage @ Stage::Send { .. }, Failure::Unknown { .. }) => stage,
            // A part of the piece may have arrived.
            (Stage::Send { session, .. }, _) => Stage::Ask { session },
            (stage @ (Stage::Open | Stage::Ask { .. } | Stage::Search { .. }), _) => stage,
        };
        stage.save()
    }
}

impl Stage {
    /// Reads a checkpoint. One that is not ours must never be taken for a fresh delivery: that
    /// would publish again what is out.
    pub fn load(at: &Checkpoint) -> Self {
        match serde_json::from_value(at.0.clone()) {
            Ok(Stored::V1(stage)) => stage,
            // Not what it says: a session's address may be in it.
            Err(_) => panic!("a checkpoint of YouTube is readable by every later version"),
        }
    }

    /// The checkpoint to store.
    pub fn save(self) -> Checkpoint {
        // Strings and numbers always serialize.
        Checkpoint(serde_json::to_value(Stored::V1(self)).unwrap_or(Value::Null))
    }

    /// The stage after the video got this id.
    pub fn published(id: String, view: &View<'_>) -> Self {
        if thumbnail(view).is_some() { Self::Illustrate { id } } else { Self::Done { id } }
    }

    /// The stage after a session turned out to be gone.
    ///
    /// When the last piece may have been sent, nothing begins anew here: the last piece is shown
    /// to the dead session once more, whose answer then is a doubt that `reconcile` settles.
    fn lost(session: String, view: &View<'_>) -> Self {
        match view.intended_at {
            None => Self::Open,
            Some(_) => Self::Send { session, offset: upload::last_piece(view) },
        }
    }

    /// A look-up is no stage of publishing: it goes on where it was begun.
    fn settled(self, view: &View<'_>) -> Self {
        match self {
            Self::Search { session, .. } => Self::lost(session, view),
            other => other,
        }
    }
}

fn receipt(id: String) -> Receipt {
    Receipt { permalink: format!("https://www.youtube.com/watch?v={id}"), remote_id: id }
}

/// The position of the thumbnail in [`View::assets`].
fn thumbnail(view: &View<'_>) -> Option<usize> {
    let wanted = Options::read(view.content).thumbnail_media_id?;
    let is_it = |facts: &domain::content::AssetFacts| {
        facts.id == wanted && THUMBNAIL_TYPES.contains(&facts.mime.as_str())
    };
    view.assets.iter().position(is_it)
}

/// `thumbnails.set`: setting the same picture again changes nothing.
fn illustrate(id: &str, asset: usize, view: &View<'_>) -> Call {
    let uri =
        format!("{API}/upload/youtube/v3/thumbnails/set?uploadType=media&videoId={}", word(id));
    let facts = view.assets.get(asset);
    let (mime, end) = facts.map_or(("image/jpeg", 0), |facts| (&facts.mime, facts.size_bytes));
    let body = Body(vec![Part::Asset { asset, start: 0, end }]);
    let request = oauth::request(Method::POST, &uri, Some(mime), body);
    let (endpoint, effect) = ("thumbnails.set", Effect::Repeatable);
    Call { endpoint, effect, request, deadline: THUMBNAIL_DEADLINE }
}

/// Something of the platform's, as a query takes it; it must not bend the request.
pub(super) fn word(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
