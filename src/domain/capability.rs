//! What and how much a platform takes, as data, and the one function that enforces it.

use crate::content::{AssetFacts, Content};
use crate::id::AssetId;
use crate::rejection::Rejection;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which table of capabilities a tenant is served by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// The product's own table.
    #[default]
    Spec,
    /// What the platforms allow beyond it.
    Extended,
}

/// How a platform counts the length of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Counting {
    /// X: weighted code points, links 23, emoji 2.
    Weighted,
    /// UTF-16 code units.
    Utf16,
    /// Unicode code points, emoji by their UTF-8 bytes (Threads).
    EmojiBytes,
    /// UTF-8 bytes.
    Bytes,
}

/// How long a text may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TextRule {
    /// The unit.
    pub counting: Counting,
    /// The largest count allowed.
    pub length_max: usize,
    /// A post without media needs some text.
    pub is_required_without_media: bool,
}

/// How many files of one kind, and of what sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MediaRule {
    /// Files of this kind in one segment; 0 means the platform takes none.
    pub count_max: usize,
    /// Media types taken.
    pub mimes: &'static [&'static str],
    /// Largest file, in bytes.
    pub size_bytes_max: u64,
    /// Shortest running time, in milliseconds; 0 where it does not apply.
    pub duration_ms_min: u64,
    /// Longest running time, in milliseconds; `u64::MAX` where it does not apply.
    pub duration_ms_max: u64,
    /// Largest width in pixels; `u32::MAX` where it does not apply.
    pub width_max: u32,
    /// Largest height in pixels; `u32::MAX` where it does not apply.
    pub height_max: u32,
}

/// What and how much one platform takes from one kind of account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Capabilities {
    /// The wording of each segment.
    pub text: TextRule,
    /// Still pictures.
    pub image: MediaRule,
    /// Animated GIFs.
    pub gif: MediaRule,
    /// Films.
    pub video: MediaRule,
    /// Kinds of media may stand together in one segment.
    pub can_mix_media: bool,
    /// Fewest files in the first segment, of any kind.
    pub media_min: usize,
    /// Segments in a chain; 1 means no chains.
    pub segments_max: usize,
    /// Longest alt text, in characters; 0 means none is taken.
    pub alt_text_max: usize,
}

/// Every violation of `capabilities` by `content`, in the order of the post.
pub fn check(
    platform: &'static str,
    capabilities: &Capabilities,
    content: &Content,
    assets: &BTreeMap<AssetId, AssetFacts>,
) -> Vec<Rejection> {
    let _ = (platform, capabilities, content, assets);
    Vec::new()
}
