//! Where a delivery stands: the checkpoint of Threads and its moves.

use super::operate::Operating;
use super::{CONTAINER_LIFE, VISIBLE_WITHIN};
use crate::meta;
use crate::port::{Checkpoint, View};
use domain::content::Segment;
use domain::failure::Failure;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The checkpoint as it is stored, with its version.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "v")]
pub(super) enum Stored {
    #[serde(rename = "1")]
    V1(Position),
    /// Something else than publishing.
    #[serde(rename = "1-operation")]
    Operation(Operating),
}

impl Stored {
    /// Reads a checkpoint. One that is not ours must never be taken for a fresh delivery: that
    /// would publish again what is out.
    pub fn load(at: &Checkpoint) -> Self {
        match serde_json::from_value(at.0.clone()) {
            Ok(stored) => stored,
            Err(refused) => {
                panic!("a checkpoint of Threads is readable by every later version: {refused}")
            }
        }
    }

    /// The checkpoint to store.
    pub fn save(self) -> Checkpoint {
        // Strings, numbers and instants always serialize.
        Checkpoint(serde_json::to_value(self).unwrap_or(Value::Null))
    }
}

/// Where a delivery stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(in super::super) struct Position {
    /// The segments that are out, in order.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub posts: Vec<Out>,
    /// The finished containers of a carousel's files, in order.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub children: Vec<Made>,
    /// A publication of the present container went unanswered once, and was then found not to
    /// have happened.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub is_doubted: bool,
    /// How far a look-up for the post has come.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub look: Option<Look>,
    /// What comes next.
    pub stage: Stage,
}

/// A segment that is out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Out {
    pub id: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub link: Option<String>,
    /// When it was known to be out: what answers it may have to wait until it is visible.
    pub at: Timestamp,
    /// The id is that of its container, for its own was never told.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub is_unlisted: bool,
}

/// A container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Made {
    pub id: String,
    pub at: Timestamp,
}

/// A look through the list of posts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Look {
    pub why: Why,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub page: Option<String>,
    /// The pages so far reach back past the call.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub reaches_back: bool,
    /// They showed the newest post of ours.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub is_seen: bool,
}

/// What the container said, so that the list is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in super::super) enum Why {
    /// It is published: the list only has to name the id.
    Out,
    /// It could not be processed.
    Broken,
    /// It is expired or not known.
    Lost,
}

/// What comes next: for the next file of a carousel, or for the segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub(in super::super) enum Stage {
    /// Ask how many posts the profile may still make; of a container that was refused for that,
    /// before it is published again.
    Quota {
        #[serde(skip_serializing_if = "Option::is_none", default)]
        container: Option<Made>,
    },
    /// Make the container; not before `from`, when what it answers could not be seen yet.
    Create {
        #[serde(skip_serializing_if = "Option::is_none", default)]
        from: Option<Timestamp>,
    },
    /// Ask, from `check_at` on, whether the container is ready.
    Check { container: Made, looks: u32, check_at: Timestamp },
    /// Publish the post's container.
    Publish { container: Made },
    /// Look, from `look_at` on, for the post in the list: it is out, or else it may be.
    Find { container: Made, looks: u32, look_at: Timestamp, is_out: bool },
    /// Ask for the address of the post.
    Link { post: String },
    /// It is out.
    Done {
        post: String,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        link: Option<String>,
    },
}

impl Default for Stage {
    fn default() -> Self {
        Self::Create { from: None }
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

    /// The same for a look, which does not break over a checkpoint of a later version.
    pub fn peek(at: &Checkpoint) -> Option<Self> {
        match serde_json::from_value(at.0.clone()) {
            Ok(Stored::V1(position)) => Some(position),
            Ok(Stored::Operation(_)) | Err(_) => None,
        }
    }

    /// The checkpoint to store.
    pub fn save(self) -> Checkpoint {
        Stored::V1(self).save()
    }

    /// The same at another stage; a look-up belongs to the stage it was made from.
    pub fn at(self, stage: Stage) -> Self {
        Self { stage, look: None, ..self }
    }

    /// The segment that comes next; the last one when all are out.
    pub fn segment<'a>(&self, view: &View<'a>) -> &'a Segment {
        let segments = &view.content.segments;
        match segments.get(self.posts.len()).or(segments.last()) {
            Some(segment) => segment,
            None => panic!("a post has a segment"),
        }
    }

    /// What that segment answers.
    pub fn parent(&self) -> Option<&Out> {
        self.posts.last()
    }

    /// The position of that segment's first file in [`View::assets`].
    pub fn first_asset(&self, view: &View<'_>) -> usize {
        let before = view.content.segments.iter().take(self.posts.len());
        before.map(|segment| segment.media.len()).sum()
    }

    /// The file whose container is next, when the segment is a carousel and has one left.
    pub fn child(&self, view: &View<'_>) -> Option<usize> {
        let files = self.segment(view).media.len();
        let next = self.children.len();
        (files > 1 && next < files).then_some(next)
    }

    /// No segment comes after this one.
    pub fn is_last(&self, view: &View<'_>) -> bool {
        self.posts.len() + 1 >= view.content.segments.len()
    }

    /// A container that is too old to be built upon. After a publication in doubt it stays: only
    /// it can tell whether the post is out.
    pub fn old(&self, now: Timestamp) -> Option<&Made> {
        let oldest = match &self.stage {
            Stage::Create { .. } => self.children.first(),
            Stage::Publish { container } => Some(container),
            _ => None,
        };
        oldest.filter(|made| !self.is_doubted && now.since(made.at) >= CONTAINER_LIFE)
    }

    /// Every container is still to be built upon then.
    pub fn outlives(&self, until: Timestamp) -> bool {
        let own = match &self.stage {
            Stage::Quota { container } => container.as_ref(),
            Stage::Check { container, .. }
            | Stage::Publish { container }
            | Stage::Find { container, .. } => Some(container),
            Stage::Create { .. } | Stage::Link { .. } | Stage::Done { .. } => None,
        };
        self.children.iter().chain(own).all(|made| until.since(made.at) < CONTAINER_LIFE)
    }

    /// The segment from its beginning: a file that stood in a carousel is not put into another
    /// one. What is out stays out.
    pub fn renewed(self) -> Self {
        Self { posts: self.posts, ..Self::default() }
    }

    /// The segment is out under this id; its address is asked for where it is not known.
    pub fn out_as(mut self, id: &str, link: Option<&str>, now: Timestamp, view: &View<'_>) -> Self {
        let (id, link) = (id.to_owned(), link.map(str::to_owned));
        self.posts.push(Out { id: id.clone(), link: link.clone(), at: now, is_unlisted: false });
        match link {
            Some(_) => self.advanced(view),
            None => self.at(Stage::Link { post: id }),
        }
    }

    /// The address of the segment that is out under this id, where it is known; then the next one.
    pub fn linked(mut self, id: &str, link: Option<String>, view: &View<'_>) -> Self {
        match self.posts.iter_mut().find(|out| out.id == id) {
            Some(out) => out.link = link,
            // A position that was written before chains were spoken.
            None => {
                let (id, at) = (id.to_owned(), view.now);
                self.posts.push(Out { id, link, at, is_unlisted: false });
            }
        }
        self.advanced(view)
    }

    /// The last segment is out, and its container stands for the id that is not told.
    pub fn unlisted(mut self, container: &Made, now: Timestamp, view: &View<'_>) -> Self {
        let id = container.id.clone();
        self.posts.push(Out { id, link: None, at: now, is_unlisted: true });
        self.advanced(view)
    }

    /// After a segment is out: the next one, or the end.
    fn advanced(self, view: &View<'_>) -> Self {
        let stage = match self.posts.first() {
            Some(first) if self.posts.len() >= view.content.segments.len() => {
                Stage::Done { post: first.id.clone(), link: first.link.clone() }
            }
            _ => Stage::default(),
        };
        Self { posts: self.posts, stage, ..Self::default() }
    }

    /// The container is looked at next.
    pub fn check(self, container: Made, now: Timestamp) -> Self {
        self.at(Stage::Check { container, looks: 0, check_at: now })
    }

    /// The container is published: its post is looked for.
    pub fn out(self, container: Made, now: Timestamp) -> Self {
        self.at(Stage::Find { container, looks: 0, look_at: now, is_out: true })
    }

    /// After a create that failed: without the files when they may be why.
    pub fn without_children(mut self, why: &Failure, now: Timestamp) -> Self {
        let is_young = self.children.last().is_some_and(|m| now.since(m.at) < VISIBLE_WITHIN);
        let is_lost = meta::is_gone(why) || meta::is_not_ready(why) && !is_young;
        if is_lost || matches!(why, Failure::Media { .. }) {
            self.children.clear();
        }
        self
    }
}
