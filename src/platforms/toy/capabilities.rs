//! What the toy takes: texts of 100 characters.

use domain::capability::{Capabilities, Counting, MediaRule, TextRule};
use domain::copies::Repeats;

/// The one table.
pub(super) static TABLE: Capabilities = Capabilities {
    text: TextRule { counting: Counting::Utf16, length_max: 100, is_required_without_media: true },
    image: MediaRule::NONE,
    gif: MediaRule::NONE,
    video: MediaRule::NONE,
    document: MediaRule::NONE,
    can_mix_media: false,
    media_min: 0,
    segments_max: 1,
    alt_text_max: 0,
    formats: &[],
    repeats: Repeats::Free,
};
