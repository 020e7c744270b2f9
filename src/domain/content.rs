//! What goes out: the wording and the media of a post, as one platform will carry it.

use crate::id::AssetId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A user's file, used in one place of a post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MediaUse {
    /// Which file.
    pub id: AssetId,
    /// What a screen reader says of it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub alt_text: Option<String>,
}

/// One part of a chain; a post without chain has one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Segment {
    /// The wording.
    pub text: String,
    /// The files, in order.
    pub media: Vec<MediaUse>,
}

/// A post as one platform will carry it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Content {
    /// At least one, in order.
    pub segments: Vec<Segment>,
    /// The options of that platform, in the shape of its own `options.rs`.
    pub options: Map<String, Value>,
}

impl Content {
    /// The files of all segments, in order of use.
    pub fn media(&self) -> impl Iterator<Item = &MediaUse> {
        self.segments.iter().flat_map(|segment| &segment.media)
    }
}

/// What a file is, found in its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// A still picture.
    Image,
    /// An animated GIF.
    Gif,
    /// A film.
    Video,
    /// A document of pages, as a PDF.
    Document,
}

/// What was found in a file's bytes; never what its sender claims.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = File)]
#[serde(rename_all = "camelCase")]
pub struct AssetFacts {
    /// Which file.
    pub id: AssetId,
    /// Picture, GIF, film or document.
    pub kind: MediaKind,
    /// The media type, as `image/png`.
    pub mime: String,
    /// The length of the file.
    pub size_bytes: u64,
    /// Width in pixels; 0 where there are none.
    pub width: u32,
    /// Height in pixels; 0 where there are none.
    pub height: u32,
    /// The running time of a film, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub duration_ms: Option<u64>,
    /// How the pictures of a film are coded, as `avc1` (H.264) or `hvc1` (H.265).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub codec: Option<String>,
    /// Pictures of a film in a second, on average.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub frame_rate: Option<f64>,
    /// Pictures of a GIF.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub frames: Option<u32>,
    /// The SHA-256 of the bytes, in hexadecimal digits.
    pub sha256: String,
}
