//! What and how much a platform takes, as data, and the one function that enforces it.

mod check;

pub use check::{assets_named, check, objections};

use crate::content::MediaKind;
use crate::copies::Repeats;
use serde::{Deserialize, Serialize};

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
    /// Files of this kind in one segment; 0 means the platform takes none. The rest of an image
    /// rule still binds a cover or thumbnail, which is no part of the segment.
    pub count_max: usize,
    /// Media types taken, as `image/png` or `video/*`.
    pub mimes: &'static [&'static str],
    /// Smallest file, in bytes; 0 where it does not apply.
    pub size_bytes_min: u64,
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
    /// Largest product of width and height; `u64::MAX` where it does not apply.
    pub pixels_max: u64,
    /// Smallest width per height, in hundredths; 0 where it does not apply.
    pub ratio_percent_min: u64,
    /// Largest width per height, in hundredths; `u64::MAX` where it does not apply.
    pub ratio_percent_max: u64,
}

impl MediaRule {
    /// No files at all; the base of every other rule.
    pub const NONE: Self = Self {
        count_max: 0,
        mimes: &[],
        size_bytes_min: 0,
        size_bytes_max: u64::MAX,
        duration_ms_min: 0,
        duration_ms_max: u64::MAX,
        width_max: u32::MAX,
        height_max: u32::MAX,
        pixels_max: u64::MAX,
        ratio_percent_min: 0,
        ratio_percent_max: u64::MAX,
    };
}

/// An option of the post that narrows its media, as `kind: reel` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Format {
    /// The option, as `kind`.
    pub option: &'static str,
    /// Its value, as `reel`.
    pub value: &'static str,
    /// The kinds of files it takes.
    pub takes: &'static [MediaKind],
    /// Files of all kinds together.
    pub count_max: usize,
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
    /// Documents of pages.
    pub document: MediaRule,
    /// Kinds of media may stand together in one segment; all of them together are then no more
    /// than the largest of the counts.
    pub can_mix_media: bool,
    /// Fewest files in the first segment, of any kind.
    pub media_min: usize,
    /// Segments in a chain; 1 means no chains.
    pub segments_max: usize,
    /// Longest alt text, in characters. 0 means that the platform has no place for one; a post
    /// that carries one for the other platforms is not wrong here.
    pub alt_text_max: usize,
    /// The options that narrow the media further.
    pub formats: &'static [Format],
    /// What it says of the same post once more.
    pub repeats: Repeats,
}

impl Capabilities {
    /// The rule for files of this kind.
    pub const fn rule(&self, kind: MediaKind) -> &MediaRule {
        match kind {
            MediaKind::Image => &self.image,
            MediaKind::Gif => &self.gif,
            MediaKind::Video => &self.video,
            MediaKind::Document => &self.document,
        }
    }
}
