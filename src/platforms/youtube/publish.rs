//! Publishing on YouTube: open a session with the metadata, send the file in pieces, then the
//! thumbnail and the playlists, where the user named some.
//!
//! Invariant: only the last piece makes a video. A session whose last piece may have arrived is
//! never replaced by a new one before the platform was asked; and once the id of the video is
//! known, every way on leads to its receipt.

mod after;
mod upload;

pub(super) use upload::{Answer, ask, read_answer};

use super::wire::Video;
use super::{YouTube, errors};
use crate::port::{Call, Checkpoint, Followed, Publish, Receipt, Reply, Step, View};
use domain::failure::{Effect, Failure};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

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
    Illustrate {
        id: String,
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        warnings: Vec<String>,
    },
    /// The video is out; put it into the playlist of this number.
    Collect {
        id: String,
        list: usize,
        /// When the playlist was seen without it.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        looked_at: Option<Timestamp>,
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        warnings: Vec<String>,
    },
    /// The video is out, and nothing is left to do.
    Done {
        id: String,
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        warnings: Vec<String>,
    },
}

impl Publish for YouTube {
    fn start(&self, _view: &View<'_>) -> Checkpoint {
        Stage::Open.save()
    }

    fn reads(&self, at: &Checkpoint) -> bool {
        serde_json::from_value::<Stored>(at.0.clone()).is_ok()
    }

    fn next(&self, at: &Checkpoint, view: &View<'_>) -> Step {
        Step::Call(Box::new(match Stage::load(at).settled(view) {
            Stage::Open => upload::open(view),
            Stage::Send { session, offset } => upload::send(&session, offset, view),
            Stage::Ask { session } | Stage::Search { session, .. } => ask(&session, view),
            stage @ (Stage::Illustrate { .. } | Stage::Collect { .. } | Stage::Done { .. }) => {
                return after::next(stage, view);
            }
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
            stage @ (Stage::Illustrate { .. } | Stage::Collect { .. } | Stage::Done { .. }) => {
                after::read(stage, reply, view)
            }
        };
        Ok(stage.save())
    }

    fn recover(&self, at: &Checkpoint, why: &Failure, view: &View<'_>) -> Checkpoint {
        let stage = match (Stage::load(at).settled(view), why) {
            // A video without its thumbnail is published all the same.
            (
                stage @ (Stage::Illustrate { .. } | Stage::Collect { .. } | Stage::Done { .. }),
                why,
            ) => after::recovered(stage, why, view),
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

    fn is_out(&self, at: &Checkpoint) -> bool {
        after::warnings(&Stage::load(at)).is_some()
    }

    fn follow(&self, at: &Checkpoint) -> Option<Call> {
        match Stage::load(at) {
            Stage::Done { id, .. } => Some(after::look_at(&id)),
            _ => None,
        }
    }

    fn followed(&self, at: &Checkpoint, reply: &Reply, view: &View<'_>) -> Followed {
        after::seen(&Stage::load(at), reply, view)
    }

    fn warnings(&self, at: &Checkpoint) -> Vec<String> {
        after::warnings(&Stage::load(at)).map(<[String]>::to_vec).unwrap_or_default()
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

    /// The stage after the video came into being.
    pub fn published(video: Video, view: &View<'_>) -> Self {
        after::begin(video, view)
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

/// Something of the platform's, as a query takes it; it must not bend the request.
pub(super) fn word(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
